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
from typing import Final

from .layout import Extent

__all__ = ["SEGMENT_PREFIX", "ExtentTable", "segment_name", "segment_number"]

SEGMENT_PREFIX: Final = "segment-"


def segment_name(number: int) -> str:
    """The file of segment `number`."""
    return f"{SEGMENT_PREFIX}{number:08d}"


def segment_number(name: str) -> int | None:
    """The number of the segment in the file `name`; None for another file."""
    digits = name.removeprefix(SEGMENT_PREFIX)
    number = int(digits) if digits.isdecimal() else 0
    return number if segment_name(number) == name else None


class ExtentTable:
    """All extents of the log, oldest first."""

    def __init__(self, extents: Iterable[Extent] = ()) -> None:
        self._starts = array("Q")
        self._shapes = array("Q")  # length << 32 | crc
        self._lives = array("Q")
        for start, length, crc, life in extents:
            self._starts.append(start)
            self._shapes.append(length << 32 | crc)
            self._lives.append(life)
        self.first = 0
        self.named = len(self._starts)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> Extent:
        shape = self._shapes[number]
        return Extent(self._starts[number], shape >> 32, shape & 0xFFFFFFFF, self._lives[number])

    @property
    def end(self) -> int:
        """The address at which the last extent ends; 0 for none."""
        return self._starts[-1] + (self._shapes[-1] >> 32) if self._starts else 0

    @property
    def start(self) -> int:
        """The start address of the first extent that a checkpoint lists; where the last ends for none."""
        return self._starts[self.first] if self.first < len(self._starts) else self.end

    def append(self, extent: Extent) -> None:
        self._shapes.append(extent.length << 32 | extent.crc)
        self._lives.append(extent.life)
        self._starts.append(extent.start)  # Last: who finds the start finds the rest.

    def find(self, address: int) -> Extent:
        """The extent that holds `address`; raises IndexError where none does. O(log n)."""
        number = bisect_right(self._starts, address) - 1
        if number < 0 or address >= self._starts[number] + (self._shapes[number] >> 32):
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
