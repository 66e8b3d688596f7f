"""A run as a value made of integers: tapes, small programs, kept counterexamples."""
