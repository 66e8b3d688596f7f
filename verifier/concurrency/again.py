"""Again: two checkpoints, one after the other, beside a session under whose hands pages turn.

What a session writes to the device while the first one writes, syncs and names is part of neither what the
first holds nor what it has made durable: the second has to see to it. One preemption lets all of it happen
at any moment of the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..tapes.tape import SIZES, Kind, Operation, Tape
from .programs import SETTINGS, tape_of

__all__ = ["again_tapes"]

_FORK: Final = Operation(Kind.FORK)
_CHECKPOINTS: Final = (Operation(Kind.CHECKPOINT),) * 2
_NAMES: Final = ("absent", "on the last mutable page", "page almost full")
_KEYS: Final = (
    1,
    2,
    3,
    4,
    5,
    1,
)  # Large values enough for a segment that the next checkpoint writes no more.


def again_tapes(geometry: str) -> Iterator[Tape]:
    """All of them, in this geometry."""
    for name in _NAMES:
        for count in (3, len(_KEYS)):
            turning = [Operation(Kind.UPSERT, 0, key, SIZES - 1) for key in _KEYS[:count]]
            yield tape_of((*SETTINGS[name], _FORK, *_CHECKPOINTS, *turning), geometry)
