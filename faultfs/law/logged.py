"""Logged names: those that a file system like btrfs finds after a crash, from its last commit and its log.

A commit at position p takes everything that was issued before it to the disk, at once. A sync of a file that
was changed since writes files and their names to a log, which is applied to the commit after a crash:

    logged      each file that was synced since p; and where the commit gives one of its names to another
                file, that one, if it has a name left; and so on
    folder      a sync of names brings it, with every name as it is then; so may the sync of a file that has
                got another name since p, or lost one, and a new name of a file that is logged. Who has got
                a name since p is logged with it, and who is renamed from then on
    written     the names of logged files at the last sync, or at any later step on one of them: what befalls
                them is in the log at once, and anybody's sync writes it, of a file of another folder too
    found       a logged file has those names that were written, and has lost those that the commit gives it;
                one that has no name left keeps these, but for any that a folder brought and lost;
                all others are as the commit has them
    taken in    a file that joins for its names, and was not synced itself: it has no data in the log, but its
                size in memory if that is less than the commit's and not 0; so again with each name that it
                gets from then on, and then 0 as well

So a synced file has its name, and the rename that freed the name may be missing; and a name may be free that
a rename gave to a file that is not logged. A sync of a file that has not changed since it was committed or
logged writes nothing.

Invariants
  1  what is found is a version of each name, between the last sync of names and the newest
  2  found(position, index) depends on what was issued before `index` only; a position is a crash index
  3  found(position, index) <= found(position, index + 1), unless the event between them is a sync

Threads: built once, then read only.
Source: fsync of btrfs, Linux 6.18, by its crash images: FAULTS.md, F42.
"""

from bisect import bisect_right
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice, product
from typing import Final, TypeAlias

from ..disk.events import SYNC_KINDS, Event, EventKind
from ..disk.places import split
from ..disk.tree import Forest
from .chains import NO_FILE, AnyChain, Chain, Step, Untied
from .logs import MOVES, Names, Tree, bound_to
from .walks import CHANGES, FILE_SYNCS, Taken, Walk

_SYNCS: Final = FILE_SYNCS | {EventKind.SYNC_NAMES}
_READINGS: Final = 256
_WORK_MAX: Final = 2_000_000  # About three seconds.
_WHOLE: Final = "whole"
_FREE: Final = frozenset({"free"})
_PLACES: Final = frozenset({_WHOLE, "before"}) | _FREE

Shape: TypeAlias = tuple[Hashable, ...]
_UNTIED_MAX: Final = 1_024
_untied: dict[Shape, tuple[Untied, bool]] = {}  # And if some walk had more logs than are followed.


