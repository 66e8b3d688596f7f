"""The fast enumeration of small trees against trying every subset of what was issued, for every law.

The disk here knows no chains, windows or journals: it lists what each event assigned to names and bytes, and
asks of every subset whether the clauses of FAULTS.md forbid it. Which renames a log has untied (F12) is taken
from the history; for flat disks that is tried in `test_brute_force`.
"""

from collections.abc import Callable, Iterator
from itertools import chain, combinations
from typing import Any

import pytest

from powercut.faultfs import Event, EventKind, FaultDevice, History, Image, Law, crash_states, survivor_image

ORDERED = (Law.EXT4, Law.EXT4_ORDERED, Law.XFS)
Key = tuple[Any, ...]
Move = tuple[int, dict[Key, Any]]  # An event, and what it assigned.


def seen(disk: dict[Key, Any], files: dict[int, bytes], kinds: dict[int, str]) -> tuple[Any, ...]:
    """The paths with what they lead to, and which of them share a file or link."""
    found: list[tuple[str, Any, int]] = []

    def visit(folder: int, before: str, above: frozenset[int]) -> None:
        for key, inode in disk.items():
            if key[0] != "name" or key[1] != folder or inode is None or inode in above:
                continue
            path = before + key[2]
            kind = kinds.get(inode, "")
            found.append((path, kind or bytes(disk.get(("data", inode), files.get(inode, b""))), inode))
            if kind == "folder":
                visit(inode, f"{path}/", above | {inode})

    visit(0, "", frozenset({0}))
    shared: dict[int, list[str]] = {}
    for path, what, inode in found:
        if what != "folder":
            shared.setdefault(inode, []).append(path)
    what_is_there = tuple(sorted((path, what) for path, what, _ in found))
    return what_is_there, tuple(sorted(tuple(sorted(paths)) for paths in shared.values()))


def shown(image: Image) -> tuple[Any, ...]:
    """The same of an image of the package."""
    found: list[tuple[str, Any]] = []
    shared: dict[int, list[str]] = {}
    for path, item in image.paths().items():
        told = "folder" if item.kind == 1 else f"link {item.data.decode()}" if item.kind == 2 else item.data
        found.append((path, told))
        if item.kind != 1:
            shared.setdefault(item.inode, []).append(path)
    return tuple(sorted(found)), tuple(sorted(tuple(sorted(paths)) for paths in shared.values()))


def place(key: str) -> Key:
    folder, slash, name = key.rpartition("/")
    return ("name", int(folder) if slash else 0, name)


