"""Rarer: the smallest programs in which operations of the rarer kinds stand beside each other.

    of two sessions   each unordered pair of: an operation begun and completed later, a walk over all keys or
                      records, a session closed and taken up again, a batch
    aside             each of these beside a checkpoint, and beside a truncation, compaction or growth in its
                      own lane
    flushed           each operation of a session, and a checkpoint, beside the flush worker in its own lane
    moved             a walk over all keys beside one that gets another slot, in the batch or the next
    begun             each of these before and beside a checkpoint that stands at WAIT_PENDING, or at PERSIST

The key is on the device alone where the sessions begin, so that what is begun is pending.

Invariant: every combination is there once. In geometries other than the first there are the batches and the
walks alone: what is pending asks nothing of a page or a segment that single operations do not ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Final

from msgspec.structs import replace

from ..tapes.tape import KEYED, KEYS_MAX, SIZES, Kind, Operation, Tape
from .programs import SETTINGS, tape_of

__all__ = ["LATER", "MANY", "moved_tapes", "rarer_tapes"]

Program = tuple[Operation, ...]

_FORK: Final = Operation(Kind.FORK)
_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
MANY: Final[tuple[Program, ...]] = tuple(
    (Operation(kind),) for kind in (Kind.UPSERT_MANY, Kind.READ_MANY, Kind.ITEMS, Kind.SCAN)
)
LATER: Final[tuple[Program, ...]] = (
    (Operation(Kind.START_READ), Operation(Kind.COMPLETE)),
    (Operation(Kind.START_RMW), Operation(Kind.COMPLETE)),
    (Operation(Kind.RMW), Operation(Kind.RESUME)),
)
_TRUNCATIONS: Final = (Operation(Kind.TRUNCATE_AT), Operation(Kind.TRUNCATE))
_COMPACT: Final = Operation(Kind.COMPACT)
_GROW: Final = Operation(Kind.GROW)
_STEPS: Final = (2, 5)  # To WAIT_PENDING, and to PERSIST.
_ON_DEVICE: Final = SETTINGS["on the device"]
_FIRST: Final = "narrow"
_FLUSHED: Final = "lagging"
_ROUNDS: Final = Operation(Kind.FLUSH, 0, 0, 2)
_FILLED: Final = tuple(Operation(Kind.UPSERT, 3, key, SIZES - 1) for key in range(KEYS_MAX)) * 2


def rarer_tapes(geometry: str) -> Iterator[Tape]:
    """All of them, in this geometry."""
    if geometry == _FLUSHED:
        yield from (tape_of((*_FILLED, *rest), geometry) for rest in _flushed())
        return
    if geometry == _FIRST:
        yield from moved_tapes(geometry)
    lanes = (*LATER, *MANY) if geometry == _FIRST else MANY
    yield from (tape_of((*_ON_DEVICE, *rest), geometry) for rest in (*_beside(lanes), *_begun(lanes)))


def _beside(lanes: tuple[Program, ...]) -> Iterator[Program]:
    for one, other in combinations_with_replacement(lanes, 2):
        yield (_FORK, *one, *_of(1, other))
    for one in lanes:
        yield (_FORK, *one, _CHECKPOINT)
        yield (_FORK, *one, _TRUNCATIONS[0])
        for aside in (_COMPACT, _GROW):
            yield (*_of(2, one), aside, _FORK, *one, aside, *_of(2, one))
    yield (_FORK, *_TRUNCATIONS)


def _flushed() -> Iterator[Program]:
    singles: Iterator[Program] = (
        (Operation(kind), Operation(Kind.UPSERT, 0, 1, SIZES - 1)) for kind in sorted(KEYED)
    )
    for one in (*LATER, *MANY, *singles):
        yield (*_of(2, one), _ROUNDS, _FORK, *one, _ROUNDS, *_of(2, one))
    for far in (_CHECKPOINT, Operation(Kind.TRUNCATE)):
        yield (Operation(Kind.STEP), Operation(Kind.STEP), _FORK, Operation(Kind.RMW), _ROUNDS, far)
    for aside in (_COMPACT, _GROW):
        yield (_ROUNDS, aside, _ROUNDS, _FORK, Operation(Kind.RMW), aside, _ROUNDS)
    yield (Operation(Kind.TRUNCATE_AT), _FORK, Operation(Kind.RMW), _ROUNDS, Operation(Kind.TRUNCATE_AT))


def moved_tapes(geometry: str) -> Iterator[Tape]:
    """Those of `moved`."""
    one, other = Operation(Kind.UPSERT, 1), Operation(Kind.UPSERT, 1, KEYS_MAX - 1)
    for keys in (1, 4):
        filled = (Operation(Kind.UPSERT, 1, key) for key in range(keys))
        beside = (Operation(Kind.ITEMS), Operation(Kind.DELETE, 1), other, one)
        yield tape_of((*filled, _FORK, *beside), geometry)


def _begun(lanes: tuple[Program, ...]) -> Iterator[Program]:
    for one in lanes:
        for steps in _STEPS:
            yield (*_of(2, one), *[Operation(Kind.STEP)] * steps, _FORK, *one, _CHECKPOINT)


def _of(session: int, program: Program) -> Program:
    return tuple(replace(each, session=session) for each in program)
