"""A tape and its run in words."""