class Tree:
    """A trace as assignments, and what each law leaves of them."""

    def __init__(self, device: FaultDevice, law: Law) -> None:
        trace = device.trace
        self.events, self.law = trace.events, law
        self.files = dict(trace.initial.files)
        self.kinds = dict.fromkeys(trace.initial.folders, "folder")
        self.kinds |= {inode: f"link {target}" for inode, target in trace.initial.links.items()}
        self.start: dict[Key, Any] = {place(key): inode for key, inode in trace.initial.names.items()}
        self.moves: list[Move] = []
        self.untied = History(trace).untied
        live, data = dict(self.start), dict(self.files)
        for index, event in enumerate(self.events):
            for move in self.apply(event, live, data):
                live |= move
                self.moves.append((index, move))

    def apply(self, event: Event, live: dict[Key, Any], data: dict[int, bytes]) -> Iterator[dict[Key, Any]]:
        name, inode = place(event.name), event.inode
        is_torn = self.law is Law.POSIX_SPLIT
        match event.kind:
            case EventKind.FOLDER | EventKind.SYMLINK | EventKind.CREATE:
                if event.kind != EventKind.CREATE:
                    is_folder = event.kind == EventKind.FOLDER
                    self.kinds[inode] = "folder" if is_folder else f"link {event.target}"
                else:
                    self.files[inode] = data[inode] = b""
                yield {name: inode}
            case EventKind.REMOVE:
                yield {name: None}
                yield from self.emptied(inode, live, data)
            case EventKind.LINK:
                yield {place(event.target): inode}
            case EventKind.WRITE:
                data[inode] = event.data + data[inode][len(event.data) :]
                yield {("data", inode): data[inode]}
            case EventKind.RENAME if live.get(place(event.target)) != inode:
                if not is_torn:
                    yield {name: None, place(event.target): inode}
                    return
                other = live.get(place(event.target))
                if other:
                    yield {place(event.target): None}
                    yield from self.emptied(other, live, data)
                yield {place(event.target): inode}
                yield {name: None}
            case EventKind.EXCHANGE if live[place(event.target)] != inode:
                pairs = {name: live[place(event.target)], place(event.target): inode}
                if not is_torn:
                    yield pairs
                else:
                    yield from (part for key, new in pairs.items() for part in ({key: None}, {key: new}))

    def emptied(self, inode: int, live: dict[Key, Any], data: dict[int, bytes]) -> Iterator[dict[Key, Any]]:
        """F30, where all bytes of a file go in one."""
        if self.law is Law.POSIX_SPLIT and inode not in live.values() and data.get(inode):
            data[inode] = b""
            yield {("data", inode): b""}

    def covers(self, sync: int, key: Key) -> bool:
        event: Event = self.events[sync]
        if event.kind == EventKind.SYNC_ALL:
            return True
        if event.kind == EventKind.SYNC_NAMES:
            return bool(key[0] == "name" and key[1] == event.inode)
        return event.kind == EventKind.SYNC and key == ("data", event.inode)

    def is_durable(self, when: int, key: Key, index: int) -> bool:
        if any(self.covers(sync, key) for sync in range(when + 1, index)):
            return True
        later = [(at, move) for at, move in self.moves if at >= when and key in move]
        return any(self.brings(sync, move) for at, move in later for sync in range(at + 1, index))

    def brings(self, sync: int, move: dict[Key, Any]) -> bool:
        """True for a sync that makes all of a move between folders durable (F46)."""
        event = self.events[sync]
        if event.kind != EventKind.SYNC_NAMES or len({key[1] for key in move}) < 2:
            return False
        is_both = None not in move.values() or any(
            self.kinds.get(inode) == "folder" for inode in move.values()
        )
        return any(key[1] == event.inode for key, inode in move.items() if is_both or inode is None)

    def parts(self, index: int) -> list[Move]:
        """The assignments issued, those of a rename apart that a sync or a log has taken apart (F12, F46)."""
        found: list[Move] = []
        for when, move in self.moves:
            if when >= index:
                break
            is_apart = len({self.is_durable(when, key, index) for key in move}) > 1
            is_untied = self.untied.halves.get(when + 1, index + 1) <= index and self.law in (Law.POSIX,)
            if (not is_apart or self.law in ORDERED) and not is_untied:
                found.append((when, move))
                continue
            for key, new in move.items():
                held = self.start.get(key)
                for _, other in self.moves[: self.moves.index((when, move))]:
                    held = other.get(key, held)
                is_free = held and new and self.untied.freed.get(when + 1, index + 1) <= index
                if is_free and is_untied:
                    found.append((when, {key: None}))
                found.append((when, {key: new}))
        return found

    def show(self, kept: list[Move]) -> tuple[Any, ...]:
        disk = dict(self.start)
        for _, move in kept:
            disk |= move
        return seen(disk, self.files, self.kinds)

    def states(self, index: int) -> set[tuple[Any, ...]]:
        if self.law is Law.PAGECACHE:
            return {self.show([m for m in self.moves if m[0] < last]) for last in (max(0, index - 1), index)}
        if self.law is Law.LAZYFS:
            return self.with_data_lost(index)
        moves = self.parts(index)
        must = [
            n for n, (when, move) in enumerate(moves) if all(self.is_durable(when, k, index) for k in move)
        ]
        may = [n for n in range(len(moves)) if n not in must]
        if self.law is Law.STRICT:
            return {self.show([moves[n] for n in must])}
        if self.law is Law.PREFIX:
            cuts = [{*must, *may[:count]} for count in range(len(may) + 1)]
            return {self.show([moves[n] for n in sorted(kept)]) for kept in cuts}
        subsets = chain.from_iterable(combinations(may, count) for count in range(len(may) + 1))
        legal = ({*must, *subset} for subset in subsets)
        return {
            self.show([moves[n] for n in sorted(kept)]) for kept in legal if self.is_legal(moves, kept, index)
        }

    def is_legal(self, moves: list[Move], kept: set[int], index: int) -> bool:
        for number in kept:
            keys = moves[number][1].keys()
            if any(n not in kept for n in range(number) if keys & moves[n][1].keys()):
                return False
        return self.law not in ORDERED or self.is_in_order(moves, kept, index)

    def is_in_order(self, moves: list[Move], kept: set[int], index: int) -> bool:
        """F26, F28, F47: of the steps on names a first part, at least up to what the syncs committed."""
        journal = [n for n, (_, move) in enumerate(moves) if next(iter(move))[0] == "name"]
        taken = [n in kept for n in journal]
        if taken != sorted(taken, reverse=True):
            return False
        for sync in range(index):
            event = self.events[sync]
            before = [n for n in journal if moves[n][0] < sync]
            if event.kind == EventKind.SYNC_NAMES:
                inside = [n for n in before if any(key[1] == event.inode for key in moves[n][1])]
                concerned = inside + (
                    [n for n in before if self.is_of(moves[n], event.inode)] if event.inode else []
                )
            elif event.kind == EventKind.SYNC:
                concerned = [n for n in before if self.is_of(moves[n], event.inode)]
            else:
                concerned = before if event.kind == EventKind.SYNC_ALL else []
            if concerned and max(concerned) not in kept:
                return False
        return True

    def is_of(self, move: Move, inode: int) -> bool:
        return self.events[move[0]].inode == inode or inode in move[1].values()

    def with_data_lost(self, index: int) -> set[tuple[Any, ...]]:
        """F32: of each file all unsynced bytes or none; no name is lost."""
        moves = [m for m in self.moves if m[0] < index]
        dirty: dict[int, list[Move]] = {}
        for when, move in moves:
            key = next(iter(move))
            if key[0] == "data" and not self.is_durable(when, key, index):
                dirty.setdefault(key[1], []).append((when, move))
        subsets = chain.from_iterable(combinations(dirty, count) for count in range(len(dirty) + 1))
        gone = ([m for inode in subset for m in dirty[inode]] for subset in subsets)
        return {self.show([m for m in moves if m not in lost]) for lost in gone}

    def most_pending(self) -> int:
        return max(
            sum(
                not all(self.is_durable(when, key, index) for key in move) for when, move in self.parts(index)
            )
            for index in range(len(self.events) + 1)
        )


def hold(law: Law, device: FaultDevice, states_at: Callable[[int], set[tuple[Any, ...]]], seed: int) -> int:
    """Holds the enumeration of one program against what trying says."""
    expected: dict[tuple[Any, ...], list[int]] = {}
    for index in range(len(device.trace) + 1):
        for content in states_at(index):
            expected.setdefault(content, []).append(index)
    found = crash_states(device.trace, law)
    assert found.completeness == "exhaustive"
    images = {shown(state.image): state for state in found}
    assert images.keys() == expected.keys(), (
        seed,
        sorted(images.keys() - expected.keys()),
        sorted(expected.keys() - images.keys()),
    )
    assert found.legal >= found.distinct == len(expected)
    for content, state in images.items():
        assert (state.first, state.last) == (min(expected[content]), max(expected[content])), (seed, state)
        assert state.image.key() == state.key
        assert survivor_image(device.trace, state.index, state.digits, law) == state.image, (seed, state)
    return len(expected)


@pytest.fixture(scope="session")
def tree_of() -> type[Tree]:
    """A trace under a law, by trying."""
    return Tree


@pytest.fixture(scope="session")
def hold_tree() -> Callable[..., int]:
    """Holds the enumeration of one program against what trying says; gives the number of contents."""
    return hold
