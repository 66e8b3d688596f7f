"""Kinds: a checkpoint of each kind but the usual one, beside one session or two, then the usual one.

What a session writes while a snapshot is copied belongs to the next version; what it writes afterwards goes
into the very bytes that were copied. The second checkpoint, of the same lane, must find all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..tapes.operations import PLAIN
from ..tapes.tape import SIZES, Kind, Operation, Tape
from .programs import SETTINGS, tape_of

__all__ = ["kinds_tapes"]

_FORK: Final = Operation(Kind.FORK)
_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_NAMES: Final = ("absent", "mutable", "full", "deleted", "page almost full")
_FIRST: Final = (
    *(Operation(Kind.RMW), Operation(Kind.UPSERT, 0, 0, SIZES)),
    *(Operation(Kind.DELETE), Operation(Kind.UPSERT, 0, 1, SIZES - 1)),
)


def kinds_tapes(geometry: str) -> Iterator[Tape]:
    """All of them, in this geometry."""
    for size in range(1, len(PLAIN)):
        taken = Operation(Kind.CHECKPOINT, 0, 0, size)
        for name in _NAMES:
            for first in _FIRST:
                yield tape_of((*SETTINGS[name], _FORK, first, taken), geometry)
                yield tape_of((*SETTINGS[name], _FORK, first, Operation(Kind.RMW, 1), taken), geometry)
            # In a turn of its own what follows a copied byte is of the second checkpoint.
            yield tape_of((*SETTINGS[name], _FORK, _FIRST[0], _FIRST[0], taken, _CHECKPOINT), geometry)
            yield tape_of((*SETTINGS[name], taken, _FORK, _FIRST[0], _FIRST[0], taken), geometry)
