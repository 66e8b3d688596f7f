"""The names of small trees under a law with a log: each commit and the logs since (F41, F42, F48)."""

from collections.abc import Callable
from itertools import product
from typing import Any

from powercut.faultfs import Event, EventKind, FaultDevice, Law

Key = tuple[Any, ...]


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

    def names_at(self, index: int) -> dict[Key, Any]:
        names: dict[Key, Any] = {key: None for _, move in self.moves for key in move} | self.tree.start
        for when, move in self.moves:
            names |= move if when < index else {}
        return names

    def found(self, commit: int, index: int) -> set[frozenset[tuple[Key, Any]]]:
        disk = self.names_at(commit)
        # A log: names of the commit and of folders; inodes, folders in it; the names it was written with; and
        # names in its folders of which it has no inode.
        logs = [(disk, frozenset[int](), frozenset[int](), disk, frozenset[Key]())]
        changed, less, moved, left = set[int](), set[int](), set[int](), set[int]()
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
                    left |= {key[1] for key in keys if is_both or now[key] is None}
                    left |= {event.inode} if is_folder else set()
                logs = [new for log in logs for new in self.after_names(log, event, lost, now)]
            elif event.kind == EventKind.SYNC_ALL or (
                event.kind == EventKind.SYNC_NAMES and event.inode in left
            ):
                logs = [(now, frozenset(), frozenset(), now, frozenset())]
                changed, less, moved, left = set(), set(), set(), set()
            elif event.kind == EventKind.SYNC_NAMES:
                logs = [self.with_new_folders(log, event.inode, now) for log in logs]
            elif event.kind == EventKind.SYNC and event.inode in changed | less:
                new = [self.with_file(log, event.inode, now) for log in logs]
                if event.inode in moved:
                    new += [
                        self.with_folders(
                            log, {k[1] for names in (now, log[0]) for k in of(names, event.inode)}, now
                        )
                        for log in new
                    ]
                logs = new if event.inode in changed else logs + new
                changed -= {event.inode}
                less -= {event.inode}
        return {frozenset(names.items()) for log in logs for names in self.replayed(log)}

    def with_parents(self, old: Any, inodes: set[int], now: Any) -> frozenset[int]:
        while more := {k[1] for inode in inodes for k in of(now, inode)} - inodes - {0} - set(old.values()):
            inodes = inodes | more
        return frozenset(inodes)

    def with_file(self, log: Any, inode: int, now: Any) -> Any:
        disk, inodes, folders, _, entries = log
        waiting, joined = [inode], set(inodes)
        while waiting:
            inode = waiting.pop()
            joined |= {inode}
            had = {disk[key] for key in of(now, inode)} - {None} - joined
            waiting += [each for each in had if of(now, each)]
            waiting += {key[1] for key in of(now, inode)} - joined - {0} - set(disk.values())
        return disk, frozenset(joined), folders, now, entries

    def with_folders(self, log: Any, folders: set[int], now: Any) -> Any:
        disk, inodes, before, _, entries = log
        got = {now[key] for key in now if key[1] in folders and now[key] != disk[key]} - {None} - inodes
        joined = {inode for inode in got if all(key[1] in folders for key in of(disk, inode))}
        new_disk = {key: now[key] if key[1] in folders else disk[key] for key in disk}
        everything = self.with_parents(disk, inodes | joined | folders - {0}, now)
        bare = {key for key in now if key[1] in folders and now[key] in got - joined}
        return new_disk, everything, before | folders, now, entries | bare

    def with_new_folders(self, log: Any, folder: int, now: Any) -> Any:
        below = {folder}
        while (
            more := {
                now[key]
                for key in now
                if key[1] in below and self.kinds.get(now[key]) == "folder" and not of(log[0], now[key])
            }
            - below
        ):
            below |= more
        return self.with_folders(self.with_file(log, folder, now) if folder else log, below, now)

    def after_names(self, log: Any, event: Event, lost: set[int], now: Any) -> list[Any]:
        disk, inodes, folders, _, entries = log
        touched = {
            folder_of(key) for key in ((event.name, event.target) if event.kind in MOVES else (event.name,))
        }
        if folders & touched and event.kind in (EventKind.RENAME, EventKind.EXCHANGE):
            inodes = inodes | {event.inode}
        if not inodes & {event.inode, *lost}:
            gone = {key: now[key] for key in entries if now[key] != disk[key]}
            return [log, (disk | gone, *log[1:])] if gone else [log]
        written = disk, inodes, folders, now, entries
        if event.inode in inodes and event.kind in MOVES:
            return [log, written, self.with_folders(written, touched, now)]
        return [log, written]

    def replayed(self, log: Any) -> list[Any]:
        """Inodes with no name left keep those of the commit, but that folders in the log may lose them."""
        disk, inodes, folders, text, _ = log
        own = {key: inode for key, inode in text.items() if inode in inodes}
        lost = {key: inode for key, inode in disk.items() if inode in inodes and text[key] != inode}
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
    for seed in range(700):
        device = growing_device(7000 + seed, 5 + seed % 8)
        if any(event.kind == EventKind.WRITE for event in device.trace.events):
            continue
        logged = Logged(tree_of(device, Law.BTRFS))
        checked += hold_tree(Law.BTRFS, device, logged.states, seed)
        moved += any(event.kind in MOVES for event in device.trace.events)
    assert (checked > 200, moved > 20) == (True, True), (checked, moved)
