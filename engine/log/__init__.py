"""The hybrid log between memory and device, and the hash index over it."""
