"""CPR: small programs of sessions beside a checkpoint of one kind, searched with the power cut at every call.

    beside    one session or two, an operation or two each, on a key that is absent, in place, grown, deleted,
              frozen, on the device, or on a page that turns
    begun     the checkpoint has begun before the sessions part, and is some phases on
    twice     another checkpoint of any kind follows in the same lane
    more      an operation that waits for the device, a truncation, a session that resumes, beside it

Of a kind with an image of the index every fifth of these.

Invariant: programs of one kind come in the order of their operations beside each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations_with_replacement, product
from typing import Final

from ..tapes.operations import CHECKPOINTS, PLAIN
from ..tapes.tape import SIZES, Kind, Operation, Tape
from .programs import SETTINGS, tape_of

__all__ = ["KINDS", "cpr_tapes"]

Program = tuple[Operation, ...]

KINDS: Final = CHECKPOINTS
_FORK: Final = Operation(Kind.FORK)
_LARGE: Final = SIZES - 1
_CHANGES: Final = ((Kind.RMW, 0), (Kind.UPSERT, SIZES), (Kind.DELETE, 0), (Kind.INSERT, 0))
_TURNING: Final = Operation(Kind.UPSERT, 1, 1, _LARGE), Operation(Kind.UPSERT, 1, 2, _LARGE)
_PHASES: Final = range(1, 5)
_OF_IMAGES: Final = 5  # A cut has several times as many states.


def cpr_tapes(kind: str, geometry: str) -> Iterator[Tape]:
    """All programs beside checkpoints of this kind, by its name, in this geometry."""
    programs = [*_beside(kind), *_begun(kind), *_twice(kind), *_more(kind)]
    if kind not in PLAIN:
        programs = programs[::_OF_IMAGES]
    yield from (tape_of(each, geometry) for each in sorted(programs, key=_beside_each_other))


def _beside_each_other(program: Program) -> int:
    return len(program) - program.index(_FORK)


def _taken(kind: str) -> Operation:
    return Operation(Kind.CHECKPOINT, 0, 0, KINDS.index(kind))


def _beside(kind: str) -> Iterator[Program]:
    taken = _taken(kind)
    for setting in SETTINGS.values():
        for what, size in _CHANGES:
            yield (*setting, _FORK, Operation(what, 0, 0, size), taken)
        for first, second in combinations_with_replacement(_CHANGES, 2):
            yield (*setting, _FORK, Operation(first[0], 0, 0, first[1]), _second(second), taken)
        yield (*setting, _FORK, Operation(Kind.RMW), *_TURNING, taken)


def _second(what: tuple[Kind, int]) -> Operation:
    return Operation(what[0], 1, 0, what[1])


def _begun(kind: str) -> Iterator[Program]:
    for name, steps in product(("absent", "mutable", "on the last mutable page"), _PHASES):
        before = (*SETTINGS[name], *[Operation(Kind.STEP, 0, 0, KINDS.index(kind))] * steps)
        for what, size in _CHANGES[:3]:
            first = Operation(what, 0, 0, size)
            yield (*before, _FORK, first, first, _taken(kind))
            yield (*before, _FORK, first, Operation(Kind.RMW, 1), _taken(kind))


def _twice(kind: str) -> Iterator[Program]:
    for name, other in product(("absent", "mutable", "frozen"), PLAIN):
        for what, size in _CHANGES[:2]:
            first = Operation(what, 0, 0, size)
            yield (*SETTINGS[name], _FORK, first, first, _taken(kind), _taken(other))
            yield (*SETTINGS[name], _taken(other), _FORK, first, Operation(Kind.RMW, 1), _taken(kind))


def _more(kind: str) -> Iterator[Program]:
    taken, away = _taken(kind), SETTINGS["on the device"]
    begun = Operation(Kind.START_RMW)
    for other in (Operation(Kind.RMW, 1), Operation(Kind.UPSERT, 1, 0, SIZES)):
        yield (*away, _FORK, begun, Operation(Kind.COMPLETE), other, taken)
        yield (*away, _FORK, other, Operation(Kind.TRUNCATE_AT), taken)
    for setting in ("absent", "mutable"):
        yield (*SETTINGS[setting], _FORK, Operation(Kind.RMW), Operation(Kind.RESUME), taken)
        yield (*SETTINGS[setting], _FORK, Operation(Kind.UPSERT_MANY, 0, 0, SIZES), taken)
