"""Extents: which runs of the log are on the device, and with which checksum.

Invariants
  1  extents are contiguous and ascending: each starts where the one before it ends
  2  none crosses a page; none is longer than `extent_bytes`
  3  those of [first, named) are in the tables of the newest durable checkpoint; those from `named` on
     stand only here; those before `first` are of segments that were truncated, and serve nobody

Three parallel arrays, 24 bytes an extent; finding one is a bisection.
Threads: appends under the log's flush lock; reads from anywhere.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import lru_cache, partial
from typing import Final

from .columns import Extent, Extents

__all__ = ["SEGMENT_PREFIX", "ExtentTable", "segment_name", "segment_number"]

SEGMENT_PREFIX: Final = "segment-"
_extent = partial(tuple.__new__, Extent)  # As the class does, four times as fast.


@lru_cache(maxsize=64)
def segment_name(number: int) -> str:
    """The file of segment `number`."""
    return f"{SEGMENT_PREFIX}{number:08d}"


def segment_number(name: str) -> int | None:
    """The number of the segment in the file `name`; None for another file."""
    digits = name.removeprefix(SEGMENT_PREFIX)
    number = int(digits) if digits.isdecimal() else 0
    return number if segment_name(number) == name else None


class ExtentTable:
    """All extents of the log, oldest first; made of runs of them."""

    def __init__(self, runs: Iterable[Iterable[Extent]] = ()) -> None:
        self._starts = array("Q")
        self._shapes = array("Q")  # crc << 32 | length
        self._lives = array("Q")
        for run in runs:
            self.extend(run)
        self.first = 0
        self.named = len(self._starts)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> Extent:
        shape = self._shapes[number]
        return Extent(self._starts[number], shape & 0xFFFFFFFF, shape >> 32, self._lives[number])

    def run(self, first: int, count: int) -> list[Extent]:
        """The extents with the numbers `first` to `count` - 1. O(their number)."""
        starts, shapes = self._starts[first:count], self._shapes[first:count]
        lengths, crcs = [shape & 0xFFFFFFFF for shape in shapes], [shape >> 32 for shape in shapes]
        # The starts say how many there are: of the rest, an interrupted call may have left more.
        return list(map(_extent, zip(starts, lengths, crcs, self._lives[first:count], strict=False)))

    @property
    def end(self) -> int:
        """The address at which the last extent ends; 0 for none."""
        count = len(self._starts)
        return self._starts[count - 1] + (self._shapes[count - 1] & 0xFFFFFFFF) if count else 0

    @property
    def start(self) -> int:
        """The start address of the first extent that a checkpoint lists; where the last ends for none."""
        return self._starts[self.first] if self.first < len(self._starts) else self.end

    def extend(self, extents: Iterable[tuple[int, int, int, int]]) -> None:
        """Take in the extents that follow: start, length, CRC and life of each. O(their number)."""
        columns = Extents.of(extents)
        count = len(self._starts)
        # What an interrupted call left behind the last start is nobody's, and goes.
        self._shapes[count:] = columns.shapes
        self._lives[count:] = columns.lives
        self._starts.extend(columns.starts)  # Last: who finds the start finds the rest.

    def find(self, address: int) -> Extent:
        """The extent that holds `address`; raises IndexError where none does. O(log n)."""
        number = bisect_right(self._starts, address) - 1
        if number < 0 or address >= self._starts[number] + (self._shapes[number] & 0xFFFFFFFF):
            raise IndexError(f"no extent holds address {address}")
        return self[number]

    def below(self, address: int) -> int:
        """The number of extents that start below `address`. O(log n)."""
        return bisect_left(self._starts, address)

    def name_until(self, count: int, start: int = 0) -> None:
        """Mark the first `count` extents, from `start` on, as named by a durable checkpoint."""
        assert self.named <= count <= len(self)
        self.named = count
        self.first = max(self.first, self.below(start))
