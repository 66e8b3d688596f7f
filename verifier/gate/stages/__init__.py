"""The stages of the gate, cut into chunks."""
