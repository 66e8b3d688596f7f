"""Flushed: small programs in which the flush worker runs beside sessions, checkpoints and truncations.

    alone      one operation beside a round of the worker, in every state of the key
    turning    ... and beside pages that turn: the session needs the frames that the worker frees; once with
               the worker's rounds spread, so that it sleeps and is woken
    more       ... and beside a checkpoint, or a truncation in a lane of its own
    pairs      two sessions on the key, and the worker
    rarer      a batch, a walk, an operation completed later, a session taken up again, and the worker

In the geometries GATHERING of `faster.flushing`: the fewest pages, so that all of it comes soon.

Invariant: every combination is there once; those of one session come first.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Final

from ..tapes.tape import SIZES, Kind, Operation, Tape
from .programs import SETTINGS, tape_of
from .rarer import LATER, MANY

__all__ = ["flushed_tapes"]

Program = tuple[Operation, ...]

_FORK: Final = Operation(Kind.FORK)
_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_TRUNCATE_AT: Final = Operation(Kind.TRUNCATE_AT)
_ROUND: Final = Operation(Kind.FLUSH)
_ROUNDS: Final = Operation(Kind.FLUSH, 0, 0, 2)
_LARGE: Final = SIZES - 1
_TURNING: Final = tuple(Operation(Kind.UPSERT, 0, key, _LARGE) for key in (1, 2))
_SINGLE: Final = (
    *(Operation(Kind.UPSERT, 0, 0, SIZES), Operation(Kind.RMW), Operation(Kind.READ)),
    *(Operation(Kind.DELETE), Operation(Kind.INSERT), Operation(Kind.SCAN)),
)
_CHANGES: Final = ((Kind.UPSERT, SIZES), (Kind.RMW, 0), (Kind.DELETE, 0))


def flushed_tapes(geometry: str) -> Iterator[Tape]:
    """All of them, in this geometry."""
    yield from (tape_of(program, geometry) for program in _all())


def _all() -> Iterator[Program]:
    for part in (_alone, _turning, _more, _pairs, _rarer):
        yield from part()


def _alone() -> Iterator[Program]:
    for setting in SETTINGS.values():
        for operation in _SINGLE:
            yield (*setting, _FORK, operation, _ROUND)


def _turning() -> Iterator[Program]:
    for setting in SETTINGS.values():
        for operation in _SINGLE[:3]:
            yield (*setting, _FORK, operation, *_TURNING, _ROUNDS)
            yield (*setting, _FORK, *_TURNING, operation, _ROUND, _ROUND)


def _more() -> Iterator[Program]:
    for name, setting in SETTINGS.items():
        for operation in _SINGLE[:4]:
            yield (*setting, _FORK, operation, _CHECKPOINT, _ROUND)
            if name in ("on the device", "on the last mutable page", "page almost full"):
                yield (*setting, _FORK, operation, _TRUNCATE_AT, _ROUND)
        yield (*setting, _FORK, _TURNING[0], _CHECKPOINT, _ROUND)


def _pairs() -> Iterator[Program]:
    for setting in SETTINGS.values():
        for first, second in combinations_with_replacement(_CHANGES, 2):
            operations = Operation(first[0], 0, 0, first[1]), Operation(second[0], 1, 0, second[1])
            yield (*setting, _FORK, *operations, _ROUND)


def _rarer() -> Iterator[Program]:
    for operations in (*LATER, *MANY):
        if not set(operations) <= set(_SINGLE):  # That is there already.
            yield (*SETTINGS["on the device"], _FORK, *operations, _ROUND)
