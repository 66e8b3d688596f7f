"""Programs with images of the index: taken with every kind of checkpoint, and used by later openings.

    short     a checkpoint with an image among a few others, operations, and openings
    followed  another checkpoint, with one or without; lives after it; pages that turn, a log that is
              truncated, more buckets than the image has
    phased    operations while the image is taken, and in every phase behind it

Invariant: each program has an image.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

from .operations import CHECKPOINTS, PLAIN
from .tape import KEYS_MAX, SIZES, Kind, Operation

__all__ = ["indexed"]

Run = tuple[tuple[Operation, ...], ...]  # A program an era.

_TAKEN: Final = tuple(Operation(Kind.CHECKPOINT, 0, 0, size) for size in range(len(CHECKPOINTS)))
_WITHOUT, _WITH = _TAKEN[: len(PLAIN)], _TAKEN[len(PLAIN) :]
_UPSERT, _GROWN, _REOPEN = Operation(Kind.UPSERT), Operation(Kind.RMW), Operation(Kind.REOPEN)
_PHASES: Final = 7
_IMAGING: Final = 2  # Steps after which the image is there.
_BUCKETS: Final = (1, 2, 4)  # Of REOPEN_AS: those that have another index, or all of it from memory.


def indexed(geometry: str) -> Iterator[Run]:
    """All of them; where a page holds one large value, those that truncate."""
    if geometry == "paired":
        for taken, (key, size), last in product(_WITH, ((0, 0), (2, 2), (5, 1)), (2, 4)):
            paged = _large(*range(last + 1))
            yield ((*paged, taken, Operation(Kind.TRUNCATE_AT, 0, key, size), _WITHOUT[0], _REOPEN, _GROWN),)
        return
    few = (_WITH[0], _WITHOUT[0], _UPSERT, _GROWN, Operation(Kind.DELETE), _REOPEN)
    for steps in (1, 2, 3):
        for program in product(few, repeat=steps):
            if _WITH[0] in program[: 4 - steps]:  # Of the longest those that begin with it.
                yield ((_UPSERT, *program),)
    yield from _followed()
    yield from _phased()


def _large(*keys: int) -> tuple[Operation, ...]:
    return tuple(Operation(Kind.UPSERT, 0, key, SIZES - 1) for key in keys)


def _followed() -> Iterator[Run]:
    large = _large(*range(KEYS_MAX))
    for one, other in (*product(_WITH[:1], _TAKEN), *product(_WITH[1:], _WITHOUT[:1])):
        yield ((_UPSERT, one, _GROWN, other), (_GROWN, other, _GROWN), (_UPSERT, one))
        yield ((*large[:5], _GROWN, one, _GROWN, *large[5:], other, _REOPEN, _GROWN, other),)
        truncate = Operation(Kind.TRUNCATE)
        yield ((*large, one, truncate, _GROWN, other, *large[:4], one, _REOPEN, _GROWN, truncate, other),)
    for one, key in product(_WITH, _BUCKETS):
        again = Operation(Kind.REOPEN_AS, 0, key)
        yield ((*large[:3], one, again, _GROWN, _WITHOUT[0], again), (_GROWN, one))


def _phased() -> Iterator[Run]:
    (large,) = _large(1)
    for size, phase in product(range(len(PLAIN), len(CHECKPOINTS)), range(_PHASES)):
        if size > len(PLAIN) and phase > _IMAGING:
            continue  # From there on it is a checkpoint of its kind, of which there are others.
        started = (Operation(Kind.START, 0, 0, size), *[Operation(Kind.STEP)] * phase)
        for used in (_GROWN, large, Operation(Kind.DELETE), Operation(Kind.INSERT, 1, 1)):
            yield ((_UPSERT, *started, used, _TAKEN[size], _GROWN), (used, _WITHOUT[0]))
        # Pages turn between the copy and its end.
        yield ((_UPSERT, *started, *_large(1, 2, 3), _TAKEN[size], _GROWN),)
        yield ((_UPSERT, _WITHOUT[0], *started, _GROWN, _REOPEN, _GROWN, _TAKEN[size]),)
