"""Hunts: searches for a planted bug, one module a stage."""
