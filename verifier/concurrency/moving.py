"""Moving: the smallest programs in which a boundary or a phase of a checkpoint moves beside a session.

    phases       two operations of one session beside a checkpoint: one can be under way as the checkpoint
                 begins, the other as it goes on
    boundaries   one operation beside a page that turns, so that read-only, flushed and head move; beside a
                 truncation, which moves begin

They are few, and so small that all schedules of two preemptions can be run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..tapes.tape import KEYS_MAX, SIZES, Kind, Operation, Tape
from .programs import SETTINGS, tape_of

__all__ = ["moving_tapes"]

Program = tuple[Operation, ...]

_FORK: Final = Operation(Kind.FORK)
_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_TRUNCATE: Final = Operation(Kind.TRUNCATE)
_TURNING: Final = Operation(Kind.UPSERT, 1, 1, SIZES - 1)  # A large value under another key.
_FIRST: Final = (Operation(Kind.RMW), Operation(Kind.UPSERT, 0, 0, SIZES))
_NEW: Final = Operation(Kind.UPSERT, 0, KEYS_MAX - 1)


def moving_tapes(geometry: str) -> Iterator[Tape]:
    """All of them, in this geometry."""
    yield from (tape_of(program, geometry) for program in (*_phases(), *_boundaries()))


def _phases() -> Iterator[Program]:
    for name in ("absent", "full", "frozen"):
        for first in _FIRST:
            yield (*SETTINGS[name], _FORK, first, _NEW, _CHECKPOINT)


def _boundaries() -> Iterator[Program]:
    for name in ("frozen", "on the last mutable page", "page almost full"):
        for first in (*_FIRST, Operation(Kind.READ)):
            yield (*SETTINGS[name], _FORK, first, _TURNING)
    for first in (*_FIRST, Operation(Kind.READ), Operation(Kind.ITEMS)):
        yield (*SETTINGS["on the device"], _FORK, first, _TRUNCATE)
