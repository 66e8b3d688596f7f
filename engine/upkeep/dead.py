"""Dead log: when so large a part of the log may be dead that the oldest of it is compacted.

    due   <=>  dead_most >= share, and the log has grown past `next`
    step       a quarter of the log, whole segments, one at least; what it moves is there twice meanwhile
    a pass     steps from begin on, once over what is frozen when it starts, as long as they are worth it
    worth it   what a step moved is less than the part of it that may stay: moved < (1 - share) * gone over

So a store of which nothing is dead moves a quarter of its log where it has grown by as much, and no more; one
that was opened anew, of which nothing is known, begins with a step.

Invariants
  D1  next rises with every pass, by a step at least: what gave nothing back is not tried again before
  D2  of what a pass moves less than one step was not worth it

Threads: of whoever makes room.
"""

from __future__ import annotations

from typing import Final

from ..kernels import words as w
from ..kernels.atomics import load
from .compaction import Compacted, Compactor

__all__ = ["DeadLog"]

LEAST: Final = 4  # Segments of a log that is looked at.
PARTS: Final = 4  # Steps to a log.


class DeadLog:
    """The share of one store's log that may be dead, 0 < share < 1, and when it is looked at next."""

    def __init__(self, control: memoryview, compactor: Compactor, share: float, segment_bytes: int) -> None:
        self._control = control
        self._compactor = compactor
        self._share = share
        self._segment = segment_bytes
        self._next = load(control, w.TAIL) + segment_bytes

    @property
    def step_bytes(self) -> int:
        """Bytes that each step of a pass goes over that begins now: whole segments, at least one."""
        tail, begin = self._bounds()
        return max((tail - begin) // (PARTS * self._segment), 1) * self._segment

    @property
    def is_due(self) -> bool:
        """True if so much of the log may be dead that a step is due."""
        tail, begin = self._bounds()
        if tail < self._next or tail - begin < LEAST * self._segment:
            return False
        return tail - begin - self._compactor.found.above(begin) >= self._share * (tail - begin)

    def is_worth(self, done: Compacted) -> bool:
        """True if a step that came to this let enough go for another to follow."""
        return done.bytes < (1 - self._share) * done.freed

    def settle(self) -> None:
        """Take in that a pass has ended, in whatever way (D1)."""
        self._next = self._bounds()[0] + self.step_bytes

    def _bounds(self) -> tuple[int, int]:
        return load(self._control, w.TAIL), max(load(self._control, w.BEGIN), w.FIRST_ADDRESS)
