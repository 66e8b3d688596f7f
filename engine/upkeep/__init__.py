"""Upkeep: what keeps a store that lives for years from growing."""
