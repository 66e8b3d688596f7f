"""Checkpoints by themselves: a worker that takes one when time has passed, or enough was written.

Each round asks two questions: is there anything that the newest checkpoint does not hold, and is it due?
What it takes is a checkpoint like any other: sessions go on, callbacks are called in its thread.

Invariants
  W1  nothing new, no checkpoint: an idle store is left alone
  W2  an operation is in a checkpoint that begins at most `seconds` after it, or once `bytes` of log were
      written after the newest, unless one fails; bytes are looked at LOOK_SECONDS apart
  W3  a failure is counted, told by `state` and `failures`, logged, and tried again after RETRY_LEAST * 2**n
      seconds, RETRY_MOST at most; a poisoned store, or one of a forked parent, ends the worker
  W4  `stop` may be called at any time, by anyone, again and again, its own callbacks included; when it has
      returned to anybody else, no checkpoint of the worker is under way, and none will be
  W5  a Runtime that has no threads to give gets none: `drive` does the rounds in the caller's task

Threads: `drive` in one at a time; all else from anywhere, with no lock held that a callback can need.
"""

from __future__ import annotations

import atexit
import logging
from dataclasses import dataclass
from math import isfinite
from numbers import Integral
from typing import Final
from weakref import ref

from ..arguments import seconds_of
from ..errors import CheckpointError, EngineError, OperationError
from ..kernels import words as w
from ..kernels.atomics import load
from ..runtime import Spawning, Ticket
from ..shared.bell import Bell
from ..shared.phases import CheckpointKind, Phase
from .driver import Checkpointer, check_kind
from .parts import Parts

__all__ = ["PENDING_SECONDS", "Automatic", "Every", "every_of"]

LOOK_SECONDS: Final = 0.1
RETRY_LEAST, RETRY_MOST = 0.05, 5.0
PENDING_SECONDS: Final = 30.0  # For operations that sessions have left pending.
logger: Final = logging.getLogger("powercut.checkpoint")

_NEVER: Final = object()
_running: set[ref[Automatic]] = set()


@atexit.register
def _stop_all() -> None:
    """Stop what still runs when the interpreter ends; what is under way ends first."""
    for automatic in [each() for each in _running]:
        if automatic is not None:
            automatic.stop()


@dataclass(frozen=True, slots=True)
class Every:
    """When a checkpoint is due, and of which kind: after so many seconds, or bytes of log."""

    seconds: float | None
    bytes: int | None
    kind: CheckpointKind


def every_of(seconds: object, count: object, kind: object) -> Every | None:
    """The setting; None where neither is given. Raises OperationError, CheckpointError (the kind)."""
    given = seconds_of(seconds)
    if given is not None and not (given > 0 and isfinite(given)):
        raise OperationError(f"seconds is {seconds!r}: expected more than 0, or None")
    number = None
    if count is not None:
        number = int(count) if type(count) is not bool and isinstance(count, Integral) else 0
        if number < 1:
            raise OperationError(f"bytes is {count!r}: expected 1 or more, or None")
    checked = check_kind(kind)
    return None if given is None and number is None else Every(given, number, checked)


