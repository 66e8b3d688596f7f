"""Reading a log: the block that holds an address, entries one after another, entries as arrays.

The blocks of a page are found from its start, where one always stands; where they start is kept for the last
few pages, and the last block that was read.

Threads: any, beside whoever writes; what is read was committed before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..errors import CorruptionError, OperationError
from .blocks import ENTRY_BYTES, HEADER_BYTES, Block
from .files import LogFiles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Entry", "LogArrays", "LogReader", "OvertakenError", "arrays_of", "check_address", "entries_of"]

_PAGES_KEPT: Final = 16


class OvertakenError(OperationError):
    """Raised to who reads entries that are given up: another process opened the log at an older commit."""


class Entry(NamedTuple):
    """An entry of a log."""

    address: int
    data: bytes


class LogArrays(NamedTuple):
    """Entries that stand together: entry i is data[offsets[i]:offsets[i + 1]].

    addresses   shape (n,), n >= 1, int64, rising
    offsets     shape (n + 1,), int64; several may share it, so some are read-only
    data        uint8, of all of them, read-only
    """

    addresses: NDArray[np.int64]
    offsets: NDArray[np.int64]
    data: NDArray[np.uint8]


def check_address(given: Any) -> int:
    """The address. Raises OperationError for what is none."""
    if isinstance(given, bool) or not isinstance(given, Integral) or given < 0:
        raise OperationError(f"address {given!r}: expected an integer of at least 0")
    return int(given)


def entries_of(blocks: Iterable[Block], begin: int, end: int) -> Iterator[tuple[Entry, int]]:
    """The entries of the blocks with addresses in [begin, end), and after each where to go on."""
    for block in blocks:
        after, past = block.addresses()[1:], block.header.end
        for (address, data), onward in zip(block.entries(), [*after, past], strict=True):
            if begin <= address < end:
                yield Entry(address, bytes(data)), onward


def arrays_of(blocks: Iterable[Block], begin: int, end: int) -> Iterator[LogArrays]:
    """The entries of the blocks with addresses in [begin, end), block by block."""
    import numpy as np

    table, offsets, steps, width = b"", np.zeros(1, np.int64), np.zeros(0, np.int64), 0
    for block in blocks:
        found = block.table
        if len(table) != len(found) or not table.startswith(found):  # Equal lengths, equal tables: made once.
            table = bytes(found)
            lengths = np.frombuffer(table, np.uint32)
            offsets = np.zeros(len(lengths) + 1, np.int64)
            np.cumsum(lengths, out=offsets[1:])
            offsets.flags.writeable = False
            steps = offsets[:-1] + np.arange(0, len(table), ENTRY_BYTES)
            width = int(lengths[0]) if (lengths == lengths[0]).all() else -1
        first = block.header.address + HEADER_BYTES
        if width < 0:
            addresses = steps + first
        else:
            step = width + ENTRY_BYTES
            addresses = np.arange(first, first + len(steps) * step, step, dtype=np.int64)
        data = np.frombuffer(block.data, np.uint8)
        if begin <= first and block.header.end <= end:
            yield LogArrays(addresses, offsets, data)
            continue
        low, high = np.searchsorted(addresses, (begin, end))
        if low < high:
            some = data[offsets[low] : offsets[high]]
            yield LogArrays(addresses[low:high], offsets[low : high + 1] - offsets[low], some)


class LogReader:
    """Reads what is committed.

    now   the log's begin, and its life, as they are now

    What is read is as it was in the `life` that is given, when the last commit ended at `end`.
    """

    def __init__(
        self, files: LogFiles, now: Callable[[], tuple[int, int]], lock: AbstractContextManager[object]
    ) -> None:
        self._files = files
        self._now = now
        self._lock = lock  # Of the pages that are known; no read is made under it.
        # By life and start: where blocks start, and up to where that is known.
        self._pages: dict[tuple[int, int], tuple[list[int], int]] = {}
        self._last: tuple[int, Block] | None = None

    def block_at(self, address: int, end: int, life: int) -> Block:
        """The block in whose span the address is; `end` is where the last commit does."""
        page = self._files.settings.page_bytes
        start = address - address % page
        starts, known = self._pages.get((life, start), ([], start))
        if address >= known:
            starts = list(starts)
            while known <= address and known < min(end, start + page):
                block = self._load(known, life)
                self._last = life, block
                starts.append(known)
                known = block.header.end
            with self._lock:
                self._pages[life, start] = (starts, known)
                while len(self._pages) > _PAGES_KEPT:
                    del self._pages[next(iter(self._pages))]
        at = starts[bisect_right(starts, address) - 1]
        held = self._last
        if held is None or (held[0], held[1].header.address) != (life, at):
            held = self._last = life, self._load(at, life)
        return held[1]

    def _load(self, address: int, life: int, likely: int = 0) -> Block:
        """The block that stood there in that life; CorruptionError where there is another one by now."""
        block = self._files.load(address, likely)
        if block.header.life > life:
            found = f"a block of life {block.header.life}"
            raise self._files.corruption(address, found, f"one of life {life} at most, that")
        return block

    def _begin(self, life: int) -> int:
        """The begin now. Raises OvertakenError where another life has begun."""
        begin, now = self._now()
        if now != life:
            raise OvertakenError(
                "another process has opened the log at an older commit: read it again from there"
            )
        return begin

    def find(self, address: int, end: int, life: int) -> Block | None:
        """`block_at`; None where a truncation was faster."""
        try:
            return self.block_at(address, end, life)
        except CorruptionError:
            if self._begin(life) <= address:
                raise
            return None

    def read(self, address: int, end: int, life: int) -> bytes:
        """The entry at the address. Raises OperationError where none begins."""
        block = self.find(address, end, life)
        if block is None:
            raise OperationError(f"address {address}: expected at least {self._begin(life)}, the log's begin")
        addresses = block.addresses()
        place = bisect_left(addresses, address)
        if place == len(addresses) or addresses[place] != address:
            raise OperationError(f"address {address} is in an entry, or between two: expected one's own")
        lengths = block.lengths
        start = sum(lengths[:place])
        return bytes(block.data[start : start + lengths[place]])

    def blocks(self, begin: int, end: int, life: int) -> Iterator[Block]:
        """The blocks that have entries in [begin, end). Raises OvertakenError, CorruptionError, OSError.

        Where a truncation overtakes it, it goes on at the begin.
        """
        page = self._files.settings.page_bytes
        at, before = begin, None
        sizes = (0, 0)  # Of the two blocks before: where both are large, the next one may be as well.
        while at < end:
            try:
                likely = min(*sizes, end - at, page - at % page)
                block = self.block_at(at, end, life) if before is None else self._load(at, life, likely)
                header = block.header
                if before is not None and header.link != before:
                    raise self._files.corruption(at, "a block that follows another one", "the next block")
            except CorruptionError:
                if (first := self._begin(life)) <= at:
                    raise
                at, before = first, None
                continue
            sizes = sizes[1], len(block.image)
            at, before = header.end, header.crc
            if header.entry_count:
                yield block
