"""Cached: programs over a store with a read cache, for the geometry that has one.

A key is on the device and asked for, twice; then it is changed, deleted, truncated, moved, or the store is
opened anew; and asked for again, in memory and when it is on the device once more. Long ones fill all of the
cache's pages, more than once, with some keys that are asked for again and some that are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .tape import SIZES, Kind, Operation

__all__ = ["cached"]

Run = tuple[tuple[Operation, ...], ...]  # A program an era.

_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_LAPS: Final = 6


def _reads(*keys: int) -> tuple[Operation, ...]:
    return tuple(Operation(Kind.READ, 0, key) for key in keys)


def cached(geometry: str) -> Iterator[Run]:
    """Reads of what is on the device, around all that may come of it."""
    turning = tuple(Operation(Kind.UPSERT, 0, key, SIZES - 1) for key in (5, 6, 7, 5))
    filled = tuple(Operation(Kind.UPSERT, 0, key) for key in range(4))
    cold = (*filled, *turning)
    asked = _reads(0, 0, 1)
    changes = [Operation(kind) for kind in (Kind.UPSERT, Kind.RMW, Kind.DELETE, Kind.INSERT)]
    for used in changes:
        yield ((*cold, *asked, used, *asked, *turning, *asked, used, *asked, _CHECKPOINT), (*asked, used))
        yield ((*cold, used, *turning, *asked, Operation(Kind.REOPEN), *asked, used, *asked, _CHECKPOINT),)
        for size in (0, 2):
            for moved in (Operation(Kind.TRUNCATE_AT, 0, 0, size + 1), Operation(Kind.COMPACT, 0, 1, size)):
                yield ((*cold, *asked, moved, *asked, used, *asked, _CHECKPOINT, *turning, *asked),)
                yield ((*cold, *asked, _CHECKPOINT, moved, used, *turning, *asked), (*asked, _CHECKPOINT))
    yield ((*cold, *asked, Operation(Kind.GROW), *asked, *changes[:2], *turning, *asked, _CHECKPOINT),)
    # What outgrows its place, a value too long to be kept, and a batch.
    grown = (Operation(Kind.RMW), Operation(Kind.RMW, 0, 5, SIZES - 1), Operation(Kind.RMW, 0, 1, 1))
    yield ((*cold, *asked, *_reads(5, 5), *grown, *turning, *asked, *_reads(5, 5), _CHECKPOINT),)
    for often in ((0, 1, 2, 3), (0,), ()):
        lap = (*_reads(0, 1, 2, 3), *_reads(*often), *filled[1:], *turning)
        # Each ends in a checkpoint: of what no sync was asked for there would be states without number.
        laps = (*lap, _CHECKPOINT) * _LAPS
        yield ((*cold, *laps, *_reads(0, 1, 2, 3)), (*lap, *changes[:3], *_reads(0)))
