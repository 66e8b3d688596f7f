"""FasterLog on the bench: the second subject."""
