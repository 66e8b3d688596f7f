"""A disk that knows nothing of chains: what the fast enumeration is held against.

It lists the micro-operations that a trace has issued, each an assignment to some coordinates, and at every
crash index really tries every subset of those that no sync has covered, and asks of each whether the clauses
of FAULTS.md forbid it.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, combinations
from typing import Any

import pytest

from powercut.faultfs import Event, EventKind, FaultDevice, Law, Trace, crash_states, survivor_image

PAGE = 4096
MOST_PENDING = 9
FILE_SYNCS = (EventKind.SYNC, EventKind.DATASYNC, EventKind.WRITE_THROUGH)
NAMING = (EventKind.CREATE, EventKind.LINK, EventKind.RENAME, EventKind.REMOVE)
STEPS = (Law.STRICT, Law.PREFIX, Law.PAGECACHE, Law.LAZYFS)  # They pass over what has no step.
Content = tuple[tuple[tuple[str, ...], bytes], ...]  # Every file as its sorted names and its bytes.
Operation = tuple[int, int, dict[tuple[Any, ...], Any]]  # Event index, page in the event, assignments.
TORN = Law.POSIX_SPLIT


class Dumb:
    """The legal contents of a trace at each crash index, by trying."""

    def __init__(self, trace: Trace, law: Law, tried_names: Callable[..., Any]) -> None:
        self.trace = trace
        self.law = law
        # What fdatasync and O_DSYNC have promised: event, file, first byte, bytes.
        self.promises: list[tuple[int, int, int, bytes]] = []
        self.width = trace.sector_bytes
        self.start: dict[tuple[Any, ...], Any] = {}
        for name, inode in trace.initial.names.items():
            self.start["name", name] = inode
        for inode, data in trace.initial.files.items():
            self.start["size", inode] = len(data)
            self.start.update(self.sectors_of(inode, data, 0, len(data)))
        self.files = {inode: bytearray(data) for inode, data in trace.initial.files.items()}
        self.names = dict(trace.initial.names)
        self.moved = tried_names(self)
        self.came_apart: dict[int, int] = self.moved.came_apart
        self.operations: list[Operation] = []
        # By id: of a size that no call made (F7, F24) who shows it; "again": the size that there was.
        self.roles: dict[int, str] = {}
        for index, event in enumerate(trace.events):
            for page, moves, *role in self.apply(event, index):
                if role and law in STEPS:
                    continue
                self.operations.append((index, page, dict(moves)))
                self.roles[id(self.operations[-1])] = role[0] if role else ""
            if event.kind == EventKind.DATASYNC:
                self.promises.append((index, event.inode, 0, bytes(self.files[event.inode])))
            elif event.kind == EventKind.WRITE_THROUGH:
                data = bytes(self.files[event.inode][event.offset : event.offset + event.size])
                self.promises.append((index, event.inode, event.offset, data))
            if law is Law.POSIX and event.kind in (*FILE_SYNCS, *NAMING):
                self.moved.come_apart(index + 1)

    def sectors_of(
        self, inode: int, data: bytes | bytearray, start: int, end: int
    ) -> dict[tuple[Any, ...], bytes]:
        """The whole sectors that the bytes from start to end lie in."""
        whole = bytes(data) + bytes(self.width)
        found = {}
        for sector in range(start // self.width, -(-end // self.width)):
            found["sector", inode, sector] = whole[sector * self.width :][: self.width].ljust(
                self.width, b"\0"
            )
        return found

    def apply(self, event: Event, index: int) -> Iterator[Any]:
        """Page, assignments, and of what has no step of its own (F13) the role."""
        inode = event.inode
        if event.kind == EventKind.CREATE:
            self.files[inode] = bytearray()
            self.start["size", inode] = 0
            self.names[event.name] = inode
            yield 0, {("name", event.name): inode}
        elif event.kind == EventKind.REMOVE:
            yield from self.unlink(event.name)
        elif event.kind == EventKind.LINK:
            self.names[event.target] = inode
            yield 0, {("name", event.target): inode}
        elif event.kind == EventKind.RENAME and self.names.get(event.target) == inode:
            return
        elif event.kind == EventKind.RENAME and self.law is TORN:
            if event.target in self.names:
                yield from self.unlink(event.target)
            self.names[event.target] = inode
            yield 0, {("name", event.target): inode}
            del self.names[event.name]
            yield 0, {("name", event.name): None}
        elif event.kind == EventKind.RENAME:
            del self.names[event.name]
            self.names[event.target] = inode
            yield 0, {("name", event.name): None, ("name", event.target): inode}
        elif event.kind == EventKind.TRUNCATE and (
            event.size != len(self.files[inode]) or self.law in (Law.EXT4, Law.EXT4_ORDERED)
        ):
            yield from self.past_the_page(inode, event.size, "xfs")
            yield 0, {("size", inode): event.size}
            old = bytes(self.files[inode])
            self.files[inode] = bytearray(old[: event.size].ljust(event.size, b"\0"))
            for key, value in self.sectors_of(inode, self.files[inode], event.size, len(old)).items():
                if any(old[max(event.size, key[2] * self.width) : (key[2] + 1) * self.width]):
                    yield 0, {key: value}
        elif event.kind == EventKind.ALLOCATE and event.offset + event.size > len(self.files[inode]):
            size, end = len(self.files[inode]), event.offset + event.size
            yield from self.past_the_page(inode, end, "ext4 xfs")
            for edge in range(-(-size // PAGE) * PAGE + PAGE, end, PAGE):
                yield 0, {("size", inode): edge}, "ext4"
            self.files[inode].extend(bytes(end - size))
            yield 0, {("size", inode): len(self.files[inode])}
        elif event.kind == EventKind.WRITE and event.data:
            data, end = self.files[inode], event.offset + len(event.data)
            size = reached = len(data)
            data.extend(bytes(max(0, end - size)))
            data[event.offset : end] = event.data
            for page in range(event.offset // PAGE, (end - 1) // PAGE + 1):
                start, stop = max(event.offset, page * PAGE), min(end, (page + 1) * PAGE)
                if stop > size:
                    sizes = self.sizes_left(inode, index)
                    who = "ext4 xfs" if min(sizes) < sizes[-1] else "xfs"
                    yield from self.past_the_page(inode, stop, who, reached)
                    yield page, {("size", inode): stop}
                    reached = stop
                elif (page + 1) * PAGE < size and self.is_new_edge(inode, index, (page + 1) * PAGE):
                    yield page, {("size", inode): (page + 1) * PAGE}, "ext4 xfs"
                    yield page, {("size", inode): size}, "again"
                for key, value in self.sectors_of(inode, data, start, stop).items():
                    yield page, {key: value}

    def past_the_page(self, inode: int, size: int, who: str, old: int | None = None) -> Iterator[Any]:
        """The end of the page in which the file ended before it reached past it (F7)."""
        old = len(self.files[inode]) if old is None else old
        if old < (edge := -(-old // PAGE) * PAGE) < size:
            yield 0, {("size", inode): edge}, who

    def sizes_left(self, inode: int, index: int, kinds: tuple[EventKind, ...] = ()) -> list[int]:
        """Every size that the disk may still have, oldest first; or those since a call of these kinds."""
        sizes = [self.start["size", inode]]
        for op in self.operations:
            if ("size", inode) in op[2]:
                is_first = self.durable(op, index) or self.trace.events[op[0]].kind in kinds
                sizes = [*([] if is_first else sizes), op[2]["size", inode]]
        return sizes

    def is_new_edge(self, inode: int, index: int, edge: int) -> bool:
        since = self.sizes_left(inode, index, (EventKind.TRUNCATE, EventKind.ALLOCATE))
        return min(self.sizes_left(inode, index)) < edge and edge not in since

    def unlink(self, name: str) -> Iterator[tuple[int, dict[tuple[Any, ...], Any]]]:
        inode = self.names.pop(name)
        yield 0, {("name", name): None}
        if self.law is TORN and inode not in self.names.values() and self.files[inode]:
            yield 0, {("size", inode): 0}

    def durable(self, operation: Operation, index: int) -> bool:
        """True if a sync that returned before the index covers the operation."""
        when, _, moves = operation
        if any(self.is_promised(operation, promise) for promise in self.promises if promise[0] < index):
            return True
        for sync in range(when + 1, index):
            event = self.trace.events[sync]
            for key in moves:
                if event.kind == EventKind.SYNC_NAMES and key[0] == "name":
                    return True
                if event.kind == EventKind.SYNC and key[0] != "name" and key[1] == event.inode:
                    return True
        return False

    def is_promised(self, operation: Operation, promise: tuple[int, int, int, bytes]) -> bool:
        """True if without the operation the bytes promised would not be there, or not last (F22, F23)."""
        sync, inode, start, data = promise
        key = next(iter(operation[2]))
        if operation[0] >= sync or key[0] == "name" or key[1] != inode or not data:
            return False
        before = self.start.get(key, bytes(self.width) if key[0] == "sector" else 0)
        values, is_after = [], False
        for other in self.operations:
            if other[0] < sync and key in other[2]:
                is_after = is_after or other is operation
                if is_after:
                    values.append(before)
                before = other[2][key]
        values.append(before)
        if key[0] == "size":
            return any(size < start + len(data) for size in values)
        first = key[2] * self.width
        low, high = max(start, first), min(start + len(data), first + self.width)
        return any(
            value[low - first : high - first] != data[low - start : high - start]
            for value in values
            if low < high
        )

    def content(self, operations: list[Operation]) -> Content:
        disk = dict(self.start)
        for _, _, moves in operations:
            disk.update(moves)
        names: dict[int, list[str]] = {}
        for key, value in disk.items():
            if key[0] == "name" and value is not None:
                names.setdefault(value, []).append(key[1])
        files = []
        for inode, group in names.items():
            data = bytearray(disk["size", inode] + self.width)
            for key, value in disk.items():
                if key[0] == "sector" and key[1] == inode and key[2] * self.width < len(data):
                    data[key[2] * self.width : (key[2] + 1) * self.width] = value
            files.append((tuple(sorted(group)), bytes(data[: disk["size", inode]])))
        return tuple(sorted(files))

    def visible_inodes(self, index: int) -> set[int]:
        """The files that some legal state of names shows: only their operations count."""
        names = [op for op in self.moved.in_parts(index) if op[0] < index and next(iter(op[2]))[0] == "name"]
        shown = set()
        for kept in self.legal_subsets(names, index):
            shown |= {inode for group, inode in self.bindings(kept)}
        return shown

    def bindings(self, operations: list[Operation]) -> list[tuple[str, int]]:
        disk = {key: value for key, value in self.start.items() if key[0] == "name"}
        for _, _, moves in operations:
            disk.update(moves)
        return [(key[1], value) for key, value in disk.items() if value is not None]

    def legal_subsets(self, issued: list[Operation], index: int) -> Iterator[list[Operation]]:
        must = [number for number, op in enumerate(issued) if self.durable(op, index)]
        may = [number for number in range(len(issued)) if number not in must]
        for subset in chain.from_iterable(combinations(may, count) for count in range(len(may) + 1)):
            kept = {*must, *subset}
            if all(self.closed(issued, kept, number) for number in kept):
                yield [issued[number] for number in sorted(kept)]

    def closed(self, issued: list[Operation], kept: set[int], number: int) -> bool:
        """True if everything before on the same coordinates is kept too."""
        keys = set(issued[number][2])
        return all(earlier in kept for earlier in range(number) if keys & set(issued[earlier][2]))

    def issued(self, index: int) -> list[Operation]:
        visible = self.visible_inodes(index)
        issued = []
        for operation in self.moved.in_parts(index):
            key = next(iter(operation[2]))
            if operation[0] < index and (key[0] == "name" or key[1] in visible):
                issued.append(operation)
        return issued

    def states(self, law: Law, index: int) -> list[Content]:
        """Every legal state, one for each way to reach it."""
        if law is Law.PAGECACHE:
            before = [op for op in self.operations if op[0] < index - 1]
            last = [op for op in self.operations if op[0] == index - 1]
            pages = sorted({page for _, page, _ in last})
            cuts = [before + [op for op in last if op[1] in pages[:count]] for count in range(len(pages) + 1)]
            return [self.content(cut) for cut in cuts]
        if law is Law.LAZYFS:
            return self.with_data_lost(index)
        issued = self.issued(index)
        must = [op for op in issued if self.durable(op, index)]
        if law is Law.STRICT:
            return [self.content(must)]
        if law is Law.PREFIX:
            may = [op for op in issued if not self.durable(op, index)]
            prefixes = [may[:count] for count in range(len(may) + 1)]
            return [self.content([op for op in issued if op in must or op in prefix]) for prefix in prefixes]
        return [self.content(kept) for kept in self.legal_subsets(issued, index)]

    def with_data_lost(self, index: int) -> list[Content]:
        """F32, read out: each file with all its data, or without any that is not durable."""
        issued = [op for op in self.operations if op[0] < index]
        dirty: dict[int, list[int]] = {}
        for number, operation in enumerate(issued):
            key = next(iter(operation[2]))
            on_key = [op for op in issued[number:] if key in op[2]]
            held = any(
                self.durable(op, index)
                or self.trace.events[op[0]].kind in (EventKind.TRUNCATE, EventKind.ALLOCATE)
                for op in on_key
            )
            if key[0] != "name" and not held and key[1] in {inode for _, inode in self.bindings(issued)}:
                dirty.setdefault(key[1], []).append(number)
        states = []
        for count in range(len(dirty) + 1):
            for lost in combinations(dirty, count):
                gone = {number for inode in lost for number in dirty[inode]}
                states.append(self.content([op for at, op in enumerate(issued) if at not in gone]))
        return states

    def most_pending(self) -> int:
        return max(
            sum(not self.durable(op, index) for op in self.operations if op[0] < index)
            for index in range(len(self.trace) + 1)
        )


def content_of(image: Any) -> Content:
    return tuple(sorted((names, image.files[inode]) for inode, names in image.groups().items()))


@pytest.fixture(scope="session")
def agree(random_device: Callable[[int, int], FaultDevice], tried_names: Any) -> Callable[..., Any]:
    """Holds the fast enumeration of small random programs against what trying says."""

    def hold(
        law: Law, states_at: Callable[[Dumb, int], list[Content]], seeds: range, make: Any = None
    ) -> Counter[str]:
        checked, seen = 0, Counter[str]()
        for seed in seeds:
            device = (make or random_device)(seed, 4 + seed // 2 % 12)
            disk = Dumb(device.trace, law, tried_names)
            if disk.most_pending() > MOST_PENDING:
                continue
            seen.update(disk.roles.values())
            seen["untied"] += len(disk.came_apart)
            expected: dict[Content, set[int]] = {}
            legal = 0
            for index in range(len(disk.trace) + 1):
                states = states_at(disk, index)
                legal += len(states)
                for content in states:
                    expected.setdefault(content, set()).add(index)
            found = crash_states(disk.trace, law)
            assert found.completeness == "exhaustive"
            assert {content_of(state.image) for state in found} == set(expected), seed
            assert (found.legal, found.distinct, len(list(found))) == (legal, *[len(expected)] * 2), seed
            for state in found:
                indices = expected[content_of(state.image)]
                assert (state.first, state.last) == (min(indices), max(indices)), (seed, state)
                assert state.index in indices
                assert state.image.key() == state.key
                assert survivor_image(disk.trace, state.index, state.digits, law) == state.image
            checked += len(expected)
        assert checked > 60, checked
        return seen

    return hold
