"""A disk in memory: calls as events, contents as values, the device that records."""
