"""Crash states: enumerated, hashed, sampled, and distinguished by what a recovery reads."""
