"""Truncations, compactions and growths of the index in a lane of their own: small programs of one beside a
checkpoint or a session.

The session reads or changes a key whose record the truncation takes away, or the compaction moves; they go to
the tail, or a truncation to the start of the log's second page. A compaction also meets a truncation, and a
session that looks twice. A growth parts two keys of one chain, and meets whatever else moves.

Of {grow, compact, checkpoint, truncate} each two stand beside each other and beside a session, in lanes of
their own, whichever begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, permutations
from typing import Final

from ..tapes.tape import SIZES, Kind, Operation, Tape
from .programs import SETTINGS, hunted_tapes, tape_of

__all__ = ["aside_tapes", "programs"]

_GEOMETRIES: Final = (
    "paired",
    "colliding",
)  # A page a segment, so that files go; and one chain for all keys.
_FORK: Final = Operation(Kind.FORK)
_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_COMPACT: Final = Operation(Kind.COMPACT)
_GROW: Final = Operation(Kind.GROW)
_WRITER: Final = 3  # As in the settings.
_TURNING: Final = SETTINGS["on the device"][1:]
_TWICE: Final = (Operation(Kind.READ), Operation(Kind.READ))
_SESSIONS: Final = (
    None,
    *(Operation(Kind.UPSERT, 0, 0, SIZES), Operation(Kind.RMW), Operation(Kind.DELETE)),
    *(Operation(Kind.INSERT), Operation(Kind.READ)),
    Operation(Kind.START_READ),  # The device is asked at a moment of its own: its file has to be there still.
)


def aside_tapes() -> Iterator[Tape]:
    """All of them, in each of their geometries."""
    for geometry in _GEOMETRIES:
        for name in ("on the device", "on the last mutable page"):
            for size in (0, SIZES):
                for first in _SESSIONS:
                    lanes = (Operation(Kind.TRUNCATE_AT, 0, 0, size), _CHECKPOINT)
                    beside = lanes if first is None else (first, *lanes)
                    yield tape_of((*SETTINGS[name], _FORK, *beside), geometry)
        for first in _SESSIONS[1:]:
            assert first is not None
            yield tape_of((*SETTINGS["frozen"], _FORK, _COMPACT, first), geometry)
            yield tape_of((*SETTINGS["on the device"], _FORK, _COMPACT, first), geometry)
    for first in (Operation(Kind.READ), Operation(Kind.UPSERT, 0, 0, SIZES)):
        yield tape_of((*SETTINGS["frozen"], _FORK, _COMPACT, first, _CHECKPOINT), "colliding")
    yield tape_of((*SETTINGS["on the device"], _FORK, _COMPACT, *_TWICE, Operation(Kind.TRUNCATE)), "paired")
    for walk in (Operation(Kind.ITEMS), Operation(Kind.SCAN)):
        yield tape_of((*SETTINGS["on the device"], _FORK, _COMPACT, walk), "paired")
    yield from grown_tapes()
    yield from paired_tapes()


def grown_tapes() -> Iterator[Tape]:
    """Growths: beside a session, beside one that looks at all keys, beside what else moves."""
    two = (Operation(Kind.UPSERT, _WRITER, 0, SIZES), Operation(Kind.UPSERT, _WRITER, 1, SIZES))
    settings = (two, (*two, _CHECKPOINT), (*two, *_TURNING))
    for setting in (*settings, ()):
        for key in (0, 1):
            for kind in (Kind.UPSERT, Kind.RMW, Kind.DELETE, Kind.INSERT, Kind.READ):
                size = SIZES if kind is Kind.UPSERT else 0
                # Either is taken off in the middle of what it does.
                for lanes in permutations((_GROW, Operation(kind, 0, key, size))):
                    yield tape_of((*setting, _FORK, *lanes), "parted")
    for setting in settings:
        for kind in (Kind.READ_MANY, Kind.UPSERT_MANY, Kind.ITEMS, Kind.START_RMW):
            yield tape_of((*setting, _FORK, _GROW, Operation(kind)), "parted")
    used = Operation(Kind.RMW)
    for beside in (_CHECKPOINT, Operation(Kind.CHECKPOINT, 0, 0, 3)):
        yield tape_of((*two, _FORK, _GROW, beside, used), "parted")
        yield tape_of((*two, *_TURNING, _FORK, _GROW, beside), "parted")
    for other in (Operation(Kind.TRUNCATE), Operation(Kind.TRUNCATE_AT, 0, 0, SIZES), _COMPACT):
        yield tape_of((*two, *_TURNING, _FORK, _GROW, other, _GROW, used), "parted")


def paired_tapes() -> Iterator[Tape]:
    """Each two of what looks after a store, beside each other and beside a session."""
    two = (Operation(Kind.UPSERT, _WRITER, 0, SIZES), Operation(Kind.UPSERT, _WRITER, 1, SIZES))
    far = Operation(Kind.TRUNCATE)
    pairs = (
        *((_GROW, _COMPACT), (_GROW, _CHECKPOINT), (_GROW, far), (_COMPACT, _CHECKPOINT), (_COMPACT, far)),
        (_CHECKPOINT, Operation(Kind.TRUNCATE_AT, 0, 0, SIZES)),
    )
    for pair in pairs:
        for beside in permutations(pair):
            for kind in (Kind.READ, Kind.RMW):
                yield tape_of((*two, *_TURNING, _FORK, *beside, Operation(kind)), "parted")


def programs(preemptions: int, oracle: str) -> Iterator[Tape]:
    """The tapes searched with so few preemptions for a planted bug; these come last."""
    return chain(hunted_tapes(preemptions, oracle), aside_tapes())
