"""Logged names: those that a file system like btrfs finds after a crash, from its last commit and its log.

A commit at position p takes everything that was issued before it to the disk, at once. A sync of a file that
was changed since writes the file and its names to a log, which is applied to the commit after a crash:

    logged      each file that was synced since p; and where the commit gives one of its names to another
                file, that one, if it has a name left; and so on
    names of    a logged file loses the names that the commit gives it, and gets those that it had at the
                last sync that wrote the log
    others      as the commit has them; a sync of names brings all

So a synced file has its name, and the rename that freed the name may be missing. A sync of a file that has
not changed since it was committed or logged writes nothing.

Invariants
  1  what is found is a version of each name, between the last sync of names and the newest
  2  found(position, index) depends on what was issued before `index` only; a position is a crash index

Threads: built once, then read only.
Source: fsync of btrfs, Linux 6.18, by its crash images: FAULTS.md, F42.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice, product
from typing import Final, TypeAlias

from ..disk.events import Event, EventKind
from .chains import NO_FILE, Chain, Step

Names: TypeAlias = "dict[Chain[int], int]"  # A version of each name.

FILE_SYNCS = frozenset({EventKind.SYNC, EventKind.DATASYNC, EventKind.WRITE_THROUGH})
_MOVES = frozenset({EventKind.LINK, EventKind.RENAME})
_CHANGES = frozenset({EventKind.WRITE, EventKind.TRUNCATE, EventKind.ALLOCATE})


_READINGS: Final = 256


class LoggedNames:
    """The names that the commits and the log of one history may leave."""

    def __init__(self, events: Sequence[Event], names: dict[str, Chain[int]], steps: list[Step]) -> None:
        self._events = events
        self._names = names
        self._steps = {step.birth: step for step in steps}

    def untied(self) -> dict[int, int]:
        """The renames that some crash leaves half done, by birth: from which crash index on. F12."""
        found: dict[int, int] = {}
        if not any(len(step.moves) > 1 for step in self._steps.values()):
            return found
        for at, event in enumerate(self._events):
            if event.kind in FILE_SYNCS and self.renames(at):
                for position in sorted(self.positions(at + 1)):
                    whole = [step for step in self.renames(at) if step.birth not in found]
                    found |= dict.fromkeys(self._torn(whole, position, at + 1), at + 1)
        return found

    def _torn(self, renames: list[Step], position: int, index: int) -> list[int]:
        """The fewest renames, by birth, that are not whole in what is found, however it is read."""
        names = self.found(position, index)
        moved = sorted({chain for step in renames for chain, _ in step.moves}, key=lambda chain: chain.name)
        # A name that is bound as it was before is at either version.
        readings = product(*(_alike(chain, names[chain], index) for chain in moved))  # type: ignore[index,arg-type]
        torn = []
        for reading in islice(readings, _READINGS):
            at = dict(zip(moved, reading, strict=True))
            half = [s.birth for s in renames if len({at[chain] >= version for chain, version in s.moves}) > 1]
            torn.append(half)
            if not half:
                break
        return min(torn, key=len)

    def renames(self, index: int) -> list[Step]:
        """The renames that no sync of names has covered at this index."""
        synced = self._synced(index)
        return [s for birth, s in self._steps.items() if synced < birth <= index and len(s.moves) > 1]

    def positions(self, index: int) -> set[int]:
        """The commits that matter for the names at this index.

        The oldest of all, the last sync of names, one before each later step on names, and now. Where one of
        these gives a file another name, it depends on what was changed since the commit: one before each
        change.
        """
        synced = self._synced(index)
        events = range(synced, index)
        if any(at + 1 in self._steps and self._events[at].kind in _MOVES for at in events):
            changes = [at for at in events if at + 1 in self._steps or self._events[at].kind in _CHANGES]
            return {0, synced, index, *changes}
        return {synced, index, *(at for at in events if at + 1 in self._steps)}

    def found(self, position: int, index: int) -> Names:
        """The names at this crash index, if the last commit was at this position."""
        commit = {chain: bisect_right(chain.births, position) - 1 for chain in self._names.values()}
        now = dict(commit)
        changed: set[int] = set()
        logged: set[int] = set()
        written: Names = {}
        for at, event in enumerate(self._events[position:index], position):
            if step := self._steps.get(at + 1):
                changed.update(chain.values[now[chain]] for chain, _ in step.moves)  # type: ignore[misc, index]
                now.update(step.moves)  # type: ignore[arg-type]
            if step or event.kind in _CHANGES:
                changed.add(event.inode)
            elif event.kind is EventKind.SYNC_NAMES:
                commit, written = dict(now), dict(now)
            elif event.kind in FILE_SYNCS and event.inode in changed:
                changed.discard(event.inode)
                self._log(event.inode, commit, now, logged)
                written = dict(now)
        return _replayed(commit, written, logged) if written else commit

    def _log(self, inode: int, commit: Names, now: Names, logged: set[int]) -> None:
        """A file joins the log, and so does who has one of its names in the commit, if it has a name left."""
        waiting = [inode]
        while waiting:
            inode = waiting.pop()
            logged.add(inode)
            own = [chain for chain, version in now.items() if chain.values[version] == inode]
            others = {chain.values[commit[chain]] for chain in own} - logged - {NO_FILE}
            waiting += sorted(others & {chain.values[version] for chain, version in now.items()})

    def _synced(self, index: int) -> int:
        """The position behind the last sync of names."""
        for at in range(index - 1, -1, -1):
            if self._events[at].kind is EventKind.SYNC_NAMES:
                return at + 1
        return 0


def _replayed(commit: Names, written: Names, logged: set[int]) -> Names:
    """The commit with the log applied to it."""
    found = dict(commit)
    alive = logged & {chain.values[version] for chain, version in written.items()}
    for chain, version in commit.items():
        if chain.values[version] in alive and chain.values[written[chain]] != chain.values[version]:
            found[chain] = version + 1  # What took it from the file.
    for chain, version in written.items():
        if chain.values[version] in alive:
            found[chain] = version
    return found


def _alike(chain: Chain[int], version: int, index: int) -> list[int]:
    """The versions of a name that bind it alike, this one first."""
    bound = chain.values[version]
    legal = range(bisect_right(chain.kills, index), bisect_right(chain.births, index))
    return [version, *(other for other in legal if other != version and chain.values[other] == bound)]
