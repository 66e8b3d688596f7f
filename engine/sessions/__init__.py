"""Sessions: one thread's handle, its batches, its slow path, readers beside it."""
