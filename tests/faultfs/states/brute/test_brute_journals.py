"""The fast enumeration against trying every subset of what was issued: the laws with a journal, read out."""

from collections import Counter
from collections.abc import Callable
from itertools import pairwise, product
from typing import Any

import pytest

from powercut.faultfs import EventKind, Law
from powercut.faultfs.law.journal import RULES

pytestmark = pytest.mark.once

PAGE = 4096
FILE_SYNCS = (EventKind.SYNC, EventKind.DATASYNC, EventKind.WRITE_THROUGH)
JOURNALLED = (EventKind.TRUNCATE, EventKind.ALLOCATE)
Operation = tuple[int, int, dict[tuple[Any, ...], Any]]


class Journalled:
    """The contents that a disk has at an index under F26 to F28, F40 to F43."""

    def __init__(self, disk: Any, law: Law) -> None:
        self.disk = disk
        self.law = law
        self.shows = law.removesuffix("_ordered")
        self.taken = Counter[str]()

    def role(self, op: Operation) -> str:
        return str(self.disk.roles.get(id(op), ""))

    def is_journalled(self, op: Operation) -> bool:
        kind = self.disk.trace.events[op[0]].kind
        return key_of(op)[0] == "name" or (is_size(op) and kind in JOURNALLED and not self.role(op))

    def is_growth(self, op: Operation) -> bool:
        return is_size(op) and not self.is_journalled(op)

    def states(self, index: int) -> list[Any]:
        """One content for each point of the journal and versions of the files that are seen there."""
        find = self.with_log if self.law is Law.BTRFS else self.in_order
        return list(find(index).values())

    def in_order(self, index: int) -> dict[Any, Any]:
        disk, found = self.disk, {}
        issued = disk.issued(index)
        for kept in disk.legal_subsets(issued, index):
            if self.is_legal(issued, kept, index):
                seen = {inode for _, inode in disk.bindings(kept)}
                cut = sum(map(self.is_journalled, kept))
                keys = sorted(key_of(op) for op in kept if key_of(op)[0] != "name" and key_of(op)[1] in seen)
                found[cut, tuple(keys)] = disk.content(kept)
        return found

    def is_legal(self, issued: list[Operation], kept: list[Operation], index: int) -> bool:
        chosen = {id(op) for op in kept}
        journal = [op for op in issued if self.is_journalled(op)]
        if any(id(b) in chosen and id(a) not in chosen for a, b in pairwise(journal)):
            return False
        lost = next((issued.index(op) for op in journal if id(op) not in chosen), len(issued))
        if any(self.is_growth(op) and id(op) in chosen for op in issued[lost:]):
            return False
        for sync, event in enumerate(self.disk.trace.events[:index]):
            if event.kind in (EventKind.SYNC, EventKind.SYNC_NAMES):
                concerned = [op for op in issued if op[0] < sync and self.is_concerned(op, event)]
                if concerned and id(concerned[-1]) not in chosen:
                    return False
        return all(self.stands(ops, chosen) for ops in self.sizes_of(kept, issued))

    def is_concerned(self, op: Operation, event: Any) -> bool:
        """A sync of a file commits the last step on a name of it; of the names, the last on any."""
        if key_of(op)[0] != "name":
            return False
        return bool(event.kind == EventKind.SYNC_NAMES or self.disk.trace.events[op[0]].inode == event.inode)

    def sizes_of(self, kept: list[Operation], issued: list[Operation]) -> list[list[Operation]]:
        """For each file whose size has changed: the changes up to the one that survives."""
        keys = {key_of(op) for op in issued if is_size(op)}
        return [[op for op in kept if key in op[2]] for key in keys]

    def stands(self, sizes: list[Operation], chosen: set[int]) -> bool:
        """The size that survives is one that the file system shows, and what it needs has survived."""
        if not sizes or self.is_journalled(sizes[-1]):
            return True
        role = self.role(sizes[-1])
        if role not in ("", "again") and self.shows not in role.split():
            return False
        if self.law is Law.EXT4:
            return True
        return all(id(op) in chosen for op in self.own_data(sizes))

    def new_page(self, growth: Operation) -> list[Operation]:
        """The part of the write that grew a file that lies in that page, if the file had not reached it."""
        if self.role(growth):
            return []
        ((key, size),) = growth[2].items()
        before = self.disk.start[key]
        for other in self.disk.operations[: self.disk.operations.index(growth)]:
            before = other[2].get(key, before)
        return [] if before > (size - 1) // PAGE * PAGE else self.data_of(growth)

    def data_of(self, growth: Operation) -> list[Operation]:
        return [op for op in self.disk.operations if op[:2] == growth[:2] and key_of(op)[0] == "sector"]

    def own_data(self, sizes: list[Operation]) -> list[Operation]:
        """The data by which the last of these sizes has come to the disk (F40)."""
        last, *before = sizes[::-1]
        if self.role(last) == "again":
            return self.own_data(before[1:][::-1]) if before[1:] else []
        event = self.disk.trace.events[last[0]]
        is_below = self.role(last) and event.kind == EventKind.WRITE and event.offset < last[2][key_of(last)]
        if self.role(last) and not is_below:
            return self.own_data(before[::-1]) if before else []
        needed = self.new_page if self.law is Law.EXT4_ORDERED else self.data_of
        return [] if self.is_journalled(last) else needed(last)

    # A log.

    def with_log(self, index: int) -> dict[Any, Any]:
        disk, found = self.disk, {}
        journal = [op for op in disk.operations if op[0] < index and self.is_journalled(op)]
        floor = next((at for at, op in enumerate(journal) if not disk.durable(op, index)), len(journal))
        files = [op for op in disk.operations if op[0] < index and key_of(op)[0] != "name"]
        subsets = list(disk.legal_subsets(files, index))
        for commit in range(index + 1):
            cut = max(floor, sum(op[0] < commit for op in journal))
            until = journal[cut][0] if cut < len(journal) else index
            ways = [
                {name: inode for name, (_, inode) in each.items() if inode}
                for each in disk.moved.found(commit, index)
            ]
            for kept, names in product(subsets, ways):
                chosen = {id(op) for op in kept}
                if self.is_committed(files, chosen, journal[:cut], until, index):
                    seen = sorted(key_of(op) for op in kept if key_of(op)[1] in names.values())
                    state = tuple(sorted(names.items())), tuple(seen)
                    found[cut, state] = self.content(kept, names)
        return found

    def is_committed(
        self, files: list[Operation], chosen: set[int], journal: list[Operation], until: int, index: int
    ) -> bool:
        if any(id(op) not in chosen for op in journal if is_size(op)):
            return False
        newer = [
            op for op in files if id(op) in chosen and op[0] >= max(until, self.brought(key_of(op)[1], index))
        ]
        kept = [op for op in files if id(op) in chosen]
        for sizes in self.sizes_of(kept, files):
            if self.is_taken(sizes, files, journal, until, index):
                newer = [op for op in newer if op not in sizes]  # No data come with this size.
            elif not self.stands_alone(sizes, chosen, index):
                return False
        return all(self.disk.durable(op, index) for op in newer)

    def is_taken(
        self,
        sizes: list[Operation],
        files: list[Operation],
        journal: list[Operation],
        until: int,
        index: int,
    ) -> bool:
        """True if a log has the file for its names with this size, which is shorter than the commit's."""
        if not sizes:
            return False
        key, last = key_of(sizes[-1]), sizes[-1]
        bound = max(until, self.brought(key[1], index))
        if last[0] < bound or self.disk.durable(last, index):
            return False
        changes = [op for op in files if key in op[2] and not self.role(op)]
        of_commit = [self.disk.start[key]]
        for op in changes:
            if op in journal or self.disk.durable(op, index):
                of_commit = [op[2][key]]
            elif op[0] < bound:
                of_commit.append(op[2][key])
        for at, is_again in self.disk.moved.taken_in(key[1], index).items():
            before = [op for op in changes if op[0] < at]
            if before and before[-1] is last and last[2][key] < max(of_commit) and (last[2][key] or is_again):
                self.taken["with another name" if is_again else "for its names"] += 1
                return True
        return False

    def brought(self, inode: int, index: int) -> int:
        """The last event that may have brought all of a file: a sync, or a name after one."""
        last = -1
        for at, event in enumerate(self.disk.trace.events[:index]):
            is_name = event.kind in (EventKind.LINK, EventKind.RENAME) and last >= 0
            if event.inode == inode and (event.kind in FILE_SYNCS or is_name):
                last = at
        return last

    def stands_alone(self, sizes: list[Operation], chosen: set[int], index: int) -> bool:
        if not sizes or self.is_journalled(sizes[-1]):
            return True
        if self.role(sizes[-1]) == "again":
            return self.stands_alone(sizes[:-2], chosen, index)
        if self.role(sizes[-1]):
            return False
        if self.disk.durable(sizes[-1], index):
            return True
        inode = key_of(sizes[-1])[1]
        return not self.is_alone(inode, index) or all(id(op) in chosen for op in self.data_of(sizes[-1]))

    def is_alone(self, inode: int, index: int) -> bool:
        """Nothing but one page of the file was written since its last sync."""
        pages: set[int] = set()
        for at, event in enumerate(self.disk.trace.events[:index]):
            if event.inode != inode:
                continue
            if event.kind == EventKind.SYNC:
                pages = set()
            elif event.kind == EventKind.LINK:
                pages.add(-1)
            elif event.kind == EventKind.TRUNCATE:
                pages.add(event.size // PAGE)
            elif event.kind == EventKind.WRITE and event.data:
                sizes = [op[2] for op in self.disk.operations if op[0] < at and ("size", inode) in op[2]]
                size = sizes[-1]["size", inode] if sizes else self.disk.start["size", inode]
                pages |= {event.offset // PAGE, (event.offset + len(event.data) - 1) // PAGE}
                pages |= {size // PAGE} if event.offset > size else set()
        return len(pages) == 1

    def content(self, kept: list[Operation], names: dict[str, int]) -> Any:
        bound = [(0, 0, {("name", name): inode}) for name, inode in names.items()]
        gone = [(0, 0, {key: None}) for key in self.disk.start if key[0] == "name"]
        return self.disk.content([*kept, *gone, *bound])


def key_of(op: Operation) -> tuple[Any, ...]:
    return next(iter(op[2]))


def is_size(op: Operation) -> bool:
    return bool(key_of(op)[0] == "size")


@pytest.mark.parametrize("law", [law for law in Law if law in RULES])
def test_a_law_with_a_journal_equals_its_clauses_tried_on_every_subset(
    law: Law, agree: Callable[..., None]
) -> None:
    def states_at(disk: Any, index: int) -> Any:
        return Journalled(disk, law).states(index)

    agree(law, states_at, range(0, 120, 2))


@pytest.mark.parametrize("law", [law for law in Law if law in RULES])
def test_sizes_that_no_call_made_are_those_that_trying_finds(
    law: Law, agree: Callable[..., Any], wide_device: Any
) -> None:
    def states_at(disk: Any, index: int) -> Any:
        return Journalled(disk, law).states(index)

    seen = agree(law, states_at, range(0, 120, 2), wide_device)
    assert min(seen[role] for role in ("xfs", "ext4 xfs", "ext4", "again")) > 1, seen  # F7, F24


@pytest.mark.parametrize("law", [law for law in Law if law in RULES])
def test_names_found_are_those_that_trying_finds(
    law: Law, agree: Callable[..., Any], moving_device: Any
) -> None:
    def states_at(disk: Any, index: int) -> Any:
        return Journalled(disk, law).states(index)

    agree(law, states_at, range(0, 120, 2), moving_device)


def test_sizes_that_a_name_brings_are_those_that_trying_finds(
    agree: Callable[..., Any], shrinking_device: Any
) -> None:
    def states_at(disk: Any, index: int) -> Any:
        found = Journalled(disk, Law.BTRFS)
        states = found.states(index)
        taken.update(found.taken)
        return states

    taken = Counter[str]()
    agree(Law.BTRFS, states_at, range(0, 120, 2), shrinking_device)
    assert min(taken["for its names"], taken["with another name"]) > 5, taken  # F41
