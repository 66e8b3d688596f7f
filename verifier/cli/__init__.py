"""The command `powercut`: arguments in, one report out, and an exit code that a script can trust.

app       commands and their options
errors    what an exception is to a person: one line and an exit code
tapes     replay, shrink, demo
progress  how far a gate has come, on stderr
summary   the verdict of a gate, and the lines beneath
tables    what inspect prints
"""

from .app import main

__all__ = ["main"]
