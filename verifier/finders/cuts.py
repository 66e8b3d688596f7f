"""Cuts: the crash states inside an opening, worked out once for all that make the same calls on equal files.

What power cuts inside an opening leave is a function of its device calls and of the files that these change;
the store, the program and the history have no part in it, nor has what else lies on the disk, which stays as
it is. Most openings change the same few files alike, whatever the log holds.

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

from powercut.faultfs import SYNC_KINDS, CrashState, Event, EventKind, Image, Law, Trace, crash_states
from powercut.faultfs.disk.tree import FLAT
from powercut.faultfs.law.journal import RULES

__all__ = ["Cut", "Cuts", "cuts_of"]

_LOOKS: Final = frozenset({EventKind.READ, EventKind.SIZE, EventKind.LIST, EventKind.MARK})
_STILL: Final = SYNC_KINDS | _LOOKS
_KEPT_MAX: Final = 512
_BYTES_MAX: Final = 1 << 13  # Of files that are changed, where the cuts are kept.


class Cut(NamedTuple):
    """A content that a power cut leaves: a crash state of the files that are changed, and all others."""

    key: int
    state: CrashState
    others: Image

    @property
    def image(self) -> Image:
        """The content itself."""
        changed, others = self.state.image, self.others
        if not others.names:
            return changed
        names, files = {**others.names, **changed.names}, {**others.files, **changed.files}
        return Image(names, files, changed.folders, changed.links)


class Cuts(NamedTuple):
    """The contents that power cuts leave, but for the first; version vectors; points not exhausted."""

    states: list[Cut]
    vectors: int
    bounded: int


class _Found(NamedTuple):
    """The same of the files that are changed."""

    states: list[CrashState]
    vectors: int
    bounded: int


_kept: OrderedDict[object, _Found] = OrderedDict()


def cuts_of(trace: Trace, stop: int, law: str, limit: int) -> Cuts:
    """The contents that power cuts at the indices up to `stop` leave. Invariant 1."""
    if _is_still(trace, stop, law):
        return Cuts([], stop + 1, 0)
    events = trace.events[:stop]
    changed, others = _parted(trace.initial, events)
    # Of its own: the other trace grows, or is rewound.
    found = _known(Trace(changed, events, sector_bytes=trace.sector_bytes), law, limit)
    shift = others.key()
    return Cuts(
        [Cut(state.key ^ shift, state, others) for state in found.states], found.vectors, found.bounded
    )


def _parted(image: Image, events: list[Event]) -> tuple[Image, Image]:
    """The files that these calls may change, and the others; where there are folders all may."""
    if image.forest is not FLAT:
        return image, Image({}, {})
    touching = [event for event in events if event.kind not in _LOOKS]
    inodes = {event.inode for event in touching}
    inodes |= {image.names.get(name, 0) for event in touching for name in (event.name, event.target)}
    parts = (
        {name: inode for name, inode in image.names.items() if (inode in inodes) is is_changed}
        for is_changed in (True, False)
    )
    changed, others = (
        Image(names, {inode: image.files[inode] for inode in names.values()}) for names in parts
    )
    return changed, others


def _known(trace: Trace, law: str, limit: int) -> _Found:
    """The states of this trace, or of an equal one before, inodes too."""
    initial = trace.initial
    if initial.forest is not FLAT or sum(map(len, initial.files.values())) > _BYTES_MAX:
        return _found(trace, law, limit)
    # Equal images may number their files otherwise.
    files = *initial.names.items(), *initial.files.items()
    key = law, limit, trace.sector_bytes, files, tuple(trace.events)
    found = _kept.get(key)
    if found is None:
        found = _kept[key] = _found(trace, law, limit)
        if len(_kept) > _KEPT_MAX:
            _kept.popitem(last=False)
    else:
        _kept.move_to_end(key)
    return found


def _found(trace: Trace, law: str, limit: int) -> _Found:
    states = crash_states(trace, law, limit=limit)
    begun = trace.initial.key()
    return _Found([state for state in states if state.key != begun], states.legal, states.bounded_points)


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
