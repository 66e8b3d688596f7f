"""Upkept: programs in which the log is compacted, by an operation, or because its disk has a limit or much of
it may be dead.

The oldest part of the log goes, around the steps of a checkpoint and truncations, and what was moved
is written anew or deleted; of a limited disk under a fill, with a checkpoint under way or not, before a power
cut and after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .tape import SIZES, Kind, Operation

__all__ = ["bounded", "compacted", "thinned"]

Run = tuple[tuple[Operation, ...], ...]  # A program an era.

_LARGE: Final = SIZES - 1
_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_REOPEN: Final = Operation(Kind.REOPEN)
_PHASES: Final = 6


def _large(*keys: int) -> tuple[Operation, ...]:
    return tuple(Operation(Kind.UPSERT, 0, key, _LARGE) for key in keys)


def compacted(geometry: str) -> Iterator[Run]:
    """Compactions around the steps of a checkpoint and truncations."""
    paged = (Operation(Kind.UPSERT), Operation(Kind.UPSERT, 1, 1), *_large(2, 3, 4, 5))
    if geometry == "paired":  # A page holds one large value.
        paged = _large(0, 1, 2)
    yield ((*_large(0, 1, 2, 3), Operation(Kind.COMPACT)),)  # The chain of the first leaves memory above it.
    gone = Operation(Kind.DELETE, 0, 0)
    uses = (Operation(Kind.RMW), Operation(Kind.INSERT), gone)
    for size in (0, 2):
        compact = Operation(Kind.COMPACT, 0, 1, size)
        for used in uses:
            yield ((*paged, _CHECKPOINT, compact, used, _CHECKPOINT), (used, compact, _CHECKPOINT))
            # The newest record of the key lies above what is compacted, on the device or in memory.
            yield ((*paged, _CHECKPOINT, used, compact, _CHECKPOINT, _REOPEN, compact, used),)
            yield (
                (*paged, used, *paged[1:], compact, _CHECKPOINT, compact, _CHECKPOINT),
                (used, _CHECKPOINT),
            )
    for used in uses:
        # The newest one is on the device too, and the chain leaves memory there.
        above = (*paged, used, *_large(3, 4, 5), _CHECKPOINT, Operation(Kind.COMPACT, 0, 0, 2))
        yield ((*above, Operation(Kind.READ), used, _CHECKPOINT),)
    # So it is of one of three on a page, and the others are live.
    small = tuple(Operation(Kind.UPSERT, 0, key) for key in range(3))
    for used in small:
        cold = (*small, *_large(3, 4, 5), used, *_large(3, 4, 5), _CHECKPOINT)
        yield ((*cold, Operation(Kind.COMPACT, 0, 1), _CHECKPOINT), (Operation(Kind.READ), used))
    compact = Operation(Kind.COMPACT)
    for phase in range(_PHASES):
        started = (*paged, _CHECKPOINT, Operation(Kind.RMW), Operation(Kind.START))
        steps = [Operation(Kind.STEP)] * phase
        yield ((*started, *steps, compact, _CHECKPOINT, gone, _CHECKPOINT), (Operation(Kind.READ),))
        yield ((*started, *steps, gone, compact, Operation(Kind.STEP), Operation(Kind.UPSERT), _CHECKPOINT),)
    # What the first has moved is overwritten, and gone over by the second.
    again = (*paged, _CHECKPOINT, *paged, _CHECKPOINT, compact, _CHECKPOINT)
    yield ((*paged, _CHECKPOINT, compact, *again, *again),)
    truncate = Operation(Kind.TRUNCATE_AT, 0, 1)
    yield ((*paged, _CHECKPOINT, compact, truncate, _CHECKPOINT, *paged, truncate, compact, _CHECKPOINT),)


def bounded(geometry: str) -> Iterator[Run]:
    """The disk's limit is reached under a fill, whatever is under way then, and again after a power cut."""
    uses = (Operation(Kind.RMW, 1, 6), Operation(Kind.DELETE, 1, 6))
    if geometry == "brimming":  # It is near from the first operation on.
        for used in uses:
            for count in (1, 3):
                yield ((*_large(*range(count)), used, _CHECKPOINT),)
            yield ((*_large(0, 1, 2), used), (used, *_large(0, 1, 2), _CHECKPOINT))
        yield ((*_large(0, 1, 2, 3), _CHECKPOINT, _REOPEN),)
        for phase in range(_PHASES):
            steps = [Operation(Kind.STEP)] * phase
            yield ((*_large(0), Operation(Kind.START), *steps, *_large(1, 2), *uses, _CHECKPOINT),)
        return
    kept = (Operation(Kind.UPSERT, 1, 6), Operation(Kind.UPSERT, 1, 7), Operation(Kind.UPSERT, 0, 5))
    # Few of them between two checkpoints: what no sync has reached is lost in every combination.
    fill = (*_large(0, 1, 2), _CHECKPOINT) * 5
    for used in uses:
        yield ((*kept, *fill[:9], used, *fill[9:], used, _CHECKPOINT),)
    yield ((*kept, *fill[:16], uses[0]), (uses[0], *fill[:16], uses[1], _CHECKPOINT))


def thinned(geometry: str) -> Iterator[Run]:
    """Dead log is let go as soon as a store has grown, whatever is under way, and again after a power cut."""
    uses = (Operation(Kind.RMW, 1, 1), Operation(Kind.DELETE, 1, 1), Operation(Kind.INSERT, 1, 1))
    grown = _large(0, 1, 2)
    for used in uses:
        yield ((*grown, used, _CHECKPOINT, *grown), (used, *grown))
    for phase in range(_PHASES):
        steps = [Operation(Kind.STEP)] * phase
        yield ((*_large(0, 1), Operation(Kind.START), *steps, *grown, uses[0]),)
    yield ((*_large(*range(4)), _CHECKPOINT, *_large(*range(5)), _CHECKPOINT, *_large(*range(5))),)
    yield ((*grown, _CHECKPOINT, _REOPEN, *grown, uses[0], _CHECKPOINT),)
