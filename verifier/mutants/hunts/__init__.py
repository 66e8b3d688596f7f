"""Hunts: how a planted bug is looked for, one module a stage."""
