"""Logs: what a file system like btrfs has written of names since its last commit (F42, F48).

    commit      the names that it is applied to after a crash
    files       the inodes in it, folders too: their names in the commit go, those last written come
    folders     the folders in it: all names in them are as they were when it was written

Invariants
  1  without folders on the disk there is one, the root, and its names are all names
  2  what is replayed gives each name one of its versions

Threads: values.
Source: fsync of btrfs, Linux 6.18: FAULTS.md, F42 and F48.
"""

from collections.abc import Mapping, Set
from itertools import combinations
from typing import Final, NamedTuple, TypeAlias

from ..disk.events import Event, EventKind
from ..disk.places import ROOT, split
from .chains import NO_FILE, AnyChain, Chain

__all__ = ["MOVES", "ROOTS", "Log", "Names", "Tree", "bound_to"]

Names: TypeAlias = dict[Chain[int], int]  # A version of each name.

_RENAMES: Final = frozenset({EventKind.RENAME, EventKind.EXCHANGE})
MOVES: Final = _RENAMES | {EventKind.LINK}
ROOTS: Final = frozenset({ROOT})


class Tree(NamedTuple):
    """Which inodes are folders, and in which of them each name stands."""

    folders: frozenset[int]
    above: Mapping[AnyChain, int]

    def within(self, chain: AnyChain, folders: frozenset[int]) -> bool:
        """True for a name in one of these folders."""
        return not self.folders or self.above[chain] in folders

    def of_file(self, inode: int, *states: Names) -> frozenset[int]:
        """The folders in which the file has a name in one of these states."""
        return frozenset(
            self.above[chain] for names in states for chain in names if bound_to(names, chain) == inode
        )

    def of_event(self, event: Event) -> frozenset[int]:
        """The folders of the names that an event moves."""
        keys = (event.name, event.target) if event.kind in MOVES else (event.name,)
        return frozenset(split(key)[0] for key in keys)


