"""A batch: entries that one call appends, copied once into each block that takes some of them.

    list of bytes   joined a few hundred at a time, so that what was joined is still near when it is copied
    array           rows of one width, copied as they stand

Pure, but for `copy`, which writes where it is told to.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ..arguments import Data, bytes_of
from ..sessions.arrays import check_sequence, rows_of
from .blocks import ENTRY_BYTES, addresses_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Batch", "addresses_in", "batch_of"]

_JOINED: Final = 512  # Entries at a time.
_FEW: Final = 16  # Entries whose addresses Python has sooner than numpy.


class Batch:
    """Entries and the length of each.

    width   of every entry; -1 where they differ
    size    bytes of all
    """

    __slots__ = ("_entries", "_taken", "lengths", "size", "width")

    def __init__(self, entries: list[bytes] | memoryview, lengths: array[int], width: int) -> None:
        self._entries = entries
        self._taken: NDArray[np.int64] | None = None
        self.lengths = lengths
        self.width = width
        self.size = sum(lengths) if width < 0 else width * len(lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def longest(self) -> int:
        """The length of the longest."""
        return max(self.lengths) if self.width < 0 else self.width

    def fit(self, first: int, room: int) -> int:
        """The number past the last of the entries from `first` on that have room, each with its place."""
        if self.width >= 0:
            return min(len(self.lengths), first + room // (self.width + ENTRY_BYTES))
        import numpy as np

        if self._taken is None:
            sizes = np.frombuffer(self.lengths, np.uint32).astype(np.int64) + ENTRY_BYTES
            self._taken = np.zeros(len(sizes) + 1, np.int64)
            np.cumsum(sizes, out=self._taken[1:])
        return int(np.searchsorted(self._taken, self._taken[first] + room, side="right")) - 1

    def size_of(self, first: int, last: int) -> int:
        """Bytes of the entries `first` to `last` - 1."""
        if self.width >= 0:
            return (last - first) * self.width
        if self._taken is None:
            return sum(self.lengths[first:last])
        return int(self._taken[last] - self._taken[first]) - ENTRY_BYTES * (last - first)

    def copy(self, first: int, last: int, target: memoryview) -> None:
        """Copy the entries `first` to `last` - 1 to `target`, which is as long as they are."""
        entries, width = self._entries, self.width
        if isinstance(entries, memoryview):
            target[:] = entries[first * width : last * width]
            return
        at = 0
        for start in range(first, last, _JOINED):
            joined = b"".join(entries[start : min(start + _JOINED, last)])
            end = at + len(joined)
            target[at:end] = joined
            at = end

    def addresses(self, runs: list[tuple[int, int]]) -> NDArray[np.int64]:
        """The address of each, in runs of (address of the first, count)."""
        if self.width < 0:
            return addresses_in(runs, self.lengths)
        import numpy as np

        step = self.width + ENTRY_BYTES
        parts = [np.arange(first, first + count * step, step, dtype=np.int64) for first, count in runs]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def batch_of(given: Sequence[Data] | NDArray[Any]) -> Batch:
    """The batch of a list of bytes, or of an array: its items or rows. Raises OperationError."""
    if hasattr(given, "dtype"):
        rows = rows_of(given, "entries")
        count, width = rows.shape
        return Batch(memoryview(rows.reshape(-1)), array("I", [width]) * count, width)
    entries = [*check_sequence(given, "entries")]
    sizes = [len(each) for each in entries if type(each) is bytes]
    if len(sizes) < len(entries):
        entries = [bytes_of(each) for each in entries]
        sizes = [*map(len, entries)]
    if sizes and sizes.count(sizes[0]) == len(sizes):
        return Batch(entries, array("I", sizes[:1]) * len(sizes), sizes[0])
    return Batch(entries, array("I", sizes), -1)


def addresses_in(runs: list[tuple[int, int]], lengths: array[int]) -> NDArray[np.int64]:
    """The addresses of entries of these lengths, which stand in runs of (address of the first, count)."""
    import numpy as np

    if len(lengths) <= _FEW and len(runs) == 1:
        return np.array(addresses_of(runs[0][0], lengths), np.int64)
    sizes = np.frombuffer(lengths, np.uint32).astype(np.int64) + ENTRY_BYTES
    ends = np.cumsum(sizes)
    addresses, done = ends - sizes, 0
    for first, count in runs:
        addresses[done : done + count] += first - addresses[done]
        done += count
    return addresses
