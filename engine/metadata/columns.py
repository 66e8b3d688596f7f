"""Columns: extents as a block has them, 24 bytes each, and what is asked of all of them at once.

A large log has tens of thousands, and an opening checks each. So a column is one integer, with the numbers of
64 bits side by side in it, and a sum of two columns is one addition: as long as no number comes to 2^64,
nothing is carried from one into the next.

    start | length | crc | life       8, 4, 4 and 8 bytes, little-endian

Invariants
  1  `True` is said only where it holds of each extent; who hears `False` looks at them one by one

Threads: values that nobody changes.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, partial
from itertools import starmap
from typing import Any, Final, NamedTuple

__all__ = ["EXTENT_BYTES", "Extent", "Extents"]

_EXTENT: Final = struct.Struct("<QIIQ")
EXTENT_BYTES: Final = _EXTENT.size
_START_LIMIT: Final = 1 << 62  # With a length, which has 32 bits, and as much again, no sum comes to 2^64.
_LENGTH: Final = (1 << 32) - 1


class Extent(NamedTuple):
    """A checksummed run of log that never crosses a page."""

    start: int
    length: int
    crc: int
    life: int


_extent = partial(tuple.__new__, Extent)  # As the class does, four times as fast.


class Extents(Sequence[Extent]):
    """Extents, in their order. `starts`, `shapes` (crc << 32 | length) and `lives` are their columns."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        words = array("Q", data)
        self.starts, self.shapes, self.lives = words[0::3], words[1::3], words[2::3]

    @classmethod
    def of(cls, extents: Iterable[tuple[int, int, int, int]]) -> Extents:
        """These, as columns."""
        return extents if isinstance(extents, Extents) else cls(b"".join(starmap(_EXTENT.pack, extents)))

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, slice):
            start, stop, step = which.indices(len(self))
            if step == 1:
                return Extents(self.data[start * EXTENT_BYTES : max(start, stop) * EXTENT_BYTES])
            return Extents.of(list(self)[which])
        shape = self.shapes[which]
        return _extent((self.starts[which], shape & _LENGTH, shape >> 32, self.lives[which]))

    def __iter__(self) -> Iterator[Extent]:
        return map(_extent, _EXTENT.iter_unpack(self.data))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Extents):
            return self.data == other.data
        return isinstance(other, Sequence) and list(self) == list(other)

    def all_lives(self) -> set[int]:
        """The lives in which they were written: one, as a rule."""
        first = self.lives[:1]
        return set(first if self.lives == first * len(self) else self.lives)

    def are_whole(self, unit: int, longest: int) -> bool:
        """True if each is of whole units, and within one run of `longest` bytes; both powers of two."""
        starts, lengths, ones = self._packed
        if not _are_some(lengths, ones):
            return False
        last = (starts & ones * (longest - 1)) + lengths - ones  # Of each the last byte, in its run.
        return _any(last, len(self)) < longest and not _any(starts | lengths, len(self)) & (unit - 1)

    def follow(self) -> bool:
        """True if none is empty, and each starts where the one before it ends."""
        starts, lengths, ones = self._packed
        if _any(starts, len(self)) >= _START_LIMIT or not _are_some(lengths, ones):
            return False
        behind = max(0, len(self) - 1) * 64
        return starts >> 64 == (starts + lengths) & ((1 << behind) - 1)

    @cached_property
    def _packed(self) -> tuple[int, int, int]:
        """The columns of starts and of lengths, and one of ones; made once, for an opening asks twice."""
        starts, shapes = (int.from_bytes(each.tobytes(), "little") for each in (self.starts, self.shapes))
        ones = int.from_bytes((1).to_bytes(8, "little") * len(self), "little")
        return starts, shapes & (ones << 32) - ones, ones


def _are_some(lengths: int, ones: int) -> bool:
    """True if none of them is 0."""
    tops = ones << 63
    return (lengths + (tops - ones)) & tops == tops


def _any(column: int, count: int) -> int:
    """The bits that any number of the column has: one half of it laid over the other, again and again."""
    while count > 1:
        count = (count + 1) // 2
        column = column >> 64 * count | column & ((1 << 64 * count) - 1)
    return column
