"""Taking a checkpoint, and recovering one."""
