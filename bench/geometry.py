"""A store that holds so many records in memory, for every table that wants one.

The tables of rates and the tables of bytes use the same geometry, so that neither is bought with the other.

Invariants
  1  nothing is evicted: ring >= records
  2  nothing becomes read-only: the mutable tenths of the ring >= records
  3  a main bucket gets at most `KEYS_A_BUCKET` keys on average, of the 7 it has entries for
"""

from __future__ import annotations

from pathlib import Path

from powercut.engine import FasterKv, Settings

__all__ = ["open_loadable", "open_store"]

HEADER_BYTES = 16  # Of a record.
MUTABLE_TENTHS = 8  # Less than the log keeps mutable, so that the last page is no edge case.
KEYS_A_BUCKET = 5


def open_store(folder: Path, keys: int, record_bytes: int) -> FasterKv:
    """A new store in `folder`, with room for `keys` records of `record_bytes` of key and value."""
    page_bytes = Settings().page_bytes
    rounded = (record_bytes + 7) // 8 * 8
    pages = keys * (HEADER_BYTES + rounded) * 10 // MUTABLE_TENTHS // page_bytes + 2
    settings = Settings(ring_pages=power_above(pages), index_buckets=power_above(keys // KEYS_A_BUCKET + 1))
    return FasterKv.open(folder, create=True, settings=settings)


def open_loadable(folder: Path, keys: int, record_bytes: int, most_interpreted: int) -> tuple[FasterKv, int]:
    """Open a store as `open_store` does, and count the keys to load: interpreted kernels get fewer."""
    store = open_store(folder / "whole", keys, record_bytes)
    if store.kernels == "compiled" or keys <= most_interpreted:
        return store, keys
    store.close()
    return open_store(folder / "part", most_interpreted, record_bytes), most_interpreted


def power_above(value: int) -> int:
    """The least power of two that is not below `value`."""
    return 1 << (value - 1).bit_length()
