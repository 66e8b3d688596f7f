"""The names that a file system with a log finds, tried; shared by what the searches are held against."""

from itertools import product
from typing import Any

import pytest

from powercut.faultfs import EventKind

FILE_SYNCS = (EventKind.SYNC, EventKind.DATASYNC, EventKind.WRITE_THROUGH)
CHANGES = (EventKind.CREATE, EventKind.WRITE, EventKind.TRUNCATE, EventKind.ALLOCATE)
Names = dict[str, tuple[float, Any]]
# Names of the commit, files in the log, names as it was written, and if it has the folder.
Log = tuple[Names, set[int], Names | None, bool]


class TriedNames:
    """The names that a file system with a log finds (F12, F42), read out; `disk` knows no chains."""

    def __init__(self, disk: Any) -> None:
        self.disk = disk
        self.known: dict[tuple[int, int], Names] = {}
        # Renames that a log has untied, by event: from which index on; and those with the new name free.
        self.came_apart: dict[int, int] = {}
        self.came_free: dict[int, int] = {}
        self.taken: dict[int, dict[int, bool]] = {}  # See `taken_in`.
        self.tried = -1

    def name_versions(self, name: str) -> list[tuple[int, Any]]:
        """Its event, and what the name is bound to, for each version."""
        key = "name", name
        return [
            (-1, self.disk.start.get(key)),
            *((op[0], op[2][key]) for op in self.disk.operations if key in op[2]),
        ]

    def names_at(self, index: int) -> Names:
        """For each name, how often it had changed by then, and what it was bound to."""
        at = index, len(self.disk.operations)
        if at not in self.known:
            self.known[at] = self.count_names(index)
        return self.known[at]

    def count_names(self, index: int) -> Names:
        names = {key[1] for op in self.disk.operations for key in op[2] if key[0] == "name"}
        names |= {key[1] for key in self.disk.start if key[0] == "name"}
        found: Names = {}
        for name in sorted(names):
            before = [inode for when, inode in self.name_versions(name) if when < index]
            found[name] = len(before) - 1, before[-1]
        return found

    def found(self, commit: int, index: int) -> list[Names]:
        """The names that may be, if the last commit took what was issued before that event."""
        start = self.names_at(commit)
        logs: list[Log] = [(start, set(), None, False)]
        changed, shorter, moved = set(), set(), set()
        own: set[int] = set()
        for at, event in enumerate(self.disk.trace.events[commit:index], commit):
            before, now = self.names_at(at), self.names_at(at + 1)
            names = {name for name in now if now[name] != before[name]}
            losers = {before[name][1] for name in names} - {None}
            if (names and event.kind != EventKind.REMOVE) or event.kind in CHANGES:
                changed |= {event.inode}
            if names:
                shorter |= losers
                moved |= losers | (
                    {event.inode} if event.kind in (EventKind.LINK, EventKind.RENAME) else set()
                )
                for log in logs:
                    is_new = event.kind in (EventKind.LINK, EventKind.RENAME)
                    if is_new and event.inode in log[1]:
                        self.take(at, {event.inode} - own, True)
                        self.take(at, self.with_names(log, now) - own - {event.inode})
                    elif event.kind == EventKind.RENAME and log[3]:
                        self.take(at, {event.inode} - own)
                logs = [new for log in logs for new in self.after_names(log, event, losers, now)]
            elif event.kind == EventKind.SYNC_NAMES:
                for log in logs:
                    self.take(at, self.with_names(log, now) - own)
                files = set().union(*(self.with_folder(log, now)[1] for log in logs))
                logs = [(now, files, now, True)]
            elif event.kind in FILE_SYNCS and event.inode in changed | shorter:
                new = [self.with_file(log, event.inode, now) for log in logs]
                for log, made in zip(logs, new, strict=True):
                    more = self.with_names(made, now) if event.inode in moved else set()
                    self.take(at, (made[1] - log[1] | more) - own - {event.inode})
                own |= changed & {event.inode}
                new += [self.with_folder(log, now) for log in new if event.inode in moved]
                logs = new if event.inode in changed else [*logs, *new]
                changed -= {event.inode}
                shorter -= {event.inode}
        return [names for log in logs for names in self.replayed(log)]

    def take(self, at: int, files: set[int], is_again: bool = False) -> None:
        for inode in files:
            self.taken.setdefault(inode, {}).setdefault(at, False)
            self.taken[inode][at] |= is_again

    def taken_in(self, inode: int, index: int) -> dict[int, bool]:
        """The events by which a log may have a file for its names, and if it may have had it before (F41)."""
        for commit in range(index) if self.tried < index else ():
            self.found(commit, index)
        self.tried = max(index, self.tried)
        return {at: is_again for at, is_again in self.taken.get(inode, {}).items() if at < index}

    def with_names(self, log: Log, now: Names) -> set[int]:
        return {now[name][1] for name in now if now[name][1] != log[0][name][1]} - {None}

    def with_folder(self, log: Log, now: Names) -> Log:
        return now, log[1] | self.with_names(log, now), now, True

    def with_file(self, log: Log, inode: int, now: Names) -> Log:
        disk, files, _, folder = log
        more = {inode}
        while more:
            files = files | more
            names = {name for name, (_, inode) in now.items() if inode in more}
            more = {disk[name][1] for name in names} & {inode for _, inode in now.values()} - {None} - files
        return disk, files, now, folder

    def after_names(self, log: Log, event: Any, losers: set[int], now: Names) -> list[Log]:
        """As the log was written, and as anybody's sync writes it now, with the folder or without."""
        disk, files, _, folder = log
        if folder and event.kind == EventKind.RENAME:
            files = files | {event.inode}
        if not files & {event.inode, *losers}:
            return [log]
        written = disk, files, now, folder
        is_new = event.inode in files and event.kind in (EventKind.LINK, EventKind.RENAME)
        return [log, written, *([self.with_folder(written, now)] if is_new else [])]

    def replayed(self, log: Log) -> list[Names]:
        """Files with no name left keep those of the commit, but that a folder in the log may lose them."""
        disk, files, text, folder = log
        if text is None:
            return [dict(disk)]
        own = {name: text[name] for name in text if text[name][1] in files}
        lost = {name: inode for name, (_, inode) in disk.items() if inode in files and inode != text[name][1]}
        left = {inode for _, inode in own.values()}
        ways = []
        for kept in product((False, True), repeat=len(set(lost.values()) - left)):
            gone = left | {
                inode for inode, is_kept in zip({*lost.values()} - left, kept, strict=True) if not is_kept
            }
            if folder or all(kept):
                freed = {
                    name: self.freed(name, disk[name][0]) for name, inode in lost.items() if inode in gone
                }
                ways.append({**disk, **freed, **own})
        return ways

    def freed(self, name: str, version: float) -> tuple[float, None]:
        """The name when it has lost what it was bound to: between two versions if a rename has filled it."""
        after = self.name_versions(name)[int(version) + 1][1]
        return (version + 1 if after is None else version + 0.5), None

    def come_apart(self, index: int) -> None:
        """Note the fewest renames of which a crash from now on may show one name and not the other."""
        for commit in range(index + 1) if self.pending(index) else ():
            for found in self.found(commit, index):
                whole = [op for op in self.pending(index) if op[0] not in self.came_apart]
                self.came_apart |= dict.fromkeys(self.fewest(found, whole, index, {0, 1, 2}), index)
                whole = [op for op in self.pending(index) if op[0] not in self.came_free]
                whole = [op for op in whole if any(found[name][1] is None for _, name in op[2])]
                self.came_free |= dict.fromkeys(self.fewest(found, whole, index, {1}), index)

    def pending(self, index: int) -> list[Any]:
        """The renames that may be lost."""
        renames = [op for op in self.disk.operations if len(op[2]) == 2 and op[0] < index]
        return [op for op in renames if not self.disk.durable(op, index)]

    def fewest(self, found: Names, whole: list[Any], index: int, places: set[int]) -> list[int]:
        """The fewest of these renames that have come apart, to one of these places, however it is read."""
        names = sorted({key[1] for op in whole for key in op[2]})
        # Any way to read what a name is bound to as one of its versions, or as free between two.
        ways = []
        for name in names:
            bound = self.name_versions(name)
            alike: list[float] = [at for at, each in enumerate(bound) if each[1] == found[name][1]]
            if found[name][1] is None:
                alike += [at - 0.5 for at in range(1, len(bound)) if bound[at - 1][1] and bound[at][1]]
            at_least = sum(
                self.disk.durable(op, index) for op in self.disk.operations if ("name", name) in op[2]
            )
            ways.append(
                sorted((at for at in alike if at >= at_least), key=lambda at: (at != found[name][0], at))
            )
        fewest = [op[0] for op in whole]
        for way in product(*ways):
            halves = self.halves(whole, dict(zip(names, way, strict=True)), places)
            fewest = min(fewest, halves, key=len)
            if not fewest:
                break
        return fewest

    def halves(self, renames: list[Any], at: dict[str, float], places: set[int]) -> list[int]:
        """The renames, by event, of whose names one has come to it and the other has not."""
        halves = []
        for op in renames:
            come = set()
            for _, name in op[2]:
                made = [when for when, _ in self.name_versions(name)].index(op[0])
                come.add(0 if at[name] <= made - 1 else 1 if at[name] < made else 2)
            halves += [op[0]] * (len(come) > 1 and bool(come & places))
        return halves

    def in_parts(self, index: int) -> list[Any]:
        """The operations, of a rename that has come apart each name on its own."""
        parts = []
        for op in self.disk.operations:
            if self.came_apart.get(op[0], index + 1) > index:
                parts.append(op)
                continue
            for key, value in op[2].items():
                held = self.disk.start.get(key)
                for other in self.disk.operations[: self.disk.operations.index(op)]:
                    held = other[2].get(key, held)
                # A name that had a file may lose it first.
                is_free = held and value and self.came_free.get(op[0], index + 1) <= index
                parts += [(*op[:2], {key: None})] * bool(is_free) + [(*op[:2], {key: value})]
        return parts


@pytest.fixture(scope="session")
def tried_names() -> type[TriedNames]:
    """The names, for a disk."""
    return TriedNames
