"""Named: programs beside which a store forgets names of sessions, in geometries that do.

A session is known and not open, others take checkpoints until its name is forgotten, or just not; it comes
again before that is durable, while it becomes so, and afterwards; and all of it again after a power cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .tape import Kind, Operation

__all__ = ["forgotten"]

Run = tuple[tuple[Operation, ...], ...]  # A program an era.

_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_REOPEN: Final = Operation(Kind.REOPEN)
_PHASES: Final = 6


def forgotten(geometry: str) -> Iterator[Run]:
    """One name that is not used, checkpoints of another one's work, and the name again."""
    yield from dict.fromkeys(_runs(geometry))


def _runs(geometry: str) -> Iterator[Run]:
    left, used = Operation(Kind.UPSERT, 1, 1), Operation(Kind.RMW, 1, 1)
    work = Operation(Kind.RMW)
    lap = (work, _CHECKPOINT)
    before = (left, used, *lap, _REOPEN)
    again: tuple[tuple[Operation, ...], ...] = (
        (used, _CHECKPOINT),
        (_CHECKPOINT, used),
        (*lap, used, _CHECKPOINT),
        (_REOPEN, used, _CHECKPOINT),
        (*lap, _REOPEN, used),
    )
    for laps in range(3) if geometry == "fleeting" else range(1, 4):
        for more in again:
            yield ((*before, *lap * laps, *more),)
            yield ((*before, *lap * laps, *more), (*lap * 2, used, _CHECKPOINT))
        yield ((*before, *lap * laps), (used, *lap))
    for phase in range(_PHASES):
        started = (work, Operation(Kind.START), *[Operation(Kind.STEP)] * phase)
        yield ((*before, *lap, *started, used, _CHECKPOINT, *lap),)
        yield ((*before, *lap * 2, *started, used, _CHECKPOINT), (used, _CHECKPOINT))
        yield ((*before, *lap * 2, *started, _REOPEN, used, _CHECKPOINT),)
