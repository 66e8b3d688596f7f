"""The command `powercut`: arguments in, one report out, and an exit code that a script can trust.

app        commands and their options
errors     what an exception is to a person: one line and an exit code
interrupt  Ctrl-C, from the first import on
tapes      replay, shrink, demo
progress   how far a gate has come, on stderr
summary    the verdict of a gate, and the lines beneath
"""

import os
import sys
from typing import Final, NoReturn

from .interrupt import end_interrupted, ending_at_once

__all__ = ["main"]

ENVIRONMENT: Final = 3  # The exit code; `errors` needs what may be missing here.
# Linear algebra is nobody's work here, and the threads that numpy's library makes for it, anew in each child,
# take 30 ms of a processor before they sleep. What somebody has set stays.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def main() -> NoReturn:
    """Run the command line; ends the process. What it needs is imported in here, where Ctrl-C is expected."""
    try:
        with ending_at_once():
            from .app import main as run
        run()  # What it raises it tells itself.
    except ModuleNotFoundError as error:
        if (error.name or "powercut").startswith("powercut"):
            raise
        sys.stderr.write(f"powercut: the command needs {error.name}: pip install 'powercut[verify]'\n")
        sys.exit(ENVIRONMENT)
    except KeyboardInterrupt:  # Between the two.
        end_interrupted()
