"""What a disk does wrong: planned faults of calls, and damage of a medium at rest."""
