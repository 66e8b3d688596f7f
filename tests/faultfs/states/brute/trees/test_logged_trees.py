"""The names of small trees under a law with a log: each commit and the logs since (F41, F42, F48)."""

from collections.abc import Callable, Set
from itertools import product
from typing import Any

import pytest

from powercut.faultfs import Event, EventKind, FaultDevice, Law

pytestmark = pytest.mark.once

Key = tuple[Any, ...]


class Dated(dict[Key, Any]):
    """Names, with the index at which they were so."""

    at = 0


class Logged:
    """F41, F42 and F48, read out: each commit, and the logs since; names alone."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        self.events, self.moves, self.kinds = tree.events, tree.moves, tree.kinds

    def states(self, index: int) -> set[tuple[Any, ...]]:
        return {
            self.tree.show([(0, dict(names))])
            for commit in range(index + 1)
            for names in self.found(commit, index)
        }

    def names_at(self, index: int) -> Dated:
        names = Dated({key: None for _, move in self.moves for key in move} | self.tree.start)
        names.at = index
        for when, move in self.moves:
            names |= move if when < index else {}
        return names

    def found(self, commit: int, index: int) -> set[frozenset[tuple[Key, Any]]]:
        disk = self.names_at(commit)
        # A log: names of the commit and of folders; inodes, folders in it; the names it was written with;
        # inodes that it has for their names alone; and when each folder was written, or, for -1, the commit.
        logs = [self.empty(disk)]
        changed, less, moved, left = set[int](), set[int](), set[int](), set[int]()
        parted = set[int]()
        for at in range(commit, index):
            event, before, now = self.events[at], self.names_at(at), self.names_at(at + 1)
            keys = [key for key in now if now[key] != before[key]]
            lost = {before[key] for key in keys} - {None}
            if keys:
                changed |= {event.inode} if event.kind != EventKind.REMOVE else set()
                less |= lost
                moved |= lost | ({event.inode} if event.kind in MOVES else set())
                if len({key[1] for key in keys}) > 1:
                    is_folder = self.kinds.get(event.inode) == "folder"
                    is_both = is_folder or event.kind == EventKind.EXCHANGE
                    away = {key[1] for key in keys if is_both or now[key] is None}
                    away |= {event.inode} if is_both else set()
                    is_logged = any(event.inode in log[1] or log[2] & away for log in logs)
                    (parted if is_logged and not is_both else left).update(away)
                logs = [new for log in logs for new in self.after_names(log, event, lost, now)]
            elif event.kind == EventKind.SYNC_ALL or (
                event.kind == EventKind.SYNC_NAMES and event.inode in left
            ):
                logs = [self.empty(now)]
                changed, less, moved, left, parted = set(), set(), set(), set(), set()
            elif event.kind == EventKind.SYNC_NAMES:
                synced = [self.with_file(log, event.inode, now) if event.inode else log for log in logs]
                idle = [log for log in logs if self.is_as_logged(log, event.inode, now)]
                logs = [new for log in synced for new in self.with_folders(log, {event.inode}, now)] + idle
                if event.inode in moved:
                    logs += [new for log in logs for new in self.with_places(log, event.inode, now)]
                if event.inode in parted:
                    logs.append(self.empty(now))
            elif event.kind == EventKind.SYNC and event.inode in changed | less:
                new = [self.with_file(log, event.inode, now) for log in logs]
                if event.inode in moved:
                    new += [more for log in new for more in self.with_places(log, event.inode, now)]
                logs = new if event.inode in changed else logs + new
                changed -= {event.inode}
                less -= {event.inode}
        return {frozenset(names.items()) for log in logs for names in self.replayed(log)}

    def joined(self, log: Any, waiting: set[int], now: Any) -> frozenset[int]:
        """The inodes in the log, with these, whoever had a name of theirs, and new folders above them."""
        disk, inodes, *_ = log
        while waiting:
            inodes = inodes | waiting
            keys = [key for inode in waiting for key in of(now, inode)]
            had = {disk[key] for key in keys} & set(now.values()) - {None}
            waiting = (had | {key[1] for key in keys} - {0} - set(disk.values())) - inodes
        return frozenset(inodes)

    def with_file(self, log: Any, inode: int, now: Any) -> Any:
        disk, inodes, folders, _, bare, since = log
        new = self.joined(log, {inode}, now)
        return disk, new, folders, now, (bare | new - inodes) - {inode}, since

    def empty(self, now: Dated) -> Any:
        """A log with nothing in it."""
        return now, frozenset[int](), frozenset[int](), now, frozenset[int](), {-1: now.at}

    def is_as_logged(self, log: Any, folder: int, now: Dated) -> bool:
        """True for a folder of which, and in which, no name has moved since it was written."""
        since = log[5].get(folder, log[5][-1])
        own = log[3].at if folder in log[1] else log[5][-1]
        for when, move in self.moves:
            for key, inode in move.items() if when < now.at else ():
                is_own = folder and folder in (inode, self.names_at(when)[key])
                if (when >= since and key[1] == folder) or (when >= own and is_own):
                    return False
        return True

    def with_places(self, log: Any, inode: int, now: Any, more: Set[int] = frozenset()) -> list[Any]:
        """The logs when any of the folders join in which the inode has, or had, a name, or any of `more`."""
        places = more | {key[1] for names in (now, log[0]) for key in of(names, inode)}
        found = []
        for chosen in product((False, True), repeat=len(places)):
            some = {folder for folder, is_chosen in zip(sorted(places), chosen, strict=True) if is_chosen}
            found += self.with_folders(log, some, now) if some else []
        return found

    def with_folders(self, log: Any, folders: set[int], now: Any) -> list[Any]:
        """With the new folders in them, and so on; and perhaps with those that have another name there."""
        disk, inodes, before, _, bare, since = log
        found = []
        for is_new_only in (True, False):
            below = set(folders)
            while (
                more := {
                    now[key]
                    for key in now
                    if key[1] in below and self.kinds.get(now[key]) == "folder" and now[key] != disk[key]
                    if not (is_new_only and of(disk, now[key]))
                }
                - below
            ):
                below |= more
            got = {now[key] for key in now if key[1] in below and now[key] != disk[key]} - {None}
            new = self.joined(log, got | below - {0}, now)
            new_disk = {key: now[key] if key[1] in below else disk[key] for key in disk}
            later = since | dict.fromkeys(below, now.at)
            found.append((new_disk, new, before | below, now, bare | new - inodes, later))
        return found

    def after_names(self, log: Any, event: Event, lost: set[int], now: Any) -> list[Any]:
        disk, inodes, folders, _, bare, since = log
        touched = {
            folder_of(key) for key in ((event.name, event.target) if event.kind in MOVES else (event.name,))
        }
        if folders & touched and event.kind in (EventKind.RENAME, EventKind.EXCHANGE):
            bare = bare - {event.inode} if event.inode in inodes else bare | {event.inode}
            inodes = inodes | {event.inode}
        if not inodes & {event.inode, *lost}:
            return [log]
        written = disk, inodes, folders, now, bare, since
        found = [log, written]
        if event.inode in inodes and event.kind in MOVES:
            found += self.with_places(written, event.inode, now, touched)
        return found

    def replayed(self, log: Any) -> list[Any]:
        """Inodes with no name left keep those of the commit, but that folders in the log may lose them."""
        disk, inodes, folders, text, bare, _ = log
        own = {key: inode for key, inode in text.items() if inode in inodes}
        lost = {key: inode for key, inode in disk.items() if inode in inodes and text[key] != inode}
        lost = {
            key: inode
            for key, inode in lost.items()
            if inode not in bare or key[1] in folders or key[1] in {other[1] for other in of(text, inode)}
        }
        nameless = sorted(set(lost.values()) - set(own.values()))
        ways = product((False, True), repeat=len(nameless)) if folders else [(True,) * len(nameless)]
        found = []
        for way in ways:
            kept = {inode for inode, is_kept in zip(nameless, way, strict=True) if is_kept}
            found.append(disk | {key: None for key, inode in lost.items() if inode not in kept} | own)
        return found


MOVES = (EventKind.LINK, EventKind.RENAME, EventKind.EXCHANGE)


def of(names: dict[Key, Any], inode: int) -> list[Key]:
    return [key for key, bound in names.items() if bound == inode]


def folder_of(key: str) -> int:
    folder, slash, _ = key.rpartition("/")
    return int(folder) if slash else 0


def test_names_of_small_trees_with_a_log_are_those_that_trying_finds(
    growing_device: Callable[[int, int], FaultDevice], tree_of: Any, hold_tree: Callable[..., int]
) -> None:
    checked, moved = 0, 0
    for seed in range(350):
        device = growing_device(7000 + seed, 5 + seed % 8)
        if any(event.kind == EventKind.WRITE for event in device.trace.events):
            continue
        logged = Logged(tree_of(device, Law.BTRFS))
        checked += hold_tree(Law.BTRFS, device, logged.states, seed)
        moved += any(event.kind in MOVES for event in device.trace.events)
    assert (checked > 200, moved > 20) == (True, True), (checked, moved)
