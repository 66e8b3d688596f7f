"""Starting the process that records: a copy of the caller, where that has no second thread.

A copy costs a few milliseconds where a new Python takes a tenth of a second to import all of this. Nothing of
the caller is to be seen in it: it has the caller's memory, and none of its descriptors, handlers of signals,
timers or threads; it leaves by `_exit`, so nothing of the caller is written or cleaned up twice.

Threads: any, for `is_alone`; else the only one of the process.
"""

from __future__ import annotations

import gc
import os
import signal
import traceback
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, NoReturn

from .running import answer

__all__ = ["Place", "forked", "is_alone"]

_TASKS: Final = "/proc/self/task"


class Place(NamedTuple):
    """Descriptors, folder and environment of the process that records."""

    wire: int
    out: int
    err: int
    reads_input: bool
    folder: str | os.PathLike[str] | None
    environment: Mapping[str, str] | None


def is_alone() -> bool:
    """True where this process has one thread, also of those that Python does not know."""
    try:
        return len(os.listdir(_TASKS)) == 1
    except OSError:
        return False


def forked(place: Place) -> Callable[[], None]:
    """Start it as a copy of this process; what ends it. Raises OSError."""
    pid = os.fork()
    if pid == 0:
        _be_worker(place)

    def end() -> None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    return end


def _be_worker(place: Place) -> NoReturn:
    try:
        gc.freeze()  # What the caller left is not collected here: its files would be closed by their numbers.
        _forget_signals()
        if not place.reads_input:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(place.out, 1)
        os.dup2(place.err, 2)
        os.closerange(3, place.wire)
        os.closerange(place.wire + 1, os.sysconf("SC_OPEN_MAX"))
        if place.folder is not None:
            os.chdir(place.folder)
        if place.environment is not None:
            os.environ.clear()
            os.environ.update(place.environment)
        answer(place.wire)
        os._exit(0)
    except BaseException:
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
