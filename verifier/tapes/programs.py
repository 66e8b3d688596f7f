"""Programs: all small ones up to renaming, and random larger ones.

Exhaustive: every sequence over {upsert, delete, rmw} x 2 keys x 2 sessions, checkpoint and reopen,
one of each class under renaming keys and renaming sessions. The representative names the key it
uses first 0, and the session it uses first 0, so every prefix of a representative is one.

    programs of n steps = (14**n + 3 * 2**n) / 4      5, 52, 692, 9616 for n = 1 .. 4

By Burnside: of 14**n sequences each of the three renamings but the identity fixes the 2**n that
consist of checkpoint and reopen alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

import msgspec

from .operations import KEYED, OPERATIONS
from .tape import KEYS_MAX, SIZES, Crash, Era, Kind, Operation, Tape

__all__ = ["ALPHABET", "count_programs", "random_program", "random_tapes", "small_programs"]

_SMALL: Final = [kind for kind, row in OPERATIONS.items() if row.is_small]
_FREE: Final = [kind for kind in _SMALL if kind not in KEYED]
ALPHABET: Final = (
    *(
        Operation(kind, session, key)
        for kind in _SMALL
        if kind in KEYED
        for session in (0, 1)
        for key in (0, 1)
    ),
    *map(Operation, _FREE),
)


def count_programs(steps: int) -> int:
    """The number of programs of exactly `steps` steps up to renaming."""
    return int((len(ALPHABET) ** steps + 3 * len(_FREE) ** steps) // 4)


def small_programs(steps: int) -> Iterator[tuple[Operation, ...]]:
    """Every program of at most `steps` steps up to renaming, the empty one first, in size order."""
    level: list[tuple[Operation, ...]] = [()]
    yield from level
    for _ in range(steps):
        level = [(*program, operation) for program in level for operation in _successors(program)]
        yield from level


def _successors(program: tuple[Operation, ...]) -> Iterator[Operation]:
    is_named = any(operation.kind in KEYED for operation in program)
    for operation in ALPHABET:
        if is_named or operation.kind not in KEYED or (operation.session, operation.key) == (0, 0):
            yield operation


def random_program(random: Random, steps: int, keys: int = 3, sessions: int = 2) -> tuple[Operation, ...]:
    """A program of `steps` weighted steps; sizes favour small values, so that some pages turn."""
    kinds = [kind for kind, row in OPERATIONS.items() for _ in range(row.weight)]
    heavy = random.random() < 0.3
    program: list[Operation] = []
    while len(program) < steps:
        if heavy and random.random() < 0.1:
            program += _idiom(random, sessions)
            continue
        kind = random.choice(kinds)
        if kind not in KEYED:
            program.append(Operation(kind))
            continue
        size = random.choice((0, 1, 2) if heavy else (0, 0, 0, 1))
        program.append(Operation(kind, random.randrange(sessions), random.randrange(keys), size))
    return tuple(program)


def _idiom(random: Random, sessions: int) -> list[Operation]:
    """Programs that single steps hardly ever form: pages that turn alone, between the phases of a checkpoint,
    or on both sides of a clean reopening."""
    what = random.randrange(3)
    if what == 0:
        return _page_turner(random, sessions)
    if what == 1:
        steps = [Operation(Kind.START)]
        for _ in range(6):
            steps.append(Operation(Kind.STEP))
            if random.random() < 0.3:
                steps += _page_turner(random, sessions)
        return [*steps, Operation(Kind.CHECKPOINT)]
    reopened = [*_page_turner(random, sessions), Operation(Kind.REOPEN)]
    return [*reopened, *_page_turner(random, sessions), Operation(Kind.CHECKPOINT)]


def _page_turner(random: Random, sessions: int) -> list[Operation]:
    """A run of large values under many keys: pages turn and frames are evicted, whatever goes on."""
    return [
        Operation(Kind.UPSERT, random.randrange(sessions), random.randrange(KEYS_MAX), SIZES - 1)
        for _ in range(random.randint(4, 8))
    ]


def random_tapes(
    random: Random, count: int, geometries: Sequence[str], law: str, steps: int
) -> Iterator[Tape]:
    """`count` tapes of up to `steps` steps an era; geometries take turns.

    Every second one has a checkpoint half-way through its first era, so that crashes fall behind
    an acknowledgement; every third one goes on after a power cut, up to four times.
    """
    for number in range(count):
        eras = [_random_era(random, steps, has_checkpoint=number % 2 == 0)]
        if number % 3 == 0:
            for _ in range(random.choice((1, 1, 2, 4))):
                last = msgspec.structs.replace(eras[-1], crash=_random_crash(random))
                eras[-1:] = [last, _random_era(random, steps, has_checkpoint=random.random() < 0.5)]
        yield Tape(tuple(eras), geometries[number % len(geometries)], law)


def _random_era(random: Random, steps: int, *, has_checkpoint: bool) -> Era:
    program = random_program(random, random.randint(2, steps), random.choice((2, 3, KEYS_MAX)))
    if has_checkpoint:
        half = (len(program) + 1) // 2
        program = (*program[:half], Operation(Kind.CHECKPOINT), *program[half:])
    return Era(program)


def _random_crash(random: Random) -> Crash:
    """A crash late in the trace, with most chains at their newest: early and bare is what exhausting does."""
    survivors = tuple(random.choice((0, 0, 1, 2)) for _ in range(8))
    return Crash(random.choice((0, 0, 1, 2, 3, 4)), random.choice((0, 0, 1, 2)), survivors)
