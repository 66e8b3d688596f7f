"""The story of a crash state: the calls before the cut, in their order, with what became of each.

Invariants
  1  it tells every call from the first that lost something to the power cut, and up to CALLS_BEFORE before
     it; up to EARLIER of those before that are at hand, and the others are counted
  2  a call is told as lost iff of each of its changes an earlier version survived; in part iff of some
  3  a sync that is missing stands behind the call that it has to follow

Pure.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from powercut.faultfs import SYNC_KINDS, Event, EventKind
from powercut.faultfs.disk.events import NAME_KINDS
from powercut.faultfs.disk.places import split

from ..recording import Recording
from .losses import lost_events
from .paths import Paths
from .search import Exploration, Finding

__all__ = ["EVERYWHERE", "Marks", "Story", "Told", "story_of"]

CALLS_BEFORE: Final = 3
EARLIER: Final = 200
EVERYWHERE: Final = "*"
_TOLD: Final = ("out", "err", "sent")


class Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call of a story, what was told outside, or a sync that is missing."""

    lane: int  # The process; -1 of what the bench itself did.
    text: str
    fate: str = ""  # "lost", "in part", "sync", "told", "acknowledged", "mend" or "cut"; "": it survived.
    site: str = ""
    at: int = -1  # The index of its first event.
    places: tuple[str, ...] = ()  # The files, and folders with a slash behind, that it changed or synced.
    is_needless: bool = False  # A sync that no crash state needs.


class Story(msgspec.Struct):
    """The calls that are told, those before them, and how many there are still before those."""

    told: list[Told]
    before: list[Told]
    left_out: int
    lanes: list[str]  # The processes in it.

    @property
    def has_losses(self) -> bool:
        """False where a kill of the program leaves the same."""
        return any(each.fate in ("lost", "in part") for each in self.told)


class Marks(NamedTuple):
    """The syncs that are missing, by the index that they go before; indices of those that nobody needs."""

    missing: Mapping[int, Sequence[Told]]
    needless: Container[int] = ()


def story_of(recording: Recording, found: Exploration, finding: Finding, marks: Marks) -> Story:
    """The story of a finding."""
    teller, mends = _Teller(recording, found, finding, marks), marks.missing
    told: list[Told] = []
    for at in range(finding.index):
        told += [each for each in mends.get(at, ()) if at]
        told += teller.tell(at)
    told += mends.get(finding.index, ())
    places = [place for place, each in enumerate(told) if each.fate in ("lost", "in part")]
    start = max(0, (places[0] if places else len(told)) - CALLS_BEFORE)
    shown, before = told[start:], told[max(0, start - EARLIER) : start]
    cut = f"the power is cut: {finding.index} of {len(found.trace)} events were issued"
    shown.append(Told(-1, cut, "cut", at=finding.index))
    used = sorted({each.lane for each in (*before, *shown) if each.lane >= 0})
    names = [
        f"{lane}: {recording.processes[lane].command}" for lane in used if lane < len(recording.processes)
    ]
    return Story(shown, before, start - len(before), names)


class _Teller:
    """Tells the events of one recording, up to one power cut."""

    def __init__(self, recording: Recording, found: Exploration, finding: Finding, marks: Marks) -> None:
        self._needless = marks.needless
        self._events = found.trace.events
        self._end = finding.index
        self._lost = lost_events(found.trace, finding.index, finding.survivors, finding.law)
        self._paths = Paths(recording)
        self._all = recording.calls
        self._calls = {
            at: number for number, call in enumerate(recording.calls) for at in range(call.first, call.stop)
        }
        self._seen: set[int] = set()

    def tell(self, at: int) -> list[Told]:
        """An event; a call where its first one stands."""
        event, number = self._events[at], self._calls.get(at)
        lane = 0 if number is None else self._all[number].process
        if event.kind is EventKind.MARK:
            return self._tell_mark(event, lane, at)
        if number in self._seen:
            return []
        if number is None:
            text, site, parts = self._tell_event(event), "", [at]
        else:
            self._seen.add(number)
            call = self._all[number]
            text, site, parts = call.text, call.site, list(range(call.first, min(call.stop, self._end)))
        fates = [self._lost[part] for part in parts if part in self._lost]
        fate = "sync" if event.kind in SYNC_KINDS else ""
        if fates:
            changes = [part for part in parts if self._events[part].kind is not EventKind.MARK]
            fate = "lost" if all(fates) and len(fates) == len(changes) else "in part"
        places = (place for part in parts for place in self._places(self._events[part]))
        is_needless = any(part in self._needless for part in parts)
        return [Told(lane, text, fate, site, at, tuple(dict.fromkeys(places)), is_needless)]

    def _tell_mark(self, event: Event, lane: int, at: int) -> list[Told]:
        if event.label in ("step", "done"):
            step = f"step {int(event.data or b'0') + 1}"
            if event.label == "step":
                return [Told(-1, f"{step} begins", "told", at=at)]
            return [Told(-1, f"{step} has ended: acknowledged", "acknowledged", at=at)]
        if event.label in _TOLD:
            text = event.data.decode(errors="replace").rstrip("\n")[:60]
            return [Told(lane, f"{event.label}: {text!r}", "told", at=at)]
        return []

    def _tell_event(self, event: Event) -> str:
        paths = self._paths
        name = paths.of(event.inode) if event.kind is EventKind.SYNC_NAMES else paths.of_key(event.name)
        target = f" to {paths.of_key(event.target)}" if event.target else ""
        size = f", {event.size} bytes at {event.offset}" if event.kind is EventKind.WRITE else ""
        return f"{event.kind.name.lower()}({name}{target}{size})"

    def _places(self, event: Event) -> list[str]:
        if event.kind is EventKind.SYNC_ALL:
            return [EVERYWHERE]
        if event.kind is EventKind.SYNC_NAMES:
            return [f"{self._paths.of(event.inode)}/"]
        if event.kind in NAME_KINDS:
            target = "" if event.kind is EventKind.SYMLINK else event.target
            keys = (target,) if event.kind is EventKind.LINK else (event.name, target)
            return [f"{self._paths.of(split(key)[0])}/" for key in keys if key]
        if event.kind in (EventKind.MARK, EventKind.FAULT):
            return []
        return [self._paths.of_key(event.name) if event.name else self._paths.of(event.inode)]
