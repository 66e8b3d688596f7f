"""System calls of other processes: their numbers, a filter for some, and the requests of ptrace."""