class Automatic:
    """The worker of one store."""

    def __init__(self, parts: Parts, checkpointer: Checkpointer) -> None:
        self.taken = 0  # Checkpoints that it took,
        self.failures = 0  # those that failed,
        self.last_error: EngineError | None = None  # and the last of these.
        self._parts = parts
        self._checkpointer = checkpointer
        self._runtime = parts.disk.runtime
        self._guard = self._runtime.lock()  # Of the state; never while anybody waits.
        self._bell = Bell(self._runtime, "a checkpoint to be due")
        self._every: Every | None = None
        self._state = "off"
        self._ticket: Ticket | None = None
        self._driver: int | None = None  # The thread or task that drives.
        self._is_stopping = False
        self._in_a_row = 0
        self._seen: object = _NEVER  # The newest checkpoint when it looked last.
        self._since, self._tail = 0.0, 0  # When, and at which tail, the newest was first seen.
        self._retry_at: float | None = None

    @property
    def state(self) -> str:
        """Its state: `off`, `running`, `failed` (it has ended) or `stopped`."""
        return self._state

    @property
    def every(self) -> Every | None:
        """When a checkpoint is due; None where it is off."""
        return self._every

    # -- its life ----------------------------------------------------------------------------------

    def start(self, every: Every) -> None:
        """Take checkpoints from now on, or otherwise than before."""
        with self._guard:
            self._every = every
            self._bell.ring()
            if self._driver is not None and not self._is_stopping:
                return
        self.stop()  # One that was told to end ends first.
        with self._guard:
            self._every, self._is_stopping, self._state = every, False, "running"
            self._seen = _NEVER
            self._look_at_newest()
            if not isinstance(self._runtime, Spawning):
                return
            self._bell.hang()
            try:
                self._ticket = self._runtime.spawn("powercut-checkpoint", self.drive)
            except RuntimeError as error:  # No thread can be had, as where the interpreter ends.
                self._state = "failed"
                raise CheckpointError(f"no thread for checkpoints: {error}") from None
        _running.add(ref(self, _running.discard))

    def stop(self) -> None:
        """End the worker and wait for it. Idempotent; raises nothing of what it met.

        In a process forked from the one that opened the store it does nothing: the thread is not there.
        """
        if self._parts.disk.poison.is_forked:
            return
        self.forsake()
        if self._driver == self._runtime.current():
            return  # It ends behind the checkpoint that it is in.
        if self._ticket is not None:
            self._runtime.wait([self._ticket])
        else:
            self._runtime.until("the worker for checkpoints to end", lambda: self._driver is None)
        with self._guard:
            if self._state == "running":
                self._state = "stopped"
            self._every = None

    def forsake(self) -> None:
        """Tell the worker to end, and wait for nothing: its store is garbage, or its process is ending."""
        self._is_stopping = True
        self._bell.ring()

    def _is_over(self) -> bool:
        return self._is_stopping or self._parts.disk.poison.reason is not None

    # -- rounds ------------------------------------------------------------------------------------

    def drive(self, rounds: int | None = None) -> None:
        """Do rounds in this thread or task until told to stop, or so many. Raises nothing of the store's."""
        with self._guard:
            if self._driver is not None or self._state != "running":
                return
            self._driver = self._runtime.current()
        is_failed = True
        try:
            while rounds != 0 and not self._is_over():
                self._bell.hush()  # Before it looks: who comes later wakes it again.
                self._try_round()
                rounds = None if rounds is None else rounds - 1
                if rounds != 0 and not self._is_over():
                    self._bell.wait(self._next(), lambda: self._bell.is_rung or self._is_over())
            is_failed = self._parts.disk.poison.reason is not None
        finally:
            with self._guard:
                if is_failed:
                    self._state = "failed"
                self._driver = None

    def _try_round(self) -> None:
        """One round; a failure is counted, and waited for."""
        try:
            self.round()
        except EngineError as error:
            self.failures += 1
            self._in_a_row += 1
            self.last_error = error
            pause = min(RETRY_LEAST * 2.0 ** min(self._in_a_row - 1, 32), RETRY_MOST)
            self._retry_at = self._runtime.now() + pause
            logger.warning("checkpoint failed, %d in a row: %s", self._in_a_row, error)

    def round(self) -> bool:
        """Take a checkpoint if one is due; whether one was taken. Raises CheckpointError, PoisonedError."""
        every = self._every
        self._look_at_newest()
        if every is None or not self._is_due(every) or not self._parts.has_news:
            return False
        if self._parts.shared.system.phase is not Phase.REST:
            return False  # Somebody takes one; what it leaves is looked at afterwards.
        self._checkpointer.run(every.kind, PENDING_SECONDS)
        self.taken += 1
        self._look_at_newest()
        return True

    def _look_at_newest(self) -> None:
        newest = self._checkpointer.newest
        if newest is not self._seen:
            self._seen, self._since = newest, self._runtime.now()
            self._retry_at, self._in_a_row = None, 0
            self._tail = load(self._parts.log.spaces.control, w.TAIL)

    def _is_due(self, every: Every) -> bool:
        if self._retry_at is not None and self._runtime.now() < self._retry_at:
            return False
        written = load(self._parts.log.spaces.control, w.TAIL) - self._tail
        is_late = every.seconds is not None and self._runtime.now() - self._since >= every.seconds
        return is_late or (every.bytes is not None and written >= every.bytes)

    def _next(self) -> float | None:
        """The time of the next look."""
        now, every = self._runtime.now(), self._every
        if self._retry_at is not None:
            return self._retry_at
        if every is None:
            return None
        pause = LOOK_SECONDS if every.bytes is not None else None
        if every.seconds is not None:
            left = self._since + every.seconds - now
            # One is due, and nothing is new; what comes now may wait as long.
            left = left if left > 0 else every.seconds
            pause = left if pause is None else min(left, pause)
        return None if pause is None else now + pause