class Log(NamedTuple):
    """A log: the names of the commit that it is applied to, the inodes in it, and the names last written."""

    commit: Names
    tree: Tree
    files: frozenset[int] = frozenset()
    written: Names | None = None
    folders: frozenset[int] = frozenset()  # Those whose names it has,
    loose: frozenset[int] = frozenset()  # and files in it by their names alone, in some folders (F48).

    def named(self, now: Names, folders: frozenset[int]) -> frozenset[int]:
        """The files that have got a name in these folders."""
        got = {
            bound_to(now, chain)
            for chain in now
            if bound_to(now, chain) != bound_to(self.commit, chain) and self.tree.within(chain, folders)
        }
        return frozenset(got - {NO_FILE})

    def with_names(self, now: Names, folders: frozenset[int]) -> frozenset[int]:
        """The files in it when these folders are: those that have got a name in them as well."""
        return self.files | self.named(now, folders)

    def with_folders(self, now: Names, folders: frozenset[int]) -> "list[Log]":
        """The logs when these folders join: all names in them do, and those in new folders below them; those
        in folders that have got a name in them may (F48)."""
        if not self.tree.folders:
            files = self.with_names(now, folders)
            return [Log(dict(now), self.tree, files, dict(now), self.folders | folders)]
        deep, flat = (self._below(folders, now, is_deep) for is_deep in (True, False))
        return [self._with(each, now) for each in ([deep] if deep == flat else [deep, flat])]

    def _with(self, folders: frozenset[int], now: Names) -> "Log":
        """The log when these folders join it, and all names in them with them."""
        files = self._joined(self.named(now, folders) | folders - {ROOT}, now)
        commit = {
            chain: now[chain] if self.tree.within(chain, folders) else version
            for chain, version in self.commit.items()
        }
        loose = self.loose | files - self.files
        return Log(commit, self.tree, files, dict(now), self.folders | folders, loose)

    def with_names_of(self, folder: int, now: Names) -> "list[Log]":
        """The logs after a sync of the names of a folder: it writes nothing if the folder has not changed."""
        log = self if folder == ROOT else self.synced(folder, now)
        made = log.with_folders(now, frozenset({folder}))
        return made if self._has_changed(folder, now) else [*made, self]

    def _has_changed(self, folder: int, now: Names) -> bool:
        """True if a name of the folder, or in it, is not as it was committed or logged."""
        written = self.commit if self.written is None or folder not in self.files else self.written
        own = {folder} - {ROOT}
        return any(
            now[chain] != self.commit[chain]
            if self.tree.above[chain] == folder
            else now[chain] != written[chain] and own & {bound_to(now, chain), bound_to(written, chain)}
            for chain in now
        )

    def with_folders_of(self, inode: int, now: Names, more: frozenset[int] = frozenset()) -> "list[Log]":
        """The logs when any of the folders join in which the file has, or had, a name, or any of `more`.

        F48: those were seen to join in which the commit has a name of it, and that the log does not have.
        """
        folders = sorted(self.tree.of_file(inode, now, self.commit) | more)
        if not self.tree.folders:
            return self.with_folders(now, frozenset(folders))
        return [
            log
            for count in range(1, len(folders) + 1)
            for some in combinations(folders, count)
            for log in self.with_folders(now, frozenset(some))
        ]

    def _below(self, folders: frozenset[int], now: Names, is_deep: bool) -> frozenset[int]:
        """These folders, and those that have got a name in them, all or only new ones, and so on."""
        found, waiting = set(folders), sorted(folders)
        old = set() if is_deep else {bound_to(self.commit, chain) for chain in now}
        while waiting:
            moved = self.named(now, frozenset({waiting.pop()})) & self.tree.folders - found - old
            waiting += sorted(moved)
            found |= moved
        return frozenset(found)

    def synced(self, inode: int, now: Names) -> "Log":
        """The log after a sync of a file that has changed."""
        files = self._joined({inode}, now)
        loose = (self.loose | files - self.files) - {inode} if self.tree.folders else self.loose
        return self._replace(files=files, written=dict(now), loose=loose)

    def _joined(self, joining: Set[int], now: Names) -> frozenset[int]:
        """The files in the log when these join: with whoever had a name of theirs (F42, 1), and with the
        folders of their names that the commit does not have (F48)."""
        waiting, files = sorted(joining), set(self.files)
        left = {bound_to(now, chain) for chain in now}
        old = {ROOT, *(bound_to(self.commit, chain) for chain in now)}
        while waiting:
            inode = waiting.pop()
            files.add(inode)
            names = [chain for chain in now if bound_to(now, chain) == inode]
            more = {bound_to(self.commit, chain) for chain in names} & left
            if self.tree.folders:
                more |= {self.tree.above[chain] for chain in names} - old
            waiting += sorted(more - files - {NO_FILE})
        return frozenset(files)

    def after(self, event: Event, lost: set[int], now: Names) -> "list[Log]":
        """The logs after a step on names: as it was last written, and written anew."""
        log = self
        if self.folders & self.tree.of_event(event) and event.kind in _RENAMES:
            # Who comes to a folder in the log joins it; who goes on from there is written whole.
            is_new = self.tree.folders and event.inode not in self.files
            loose = self.loose | {event.inode} if is_new else self.loose - {event.inode}
            log = log._replace(files=log.files | {event.inode}, loose=loose)
        if log.files.isdisjoint({*lost, event.inode}):
            return [log]
        logs = [self, log._replace(written=dict(now))]
        if event.inode in log.files and event.kind in MOVES:
            logs += log.with_folders_of(event.inode, now, self.tree.of_event(event))
        return logs

    def replayed(self) -> list[Names]:
        """The commit with the log applied to it, in each way in which files without names have lost them."""
        if self.written is None:
            return [self.commit]
        named = self.files & {bound_to(self.written, chain) for chain in self.written}
        gone = sorted((self.files - named) & {bound_to(self.commit, chain) for chain in self.commit})
        written = {chain: v for chain, v in self.written.items() if chain.values[v] in self.files}
        return [
            self._without({*named, *lost}) | written
            for count in range(len(gone) + 1 if self.folders else 1)
            for lost in combinations(gone, count)
        ]

    def _without(self, files: Set[int]) -> Names:
        """The names of the commit, free where one of these files has lost it."""
        assert self.written is not None
        found = dict(self.commit)
        for chain, version in self.commit.items():
            inode = bound_to(self.commit, chain)
            if inode not in files or bound_to(self.written, chain) == inode:
                continue
            if inode not in self.loose or self.tree.above[chain] in self.folders | self.tree.of_file(
                inode, self.written
            ):
                found[chain] = version + 1  # The version after one that is bound is free.
        return found


def bound_to(names: Names, chain: AnyChain) -> int:
    return chain.values[names[chain]]  # type: ignore[index, return-value]
