"""The calls that are recorded: for each one a handler, by what they change."""