class LoggedNames:
    """The names that the commits and the log of one history may leave."""

    def __init__(
        self, events: Sequence[Event], names: dict[str, Chain[int]], steps: list[Step], forest: Forest
    ) -> None:
        self._events = events
        self._names = names
        self._forest = forest
        self._above: dict[AnyChain, int] = {chain: split(name)[0] for name, chain in names.items()}
        self._steps = {step.birth: step for step in steps}
        self._walks: dict[int, Walk] = {}  # By position of the commit.
        self._taken: Taken | None = None
        self._work = 0  # Names that walks have gone past, in all logs.
        self.is_cut = False  # Some walk has more logs than are followed.

    @cached_property
    def _files(self) -> list[set[int]]:
        """The files that each event concerns; most histories are never asked."""
        files: list[set[int]] = []
        for birth, event in enumerate(self._events, 1):
            moves = self._steps[birth].moves if birth in self._steps else ()
            lost = {chain.values[chain.before(version)] for chain, version in moves}
            files.append({event.inode, *lost} - {NO_FILE})  # type: ignore[arg-type]
        return files

    @cached_property
    def _synced(self) -> list[int]:
        """By index: the position behind the last sync of names before it."""
        synced = [0]
        for at, event in enumerate(self._events, 1):
            synced.append(at if self._syncs_all(event) else synced[-1])
        return synced

    def _syncs_all(self, event: Event) -> bool:
        """True for a sync of all names that there are."""
        return event.kind is EventKind.SYNC_ALL or (
            event.kind is EventKind.SYNC_NAMES and not self._forest.folders
        )

    def untied(self) -> Untied:
        """The renames that some crash leaves half done. F12.

        Histories that do the same to names share it, whatever they write: most of a search do.
        """
        if not any(len(step.moves) > 1 for step in self._steps.values()):
            return Untied({}, {})
        shape = self._shape()
        if shape not in _untied:
            while len(_untied) >= _UNTIED_MAX:
                del _untied[next(iter(_untied))]
            _untied[shape] = self._find_untied(), self.is_cut
        untied, self.is_cut = _untied[shape]
        return untied

    def _shape(self) -> Shape:
        """All that `untied` is a function of."""
        names = tuple(
            (name, *map(tuple, (chain.values, chain.births, chain.kills, chain.passing)))
            for name, chain in self._names.items()
        )
        steps = tuple(
            (birth, event.name, event.target, *((chain.name, version) for chain, version in step.moves))
            for birth, step in self._steps.items()
            for event in (self._events[birth - 1],)
        )
        return self._forest.folders, names, steps, tuple((each.kind, each.inode) for each in self._events)

    def _find_untied(self) -> Untied:
        halves, freed = dict[int, int](), dict[int, int]()
        for at, event in enumerate(self._events):
            if event.kind not in _SYNCS and at + 1 not in self._steps:
                continue
            if self._work > _WORK_MAX:
                break
            if renames := self.renames(at + 1):
                for names in self._differing(renames, at + 1):
                    left = [step for step in renames if step.birth not in halves]
                    halves |= dict.fromkeys(_torn(left, names, at + 1, _PLACES), at + 1)
                    left = [s for s in renames if s.birth not in freed and _may_be_free(s, names)]
                    freed |= dict.fromkeys(_torn(left, names, at + 1, _FREE), at + 1)
        return Untied(halves, freed)

    def _differing(self, renames: list[Step], index: int) -> Iterator[Names]:
        """The names that may be found at this index, each once by those that these renames have moved."""
        moved = list(dict.fromkeys(chain for step in renames for chain, _ in step.moves))
        seen = set[tuple[int, ...]]()
        for position in sorted(self.positions(index)):
            for names in self.found(position, index):
                versions = tuple(names[chain] for chain in moved)  # type: ignore[index]
                if versions not in seen:
                    seen.add(versions)
                    yield names

    def renames(self, index: int) -> list[Step]:
        """The renames that no sync of names has covered at this index."""
        synced = self._synced[index]
        return [
            s
            for birth, s in self._steps.items()
            if synced < birth <= index
            and len(s.moves) > 1
            and all(version > chain.legal(index).start for chain, version in s.moves)
        ]

    def positions(self, index: int) -> set[int]:
        """The commits that matter for the names at this index.

        The last sync of names, one before each later step on names and sync of a folder, and now; of those
        before it, the oldest of all, one before each of them, and one before each event of a file that a
        later step concerns, or of a folder, for these may be logged.
        Where one of these gives a file another name, it depends on what was changed since the commit: one
        before each change.
        """
        synced = self._durable(index) if self._forest.folders else self._synced[index]
        later = [at for at in range(synced, index) if at + 1 in self._steps]
        found = {synced, index, *later}
        if not later:
            return found
        if any(self._events[at].kind in MOVES for at in later):
            found |= {at for at in range(synced, index) if self._events[at].kind in CHANGES}
        files = self._forest.folders.union(*(self._files[at] for at in later))
        found |= {at for at in range(synced, index) if self._events[at].kind is EventKind.SYNC_NAMES}
        before = [
            at
            for at in range(synced)
            if self._files[at] & files or self._events[at].kind is EventKind.SYNC_NAMES
        ]
        return found | {0, *before}

    def _durable(self, index: int) -> int:
        """The index up to which all steps on names are durable."""
        for birth, step in self._steps.items():
            if birth > index or any(v > chain.legal(index).start for chain, v in step.moves):
                return min(birth - 1, index)
        return index

    def found(self, position: int, index: int) -> list[Names]:
        """The names that may be found at this crash index, if the last commit was at this position."""
        walk = self._walks.get(position)
        if walk is None or walk.index > index:
            walk = self._walks[position] = self._walk(position, {})
        for at in range(walk.index, index):
            self._work += walk.advance(self._events[at], self._steps.get(at + 1)) * len(self._names)
        self.is_cut |= walk.is_cut
        return walk.replayed()

    def moved(self) -> set[int]:
        """The inodes that have got another name, or lost one."""
        made = {EventKind.CREATE, EventKind.FOLDER, EventKind.SYMLINK}
        return set[int]().union(
            *(self._files[birth - 1] for birth in self._steps if self._events[birth - 1].kind not in made)
        )

    def taken(self) -> Taken:
        """For each file the events at which the log of some commit may take it in for its names.

        O(n^2) in the events, once.
        """
        if self._taken is None:
            self._taken = {}
            for position, first in enumerate(self._events):
                if first.kind in CHANGES or position + 1 in self._steps or first.kind in SYNC_KINDS:
                    walk = self._walk(position, self._taken)
                    for at, event in enumerate(self._events[position:], position + 1):
                        walk.advance(event, self._steps.get(at))
        return self._taken

    def _walk(self, position: int, taken: Taken) -> Walk:
        now = {chain: bisect_right(chain.births, position) - 1 for chain in self._names.values()}
        return Walk(now, position, Tree(self._forest.folders, self._above), taken)


def _torn(renames: list[Step], names: Names, index: int, places: frozenset[str]) -> list[int]:
    """The fewest renames, by birth, that are not whole in what is found, however it is read, and have come to
    one of these places.
    """
    moved = sorted({chain for step in renames for chain, _ in step.moves}, key=lambda chain: chain.name)
    # A name that is bound as it was before is at either version.
    readings = product(*(_alike(chain, names[chain], index) for chain in moved))  # type: ignore[index,arg-type]
    torn = []
    for reading in islice(readings, _READINGS):
        at = dict(zip(moved, reading, strict=True))
        come = {step.birth: _moved(at, step) for step in renames}
        half = [birth for birth, to in come.items() if len(to) > 1 and not to.isdisjoint(places)]
        torn.append(half)
        if not half:
            break
    return min(torn, key=len)


def _may_be_free(step: Step, names: Names) -> bool:
    """True if a name that the step has filled is free there, and had a file before."""
    return any(made - 1 in chain.passing and bound_to(names, chain) == NO_FILE for chain, made in step.moves)


def _moved(names: Mapping[AnyChain, int], step: Step) -> set[str]:
    """The places that the names of a step have come to."""
    found = set()
    for chain, made in step.moves:
        version = names[chain]
        is_free = version == made - 1 and version in chain.passing
        found.add(_WHOLE if version >= made else "free" if is_free else "before")
    return found


def _alike(chain: Chain[int], version: int, index: int) -> list[int]:
    """The versions of a name that bind it alike, this one first."""
    bound = chain.values[version]
    legal = range(bisect_right(chain.kills, index), bisect_right(chain.births, index))
    return [version, *(other for other in legal if other != version and chain.values[other] == bound)]
