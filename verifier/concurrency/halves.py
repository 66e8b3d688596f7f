"""Halves: programs in which something comes between the two halves of an operation, beside another session.

    begun     a read or a read-modify-write of a key that is on the device alone
    between   another operation of the session on the key, its batch, a page that turns, or the session closed
              and taken up again
    ended     by a wait, by what the device has answered by then, or by the closing of the session
    beside    a change of the key, a truncation, a checkpoint, a change and a checkpoint

Invariant: every combination is there once, in the order of their lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

from ..tapes.tape import SIZES, Kind, Operation, Tape
from .programs import SETTINGS, tape_of

__all__ = ["halves"]

Program = tuple[Operation, ...]

_BEGUN: Final = (Operation(Kind.START_READ), Operation(Kind.START_RMW))
_BETWEEN: Final[tuple[Program, ...]] = (
    (),
    (Operation(Kind.UPSERT),),
    (Operation(Kind.DELETE),),
    (Operation(Kind.RMW),),
    (Operation(Kind.START_RMW),),
    (Operation(Kind.UPSERT_MANY),),
    (Operation(Kind.READ_MANY),),
    (Operation(Kind.UPSERT, 0, 1, SIZES - 1), Operation(Kind.UPSERT, 0, 2, SIZES - 1)),
)
_ENDED: Final[tuple[Program, ...]] = (
    (Operation(Kind.COMPLETE),),
    (Operation(Kind.COMPLETE, 0, 0, 1), Operation(Kind.READ)),
    (Operation(Kind.RESUME),),
)
_BESIDE: Final[tuple[Program, ...]] = (
    (Operation(Kind.UPSERT, 1, 0, SIZES),),
    (Operation(Kind.RMW, 1),),
    (Operation(Kind.TRUNCATE),),
    (Operation(Kind.CHECKPOINT),),
    (Operation(Kind.UPSERT, 1), Operation(Kind.CHECKPOINT)),
    (Operation(Kind.RMW, 1), Operation(Kind.TRUNCATE)),
)


def halves(geometry: str) -> Iterator[Tape]:
    """All of these programs, in this geometry."""
    programs = [
        (*SETTINGS["on the device"], Operation(Kind.FORK), first, *thing, *last, *beside)
        for first, thing, last, beside in product(_BEGUN, _BETWEEN, _ENDED, _BESIDE)
    ]
    yield from (tape_of(program, geometry) for program in sorted(programs, key=len))
