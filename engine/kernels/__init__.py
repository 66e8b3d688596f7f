"""Kernels: the store's operations over shared words, one source that runs interpreted and compiled."""
