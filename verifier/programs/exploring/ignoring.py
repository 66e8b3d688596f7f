"""Ignoring: a recording without the files whose crash states nobody asks for, as caches and logs.

Invariants
  1  an inode all of whose names match keeps its initial state; its events are gone, marks and others stay
  2  calls and indices are those of the shorter recording

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from powercut.faultfs import Event, EventKind

from ..recording import Call, Recording
from .paths import Paths

__all__ = ["without"]

_UNNAMED = frozenset({EventKind.MARK, EventKind.SYNC_NAMES, EventKind.SYNC_ALL, EventKind.FAULT})


def without(recording: Recording, patterns: Sequence[str]) -> Recording:
    """The recording without the files whose paths match one of these patterns (`*` takes a slash too)."""
    if not patterns:
        return recording
    paths = Paths(recording)

    def is_ignored(inode: int) -> bool:
        every = paths.every(inode)
        return bool(every) and all(any(fnmatchcase(each, p) for p in patterns) for each in every)

    events: list[Event] = []
    places = [0]  # How many events stay of the first so many.
    for event in recording.events:
        if event.kind in _UNNAMED or not is_ignored(event.inode):
            events.append(event)
        places.append(len(events))
    calls: list[Call] = [
        msgspec.structs.replace(call, first=places[call.first], stop=places[call.stop])
        for call in recording.calls
        if places[call.first] < places[call.stop]
    ]
    return msgspec.structs.replace(recording, events=events, calls=calls)
