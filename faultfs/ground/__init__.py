"""Real file systems: what they leave after a power cut, and whether the laws have it."""
