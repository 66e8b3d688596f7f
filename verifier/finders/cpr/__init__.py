"""Checkpoints beside sessions, and the power cut meanwhile: small programs, a real load, a stuck device."""
