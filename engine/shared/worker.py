"""A worker: rounds of something in a thread of its own, until told to end.

Invariants
  W1  a failure is counted, told by `state` and `failures`, logged, and tried again after RETRY_LEAST * 2**n
      seconds, RETRY_MOST at most; a poisoned store, or one of a forked parent, ends the worker
  W2  `stop` may be called at any time, by anyone, again and again, its own callbacks included; when it has
      returned to anybody else, no round of the worker is under way, and none will be
  W3  a Runtime that has no threads to give gets none: `drive` does the rounds in the caller's task

Threads: `drive` in one at a time; all else from anywhere, with no lock held that a callback can need.
"""

from __future__ import annotations

import atexit
import logging
from typing import ClassVar, Final
from weakref import ref

from ..device import Disk
from ..errors import EngineError
from ..runtime import Spawning, Ticket
from .bell import Bell

__all__ = ["Worker"]

RETRY_LEAST, RETRY_MOST = 0.05, 5.0
logging.getLogger("powercut").addHandler(logging.NullHandler())  # Who wants to read it says where.

_running: set[ref[Worker]] = set()


@atexit.register
def _stop_all() -> None:
    """Stop what still runs when the interpreter ends; what is under way ends first."""
    for worker in [each() for each in _running]:
        if worker is not None:
            worker.stop()


class Worker:
    """The life of one; what it does are `round` and `next_look` of a class made of it.

    what       its rounds make, for messages and the thread's name
    no_thread  the error where no thread can be had
    """

    what: ClassVar[str]
    no_thread: ClassVar[type[EngineError]] = EngineError

    def __init__(self, disk: Disk) -> None:
        self.taken = 0  # Those that it made,
        self.failures = 0  # those that failed,
        self.last_error: EngineError | None = None  # and the last of these.
        self.runtime: Final = disk.runtime
        self._poison = disk.poison
        self._guard = disk.runtime.lock()  # Of the state; never while anybody waits.
        self._bell = Bell(disk.runtime, f"a {self.what} to be due")
        self._state = "off"
        self._ticket: Ticket | None = None
        self._driver: int | None = None  # The thread or task that drives.
        self._is_stopping = False
        self._in_a_row = 0
        self._retry_at: float | None = None

    @property
    def state(self) -> str:
        """Its state: `off`, `running`, `failed` (it has ended) or `stopped`."""
        return self._state

    # -- what it does ------------------------------------------------------------------------------

    def begin(self) -> None:
        """Take in that rounds begin now, under the guard."""

    def end(self) -> None:
        """Take in that it was stopped, under the guard."""

    def round(self) -> bool:
        """Make one if it is due; whether one was made. Raises EngineError."""
        raise NotImplementedError

    def next_look(self) -> float | None:
        """The time of the next look; None: when somebody rings."""
        raise NotImplementedError

    def made(self) -> None:
        """Take in that one was made, by anybody: a failure before it is over."""
        self._retry_at, self._in_a_row = None, 0

    @property
    def is_waiting(self) -> bool:
        """True while it waits to try again."""
        return self._retry_at is not None and self.runtime.now() < self._retry_at

    # -- its life ----------------------------------------------------------------------------------

    def ring(self) -> None:
        """Have it look now."""
        if not self._bell.is_rung:
            self._bell.ring()

    @property
    def is_driven(self) -> bool:
        """True while it runs and was not told to end."""
        return self._driver is not None and not self._is_stopping

    def run(self) -> None:
        """Begin; one that was told to end ends first. Raises `no_thread`."""
        self.wait_end()
        with self._guard:
            self._is_stopping, self._state = False, "running"
            self.begin()
            if not isinstance(self.runtime, Spawning):
                return
            self._bell.hang()
            try:
                self._ticket = self.runtime.spawn(f"powercut-{self.what}", self.drive)
            except RuntimeError as error:  # No thread can be had, as where the interpreter ends.
                self._state = "failed"
                raise self.no_thread(f"no thread for a {self.what}: {error}") from None
        _running.add(ref(self, _running.discard))

    def stop(self) -> None:
        """End the worker and wait for it. Idempotent; raises nothing of what it met.

        In a process forked from the one that opened the store it does nothing: the thread is not there.
        """
        if self._poison.is_forked or not self.wait_end():
            return
        with self._guard:
            if self._state == "running":
                self._state = "stopped"
            self.end()

    def wait_end(self) -> bool:
        """Tell it to end and wait for that; False where it is the caller, and ends behind this round."""
        self.forsake()
        if self._driver == self.runtime.current():
            return False
        if self._ticket is not None:
            self.runtime.wait([self._ticket])
        else:
            self.runtime.until(f"the worker for a {self.what} to end", lambda: self._driver is None)
        return True

    def forsake(self) -> None:
        """Tell the worker to end, and wait for nothing: its store is garbage, or its process is ending."""
        self._is_stopping = True
        self._bell.ring()

    def _is_over(self) -> bool:
        return self._is_stopping or self._poison.reason is not None

    # -- rounds ------------------------------------------------------------------------------------

    def drive(self, rounds: int | None = None) -> None:
        """Do rounds in this thread or task until told to stop, or so many. Raises nothing of the store's."""
        with self._guard:
            if self._driver is not None or self._state != "running":
                return
            self._driver = self.runtime.current()
        is_failed = True
        try:
            while rounds != 0 and not self._is_over():
                self._bell.hush()  # Before it looks: who comes later wakes it again.
                self._try_round()
                rounds = None if rounds is None else rounds - 1
                if rounds != 0 and not self._is_over():
                    deadline = self._retry_at if self._retry_at is not None else self.next_look()
                    self._bell.wait(deadline, lambda: self._bell.is_rung or self._is_over())
            is_failed = self._poison.reason is not None
        finally:
            with self._guard:
                if is_failed:
                    self._state = "failed"
                self._driver = None

    def _try_round(self) -> None:
        """One round; a failure is counted, and waited for."""
        try:
            self.taken += self.round()
        except EngineError as error:
            self.failures += 1
            self._in_a_row += 1
            self.last_error = error
            pause = min(RETRY_LEAST * 2.0 ** min(self._in_a_row - 1, 32), RETRY_MOST)
            self._retry_at = self.runtime.now() + pause
            # Asked for anew: a store that held it would hold, by its handlers, what is no part of a store.
            logger = logging.getLogger(f"powercut.{self.what}")
            logger.warning("%s failed, %d in a row: %s", self.what, self._in_a_row, error)
