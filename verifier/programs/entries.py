"""Entries: what is being recorded, call by call, until events and calls are made of it.

Invariants
  1  entries stand in the order in which the calls took effect; what is told outside stands where its
     call began, for whoever hears it may act before it returns
  2  an entry without a text is of a call that failed: it leaves nothing
"""

from __future__ import annotations

from powercut.faultfs import Event, EventKind

from .recording import Call

__all__ = ["Entries", "Entry"]


class Entry:
    """One call; or with process -1 a mark of the recorder itself."""

    __slots__ = ("events", "name", "process", "site", "text", "thread")

    def __init__(
        self,
        process: int,
        thread: int,
        name: str,
        site: str = "",
        text: str = "",
        events: tuple[Event, ...] = (),
    ) -> None:
        self.process = process
        self.thread = thread
        self.name = name
        self.site = site
        self.text = text
        self.events = events


class Entries:
    """All calls so far."""

    def __init__(self) -> None:
        self._rows: list[Entry] = []

    def begin(self, process: int, thread: int, name: str, site: str = "") -> Entry:
        """An entry whose place is taken now."""
        entry = Entry(process, thread, name, site)
        self._rows.append(entry)
        return entry

    def add(self, entry: Entry) -> None:
        """An entry that is whole, at the place where the recording is now."""
        self._rows.append(entry)

    def mark(self, label: str, number: int) -> None:
        """The begin or the end of a step."""
        entry = self.begin(-1, 0, label)
        entry.text = label
        entry.events = (Event(EventKind.MARK, data=b"%d" % number, label=label),)

    def told(self) -> tuple[list[Event], list[Call]]:
        """The events, and the calls that made them."""
        events: list[Event] = []
        calls: list[Call] = []
        for entry in self._rows:
            if not entry.text:
                continue  # Invariant 2.
            first = len(events)
            events.extend(entry.events)
            if entry.process >= 0:
                made = first, len(events), entry.process, entry.thread
                calls.append(Call(*made, entry.name, entry.text, entry.site))
        return events, calls
