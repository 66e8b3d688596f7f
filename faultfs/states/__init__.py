"""Crash states: enumerated, hashed, sampled, and told apart by what a recovery reads."""
