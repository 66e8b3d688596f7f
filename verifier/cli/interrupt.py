"""Ctrl-C: one line, and the exit code 130, wherever the command is.

Imports next to nothing: it stands guard while everything else is imported.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NoReturn

__all__ = ["INTERRUPTED", "end_interrupted", "ending_at_once"]

INTERRUPTED: Final = 130


def end_interrupted() -> NoReturn:
    """End the process at once: an orderly exit waits for threads, they for processes that end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    with suppress(OSError):
        # The terminal shows ^C; the line begins after it.
        os.write(2, (b"\n" if os.isatty(2) else b"") + b"powercut: interrupted\n")
    os._exit(INTERRUPTED)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """In here Ctrl-C ends the process, whatever is in the middle of what; a library may not swallow it."""
    before = signal.getsignal(signal.SIGINT)
    is_ours = before is signal.default_int_handler  # Where it is ignored, or somebody's, it stays so.
    if is_ours:
        signal.signal(signal.SIGINT, lambda number, frame: end_interrupted())
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, before)
