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
                one that has no name left keeps these, but for any that the folder brought and lost
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
from collections.abc import Iterator, Sequence, Set
from typing import Final, TypeAlias

from ..disk.events import SYNC_KINDS, Event, EventKind
from ..disk.places import split
from ..disk.tree import Forest
from .chains import NO_FILE, AnyChain, Chain, Step, Untied
from .halves import FREE, PLACES, may_be_free, torn
from .logs import MOVES, ROOTS, Log, Names, Tree, bound_to

# For a file: the events at which a log may take it in for its names, and if it may have had it before.
Taken: TypeAlias = dict[int, dict[int, bool]]

FILE_SYNCS: Final = frozenset({EventKind.SYNC, EventKind.DATASYNC, EventKind.WRITE_THROUGH})
_SYNCS: Final = FILE_SYNCS | {EventKind.SYNC_NAMES}
_CHANGES: Final = frozenset({EventKind.WRITE, EventKind.TRUNCATE, EventKind.ALLOCATE})
_LOGS_MAX: Final = 256  # Of one walk.
_WORK_MAX: Final = 2_000_000  # About three seconds.


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
        self._files: list[set[int]] = []  # Those that an event concerns.
        self._synced = [0]  # By index: the position behind the last sync of names before it.
        self._walks: dict[int, _Walk] = {}  # By position of the commit.
        self._taken: Taken | None = None
        self._work = 0  # Names that walks have gone past, in all logs.
        self.is_cut = False  # Some walk has more logs than are followed.
        for at, event in enumerate(events):
            self._synced.append(at + 1 if self._syncs_all(event) else self._synced[-1])
            moves = self._steps[at + 1].moves if at + 1 in self._steps else ()
            lost = {chain.values[chain.before(version)] for chain, version in moves}
            self._files.append({event.inode, *lost} - {NO_FILE})  # type: ignore[arg-type]

    def _syncs_all(self, event: Event) -> bool:
        """True for a sync of all names that there are."""
        return event.kind is EventKind.SYNC_ALL or (
            event.kind is EventKind.SYNC_NAMES and not self._forest.folders
        )

    def untied(self) -> Untied:
        """The renames that some crash leaves half done. F12."""
        halves, freed = dict[int, int](), dict[int, int]()
        if not any(len(step.moves) > 1 for step in self._steps.values()):
            return Untied(halves, freed)
        for at, event in enumerate(self._events):
            if event.kind not in _SYNCS and at + 1 not in self._steps:
                continue
            if self._work > _WORK_MAX:
                break
            if renames := self.renames(at + 1):
                for names in self._differing(renames, at + 1):
                    left = [step for step in renames if step.birth not in halves]
                    halves |= dict.fromkeys(torn(left, names, at + 1, PLACES), at + 1)
                    left = [s for s in renames if s.birth not in freed and may_be_free(s, names)]
                    freed |= dict.fromkeys(torn(left, names, at + 1, FREE), at + 1)
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
        later step concerns, for the file may be logged.
        Where one of these gives a file another name, it depends on what was changed since the commit: one
        before each change.
        """
        synced = self._durable(index) if self._forest.folders else self._synced[index]
        later = [at for at in range(synced, index) if at + 1 in self._steps]
        found = {synced, index, *later}
        if not later:
            return found
        if any(self._events[at].kind in MOVES for at in later):
            found |= {at for at in range(synced, index) if self._events[at].kind in _CHANGES}
        files = set().union(*(self._files[at] for at in later))
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

    def taken(self) -> Taken:
        """For each file the events at which the log of some commit may take it in for its names.

        O(n^2) in the events, once.
        """
        if self._taken is None:
            self._taken = {}
            for position, first in enumerate(self._events):
                if first.kind in _CHANGES or position + 1 in self._steps or first.kind in SYNC_KINDS:
                    walk = self._walk(position, self._taken)
                    for at, event in enumerate(self._events[position:], position + 1):
                        walk.advance(event, self._steps.get(at))
        return self._taken

    def _walk(self, position: int, taken: Taken) -> "_Walk":
        now = {chain: bisect_right(chain.births, position) - 1 for chain in self._names.values()}
        return _Walk(now, position, Tree(self._forest.folders, self._above), taken)


class _Walk:
    """A walk from one commit, event by event: the logs that there may be since."""

    __slots__ = (
        "_changed",
        "_left",
        "_less",
        "_logs",
        "_moved",
        "_now",
        "_own",
        "_replayed",
        "_taken",
        "_tree",
        "index",
        "is_cut",
    )

    def __init__(self, now: Names, position: int, tree: Tree, taken: Taken) -> None:
        self.index = position
        self.is_cut = False
        self._tree = tree
        self._logs = [Log(dict(now), tree)]
        self._replayed: list[Names] | None = None
        self._now = now
        self._changed: set[int] = set()  # Files that a sync writes,
        self._less: set[int] = set()  # those that it may write, for they have lost a name,
        self._moved: set[int] = set()  # and those that have got another name, or lost one.
        self._own: set[int] = set()  # Files that are in every log because they were synced.
        self._taken = taken
        self._left: set[int] = set()  # Folders of which a name went into another; or they did.

    def advance(self, event: Event, step: Step | None) -> int:
        """Go past the next event; `step` is what it does to names. Gives the number of logs then."""
        self._advance(event, step)
        if len(self._logs) > _LOGS_MAX:
            self._logs, self.is_cut = self._logs[:_LOGS_MAX], True
        return len(self._logs)

    def _advance(self, event: Event, step: Step | None) -> None:
        self.index += 1
        now, logs = self._now, self._logs
        if step is not None:
            lost = {bound_to(now, chain) for chain, _ in step.moves} - {NO_FILE}
            self._less |= lost
            self._changed |= {event.inode} if event.kind is not EventKind.REMOVE else set()
            self._moved |= lost | ({event.inode} if event.kind in MOVES else set())
            if len({self._tree.above[chain] for chain, _ in step.moves}) > 1:
                is_both = event.kind is EventKind.EXCHANGE or event.inode in self._tree.folders
                self._left |= {event.inode} if is_both else set()
                self._left |= {
                    self._tree.above[chain]
                    for chain, version in step.moves
                    if is_both or chain.values[version] == NO_FILE
                }
            for chain, version in step.moves:
                now[chain] = version  # type: ignore[index]
            for log in logs:
                self._take_moved(log, event)
            logs = [each for log in logs for each in log.after(event, lost, now)]
        elif event.kind in _CHANGES:
            self._changed.add(event.inode)
            return
        elif event.kind is EventKind.SYNC_NAMES and self._tree.folders:
            is_whole = event.inode in self._left  # F48: it is a commit.
            made = [
                Log(dict(now), self._tree) if is_whole else log.with_new_below(event.inode, now)
                for log in logs
            ]
            for log, new in zip(logs, made, strict=True):
                self._take(log.named(now, new.folders) | new.files - log.files)
            logs = made
            if is_whole:
                self._forget()
        elif event.kind is EventKind.SYNC_NAMES:
            for log in logs:
                self._take(log.named(now, ROOTS))
            joined = frozenset[int]().union(*(log.with_names(now, ROOTS) for log in logs))
            logs = [Log(dict(now), self._tree, joined, dict(now), ROOTS)]
        elif event.kind is EventKind.SYNC_ALL:
            logs = [Log(dict(now), self._tree)]
            self._forget()
        elif event.kind in FILE_SYNCS and event.inode in self._changed | self._less:
            written = [log.synced(event.inode, now) for log in logs]
            for log, new in zip(logs, written, strict=True):
                self._take(new.files - log.files - {event.inode})
            if event.inode in self._moved:
                folders = [self._tree.of_file(event.inode, now, log.commit) for log in written]
                for log, joining in zip(written, folders, strict=True):
                    self._take(log.named(now, joining) - {event.inode})
                written += [log.with_folder(now, each) for log, each in zip(written, folders, strict=True)]
            if event.inode in self._changed:
                logs = written
                self._own.add(event.inode)
            else:
                logs += written
            self._changed.discard(event.inode)
            self._less.discard(event.inode)
        else:
            return
        self._logs = [log for place, log in enumerate(logs) if log not in logs[:place]]
        self._replayed = None

    def _take(self, files: Set[int], *, is_again: bool = False) -> None:
        """Note that a log takes in files for their names, unless they are in all logs by their own syncs."""
        for inode in sorted(files - self._own):
            events = self._taken.setdefault(inode, {})
            events[self.index - 1] = events.get(self.index - 1, False) or is_again

    def _take_moved(self, log: Log, event: Event) -> None:
        """Note what a new name has a log take in: its file, and with the folder all that have got names."""
        if event.kind in MOVES and event.inode in log.files:
            self._take({event.inode}, is_again=True)
            self._take(log.named(self._now, self._tree.of_event(event)) - {event.inode})
        elif event.kind is EventKind.RENAME and log.folders & self._tree.of_event(event):
            self._take({event.inode})

    def _forget(self) -> None:
        """Note that all is committed that there was."""
        self._changed, self._less, self._moved = set(), set(), set()
        self._own, self._left = set(), set()

    def replayed(self) -> list[Names]:
        """The commit with each of the logs applied to it."""
        if self._replayed is None:
            self._replayed = [names for log in self._logs for names in log.replayed()]
        return self._replayed
