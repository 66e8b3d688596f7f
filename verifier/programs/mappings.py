"""Shared mappings: files that a program changes by storing into its memory, without a call.

A file that is mapped so is read at each stop and compared with what was last seen of it: what is other are
writes of its sectors. Stores between two stops have no order among each other, nor has a page cache one: the
laws let these writes reach the disk in any order. A store is recorded at the latest where the next call of
any recorded thread begins, so one that a sync covers is recorded before the sync.

Invariants
  1  `seen` of a mapped file is what the recorded events make of it
Complexity: a look reads every mapped file whole, 64 KiB at a time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from powercut.faultfs import Event, EventKind

from .entries import Entries
from .tracees import Thread
from .tree import Node, NotRecordedError, Tree

__all__ = ["Mappings", "Span"]

_CHUNK: Final = 1 << 16


class Span(NamedTuple):
    """A range of a file that a process has mapped."""

    node: Node
    offset: int
    size: int


class _Mapped:
    """A file that is, or was, mapped."""

    def __init__(self, node: Node, taken: int) -> None:
        # Not the program's own descriptor: a lock that belongs to it would stay when the program closes it.
        self.file = os.open(f"/proc/self/fd/{taken}", os.O_RDONLY | os.O_CLOEXEC)
        self.node = node
        self.real = os.fstat(self.file).st_ino
        self.seen = bytearray()
        self.is_written = False

    def watch(self) -> None:
        """From now on it may be stored into."""
        if not self.is_written:
            self.is_written = True
            size = os.fstat(self.file).st_size
            self.seen = bytearray()
            while len(self.seen) < size and (piece := os.pread(self.file, _CHUNK, len(self.seen))):
                self.seen += piece

    def changes(self, sector: int) -> Iterator[tuple[int, bytes]]:
        """The runs of sectors that are other than when last seen, which are seen now."""
        for start in range(0, len(self.seen), _CHUNK):
            piece = os.pread(self.file, _CHUNK, start)
            if piece != self.seen[start : start + len(piece)]:
                for first, data in _runs(self.seen[start : start + len(piece)], piece, sector):
                    self.seen[start + first : start + first + len(data)] = data
                    yield start + first, data


def _runs(old: bytes | bytearray, new: bytes, sector: int) -> Iterator[tuple[int, bytes]]:
    begin = -1
    for at in range(0, len(new) + sector, sector):
        is_other = old[at : at + sector] != new[at : at + sector]
        if is_other and begin < 0:
            begin = at
        elif not is_other and begin >= 0:
            yield begin, new[begin:at]
            begin = -1


class Mappings:
    """Every file of the tree that is mapped and shared."""

    def __init__(self, tree: Tree, sector_bytes: int) -> None:
        self._tree = tree
        self._sector = sector_bytes
        self._files: dict[Node, _Mapped] = {}
        self._written: list[_Mapped] = []

    def __bool__(self) -> bool:
        return bool(self._written)

    def add(self, node: Node, taken: int, *, is_written: bool) -> None:
        """A process is about to map the file behind a descriptor of ours; or may do so from now on."""
        try:
            mapped = self._files.get(node) or _Mapped(node, taken)
        except OSError as error:
            raise NotRecordedError(f"{self._tree.path(node)} is mapped, and {error.strerror}") from error
        self._files[node] = mapped
        if is_written and not mapped.is_written:
            mapped.watch()
            self._written.append(mapped)

    def allow(self, thread: Thread, address: int, size: int) -> None:
        """A range of its memory can be stored into from now on."""
        if len(self._written) < len(self._files):
            for span in self.ranges(thread, address, size):
                self.add(span.node, -1, is_written=True)

    def ranges(self, thread: Thread, address: int, size: int) -> list[Span]:
        """The parts of mapped files that are in this range of its memory."""
        by_inode = {mapped.real: mapped for mapped in self._files.values()}
        found = []
        for start, end, offset, real in _maps(thread.tid):
            mapped = by_inode.get(real)
            first, last = max(start, address), min(end, address + size)
            if mapped is not None and first < last:
                at = offset + first - start
                held = min(at + last - first, os.fstat(mapped.file).st_size) - at
                if held > 0:
                    found.append(Span(mapped.node, at, held))
        return found

    def look(self, entries: Entries, process: int, thread: int) -> None:
        """Record what was stored since the last look; this thread is said to have done it."""
        for mapped in self._written:
            node = mapped.node
            for offset, data in mapped.changes(self._sector):
                entry = entries.begin(process, thread, "store")
                entry.text = f"store({self._tree.path(node)}, {len(data)} bytes, at {offset})"
                entry.events = (Event(EventKind.WRITE, node.name, node.number, offset, data, len(data)),)

    def wrote(self, node: Node, offset: int, data: bytes) -> None:
        """A call wrote bytes of a file."""
        mapped = self._files.get(node)
        if mapped is not None and mapped.is_written:
            seen = mapped.seen
            seen.extend(bytes(max(0, offset - len(seen))))
            seen[offset : offset + len(data)] = data

    def resized(self, node: Node, size: int) -> None:
        """A call made a file shorter or longer."""
        mapped = self._files.get(node)
        if mapped is not None and mapped.is_written:
            del mapped.seen[size:]
            mapped.seen.extend(bytes(size - len(mapped.seen)))

    def retire(self, pids: Iterable[int]) -> None:
        """Forget the files that none of these processes maps any more; each was looked at."""
        if self._files:
            held = {real for pid in pids for _, _, _, real in _maps(pid)}
            for node, mapped in list(self._files.items()):
                if mapped.real not in held:
                    os.close(mapped.file)
                    del self._files[node]
            self._written = [mapped for mapped in self._files.values() if mapped.is_written]


def _maps(pid: int) -> Iterator[tuple[int, int, int, int]]:
    """Begin, end, offset and inode of each shared mapping of a file."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                span, rights, offset, _, real, *_ = line.split(maxsplit=5)
                if rights[3] == "s" and real != "0":
                    start, _, end = span.partition("-")
                    yield int(start, 16), int(end, 16), int(offset, 16), int(real)
    except OSError:
        return  # It has ended.


def is_writable(taken: int) -> bool:
    """True for a descriptor whose shared mapping can be stored into."""
    return fcntl.fcntl(taken, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
