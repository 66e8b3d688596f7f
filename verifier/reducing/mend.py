"""Mending: the smallest set of added syncs under which a violation shows no more.

A place is a call that the store makes, whenever it makes it: (step of the store, call, role of the
file), as in `WAIT_FLUSH write segment`; in a folder the role begins with its path, and numbers are one.
Adding a sync at a place means: each time, right after the call, its file is synced, or the names of
its folder if the call changed names. The program is played over a device
that does so, and every crash state of it is searched again.

A witness is a crash at index t that lost some versions. The sync of file f added behind event j of f
makes the versions of f up to j durable for every crash after it, so with

    saviours(witness) = places of the events j with  i <= j < t - 1  on a file, or the names, of which
                        the witness lost the version that event i made

Where there is none, or the cut is right behind an acknowledgement, the last event before the cut as well: a
sync behind it comes before what is acknowledged there.

Invariants
  1  under `posix` a set of places disjoint from saviours(w) leaves w legal: syncs take states away,
     and none of these takes w. So every mending set hits the saviours of every witness
  2  sets are tried by size, each hitting all witnesses so far: the first that passes is a smallest one
  3  what is reported has been searched: every crash state of the program, the power cut once inside recovery;
     where a point has too many, those that were tried, and `bounded` counts such points
  4  a witness without saviours lost nothing that a sync could have saved: no set mends it

Complexity: one search of the program for each set that is tried. Bounded by SEARCHES_MAX.
Source: implicit hitting sets (Karp, 2010); the question is ALICE's and Hippocrates', of whom neither
answers it for files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

from powercut.faultfs import Event, EventKind, FaultDevice, History, Law
from powercut.faultfs.disk.events import NAME_KINDS
from powercut.faultfs.disk.paths import Paths
from powercut.faultfs.disk.places import split
from powercut.faultfs.faults.place import Place
from powercut.faultfs.law.chains import ChainKind
from powercut.faultfs.law.survival import choose, history_under

from ..finders.crashes import Finding, search_tape
from ..finders.syncs import role_of
from ..oracles.progress import runs_worth
from ..registry import maker_of
from ..runs.play import play
from ..spec.history import Segment, crash_index
from ..spec.spec import StoreMaker
from ..spec.subject import MakeStore
from ..tapes.tape import Era, Tape
from ..verdict import Violation
from .passes import open_ended

__all__ = ["AddedSync", "Mend", "mend", "place_of"]

SEARCHES_MAX: Final = 120
_RUNS: Final = 100  # Of a search, about.
SYNCS_MAX: Final = 4
STATES_MAX: Final = 1024  # Of one crash point; where there are more,
DRAWS: Final = 200  # so many are drawn besides.

_BYTES: Final = {EventKind.WRITE, EventKind.TRUNCATE, EventKind.ALLOCATE}
# The event that each method of the device makes.
_KINDS: Final = {
    "create": EventKind.CREATE,
    "remove": EventKind.REMOVE,
    "link": EventKind.LINK,
    "rename": EventKind.RENAME,
    "exchange": EventKind.EXCHANGE,
    "make_folder": EventKind.FOLDER,
    "remove_folder": EventKind.REMOVE,
    "symlink": EventKind.SYMLINK,
    "write": EventKind.WRITE,
    "truncate": EventKind.TRUNCATE,
    "allocate": EventKind.ALLOCATE,
    "sync": EventKind.SYNC,
    "sync_names": EventKind.SYNC_NAMES,
}
_MOVES: Final = {EventKind.LINK, EventKind.RENAME, EventKind.EXCHANGE}
_CALLS: Final = {kind.name.lower() for kind in _KINDS.values()}
_NAMING: Final = {kind.name.lower() for kind in NAME_KINDS}


def place_of(event: Event, index: int, paths: Paths) -> Place:
    """The place of an event of a trace, that with this index."""
    is_folder = event.kind is EventKind.SYNC_NAMES
    path = paths.folder(event.inode, index) if is_folder else paths.path(event.name, index)
    return Place.at(event.label, event.kind, role_of(path))


@dataclass(frozen=True, slots=True)
class AddedSync:
    """A sync that is missing: behind a place, and before another at the latest (None: at once)."""

    after: Place
    before: Place | None = None

    @property
    def is_of_names(self) -> bool:
        """True if the change at its place is made durable with the names."""
        return self.after.call in _NAMING

    def __str__(self) -> str:
        folder = self.after.role.rpartition("/")[0]
        names = f"names of {folder}" if folder else "names"
        what = names if self.is_of_names else f"the {self.after.role}"
        until = "at once" if self.before is None else f"before `{self.before}` at the latest"
        return f"sync {what} after `{self.after}`, {until}"


@dataclass(slots=True)
class Mend:
    """The result of mending: `syncs`, or `why` there are none."""

    law: str
    syncs: tuple[AddedSync, ...] = ()
    why: str = ""
    searches: int = 0
    bounded: int = 0  # Crash points of the mended program that were not exhausted.

    def lines(self) -> list[str]:
        """The mend in lines for a person."""
        if self.why:
            return [f"what would mend it: no added sync; {self.why}"]
        head = f"what would mend it (law {self.law}; {self.searches} searches of the program):"
        rest = f"  at {self.bounded} crash points not every state was tried" if self.bounded else ""
        return [head, *(f"  {sync}" for sync in self.syncs), *([rest] if rest else [])]


def mend(tape: Tape, make_store: MakeStore | None = None) -> Mend:
    """The smallest set of added syncs that removes the violation which the tape shows.

    Under a law other than `posix` it is still enough, but a smaller one is not ruled out (invariant 1).
    """
    maker = maker_of(tape, make_store)
    if not isinstance(play(tape, maker).verdict, Violation):
        return Mend(tape.law, why="the tape shows no violation")
    if any(era.faults or era.damage for era in tape.eras):
        return Mend(tape.law, why="what its disk did wrong is more than a power cut may do")
    return _Search(tape, maker).run()


class _Search:
    def __init__(self, tape: Tape, make_store: StoreMaker) -> None:
        self._tape = open_ended(tape)
        self._shown = tape
        self._make_store = make_store
        self._mend = Mend(tape.law)
        self._spent = 0  # Searches; one that ends in a hang counts for as many as it takes the time of.

    def run(self) -> Mend:
        witnesses = [_saviours(self._shown, self._make_store)]
        while True:
            if not witnesses[-1]:
                return self._gave_up("nothing that its power cuts took could have been saved by one")
            chosen = _hitting(witnesses)
            if chosen is None:
                return self._gave_up(f"{SYNCS_MAX} are not enough")
            finding = self._find([AddedSync(place) for place in chosen])
            if finding is None:
                break
            if self._spent >= SEARCHES_MAX:
                return self._gave_up(f"undecided after {self._mend.searches} searches")
            witnesses.append(_saviours(finding.tape, self._mended([AddedSync(place) for place in chosen])))
        syncs = [AddedSync(place) for place in chosen]
        for number, sync in enumerate(syncs):
            syncs[number] = self._put_off(syncs, number, sync)
        self._mend.syncs = tuple(syncs)
        return self._mend

    def _gave_up(self, why: str) -> Mend:
        self._mend.why = why
        return self._mend

    def _put_off(self, syncs: list[AddedSync], number: int, sync: AddedSync) -> AddedSync:
        """Put the sync off as long as it still mends."""
        for place in reversed(self._later(sync.after)):
            if self._spent >= SEARCHES_MAX:
                break
            late = AddedSync(sync.after, place)
            if self._find([*syncs[:number], late, *syncs[number + 1 :]]) is None:
                return late
        return sync

    def _later(self, after: Place) -> list[Place]:
        """The other places, in the order in which they first come behind this one."""
        whole = Tape((*(Era(era.program) for era in self._tape.eras),), self._tape.geometry, self._tape.law)
        seen: dict[Place, None] = {}
        is_behind = False
        for segment in play(whole, self._make_store).segments:
            paths = Paths(segment.trace.initial, segment.trace.events)
            for index, event in enumerate(segment.trace.events):
                place = place_of(event, index, paths)
                if is_behind and place.call in _CALLS and place != after:
                    seen.setdefault(place)
                is_behind = is_behind or place == after
        return list(seen)

    def _find(self, syncs: list[AddedSync]) -> Finding | None:
        self._mend.searches += 1
        seen, finding = search_tape(self._tape, limit=STATES_MAX, make_store=self._mended(syncs), draws=DRAWS)
        if finding is None:
            self._mend.bounded = seen.bounded
        self._spent += 1 if finding is None else -(-runs_worth(finding.verdict) // _RUNS)
        return finding

    def _mended(self, syncs: list[AddedSync]) -> StoreMaker:
        make: Callable[[Any], Any] = self._make_store.make
        return StoreMaker(lambda device: make(_SyncingDevice(device, syncs)), self._make_store.spec)


def _hitting(witnesses: list[frozenset[Place]]) -> tuple[Place, ...] | None:
    """The first smallest set of places that meets every witness."""
    places = sorted(frozenset[Place]().union(*witnesses))
    for size in range(1, SYNCS_MAX + 1):
        for chosen in combinations(places, size):
            if all(witness.intersection(chosen) for witness in witnesses):
                return chosen
    return None


def _saviours(tape: Tape, make_store: MakeStore) -> frozenset[Place]:
    """The places, over all power cuts of the tape, where a sync would have saved something lost."""
    found: set[Place] = set()
    segments = iter(play(tape, make_store).segments)
    for era in tape.eras:
        if era.crash is not None and (segment := next(segments, None)) is not None:
            index = crash_index(segment.trace, era.crash)
            found.update(_saving(segment, index, era.crash.survivors, tape.law))
    return frozenset(found)


def _saving(segment: Segment, index: int, digits: tuple[int, ...], law: str) -> Iterator[Place]:
    """The set of invariant 1, of one power cut."""
    history = history_under(History(segment.trace), Law.of(law))
    choice = choose(history, index, digits, law)
    # By inode, of names that of their folder: the first event of which something was lost.
    names_lost, lost = dict[int, int](), dict[int, int]()
    for chain in history.pending(index):
        newest = chain.legal(index)[-1]
        version = choice.get(chain, newest)
        if version < newest:
            event = chain.births[version + 1] - 1
            if chain.kind is ChainKind.NAME:
                folder = split(chain.name)[0]
                names_lost[folder] = min(event, names_lost.get(folder, event))
            else:
                lost[chain.inode] = min(event, lost.get(chain.inode, event))
    places = []
    paths = history.paths
    for number, issued in enumerate(segment.trace.events[:index]):
        folders = {split(name)[0] for name in (issued.name, _target_of(issued))}
        is_name = issued.kind in NAME_KINDS and any(number >= names_lost.get(each, index) for each in folders)
        if is_name or (issued.kind in _BYTES and number >= lost.get(issued.inode, index)):
            places.append((number, place_of(issued, number, paths)))
    is_told = any(at == index for at, _ in segment.acks)
    early = [place for number, place in places if number < index - 1 or is_told]
    yield from early or [place for _, place in places]


def _target_of(event: Event) -> str:
    """The second name that an event binds; its only one where there is no second."""
    return event.name if event.kind is EventKind.SYMLINK or not event.target else event.target


@dataclass(slots=True)
class _Rule:
    """An added sync at work: the files, or the folders of names, that it still owes one."""

    sync: AddedSync
    unsynced: set[str] = field(default_factory=set)


class _SyncingDevice:
    """A FaultDevice that is asked for some more syncs. All else is the device's own."""

    def __init__(self, device: FaultDevice, syncs: Iterable[AddedSync]) -> None:
        object.__setattr__(self, "_device", device)
        object.__setattr__(self, "_rules", [_Rule(sync) for sync in syncs])

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._device, name)
        kind = _KINDS.get(name)
        return found if kind is None else self._calling(found, kind)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._device, name, value)

    def _calling(self, call: Callable[..., Any], kind: EventKind) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            arguments = (*given, *named.values())
            # A symbolic link is named behind its target; what moves a name has a second one.
            names = arguments[1:2] if kind is EventKind.SYMLINK else arguments[: 1 + (kind in _MOVES)]
            label = self._device.label
            step = label if isinstance(label, str) else label()
            place = Place.at(step, kind, role_of(names[0] if names else ""))
            self._settle(lambda rule: rule.sync.before == place)
            result = call(*given, **named)
            for rule in self._rules:
                if rule.sync.after == place:
                    is_of_names = rule.sync.is_of_names
                    rule.unsynced.update(each.rpartition("/")[0] if is_of_names else each for each in names)
            self._settle(lambda rule: rule.sync.before is None)
            return result

        return called

    def _settle(self, is_due: Callable[[_Rule], bool]) -> None:
        for rule in filter(is_due, self._rules):
            sync = self._device.sync_names if rule.sync.is_of_names else self._device.sync
            for name in sorted(rule.unsynced):
                with suppress(FileNotFoundError):  # It is gone, and needs none.
                    sync(name)
            rule.unsynced.clear()
