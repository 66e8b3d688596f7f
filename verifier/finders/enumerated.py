"""Enumerated: the crash states of a trace from some index on, and what is counted of the trace alone.

Programs that make the same device calls leave the same contents, whatever was issued: an operation that stays
in memory leaves no trace. So a search of many programs enumerates, and decodes, each trace once; judged is
each content in each program, for what was issued and what is owed are the program's own.

Invariants
  1  Enumerations.of(trace, start) is made from an equal initial image, equal events and an equal start
  2  decoded() never asks the enumeration: digits to choice, choice to image, image to key
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import accumulate, product
from typing import Final

from powercut.faultfs import SYNC_KINDS, EventKind, History, Law, Trace, crash_states
from powercut.faultfs.faults.place import Place
from powercut.faultfs.law.survival import chains_at, choose, image_of

__all__ = ["LOOKS", "Enumerated", "Enumerations"]

LOOKS: Final = frozenset({EventKind.READ, EventKind.SIZE, EventKind.LIST, EventKind.MARK})
_ISSUED: Final = frozenset(
    {EventKind.CREATE, EventKind.REMOVE, EventKind.WRITE, EventKind.TRUNCATE, EventKind.ALLOCATE}
)
_CHANGES: Final = SYNC_KINDS | _ISSUED
_KEPT: Final = 32  # Programs that differ in their last step follow one another.


class Enumerated:
    """The crash states of one trace under one law."""

    def __init__(self, trace: Trace, law: Law, start: int, limit: int) -> None:
        # What it is made of is kept: the trace itself may be rewound.
        trace = Trace(trace.initial, list(trace.events), sector_bytes=trace.sector_bytes)
        self.states = crash_states(trace, law, start=start, limit=limit)
        self.contents = list(self.states)
        self._trace = trace
        self._lossy: int | None = None
        self._reached: dict[str, int] | None = None
        self._decoded: list[tuple[int, list[int]]] | None = None

    @property
    def lossy(self) -> int:
        """The number of contents that lack, at some index at which they are legal, what had been issued."""
        if self._lossy is None:
            issued = [0, *accumulate(event.kind in _ISSUED for event in self._trace.events)]
            self._lossy = sum(
                issued[state.last] > issued[state.first] or bool(state.digits) for state in self.contents
            )
        return self._lossy

    @property
    def reached(self) -> dict[str, int]:
        """The device calls right after which the power is cut, by the step that they belong to."""
        if self._reached is None:
            self._reached = {}
            for event in self._trace.events[self.states.start : self.states.stop]:
                if event.kind in _CHANGES:
                    what = str(Place.of(event))
                    self._reached[what] = self._reached.get(what, 0) + 1
        return self._reached

    def decoded(self) -> list[tuple[int, list[int]]]:
        """By crash index, the content of each version vector, decoded one by one. Invariant 2."""
        if self._decoded is None:
            self._decoded = list(self._decode())
        return self._decoded

    def _decode(self) -> Iterator[tuple[int, list[int]]]:
        law = self.states.law
        history = self.states.history if law is Law.POSIX else History(self._trace)
        # A look leaves what may survive as it is; but a kill after one leaves all that was before it.
        changing = EventKind if law is Law.PAGECACHE else frozenset(EventKind) - LOOKS
        keys: list[int] = []
        for index in range(self.states.start, self.states.stop + 1):
            if index == self.states.start or self._trace.events[index - 1].kind in changing:
                keys = list(_legal_keys(history, index, law))
            yield index, keys


class Enumerations:
    """Those of the latest traces, all under one law and with one limit."""

    def __init__(self, law: str, limit: int) -> None:
        self._law = Law.of(law)
        self._limit = limit
        self._kept: OrderedDict[object, Enumerated] = OrderedDict()

    def of(self, trace: Trace, start: int) -> Enumerated:
        """Those of this trace. Invariant 1."""
        key = trace.initial, start, tuple(trace.events)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = Enumerated(trace, self._law, start, self._limit)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return found


def _legal_keys(history: History, index: int, law: Law) -> Iterator[int]:
    """The image that each choice of digits decodes to."""
    if law is Law.POSIX:
        ranges = [range(len(chain.legal(index))) for chain in history.pending(index)]
    else:
        ranges = [range(chain.values) for chain in chains_at(history, index, law)]
    for digits in product(*ranges):
        yield image_of(history, index, choose(history, index, digits, law)).key()
