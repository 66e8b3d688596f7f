"""Between: two sessions on one key and what moves a boundary beside them, few enough for two preemptions.

    a checkpoint    freezes, while one session is in the middle of a change that the other makes too
    a page turns    and with it the read-only boundary and the head, under both of them, or under a scan
    a truncation    takes the value from which one goes on, while the other writes it anew or looks

With one preemption the second session does not come to act inside the first one's operation while the
boundary is half moved; with two it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..tapes.tape import SIZES, Kind, Operation, Tape
from .programs import SETTINGS, tape_of

__all__ = ["between_tapes"]

_FORK: Final = Operation(Kind.FORK)
_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_TURN: Final = Operation(Kind.UPSERT, 2, 1, SIZES - 1)  # By a third session, under another key.
_RMW: Final = Operation(Kind.RMW)
_OTHER: Final = Operation(Kind.RMW, 1)
_UPSERT: Final = Operation(Kind.UPSERT, 0, 0, SIZES)
_ANEW: Final = Operation(Kind.UPSERT, 1, 0, SIZES)
_LATER: Final = ((Operation(Kind.START_READ), Operation(Kind.COMPLETE)), (Operation(Kind.ITEMS),))
_GOING_ON: Final = ((_RMW,), (Operation(Kind.START_RMW), Operation(Kind.COMPLETE)))


def between_tapes(geometry: str) -> Iterator[Tape]:
    """All of them, in this geometry."""
    programs = [
        ("mutable", (_UPSERT, _OTHER, _CHECKPOINT)),
        ("on the last mutable page", (_RMW, _OTHER, _TURN)),
        ("on the last mutable page", (Operation(Kind.SCAN), _ANEW, _TURN)),
        *(("on the device", (*first, _ANEW, Operation(Kind.TRUNCATE))) for first in _LATER),
        ("on the device", (Operation(Kind.TRUNCATE), Operation(Kind.READ), _OTHER)),
        *(
            ("on the device", (*first, Operation(Kind.TRUNCATE_AT), Operation(Kind.READ, 1)))
            for first in _GOING_ON
        ),
    ]
    for setting, beside in programs:
        yield tape_of((*SETTINGS[setting], _FORK, *beside), geometry)
