"""A crew: threads that work until somebody says that it is enough, or one of them objects.

Threads: one makes them and ends them all, unless one hangs.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from time import monotonic
from typing import Final

from powercut.engine import FasterKv

from ...verdict import Breach, Verdict, Violation
from .judge import ORACLE
from .writer import ObjectionError

__all__ = ["Crew", "blame"]

_ENGINE: Final = FasterKv.__module__.rpartition(".")[0]  # The package in which an error is the store's own.


class Crew:
    """Threads, their errors, and the flag that ends them."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, name: str, work: Callable[[Callable[[], bool]], None]) -> None:
        def run() -> None:
            try:
                work(self._stop.is_set)
            except BaseException as error:  # noqa: BLE001 (told by whoever made the thread)
                self.errors.append(error)
                self._stop.set()

        # Daemons: one that hangs must not keep the process.
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        self._stop.set()

    def wait(self, seconds: float) -> bool:
        """True if the flag is up."""
        return self._stop.wait(seconds)

    def join(self, seconds: float) -> str:
        """The stacks of the threads that have not ended after so long, "" if all have."""
        deadline = monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - monotonic()))
        return self.where()

    def where(self) -> str:
        """The stack of each thread."""
        frames = sys._current_frames()
        places = []
        for thread in self._threads:
            frame = frames.get(thread.ident or 0)
            if thread.is_alive() and frame is not None:
                stack = traceback.extract_stack(frame)[-3:]
                places.append(
                    f"{thread.name}: " + " < ".join(f"{at.name}:{at.lineno}" for at in reversed(stack))
                )
        return "; ".join(places)


def blame(error: BaseException) -> Verdict:
    """The verdict for the first error of a thread. Raises it where it is the harness's own."""
    if isinstance(error, ObjectionError):
        return error.violation
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    if where is None or not where.tb_frame.f_globals["__name__"].startswith(_ENGINE):
        raise error
    return Violation(ORACLE, Breach.ERROR, f"{type(error).__name__}: {error}")
