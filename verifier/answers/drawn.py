"""Drawn: random programs whose every answer is judged.

Threads: none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

from ..tapes.operations import OPERATIONS
from ..tapes.tape import ANSWERS, INTERPRETED, KEYS_MAX, Crash, Era, Kind, Operation, Tape
from .edges import COUNTS

__all__ = ["random_answers"]

Program = tuple[Operation, ...]
_WEIGHTS: Final[dict[Kind, int]] = {
    **dict.fromkeys((Kind.UPSERT, Kind.RMW, Kind.CHECKPOINT, Kind.DELETE, Kind.READ, Kind.INSERT), 2),
    **dict.fromkeys((Kind.START, Kind.START_READ, Kind.START_RMW), 2),
    **dict.fromkeys(
        (Kind.TRUNCATE, Kind.RESUME, Kind.LEAVE, Kind.SCAN_FROM, Kind.SAVE, Kind.REOPEN, Kind.ITEMS), 1
    ),
    **dict.fromkeys((Kind.PUT_MANY, Kind.APPEND_MANY, Kind.ADD_MANY, Kind.GET_MANY), 1),
    **dict.fromkeys((Kind.RMW_ODD, Kind.START_ODD), 1),
    **dict.fromkeys((Kind.FORGET, Kind.ABANDON, Kind.MISUSE, Kind.VIEWED, Kind.FAILED, Kind.WRONG), 1),
    Kind.PUT: 7,
    Kind.STEP: 4,
    Kind.COMPLETE: 4,
}
_GROWING: Final = 7  # The index grows in one of so many; a number that no number of geometries shares.


def random_answers(
    random: Random,
    count: int,
    geometries: Sequence[str],
    steps: int,
    kernels: str = INTERPRETED,
) -> Iterator[Tape]:
    """`count` tapes of up to `steps` steps an era; geometries take turns, every third has a power cut."""
    for number in range(count):
        eras = [Era(_random_program(random, random.randint(2, steps)))]
        if number % 3 == 0:
            digits = tuple(random.randrange(3) for _ in range(random.randrange(8)))
            crash = Crash(random.randrange(5), random.randrange(3), digits)
            eras.insert(0, Era(_random_program(random, steps // 2 + 1), crash))
        if number % _GROWING == 0:
            last = eras[-1].program
            eras[-1] = Era((*last[: len(last) // 2], Operation(Kind.GROW), *last[len(last) // 2 :]))
        geometry = geometries[number % len(geometries)]
        yield Tape(tuple(eras), geometry, subject=ANSWERS, kernels=kernels)


def _random_program(random: Random, steps: int) -> Program:
    kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    program = []
    for kind in random.choices(kinds, weights, k=steps):
        size = random.randint(0, OPERATIONS[kind].size_max)
        if size % len(COUNTS) >= len(COUNTS) - 3 and kind.name.endswith("_MANY"):
            size -= 3  # A thousand operations are for the family.
        program.append(Operation(kind, random.randrange(2), random.randrange(KEYS_MAX), size))
    return tuple(program)
