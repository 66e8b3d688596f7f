"""Skewed: programs whose checkpoint has begun before the sessions part, so that one is a version behind.

The checkpoint stands at WAIT_PENDING when the lanes begin. A session that enters its operation then is still
in v while the checkpoint goes on; whoever enters afterwards is in v+1, and the first meets records of the
next version. With one preemption nobody does in these programs; with two they do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..tapes.operations import PLAIN
from ..tapes.tape import SIZES, Kind, Operation, Tape
from .programs import SETTINGS, tape_of

__all__ = ["skewed_tapes"]

_FORK: Final = Operation(Kind.FORK)
_BEGUN: Final = (Operation(Kind.STEP),) * 2
_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_NAMES: Final = ("absent", "mutable", "full", "deleted", "on the device")
_BEHIND: Final = (
    *(Operation(Kind.READ), Operation(Kind.UPSERT, 0, 0, SIZES), Operation(Kind.RMW)),
    *(Operation(Kind.DELETE), Operation(Kind.INSERT), Operation(Kind.ITEMS)),
)
_AHEAD: Final = (Operation(Kind.UPSERT, 1), Operation(Kind.RMW, 1), Operation(Kind.DELETE, 1))


def skewed_tapes(geometry: str) -> Iterator[Tape]:
    """All of them, in this geometry."""
    for name in _NAMES:
        for behind in _BEHIND:
            for ahead in _AHEAD:
                yield tape_of((*SETTINGS[name], *_BEGUN, _FORK, behind, ahead, _CHECKPOINT), geometry)
    # Of the other kinds. The session ahead is there before the other one, and taken over the edge before it.
    for size in range(1, len(PLAIN)):
        begun, ended = (Operation(Kind.STEP, 0, 0, size),) * 2, Operation(Kind.CHECKPOINT, 0, 0, size)
        for behind in (Operation(Kind.RMW), Operation(Kind.UPSERT, 0, 0, SIZES)):
            for ahead in (Operation(Kind.UPSERT, 3, 1), Operation(Kind.RMW, 3)):
                for name in ("full", "deleted"):
                    yield tape_of((*SETTINGS[name], *begun, _FORK, behind, ahead, ended), geometry)
