"""Syncs: the smallest set that would mend a recording, those that no state needs, and what was never synced.

A place is a kind of call on a path, whenever the program makes it: "fsync of the folder . after rename of
*". Adding a sync there means: after each such call. The trace with these syncs is searched again; the
answers at the points of the run stay what they were.

Invariants
  1  every set that is told has been searched: nothing is found in the trace with it, where that is complete
  2  sets are tried by size, one then two; each holds a sync of something that the witness before it lost
  3  a sync is told as needless iff without it no more crash states are wrong than with it

Complexity: one search of the trace for each set. Source: ALICE (OSDI 2014) asks which ordering is missing;
Hippocrates (ASPLOS 2021) mends for memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from powercut.faultfs import Event, EventKind, Trace
from powercut.faultfs.disk.events import NAME_KINDS
from powercut.faultfs.law.chains import NO_FILE, ChainKind
from powercut.faultfs.law.history import history_of

from ..recording import Recording
from .asked import Readings
from .legality import Legality
from .losses import lost_chains
from .paths import Paths
from .search import Exploration, Finding, Wanted, search

__all__ = ["Mending", "Place", "Unsynced", "mend", "needless", "unsynced"]

SEARCHES: Final = 60
_BYTES: Final = frozenset({EventKind.WRITE, EventKind.TRUNCATE, EventKind.ALLOCATE})
_SYNCS: Final = frozenset({EventKind.SYNC, EventKind.SYNC_NAMES, EventKind.DATASYNC})


class Place(NamedTuple):
    """A sync after each call of a kind on a path."""

    call: str
    path: str
    target: str  # What is synced.
    is_folder: bool

    def __str__(self) -> str:
        what = f"the folder {self.target}" if self.is_folder else self.target
        return f"fsync of {what} after {self.call} of {self.path}"


class _Insertion(NamedTuple):
    at: int  # Before the event of this index.
    event: Event


@dataclass(slots=True)
class Mending:
    """The smallest set of syncs that mends, or none."""

    places: tuple[Place, ...] = ()
    searches: int = 0
    is_bounded: bool = False  # The searches ran out, or the law leaves more states than were tried.
    befores: list[tuple[Place, int]] = field(default_factory=list)  # Each sync, and the event it goes before.


@dataclass(slots=True)
class Unsynced:
    """A file of which something was acknowledged, and never synced."""

    path: str
    told: str  # The first acknowledgement that it was behind.
    sectors: int = 0
    has_size: bool = False
    has_name: bool = False
    is_gone: bool = False  # The name was taken away, and may come back.


class _Mender:
    def __init__(self, recording: Recording, found: Exploration, readings: Readings, wanted: Wanted) -> None:
        self._found = found
        self._readings = readings
        self._wanted = wanted
        self._paths = Paths(recording)
        self._insertions: dict[Place, list[_Insertion]] = {}
        self._targets: dict[tuple[bool, int], list[tuple[int, Place]]] = {}
        calls = {at: call for call in recording.calls for at in range(call.first, call.stop)}
        for at, event in enumerate(found.trace.events):
            call = calls.get(at)
            name, stop = (call.name, call.stop) if call else (event.kind.name.lower(), at + 1)
            for place, folder_or_file, synced in self._places(event, name):
                self._insertions.setdefault(place, []).append(_Insertion(stop, synced))
                self._targets.setdefault((place.is_folder, folder_or_file), []).append((at, place))

    def _places(self, event: Event, call: str) -> Iterator[tuple[Place, int, Event]]:
        paths = self._paths
        if event.kind in _BYTES:
            path = paths.general(event.name)
            yield Place(call, path, path, False), event.inode, Event(EventKind.SYNC, event.name, event.inode)
        elif event.kind in NAME_KINDS:
            keys = [
                key for key in (event.name, "" if event.kind is EventKind.SYMLINK else event.target) if key
            ]
            path = " to ".join(paths.general(key) for key in keys)
            for folder in dict.fromkeys(paths.folder_of(key) for key in keys):
                place = Place(call, path, paths.of(folder), True)
                yield place, folder, Event(EventKind.SYNC_NAMES, inode=folder)

    def saviours(self, found: Exploration, finding: Finding, shift: Sequence[_Insertion]) -> list[Place]:
        """Places whose syncs make impossible what a finding lost, late ones first. Invariant 2."""
        places: dict[Place, int] = {}
        trace, index = found.trace, finding.index
        end = _back(index, shift)
        for chain, version in lost_chains(trace, index, finding.survivors, finding.law):
            birth = _back(chain.births[version + 1] - 1, shift)
            is_name = chain.kind is ChainKind.NAME
            target = self._paths.folder_of(chain.name) if is_name else chain.inode
            for at, place in self._targets.get((is_name, target), ()):
                if birth <= at < end:
                    places[place] = max(places.get(place, 0), at)
        return sorted(places, key=lambda place: -places[place])

    def insertions(self, places: Sequence[Place]) -> list[_Insertion]:
        every = {insertion for place in places for insertion in self._insertions[place]}
        return sorted(every, key=lambda each: (each.at, each.event.kind, each.event.inode))

    def search(self, inserted: Sequence[_Insertion]) -> Exploration:
        events = list(self._found.trace.events)
        for insertion in reversed(inserted):
            events.insert(insertion.at, insertion.event)
        return _search_again(
            self._found, events, [each.at for each in inserted], 1, self._readings, self._wanted
        )


def mend(
    recording: Recording, found: Exploration, finding: Finding, readings: Readings, wanted: Wanted
) -> Mending:
    """The smallest set of one or two places that mends all that was found; `finding` is made small."""
    mender, mending = _Mender(recording, found, readings, wanted), Mending()
    left: list[tuple[Place, Exploration, list[_Insertion]]] = []
    tried: set[frozenset[Place]] = set()

    def passes(places: tuple[Place, ...]) -> bool:
        if frozenset(places) in tried:
            return False
        tried.add(frozenset(places))
        if mending.searches >= SEARCHES:
            mending.is_bounded = True
            return False
        mending.searches += 1
        inserted = mender.insertions(places)
        then = mender.search(inserted)
        if then.first:
            if len(places) == 1:
                left.append((places[0], then, inserted))
            return False
        mending.places = places
        mending.befores = [(place, each.at) for place in places for each in mender.insertions((place,))]
        mending.is_bounded |= then.is_bounded
        return True

    for place in mender.saviours(found, finding, ()):
        if passes((place,)):
            return mending
    for place, then, inserted in left:
        for second in mender.saviours(then, next(iter(then.first.values())), inserted):
            if passes((place, second)):
                return mending
    return mending


def needless(
    recording: Recording, found: Exploration, readings: Readings, wanted: Wanted
) -> tuple[dict[str, list[int]], int]:
    """The syncs that no crash state needs, as they are told, with the indices of each; and how many were
    tried. Invariant 3."""
    paths = Paths(recording)
    groups: dict[str, list[int]] = {}
    calls = {at: call for call in recording.calls for at in range(call.first, call.stop)}
    for at, event in enumerate(found.trace.events):
        if event.kind in _SYNCS:
            call = calls.get(at)
            folder = event.kind is EventKind.SYNC_NAMES
            what = f"the folder {paths.of(event.inode)}" if folder else paths.general(event.name)
            groups.setdefault(f"{call.name if call else event.kind.name.lower()} of {what}", []).append(at)
    wrong, told = sum(found.counts.values()), dict[str, list[int]]()
    groups = dict(list(groups.items())[:SEARCHES])
    for name, places in groups.items():
        events = [event for at, event in enumerate(found.trace.events) if at not in set(places)]
        then = _search_again(found, events, places, -1, readings, wanted, is_short=not wrong)
        if sum(then.counts.values()) <= wrong:
            told[name] = places
    return told, len(groups)


def unsynced(recording: Recording, trace: Trace, legality: Legality) -> list[Unsynced]:
    """Things acknowledged that are not durable even at the end of the recording, by file."""
    paths, history, end = Paths(recording), history_of(trace), len(trace)
    found: dict[str, Unsynced] = {}
    last = [point for point in legality.points[1:] if point.is_acknowledged]
    for chain in history.pending(end):
        legal = chain.legal(end)
        births = [chain.births[v] for v in legal[1:] if chain.values[v] != chain.values[v - 1]]
        behind = [point for point in last if births and births[0] <= point.at]
        if not behind:
            continue
        if chain.kind is ChainKind.NAME:
            path, is_gone = paths.of_key(chain.name), chain.values[legal[-1]] == NO_FILE
        elif paths.is_named(chain.inode):
            path, is_gone = paths.of(chain.inode), False
        else:
            continue  # A file that is gone: what it held matters to nobody.
        each = found.setdefault(path, Unsynced(path, behind[0].told))
        each.sectors += chain.kind is ChainKind.SECTOR
        each.has_size |= chain.kind is ChainKind.SIZE
        each.has_name |= chain.kind is ChainKind.NAME
        each.is_gone |= is_gone
    return list(found.values())


def _search_again(
    found: Exploration,
    events: list[Event],
    places: Sequence[int],
    step: int,
    readings: Readings,
    wanted: Wanted,
    *,
    is_short: bool = True,
) -> Exploration:
    """Search a trace in which events were put in before, or taken out at, these places."""
    trace = Trace(found.trace.initial, events, sector_bytes=found.trace.sector_bytes)

    def moved(index: int) -> int:
        return index + step * sum(1 for place in places if place < index)

    old = found.legality
    points = [point._replace(at=moved(point.at), begun=moved(point.begun)) for point in old.points]
    legality = Legality(points, old.answers, len(trace), old.between)
    return search(trace, legality, readings, wanted, is_short=is_short)


def _back(index: int, inserted: Sequence[_Insertion]) -> int:
    """The index of the trace without insertions that an index of the trace with them stands for."""
    moved = 0
    for number, insertion in enumerate(inserted):
        if insertion.at + number < index:
            moved = number + 1
    return index - moved
