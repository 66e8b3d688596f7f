"""Oracles: they read what a run left and say Ok, a violation, or unknown."""
