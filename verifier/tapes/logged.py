"""Programs of a log: all small ones, and those that take something back, or go on after a power cut.

    crashes   after which a run of several eras goes on: nothing is lost, or the last sync has not returned
              and one part or another of what its commit wrote is not there

Invariant: the same runs for everybody.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

from .tape import Crash, Kind, Operation

__all__ = ["LOGGED_CRASHES", "killed_lives", "killed_runs", "logged"]

Run = tuple[tuple[Operation, ...], ...]

_SHORT: Final = Operation(Kind.ENQUEUE)
_LONG: Final = Operation(Kind.ENQUEUE, 0, 0, 2)
_MANY: Final = Operation(Kind.ENQUEUE_MANY, 0, 0, 2)  # More than a page.
_COMMIT: Final = Operation(Kind.CHECKPOINT)
_REOPEN: Final = Operation(Kind.REOPEN)
_ONE, _ALL, _LEFT, _STAYS = (Operation(Kind.ITERATE, 0, 0, size) for size in range(4))
_LETTERS: Final = (
    *(_SHORT, _LONG, _MANY, _COMMIT, _REOPEN),
    *(Operation(Kind.TRUNCATE_AT, 0, 0, 1), Operation(Kind.ROLLBACK, 0, 0, 1), _ONE),
)
_STEPS: Final = 3
_KILLED_STEPS: Final = 2
_OFTEN: Final = 8
_CHOICES: Final = 4  # Sectors of which each is lost or not.
LOGGED_CRASHES: Final = (
    Crash(),
    *(Crash(1, 0, digits) for digits in product((0, 1), repeat=_CHOICES)),
    Crash(2, 0, (1,) * 8),
)


def logged(geometry: str) -> Iterator[Run]:
    """The runs in a geometry; the small ones in the first only."""
    if geometry == "tiny":
        for steps in range(_STEPS + 1):
            for program in product(_LETTERS, repeat=steps):
                if _ONE not in program or _COMMIT in program:  # Progress is nothing without one.
                    yield (program,)
    for size in range(4):
        truncate, back = Operation(Kind.TRUNCATE_AT, 0, 0, size), Operation(Kind.ROLLBACK, 0, 0, size)
        yield ((_SHORT, _COMMIT, _MANY, _COMMIT, truncate, _LONG, _COMMIT, truncate, _REOPEN, truncate),)
        yield ((_SHORT, _COMMIT, _LONG, _MANY, _SHORT, back, _SHORT, _COMMIT),)
        # So much that some of it is on the device before it is dropped.
        yield ((_MANY, _MANY, back, _LONG, back, _SHORT, _COMMIT, _REOPEN, _SHORT),)
        yield ((_MANY, _MANY, back, _COMMIT, truncate, _LONG),)
    # So often that the memory of a block which was dropped, and not let go of, would be missed.
    yield ((*(_MANY, Operation(Kind.ROLLBACK)) * _OFTEN, _MANY, _COMMIT),)
    for first in ((_MANY, _COMMIT), (_SHORT, _COMMIT, _MANY, _COMMIT)):
        for second in ((_SHORT, _COMMIT), (_LONG, _COMMIT), (_LONG, _LONG, _SHORT, _COMMIT)):
            yield (first, second)
    for size in range(4):
        truncate = Operation(Kind.TRUNCATE_AT, 0, 0, size)
        for took in (_ONE, _ALL, _LEFT, _STAYS)[size:]:
            other = Operation(Kind.ITERATE, 0, 1, took.size)
            yield (
                (_MANY, _COMMIT, took, _LONG, _COMMIT, other, truncate, took, _COMMIT, _REOPEN, took, other),
            )
    yield ((_MANY, _COMMIT, _ONE, _COMMIT), (_ALL, _SHORT, _COMMIT, _REOPEN, _ONE))


def killed_runs() -> Iterator[tuple[Operation, ...]]:
    """Small programs for processes that are killed: what is not a step of the tape itself is not in them."""
    letters = (_SHORT, _LONG, _MANY, _COMMIT, _REOPEN)
    for steps in range(_KILLED_STEPS + 1):
        yield from product(letters, repeat=steps)


def killed_lives() -> Iterator[Run]:
    """Runs of three lives: the first two end in the middle of a commit, the last is killed everywhere."""
    for first in ((_MANY, _COMMIT), (_SHORT, _COMMIT, _LONG, _LONG, _COMMIT)):
        yield (first, (_LONG, _SHORT, _COMMIT), (_SHORT, _COMMIT, _REOPEN))
