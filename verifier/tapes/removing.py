"""Programs for processes that are killed: their checkpoints are told, and then remove files.

A checkpoint lets go who waits for it as soon as it is durable, and removes only then what nobody needs any
more: calls of the device between what is told and what returns.

Invariant: the same programs for everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

from .operations import CHECKPOINTS
from .tape import SIZES, Kind, Operation

__all__ = ["TURNED", "removing"]

TURNED: Final = 7  # Steps before the truncation: large values, so that pages turn.
_PLACES: Final = 4  # Of TRUNCATE_AT, by its size.


def removing() -> Iterator[tuple[Operation, ...]]:
    """One for each place of a truncation and kind of checkpoint: truncate, checkpoint, reopen, twice."""
    large = tuple(Operation(Kind.UPSERT, 0, key, SIZES - 1) for key in range(TURNED))
    for kind, place in product(range(len(CHECKPOINTS)), range(_PLACES)):
        truncate, taken = Operation(Kind.TRUNCATE_AT, 0, 2, place), Operation(Kind.CHECKPOINT, 0, 0, kind)
        back = Operation(Kind.REOPEN)
        yield (*large, truncate, taken, back, Operation(Kind.RMW, 1), truncate, taken, back)
