"""Sessions side by side: lanes, their calls, small programs, the scheduler."""
