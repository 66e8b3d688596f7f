"""Checkpoints beside sessions, power cuts and kills: small programs, a real load, a stuck device."""
