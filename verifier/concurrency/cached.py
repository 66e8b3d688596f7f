"""Cached: sessions side by side over a store with a read cache, for the geometry that has one.

    kept       the key is on the device and kept: whoever reads or changes it, beside who changes it, or moves
               what lies under it
    missed     two sessions ask the device at once, and both keep what it says
    stale      the key was changed, deleted or moved since it was kept
    made free  the page with the key is the next to be made free: who misses does that beside a reader
    walked     who goes over everything, or comes back to a session, beside who reads or writes many

Invariant: the first reader is overtaken by one preemption; what was kept before is asked for by the writer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ..tapes.tape import SIZES, Kind, Operation, Tape
from .programs import tape_of

__all__ = ["cached_tapes"]

Program = tuple[Operation, ...]

_FORK: Final = Operation(Kind.FORK)
_WRITER: Final = 3  # The session of what stands before is none of those that follow.
_READ: Final = Operation(Kind.READ)
_TURNING: Final = tuple(Operation(Kind.UPSERT, _WRITER, key, SIZES - 1) for key in (5, 6, 7, 5))
_FIRST: Final[tuple[Program, ...]] = (
    (_READ, _READ),
    (Operation(Kind.RMW),),
    (Operation(Kind.DELETE),),
    (Operation(Kind.INSERT), _READ),
    (Operation(Kind.START_READ), Operation(Kind.COMPLETE)),
    (Operation(Kind.START_RMW), Operation(Kind.COMPLETE)),
    (Operation(Kind.READ_MANY),),
)
_BESIDE: Final = (
    Operation(Kind.UPSERT, 1, 0, SIZES),
    Operation(Kind.RMW, 1),
    Operation(Kind.DELETE, 1),
    Operation(Kind.TRUNCATE_AT),
    # Between the record and the address at which its chain leaves memory.
    Operation(Kind.TRUNCATE_AT, 0, 0, SIZES),
    Operation(Kind.COMPACT, 0, 0, 2),
    Operation(Kind.GROW),
    Operation(Kind.CHECKPOINT),
)
_CHANGES: Final = (
    Operation(Kind.UPSERT, _WRITER, 0, SIZES),
    Operation(Kind.RMW, _WRITER),
    Operation(Kind.DELETE, _WRITER),
)
_OF_PAGE: Final = 5  # Records of two words, of which there is room for three pages.


def cached_tapes(geometry: str) -> Iterator[Tape]:
    """All of them, in this geometry."""
    yield from (
        tape_of(program, geometry) for program in (*_stale(), *_made_free(), *_missed(), *_kept(), *_walked())
    )


def _stale() -> Iterator[Program]:
    """The key is on the device under a new address, or is no more, since it was kept; two ask for it."""
    kept = _lap(range(3), (0, 1, 2, 0))
    for change in (*_CHANGES, Operation(Kind.COMPACT, _WRITER)):
        yield (*kept, change, *_TURNING, _FORK, _READ, _READ, Operation(Kind.READ_MANY, 1))
        # Some of these share a chain with what lies above them.
        for key in range(3):
            yield (*kept, change, _FORK, Operation(Kind.READ, 0, key), Operation(Kind.RMW, 1, key))


def _kept() -> Iterator[Program]:
    for first in _FIRST:
        for other in _BESIDE:
            yield (*_lap(range(3), range(3)), _FORK, *first, other)


def _missed() -> Iterator[Program]:
    other = Operation(Kind.READ, 1, 1)
    for one in (_READ, Operation(Kind.RMW), Operation(Kind.START_READ)):
        yield (*_lap(range(3), ()), _FORK, one, Operation(Kind.READ, 0, 1), _READ, other)


def _walked() -> Iterator[Program]:
    kept = _lap(range(3), range(3))
    yield (*kept, _FORK, Operation(Kind.ITEMS), Operation(Kind.UPSERT_MANY, 1))
    yield (*kept, _FORK, Operation(Kind.SCAN), Operation(Kind.RESUME, 1), Operation(Kind.READ_MANY, 1))


def _made_free() -> Iterator[Program]:
    """The last page of the cache is full, and the key is on the first: nobody asked for it again, and it
    goes, or somebody did, and it slides to the front, for there is another before it."""
    other = Operation(Kind.READ, 1, 1)
    for first in ((0, 1, 2, 3, 4), (1, 0, 2, 3, 4, 0)):
        before = _lap(range(_OF_PAGE), first)
        for keys in ((1, 2, 3, 4), (1, 2, 3, 4), (1, 2)):
            before += _lap(keys, keys)
        before += _lap((1,), ())
        for one in (_READ, Operation(Kind.RMW), Operation(Kind.INSERT)):
            yield (*before, _FORK, one, other, other)


def _lap(written: Iterable[int], asked: Iterable[int]) -> Program:
    """Keys are written, are on the device, and asked for: each is kept under a new address."""
    return (
        *(Operation(Kind.UPSERT, _WRITER, key, SIZES) for key in written),
        *_TURNING,
        *(Operation(Kind.READ, _WRITER, key) for key in asked),
    )
