"""Words that all threads see: spaces, epochs, phases, pins, and the kernels bound to them."""
