"""Again: two checkpoints, one after the other, beside a session under whose hands pages turn.

What a session writes to the device while the first one writes, syncs and names is part of neither what the
first holds nor what it has made durable: the second has to see to it. One preemption lets all of it happen
at any moment of the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..tapes.tape import KEYS_MAX, SIZES, Kind, Operation, Tape
from .programs import tape_of

__all__ = ["again_tapes"]

_FORK: Final = Operation(Kind.FORK)
_CHECKPOINTS: Final = (Operation(Kind.CHECKPOINT),) * 2
_WRITER: Final = 3  # The session of what stands before is none of those that follow.


def _turning(session: int, first: int, count: int) -> tuple[Operation, ...]:
    """Large values under one key after another, none of which stands on a page that is still mutable."""
    keys = (1 + number % (KEYS_MAX - 1) for number in range(first, first + count))
    return tuple(Operation(Kind.UPSERT, session, key, SIZES - 1) for key in keys)


def again_tapes(geometry: str) -> Iterator[Tape]:
    """All of them, in this geometry; those after the first stand before or on the next segment."""
    for before in (0, 4, 7, 8):
        for count in (2, 4):
            beside = (*_CHECKPOINTS, *_turning(0, before, count))
            yield tape_of((*_turning(_WRITER, 0, before), _FORK, *beside), geometry)
