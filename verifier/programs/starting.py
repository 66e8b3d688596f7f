"""Starting a helper: a process that does one thing for its caller, as a copy of it.

A copy costs a few milliseconds where a new Python takes a tenth of a second to import all of this. Nothing of
the caller is to be seen in it: it has the caller's memory, and none of its descriptors, handlers of signals,
timers or threads; it leaves by `_exit`, so nothing of the caller is written or cleaned up twice.

Threads: a caller with a second one starts a new Python instead (`is_alone`).
"""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

__all__ = ["copied", "is_alone"]

_TASKS: Final = "/proc/self/task"
_FIRST: Final = 3  # After standard input, output and error.


def is_alone() -> bool:
    """True where this process has one thread, also of those that Python does not know."""
    try:
        return len(os.listdir(_TASKS)) == 1
    except OSError:
        return False


def copied(work: Callable[[int], None], ends: Sequence[int], kept: int = 0) -> int:
    """Start a copy of this process, which does the work and ends; its number. Raises OSError.

    `ends` are its standard input, output and error; it has one descriptor more, which the work is told:
    that for `kept`.
    """
    pid = os.fork()
    if pid == 0:
        _be_copy(work, ends, kept)
    return pid


def _be_copy(work: Callable[[int], None], ends: Sequence[int], kept: int) -> NoReturn:
    try:
        gc.freeze()  # What the caller left is not collected here: its files would be closed by their numbers.
        _forget_signals()
        high = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, _FIRST) for each in (*ends, kept)]
        for number, each in enumerate(high[:_FIRST]):
            os.dup2(each, number)
        os.dup2(high[_FIRST], _FIRST, inheritable=False)
        os.closerange(_FIRST + 1, os.sysconf("SC_OPEN_MAX"))
        work(_FIRST)
        os._exit(0)
    except BaseException:  # noqa: BLE001 (told, and the end)
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(1)


def _forget_signals() -> None:
    """Handlers as in a Python that has just begun."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # Else ended children would be gone unheard.
    signal.signal(signal.SIGINT, signal.default_int_handler)
