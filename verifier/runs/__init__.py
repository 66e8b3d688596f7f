"""Playing a tape."""
