"""Growing: programs in which the index has twice the buckets, and twice again.

Around the steps of a checkpoint, with an image of the index and without, around truncations and compactions;
keys of one chain come to part, in memory, on the device, and where their records are written afterwards. And
all mixes of three things that look after a store, a change between them.

Invariant: the same runs for everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product
from typing import Final

from .operations import CHECKPOINTS
from .tape import SIZES, Kind, Operation

__all__ = ["grown", "mixed"]

Run = tuple[tuple[Operation, ...], ...]  # A program an era.

_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_REOPEN: Final = Operation(Kind.REOPEN)
_PHASES: Final = 6


def _large(*keys: int) -> tuple[Operation, ...]:
    return tuple(Operation(Kind.UPSERT, 0, key, SIZES - 1) for key in keys)


def grown(geometry: str) -> Iterator[Run]:
    """All runs of the family; in "parted" a page holds one large value."""
    few = tuple(Operation(Kind.UPSERT, 0, key) for key in range(4))
    paged = _large(0, 1, 2) if geometry == "parted" else (*few, *_large(4, 5, 6, 7))
    grow, image = Operation(Kind.GROW), Operation(Kind.CHECKPOINT, 0, 0, 3)
    reads = tuple(Operation(Kind.READ, 0, key) for key in range(3))
    first, *others = few
    yield ((first, grow, *reads, _CHECKPOINT), reads)
    for large in permutations((0, 1, 2)):
        yield ((*_large(*large), grow, *reads, _CHECKPOINT), reads)
    for saved in (_CHECKPOINT, image):
        # Written under twice the buckets, so that no chain has both.
        yield ((first, grow, others[0], saved), ())
        yield ((first, grow, *others, saved), reads)
        yield ((first, grow, *others[:1], saved, grow, *others, saved, _REOPEN, *reads),)
    for base in (few, paged):
        for used in (Operation(Kind.RMW), Operation(Kind.INSERT, 0, 1), Operation(Kind.DELETE, 0, 2)):
            for saved in (_CHECKPOINT, image):
                yield ((*base, grow, *reads, used, saved), (*reads, grow, used, saved))
                yield ((*base, saved, grow, used, grow, *reads, saved, _REOPEN, used, *reads),)
                yield ((*base, used, saved, grow, used), (grow, *reads, saved))
        for aside in (Operation(Kind.COMPACT), Operation(Kind.TRUNCATE_AT, 0, 1, 2)):
            yield ((*base, _CHECKPOINT, grow, aside, *reads, _CHECKPOINT, grow, *reads, aside),)
            yield ((*base, _CHECKPOINT, aside, grow, _CHECKPOINT, *base, grow, aside, _CHECKPOINT), reads)
    for phase in range(_PHASES):
        for start in (Operation(Kind.START), Operation(Kind.START, 0, 0, 3)):
            steps = [Operation(Kind.STEP)] * phase
            begun = (*few, _CHECKPOINT, Operation(Kind.RMW), start, *steps)
            yield ((*begun, grow, Operation(Kind.RMW, 0, 1), _CHECKPOINT), (*reads, grow, _CHECKPOINT))
            yield ((*begun, Operation(Kind.UPSERT, 0, 2), grow, Operation(Kind.STEP), *reads, _CHECKPOINT),)


def mixed(geometry: str) -> Iterator[Run]:
    """All sequences of three of {grow, compact, truncate, checkpoint, one with an image, reopen}."""
    upkeep = (
        *(
            Operation(Kind.GROW),
            Operation(Kind.COMPACT),
            Operation(Kind.TRUNCATE_AT, 0, 1, SIZES),
            _CHECKPOINT,
        ),
        *(Operation(Kind.CHECKPOINT, 0, 0, CHECKPOINTS.index("snapshot with index")), _REOPEN),
    )
    changes = (Operation(Kind.RMW), Operation(Kind.DELETE, 0, 2))
    reads = tuple(Operation(Kind.READ, 0, key) for key in range(4))
    for one, two, three in product(upkeep, repeat=3):
        mix = (one, changes[0], two, changes[1], three)
        yield ((*_large(0, 1, 2, 3), _CHECKPOINT, *mix, *reads), (*reads, changes[0]))
