"""Checkpoints by themselves: a worker that takes one when time has passed, or enough was written.

Each round asks two questions: is there anything that the newest checkpoint does not hold, and is it due?
What it takes is a checkpoint like any other: sessions go on, callbacks are called in its thread.

Invariants
  1  nothing new, no checkpoint: an idle store is left alone
  2  an operation is in a checkpoint that begins at most `seconds` after it, or once `bytes` of log were
     written after the newest, unless one fails; bytes are looked at LOOK_SECONDS apart

Threads: as of a `Worker`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from numbers import Integral
from typing import ClassVar, Final

from ..arguments import check_flag, seconds_of
from ..errors import CheckpointError, EngineError, OperationError
from ..kernels import words as w
from ..kernels.atomics import load
from ..shared.phases import CheckpointKind, Phase
from ..shared.worker import Worker
from .driver import Checkpointer, check_kind
from .parts import Parts

__all__ = ["PENDING_SECONDS", "Automatic", "Every", "every_of"]

LOOK_SECONDS: Final = 0.1
PENDING_SECONDS: Final = 30.0  # For operations that sessions have left pending.

_NEVER: Final = object()


@dataclass(frozen=True, slots=True)
class Every:
    """When a checkpoint is due, after so many seconds, or bytes of log; of which kind, and whether with an
    image of the index.
    """

    seconds: float | None
    bytes: int | None
    kind: CheckpointKind
    is_indexed: bool


def every_of(seconds: object, count: object, kind: object, index: object) -> Every | None:
    """The setting; None where neither is given. Raises OperationError, CheckpointError (the kind)."""
    check_flag("index", index)
    given = seconds_of(seconds, "seconds")
    if given is not None and not (given > 0 and isfinite(given)):
        raise OperationError(f"seconds is {seconds!r}: expected more than 0, or None")
    number = None
    if count is not None:
        number = int(count) if type(count) is not bool and isinstance(count, Integral) else 0
        if number < 1:
            raise OperationError(f"bytes is {count!r}: expected 1 or more, or None")
    checked = check_kind(kind)
    if given is not None or number is not None:
        return Every(given, number, checked, bool(index))
    if index:
        raise OperationError("index=True: expected seconds or bytes beside it")
    return None


class Automatic(Worker):
    """The worker of one store."""

    what: ClassVar[str] = "checkpoint"
    no_thread: ClassVar[type[EngineError]] = CheckpointError

    def __init__(self, parts: Parts, checkpointer: Checkpointer) -> None:
        super().__init__(parts.disk)
        self._parts = parts
        self._checkpointer = checkpointer
        self._every: Every | None = None
        self._seen: object = _NEVER  # The newest checkpoint when it looked last.
        self._since, self._tail = 0.0, 0  # When, and at which tail, the newest was first seen.

    @property
    def every(self) -> Every | None:
        """When a checkpoint is due; None where it is off."""
        return self._every

    def start(self, every: Every) -> None:
        """Take checkpoints from now on, or otherwise than before."""
        with self._guard:
            self._every = every
            self.ring()
            if self.is_driven:
                return
        self.run()

    def begin(self) -> None:
        self._seen = _NEVER
        self._look_at_newest()

    def end(self) -> None:
        self._every = None

    def round(self) -> bool:
        """Take a checkpoint if one is due; whether one was taken. Raises CheckpointError, PoisonedError."""
        every = self._every
        self._look_at_newest()
        if every is None or not self._is_due(every) or not self._parts.has_news:
            return False
        if self._parts.shared.system.phase is not Phase.REST:
            return False  # Somebody takes one; what it leaves is looked at afterwards.
        self._checkpointer.run(every.kind, PENDING_SECONDS, is_indexed=every.is_indexed)
        self._look_at_newest()
        return True

    def _look_at_newest(self) -> None:
        newest = self._checkpointer.newest
        if newest is not self._seen:
            self._seen, self._since = newest, self.runtime.now()
            self.made()
            self._tail = load(self._parts.log.spaces.control, w.TAIL)

    def _is_due(self, every: Every) -> bool:
        if self.is_waiting:
            return False
        written = load(self._parts.log.spaces.control, w.TAIL) - self._tail
        is_late = every.seconds is not None and self.runtime.now() - self._since >= every.seconds
        return is_late or (every.bytes is not None and written >= every.bytes)

    def next_look(self) -> float | None:
        """The time of the next look."""
        now, every = self.runtime.now(), self._every
        if every is None:
            return None
        pause = LOOK_SECONDS if every.bytes is not None else None
        if every.seconds is not None:
            left = self._since + every.seconds - now
            # One is due, and nothing is new; what comes now may wait as long.
            left = left if left > 0 else every.seconds
            pause = left if pause is None else min(left, pause)
        return None if pause is None else now + pause
