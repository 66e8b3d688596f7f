"""The fast enumeration against a dumb one.

The dumb one knows nothing of chains: it lists the micro-operations that a trace has issued, each an
assignment to some coordinates, and at every crash index really tries every subset of those that no sync has
covered.
"""

from collections.abc import Callable, Iterator
from itertools import chain, combinations
from typing import Any

import pytest

from faultfs import Event, EventKind, FaultDevice, Law, Trace, crash_states, survivor_image

PAGE = 4096
MOST_PENDING = 9
Content = tuple[tuple[tuple[str, ...], bytes], ...]  # Every file as its sorted names and its bytes.
Operation = tuple[int, int, dict[tuple[Any, ...], Any]]  # Event index, page in the event, assignments.


class Dumb:
    """The legal contents of a trace at each crash index, by trying."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.width = trace.sector_bytes
        self.start: dict[tuple[Any, ...], Any] = {}
        for name, inode in trace.initial.names.items():
            self.start["name", name] = inode
        for inode, data in trace.initial.files.items():
            self.start["size", inode] = len(data)
            self.start.update(self.sectors_of(inode, data, 0, len(data)))
        self.files = {inode: bytearray(data) for inode, data in trace.initial.files.items()}
        self.names = dict(trace.initial.names)
        self.operations: list[Operation] = []
        for index, event in enumerate(trace.events):
            self.operations += [(index, page, dict(moves)) for page, moves in self.apply(event)]

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

    def apply(self, event: Event) -> Iterator[tuple[int, dict[tuple[Any, ...], Any]]]:
        inode = event.inode
        if event.kind == EventKind.CREATE:
            self.files[inode] = bytearray()
            self.start["size", inode] = 0
            self.names[event.name] = inode
            yield 0, {("name", event.name): inode}
        elif event.kind == EventKind.REMOVE:
            del self.names[event.name]
            yield 0, {("name", event.name): None}
        elif event.kind == EventKind.LINK:
            self.names[event.target] = inode
            yield 0, {("name", event.target): inode}
        elif event.kind == EventKind.RENAME and self.names.get(event.target) != inode:
            del self.names[event.name]
            self.names[event.target] = inode
            yield 0, {("name", event.name): None, ("name", event.target): inode}
        elif event.kind == EventKind.TRUNCATE and event.size != len(self.files[inode]):
            yield 0, {("size", inode): event.size}
            old = bytes(self.files[inode])
            self.files[inode] = bytearray(old[: event.size].ljust(event.size, b"\0"))
            for key, value in self.sectors_of(inode, self.files[inode], event.size, len(old)).items():
                if any(old[max(event.size, key[2] * self.width) : (key[2] + 1) * self.width]):
                    yield 0, {key: value}
        elif event.kind == EventKind.WRITE and event.data:
            data, end = self.files[inode], event.offset + len(event.data)
            size = len(data)
            data.extend(bytes(max(0, end - size)))
            data[event.offset : end] = event.data
            for page in range(event.offset // PAGE, (end - 1) // PAGE + 1):
                start, stop = max(event.offset, page * PAGE), min(end, (page + 1) * PAGE)
                if stop > size:
                    yield page, {("size", inode): stop}
                for key, value in self.sectors_of(inode, data, start, stop).items():
                    yield page, {key: value}

    def durable(self, operation: Operation, index: int) -> bool:
        """Whether a sync that returned before the index covers the operation."""
        when, _, moves = operation
        for sync in range(when + 1, index):
            event = self.trace.events[sync]
            for key in moves:
                if event.kind == EventKind.SYNC_NAMES and key[0] == "name":
                    return True
                if event.kind == EventKind.SYNC and key[0] != "name" and key[1] == event.inode:
                    return True
        return False

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
        names = [op for op in self.operations if op[0] < index and next(iter(op[2]))[0] == "name"]
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
        """Whether everything before on the same coordinates is kept too."""
        keys = set(issued[number][2])
        return all(earlier in kept for earlier in range(number) if keys & set(issued[earlier][2]))

    def issued(self, index: int) -> list[Operation]:
        visible = self.visible_inodes(index)
        issued = []
        for operation in self.operations:
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
        issued = self.issued(index)
        must = [op for op in issued if self.durable(op, index)]
        if law is Law.STRICT:
            return [self.content(must)]
        if law is Law.PREFIX:
            may = [op for op in issued if not self.durable(op, index)]
            prefixes = [may[:count] for count in range(len(may) + 1)]
            return [self.content([op for op in issued if op in must or op in prefix]) for prefix in prefixes]
        return [self.content(kept) for kept in self.legal_subsets(issued, index)]

    def most_pending(self) -> int:
        return max(
            sum(not self.durable(op, index) for op in self.operations if op[0] < index)
            for index in range(len(self.trace) + 1)
        )


def content_of(image: Any) -> Content:
    return tuple(sorted((names, image.files[inode]) for inode, names in image.groups().items()))


def small_traces(
    random_device: Callable[[int, int], FaultDevice], first: int, count: int
) -> Iterator[tuple[int, Dumb]]:
    for seed in range(first, first + count):
        dumb = Dumb(random_device(seed, 4 + seed % 12).trace)
        if dumb.most_pending() <= MOST_PENDING:
            yield seed, dumb


@pytest.mark.parametrize("law", list(Law))
def test_fast_enumeration_equals_trying_every_subset(
    law: Law, random_device: Callable[[int, int], FaultDevice]
) -> None:
    checked = 0
    for seed, dumb in small_traces(random_device, 0, 400):
        expected: dict[Content, set[int]] = {}
        legal = 0
        for index in range(len(dumb.trace) + 1):
            states = dumb.states(law, index)
            legal += len(states)
            for content in states:
                expected.setdefault(content, set()).add(index)
        found = crash_states(dumb.trace, law)
        assert found.completeness == "exhaustive"
        assert (found.legal, found.distinct, len(list(found))) == (legal, len(expected), len(expected)), seed
        for state in found:
            indices = expected[content_of(state.image)]
            assert (state.first, state.last) == (min(indices), max(indices)), (seed, state)
            assert state.index in indices
            assert state.image.key() == state.key
            assert survivor_image(dumb.trace, state.index, state.digits, law) == state.image
        checked += len(expected)
    assert checked > 100, checked
