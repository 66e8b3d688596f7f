"""The history of a run: the operations issued, acknowledged and seen, laid along the device's trace.

A segment is the stretch between two power cuts: one device trace, and in it one `Life` for each
opening of the store. Everything carries the index into the trace at which it happened, so for any
crash index one can ask what had been issued, and what had been acknowledged, by then.

Invariants
  1  an operation issued at index i may be in a state of any crash index >= i
  2  what was acknowledged at index i must be in every state legal at any crash index >= i
  3  what an opening reports is an acknowledgement
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from math import inf
from typing import Final

from powercut.faultfs import Trace

from ..tapes.tape import Crash
from .model import Issued
from .subject import Bound

__all__ = ["Life", "Observation", "Segment", "crash_at", "crash_index"]


_SURE: Final = -2  # Stands for what is before the segment, and confirmed.


@dataclass(slots=True)
class Observation:
    """One step as it went: the operation, what it returned, what it should have."""

    index: int
    what: str
    session: int
    returned: str
    expected: str


@dataclass(slots=True)
class Life:
    """An opening of the store, up to its close or the power cut.

    `before` is the history in effect when the opening began; `base` what it came back to.
    """

    start: int
    before: list[Issued]
    opened: int | None = None
    recovered: Bound | None = None
    history: list[Issued] = field(default_factory=list)
    base: int = 0  # So many of `history` were in effect on opening,
    issued_at: list[int] = field(default_factory=list)  # and the others were issued at these indices.

    def issued_by(self, index: int) -> list[Issued]:
        """The history that a crash at `index` may have in effect, in order."""
        if self.opened is None or index < self.opened:
            return self.before
        return self.history[: self.base + bisect_right(self.issued_at, index)]


@dataclass(slots=True)
class Segment:
    """One device trace, from the image it began with to the power cut (or the run's end)."""

    trace: Trace
    floor: Bound  # Acknowledged in earlier segments.
    lives: list[Life] = field(default_factory=list)
    acks: list[tuple[int, Bound]] = field(default_factory=list)
    sure: Bound | None = None  # What of the floor is confirmed, where the last of it is not.
    late: set[int] = field(default_factory=set)  # Those of them that only the next one confirms.
    checkpointed: float = inf  # Index at which the first checkpoint was acknowledged.
    observations: list[Observation] = field(default_factory=list)
    step_starts: list[int] = field(default_factory=list)  # Index at which each step of the programs began.
    reached: dict[str, int] = field(default_factory=dict)  # What the steps came to, where that is counted.

    def count(self, what: str) -> None:
        """Take in that a step came to this."""
        self.reached[what] = self.reached.get(what, 0) + 1

    def life_at(self, index: int) -> Life:
        """The opening in whose time a crash at `index` falls."""
        starts = [life.start for life in self.lives]
        return self.lives[max(0, bisect_right(starts, index) - 1)]

    def issued_by(self, index: int) -> list[Issued]:
        """The operations that a state first legal at `index` may hold, in order. Invariant 1."""
        return self.life_at(index).issued_by(index)

    def confirmed_until(self, index: int) -> int:
        """The index up to which acknowledgements must be there though the medium was damaged by `index`."""
        last = max((at for at, _ in self.acks if at <= index), default=-1)
        if last < 0 and self.sure is not None:
            return _SURE
        return last - 1 if last in self.late else index

    def acked_by(self, index: int) -> Bound:
        """The bound that a state still legal at `index` must hold. Invariant 2."""
        acked = self.sure if index == _SURE and self.sure is not None else self.floor
        for at, bound in self.acks:
            if at > index:
                break
            acked = bound
        return acked


def crash_at(trace: Trace, index: int, survivors: tuple[int, ...]) -> Crash:
    """The crash that `crash_index` takes back to `index`."""
    syncs = [len(trace), *reversed(trace.syncs())]
    sync = max(number for number, at in enumerate(syncs) if at >= index)
    return Crash(sync, syncs[sync] - index, survivors)


def crash_index(trace: Trace, crash: Crash) -> int:
    """The trace index that a crash names; clamped, so that every crash names one.

    Sync 0 is the end of the trace; sync k the k-th from the end, the power going just before it
    returns when `before` is 0, and that many events earlier otherwise.
    """
    syncs = [len(trace), *reversed(trace.syncs())]
    return max(0, syncs[min(max(crash.sync, 0), len(syncs) - 1)] - max(crash.before, 0))
