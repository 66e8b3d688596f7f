"""Grown: programs in which the index gets twice the buckets, in memory and where chains lead to the device.

Keys that share a chain come to part, beside what is claimed and not written, deleted, pending, or in a
checkpoint under way; again, up to where there is no room; after a reopening and after a power cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

from ..tapes.operations import OPERATIONS
from ..tapes.tape import KEYS_MAX, Kind, Operation

__all__ = ["grown"]

Program = tuple[Operation, ...]
_MOST: Final = 8  # Growths, the last ones of which are refused.


def grown(cold: Program) -> Iterator[tuple[Program, ...]]:
    """Programs of family `grown`; a second one comes after a power cut."""
    grow, checkpoint = Operation(Kind.GROW), Operation(Kind.CHECKPOINT)
    keys = range(KEYS_MAX)
    put = tuple(Operation(Kind.PUT, 0, key, 3) for key in keys)
    reads = tuple(Operation(Kind.READ, 0, key) for key in keys)
    deleted = (*put[:4], *(Operation(Kind.DELETE, 0, key) for key in (0, 2)))
    befores: list[Program] = [(), put[:2], put, (*put, *cold), deleted, (*put, checkpoint, *put[:3])]
    befores += [(*put, *cold, Operation(Kind.START_RMW, 0, 1)), (*put, *cold, Operation(Kind.DELETE, 0, 1))]
    # What is claimed and nothing written: an insert of what is there on the device.
    befores += [(*put, *cold, *(Operation(Kind.INSERT, 0, key) for key in keys))]
    kinds = (Kind.UPSERT, Kind.RMW, Kind.DELETE, Kind.INSERT)
    afters: list[Program] = [(Operation(kind, 0, 1),) for kind in kinds]
    afters += [(grow, *put), (*cold, grow), (Operation(Kind.TRUNCATE), grow), (checkpoint, grow)]
    afters += [(Operation(Kind.REOPEN), grow), (Operation(Kind.SAVE), grow)]
    for before, after in product(befores, afters):
        yield ((*before, grow, *reads[:3], *after, *reads, checkpoint), (*reads, grow, *put[:2], checkpoint))
    for steps in range(1, 7):
        started = (*put, Operation(Kind.START), *[Operation(Kind.STEP)] * steps)
        for more in ((), (Operation(Kind.REOPEN),), (checkpoint, Operation(Kind.REOPEN))):
            yield ((*started, grow, *put[:3], *more, *reads), (grow, *reads))
    yield ((*put, *(grow, *put) * _MOST, checkpoint), (grow, *reads))
    yield ((*put, *cold, *(grow,) * _MOST, *reads, *put), reads)
    every = [Operation(kind, 0, 1) for kind, row in OPERATIONS.items() if not (row.is_logged or row.is_apart)]
    open_still = [each for each in every if each.kind not in (Kind.REOPEN, Kind.REOPEN_AS, Kind.SAVE)]
    yield ((*open_still, *open_still, Operation(Kind.SAVE)), (*open_still[::-1], Operation(Kind.REOPEN)))
