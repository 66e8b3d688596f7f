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
    folders: frozenset[int] = frozenset()  # Those whose names it has.
    entries: frozenset[AnyChain] = frozenset()  # Names in them that it has without their files.

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

    def with_folder(self, now: Names, folders: frozenset[int]) -> "Log":
        """The log when these folders join it, and all names in them with them."""
        if not self.tree.folders:
            return Log(dict(now), self.tree, self.with_names(now, folders), dict(now), self.folders | folders)
        got = self.with_names(now, folders) - self.files
        # Who has a name elsewhere keeps it: the folder is written, and the file is not.
        kept = {inode for inode in got if not self.tree.of_file(inode, self.commit) <= folders}
        commit = {
            chain: now[chain] if self.tree.within(chain, folders) else version
            for chain, version in self.commit.items()
        }
        files = self._with_parents(self.files | got - kept | folders - {ROOT}, now)
        own = {chain for chain in now if bound_to(now, chain) in kept and self.tree.within(chain, folders)}
        return Log(commit, self.tree, files, dict(now), self.folders | folders, self.entries | own)

    def with_new_below(self, folder: int, now: Names) -> "Log":
        """The log after a sync of the names of a folder: all new folders below it join as well (F48)."""
        log = self if folder == ROOT else self.synced(folder, now)
        old = {bound_to(self.commit, chain) for chain in now}
        below, waiting = {folder}, [folder]
        while waiting:
            above = waiting.pop()
            new = {bound_to(now, chain) for chain in now if self.tree.above[chain] == above}
            waiting += sorted(new & self.tree.folders - old - below)
            below.update(waiting)
        return log.with_folder(now, frozenset(below))

    def synced(self, inode: int, now: Names) -> "Log":
        """The log after a sync of a file that has changed."""
        waiting, files = [inode], set(self.files)
        left = {bound_to(now, chain) for chain in now}
        old = {ROOT, *(bound_to(self.commit, chain) for chain in now)}
        while waiting:
            inode = waiting.pop()
            files.add(inode)
            names = [chain for chain in now if bound_to(now, chain) == inode]
            joining = {bound_to(self.commit, chain) for chain in names} & left
            if self.tree.folders:
                joining |= {self.tree.above[chain] for chain in names} - old  # F48
            waiting += sorted(joining - files - {NO_FILE})
        return self._replace(files=frozenset(files), written=dict(now))

    def _with_parents(self, files: frozenset[int], now: Names) -> frozenset[int]:
        """These inodes, and the folders of their names that the commit does not have, and so on (F48)."""
        old = {bound_to(self.commit, chain) for chain in now}
        while True:
            parents = {self.tree.above[chain] for chain in now if bound_to(now, chain) in files}
            if parents - old - files <= {ROOT}:
                return files
            files |= parents - old - {ROOT}

    def after(self, event: Event, lost: set[int], now: Names) -> "list[Log]":
        """The logs after a step on names: as it was last written, and written anew."""
        log = self
        if self.folders & self.tree.of_event(event) and event.kind in _RENAMES:
            log = log._replace(files=log.files | {event.inode})
        if log.files.isdisjoint({*lost, event.inode}):
            gone: Names = {  # Of names alone.
                each: now[each]  # type: ignore[misc, index]
                for each in log.entries
                if now[each] != log.commit[each]  # type: ignore[index]
            }
            return [log, log._replace(commit=log.commit | gone)] if gone else [log]
        logs = [self, log._replace(written=dict(now))]
        if event.inode in log.files and event.kind in MOVES:
            logs.append(log.with_folder(now, self.tree.of_event(event)))
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
            if inode in files and bound_to(self.written, chain) != inode:
                found[chain] = version + 1  # The version after one that is bound is free.
        return found


def bound_to(names: Names, chain: AnyChain) -> int:
    return chain.values[names[chain]]  # type: ignore[index, return-value]
