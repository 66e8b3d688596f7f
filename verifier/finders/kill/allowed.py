"""Allowed: the crash states that the law of a kill (`pagecache`) gives at one place of a rehearsed era.

The place is named by the device calls that were entered and that had returned. A call that had
returned is wholly there; one that had not begun is not; of the one in between, if there is one, a
write may be there up to a page of the cache, anything else wholly or not at all.

Source: FAULTS.md, F17.
"""

from __future__ import annotations

from typing import Final

from powercut.faultfs import PAGE_BYTES, SYNC_KINDS, Event, EventKind, History, Image, Trace
from powercut.faultfs.law.survival import choose, image_of, page_count

from .lives import LAW

__all__ = ["Allowed", "State"]

_CHANGES: Final = SYNC_KINDS | {
    *(EventKind.CREATE, EventKind.REMOVE, EventKind.WRITE, EventKind.TRUNCATE),
    *(EventKind.RENAME, EventKind.LINK, EventKind.ALLOCATE),
}

State = tuple[int, tuple[int, ...], Image]  # Crash index, survivors, and what they come to.


class Allowed:
    """The contents that kills of one era may leave."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._history = History(trace)
        self._at = [index for index, event in enumerate(trace.events) if event.kind in _CHANGES]
        self._known: dict[tuple[int, int], dict[int, State]] = {}

    @property
    def calls(self) -> int:
        """The number of device calls that change something."""
        return len(self._at)

    def event(self, begun: int) -> Event | None:
        """The call of that number, counted from 1."""
        return self._trace.events[self._at[begun - 1]] if 0 < begun <= self.calls else None

    def index_before(self, begun: int) -> int:
        """The crash index just before the call of that number; the trace's end past the last one."""
        return self._at[begun - 1] if begun <= self.calls else len(self._trace)

    def calls_before(self, index: int) -> int:
        """The number of these calls that are issued by this crash index."""
        return sum(at < index for at in self._at)

    def states(self, done: int, begun: int) -> dict[int, State]:
        """The allowed crash states, by key. With begun == done no call is in progress."""
        assert done <= begun <= done + 1
        known = self._known.get((done, begun))
        if known is None:
            known = self._known[done, begun] = {}
            for state in self._states(done, begun):
                known.setdefault(state[2].key(), state)
        return known

    def cuts(self, begun: int) -> list[int]:
        """The byte counts at which a kill can stop that call; none where it is no long write."""
        event = self.event(begun)
        if event is None or event.kind is not EventKind.WRITE:
            return []
        to_edge = PAGE_BYTES - event.offset % PAGE_BYTES
        return list(range(to_edge, event.size, PAGE_BYTES))

    def _states(self, done: int, begun: int) -> list[State]:
        before = self._state(self.index_before(done + 1), ())
        if begun == done or begun > self.calls:
            return [before]
        index = self._at[begun - 1] + 1
        pages = page_count(self._history, index)
        return [before, *(self._state(index, (lost,) if lost else ()) for lost in range(pages + 1))]

    def _state(self, index: int, digits: tuple[int, ...]) -> State:
        choice = choose(self._history, index, digits, LAW)
        return index, digits, image_of(self._history, index, choice)
