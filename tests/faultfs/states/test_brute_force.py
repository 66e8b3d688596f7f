"""The fast enumeration against a dumb one.

The dumb one knows nothing of chains: it lists the micro-operations that a trace has issued, each an
assignment to some coordinates, and at every crash index really tries every subset of those that no sync has
covered, and asks of each whether the clauses of FAULTS.md forbid it.
"""

from collections.abc import Callable, Iterator
from itertools import chain, combinations, pairwise
from typing import Any

import pytest

from powercut.faultfs import Event, EventKind, FaultDevice, Law, Trace, crash_states, survivor_image

PAGE = 4096
MOST_PENDING = 9
Content = tuple[tuple[tuple[str, ...], bytes], ...]  # Every file as its sorted names and its bytes.
Operation = tuple[int, int, dict[tuple[Any, ...], Any]]  # Event index, page in the event, assignments.
TORN = Law.POSIX_SPLIT


class Dumb:
    """The legal contents of a trace at each crash index, by trying."""

    def __init__(self, trace: Trace, law: Law = Law.POSIX) -> None:
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
        self.operations: list[Operation] = []
        for index, event in enumerate(trace.events):
            self.operations += [(index, page, dict(moves)) for page, moves in self.apply(event)]
            if event.kind == EventKind.DATASYNC:
                self.promises.append((index, event.inode, 0, bytes(self.files[event.inode])))
            elif event.kind == EventKind.WRITE_THROUGH:
                data = bytes(self.files[event.inode][event.offset : event.offset + event.size])
                self.promises.append((index, event.inode, event.offset, data))
        self.growths = {id(op): self.allocated(op) for op in self.operations}

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
        elif event.kind == EventKind.TRUNCATE and event.size != len(self.files[inode]):
            yield 0, {("size", inode): event.size}
            old = bytes(self.files[inode])
            self.files[inode] = bytearray(old[: event.size].ljust(event.size, b"\0"))
            for key, value in self.sectors_of(inode, self.files[inode], event.size, len(old)).items():
                if any(old[max(event.size, key[2] * self.width) : (key[2] + 1) * self.width]):
                    yield 0, {key: value}
        elif event.kind == EventKind.ALLOCATE and event.offset + event.size > len(self.files[inode]):
            self.files[inode].extend(bytes(event.offset + event.size - len(self.files[inode])))
            yield 0, {("size", inode): len(self.files[inode])}
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

    def is_journalled(self, operation: Operation) -> bool:
        key = next(iter(operation[2]))
        kind = self.trace.events[operation[0]].kind
        return key[0] == "name" or (key[0] == "size" and kind in (EventKind.TRUNCATE, EventKind.ALLOCATE))

    def is_growth(self, operation: Operation) -> bool:
        return next(iter(operation[2]))[0] == "size" and not self.is_journalled(operation)

    def allocated(self, growth: Operation) -> list[Operation]:
        """The part of the write that grew a file that lies in that page, if the file had not reached it."""
        if not self.is_growth(growth):
            return []
        ((key, size),) = growth[2].items()
        before = self.start[key]
        for other in self.operations[: self.operations.index(growth)]:
            before = other[2].get(key, before)
        if before > (size - 1) // PAGE * PAGE:
            return []
        return [op for op in self.operations if op[:2] == growth[:2] and next(iter(op[2]))[0] == "sector"]

    def in_order_of_journal(self, issued: list[Operation], kept: list[Operation], index: int) -> bool:
        """F26 to F28, read out."""
        chosen = {id(op) for op in kept}
        journal = [op for op in issued if self.is_journalled(op)]
        if any(id(b) in chosen and id(a) not in chosen for a, b in pairwise(journal)):
            return False
        lost = next((issued.index(op) for op in journal if id(op) not in chosen), len(issued))
        if any(self.is_growth(op) and id(op) in chosen for op in issued[lost:]):
            return False
        # A sync of a file commits the last step on a name of it; of the names, the last on any.
        for sync, event in enumerate(self.trace.events[:index]):
            if event.kind in (EventKind.SYNC, EventKind.SYNC_NAMES):
                named = [
                    op
                    for op in issued
                    if op[0] < sync
                    and next(iter(op[2]))[0] == "name"
                    and (event.kind == EventKind.SYNC_NAMES or self.trace.events[op[0]].inode == event.inode)
                ]
                if named and id(named[-1]) not in chosen:
                    return False
        return all(self.has_its_data(op, issued, chosen) for op in kept if self.is_growth(op))

    def has_its_data(self, growth: Operation, issued: list[Operation], chosen: set[int]) -> bool:
        key = next(iter(growth[2]))
        later = issued[issued.index(growth) + 1 :]
        if any(id(op) in chosen and key in op[2] and self.is_journalled(op) for op in later):
            return True  # The size that survives is another call's.
        return all(id(op) in chosen for op in self.growths[id(growth)])

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
        """True if everything before on the same coordinates is kept too."""
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
        if law is Law.LAZYFS:
            return self.with_data_lost(index)
        issued = self.issued(index)
        if law is Law.EXT4:
            return self.journalled_states(issued, index)
        must = [op for op in issued if self.durable(op, index)]
        if law is Law.STRICT:
            return [self.content(must)]
        if law is Law.PREFIX:
            may = [op for op in issued if not self.durable(op, index)]
            prefixes = [may[:count] for count in range(len(may) + 1)]
            return [self.content([op for op in issued if op in must or op in prefix]) for prefix in prefixes]
        return [self.content(kept) for kept in self.legal_subsets(issued, index)]

    def journalled_states(self, issued: list[Operation], index: int) -> list[Content]:
        """One for each prefix of the journal and versions of the files that are seen under it."""
        found: dict[Any, Content] = {}
        for kept in self.legal_subsets(issued, index):
            if self.in_order_of_journal(issued, kept, index):
                seen = {inode for _, inode in self.bindings(kept)}
                keys = [(next(iter(op[2])), self.is_journalled(op)) for op in kept]
                cut = sum(is_journalled for _, is_journalled in keys)
                files = sorted(key for key, _ in keys if key[0] != "name" and key[1] in seen)
                found[cut, tuple(files)] = self.content(kept)
        return list(found.values())

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


@pytest.mark.parametrize("law", list(Law))
def test_fast_enumeration_equals_trying_every_subset(
    law: Law, random_device: Callable[[int, int], FaultDevice]
) -> None:
    checked = 0
    for seed in range(0, 160, 2):
        dumb = Dumb(random_device(seed, 4 + seed // 2 % 12).trace, law)
        if dumb.most_pending() > MOST_PENDING:
            continue
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
