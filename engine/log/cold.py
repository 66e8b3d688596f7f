"""Cold records: what of the log is on the device only, below head.

Invariants
  1  bytes are told only from extents that were verified
  2  who follows a chain has pinned the log from the begin that it goes down to
  3  what is void is stepped through

Threads: any. No lock is held while the device is asked.
"""

from __future__ import annotations

from functools import partial
from struct import Struct
from typing import Final, NamedTuple

from ..kernels import words as w
from ..kernels.atomics import Space
from ..kernels.probe import is_void
from ..metadata.layout import Extent
from ..shared.pins import Pins
from .cache import ReadCache
from .segments import Segments

__all__ = ["PADDING", "ColdLog", "ColdRecord"]

_HEADER: Final = Struct("<QQ")  # Of a record: sizes and link.
_NO_SIZES: Final = bytes(w.WORD_BYTES)


class ColdRecord(NamedTuple):
    """A copy of a record of the device; `previous` continues its chain, `words` is its length in the log."""

    previous: int
    link: int
    key: bytes
    value: bytes
    words: int


_cold_record = partial(tuple.__new__, ColdRecord)
PADDING: Final = ColdRecord(w.NO_ADDRESS, 0, b"", b"", 0)


class ColdLog:
    """Reads records from the segments."""

    def __init__(
        self, segments: Segments, control: Space, pins: Pins, cache: ReadCache | None = None
    ) -> None:
        self._segments = segments
        self._control = control
        self._pins = pins
        self._cache = cache
        self._loaded = (Extent(0, 0, 0, 0), b"")  # The last one read, and its bytes.

    def load_extent(self, extent: Extent) -> bytes:
        """The extent's bytes, verified; the last one read is kept. Raises CorruptionError, OSError."""
        loaded, data = self._loaded  # At once: another thread may put another extent there.
        if loaded == extent:
            return data
        data = self._segments.read(extent)
        self._loaded = (extent, data)
        return data

    def load(self, address: int, length: int) -> bytes:
        """`length` bytes of flushed log from `address`, every extent of them verified."""
        extent, data = self._loaded
        at = address - extent.start
        if 0 <= at <= extent.length - length:
            return data[at : at + length]  # Most calls: a record is read in three of them.
        parts = []
        while length > 0:
            extent = self._segments.extents.find(address)
            at = address - extent.start
            part = self.load_extent(extent)[at : at + length]
            parts.append(part)
            address, length = address + len(part), length - len(part)
        return b"".join(parts)

    def load_record(self, address: int) -> ColdRecord:
        """The record at `address`, from the device; PADDING where no record begins."""
        extent, data = self._loaded
        at = address - extent.start
        if 0 <= at <= extent.length - _HEADER.size:  # Most: it lies in the extent that was read last.
            sizes, link = _HEADER.unpack_from(data, at)
            if not sizes:
                return PADDING
            key = at + _HEADER.size
            key_end = key + ((sizes >> w.KEY_SHIFT) & w.KEY_MASK)
            value = (key_end + 7) // 8 * 8  # An extent starts at a write unit, so words in it are aligned.
            end = value + (sizes >> w.VALUE_SHIFT)
            if end <= extent.length:
                return _cold_record(
                    (
                        link & w.ADDRESS_MASK,
                        link,
                        data[key:key_end],
                        data[value:end],
                        sizes & w.ALLOCATED_MASK,
                    )
                )
        # The sizes word alone first: behind padding of one word the device may hold nothing.
        elif self.load(address + w.SIZES * w.WORD_BYTES, w.WORD_BYTES) == _NO_SIZES:
            return PADDING
        sizes, link = _HEADER.unpack(self.load(address, _HEADER.size))
        key_bytes = (sizes >> w.KEY_SHIFT) & w.KEY_MASK
        padded = (key_bytes + 7) // 8 * 8
        body = self.load(address + _HEADER.size, padded + (sizes >> w.VALUE_SHIFT))
        return ColdRecord(
            link & w.ADDRESS_MASK, link, body[:key_bytes], body[padded:], sizes & w.ALLOCATED_MASK
        )

    def find(self, address: int, key: bytes) -> ColdRecord | None:
        """The key's newest live record at or below `address` on the device; None if it has none.

        A tombstone is a record; the caller looks at its link.
        """
        with self._pins.hold() as begin:
            return self.follow(address, key, begin)

    def follow(self, address: int, key: bytes, begin: int) -> ColdRecord | None:
        """`find` for a caller who has pinned the log from `begin` up; the read cache keeps what is found."""
        asked = address
        while address >= max(begin, w.FIRST_ADDRESS):
            record = self.load_record(address)
            if record.key == key and not is_void(self._control, address, record.link):
                if self._cache is not None:
                    self._cache.keep(asked, address, record.link, key, record.value)
                return record
            address = record.previous
        return None
