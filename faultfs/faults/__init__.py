"""Faults of a disk: planned faults of calls, and damage of a medium at rest."""
