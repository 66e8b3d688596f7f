"""Cuts: the crash states inside an opening, worked out once for all that do the same to equal disks.

What power cuts inside an opening leave is a function of the content that it began with and of its device
calls; the store, the program and the history have no part in it. Short programs come to few contents, so most
openings of a search of many have been seen before, by the same search or by another.

Invariants
  1  cuts_of(trace, stop, law, limit) is what crash_states(trace, law, stop=stop, limit=limit) finds, without
     the content that the opening began with
  2  an opening that changes nothing leaves nothing else, whatever it looks at and syncs: then nothing is
     enumerated

Threads: one search a process; what is kept is never changed.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from powercut.faultfs import SYNC_KINDS, CrashState, EventKind, Law, Trace, crash_states
from powercut.faultfs.law.journal import RULES

__all__ = ["Cuts", "cuts_of"]

_STILL: Final = SYNC_KINDS | {EventKind.READ, EventKind.SIZE, EventKind.LIST, EventKind.MARK}
_KEPT_MAX: Final = 512
_BYTES_MAX: Final = 1 << 13  # Of a disk whose cuts are kept.


class Cuts(NamedTuple):
    """The contents that power cuts leave, but for the first; version vectors; points not exhausted."""

    states: list[CrashState]
    vectors: int
    bounded: int


_kept: OrderedDict[object, Cuts] = OrderedDict()


def cuts_of(trace: Trace, stop: int, law: str, limit: int) -> Cuts:
    """The contents that power cuts at the indices up to `stop` leave. Invariant 1."""
    if _is_still(trace, stop, law):
        return Cuts([], stop + 1, 0)
    if sum(map(len, trace.initial.files.values())) > _BYTES_MAX:
        return _found(trace, stop, law, limit)
    events = trace.events[:stop]
    key = law, limit, trace.sector_bytes, trace.initial, tuple(events)
    cuts = _kept.get(key)
    if cuts is None:
        # Of its own: the other trace grows, or is rewound.
        own = Trace(trace.initial, events, sector_bytes=trace.sector_bytes)
        cuts = _kept[key] = _found(own, stop, law, limit)
        if len(_kept) > _KEPT_MAX:
            _kept.popitem(last=False)
    else:
        _kept.move_to_end(key)
    return cuts


def _found(trace: Trace, stop: int, law: str, limit: int) -> Cuts:
    states = crash_states(trace, law, stop=stop, limit=limit)
    begun = trace.initial.key()
    return Cuts([state for state in states if state.key != begun], states.legal, states.bounded_points)


def _is_still(trace: Trace, stop: int, law: str) -> bool:
    """True if no call up to there changes anything, or can have left anything to a journal. Invariant 2."""
    files = trace.initial.files
    for event in trace.events[:stop]:
        if event.kind in _STILL:
            continue
        if event.kind is not EventKind.TRUNCATE or Law.of(law) in RULES:
            return False  # A truncation to the size that there is joins a journal (F27).
        if event.size != len(files.get(event.inode, b"")):
            return False
    return True
