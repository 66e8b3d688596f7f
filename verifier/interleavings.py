"""Interleavings: small programs of sessions side by side, in size order, and their search for a schedule.

    program   a setting (what the key's state is when the sessions begin), FORK, an operation or two a lane

    settings  absent, mutable, full (mutable, and what grows has to be copied), deleted, frozen by a
              checkpoint, on the device, on the last mutable page, mutable with the page almost full
    lanes     one session alone; two sessions with an operation each on one key, or on two; two with a
              checkpoint beside them; two operations against one; three sessions

For two lanes every unordered pair of {upsert, upsert of two words, delete, rmw, read, insert} on one key
is there, those with a read in both orders: 25 pairs in each of 8 settings, 200 programs, and every one
beside a checkpoint.

Invariant: programs come in the order of their operations beside each other, those of one session first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from random import Random
from typing import Final

from msgspec.structs import replace

from .concurrent import SESSIONS, SessionsProgram
from .schedule import Bounded, Exploration, Pct, RandomWalk, Strategy, explore, shrink_switches
from .tape import SIZES, Era, Kind, Operation, Tape
from .verdict import Violation

__all__ = [
    "SETTINGS",
    "Searched",
    "alone",
    "deeper",
    "pairs",
    "portfolio",
    "random_lanes",
    "search_lanes",
    "tape_of",
    "wider",
]

Program = tuple[Operation, ...]

_FORK: Final = Operation(Kind.FORK)
_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_WRITER: Final = 3  # The session of the settings is none of those that follow.
_TURNING: Final = tuple(Operation(Kind.UPSERT, _WRITER, 2 + number, SIZES - 1) for number in range(5))
SETTINGS: Final[dict[str, Program]] = {
    "absent": (),
    "mutable": (Operation(Kind.UPSERT, _WRITER, 0, SIZES),),
    "full": (Operation(Kind.UPSERT, _WRITER), Operation(Kind.RMW, _WRITER)),
    "deleted": (Operation(Kind.UPSERT, _WRITER), Operation(Kind.DELETE, _WRITER)),
    "frozen": (Operation(Kind.UPSERT, _WRITER, 0, SIZES), _CHECKPOINT),
    "on the device": (Operation(Kind.UPSERT, _WRITER, 0, SIZES), *_TURNING),
    "on the last mutable page": (Operation(Kind.UPSERT, _WRITER, 0, SIZES), *_TURNING[:4]),
    "page almost full": (*_TURNING[:4], Operation(Kind.UPSERT, _WRITER, 0, 1)),
}
_ALPHABET: Final = (
    (Kind.UPSERT, 0),
    (Kind.UPSERT, SIZES),
    (Kind.DELETE, 0),
    (Kind.RMW, 0),
    (Kind.READ, 0),
    (Kind.INSERT, 0),
)
_READ: Final = (Kind.READ, 0)
# Who comes first runs first: a reader that is overtaken takes no preemption more than a writer that is.
_PAIRS: Final = (
    *combinations_with_replacement(_ALPHABET, 2),
    *((_READ, other) for other in _ALPHABET if other not in (_READ, (Kind.INSERT, 0))),
)


def tape_of(program: Sequence[Operation], geometry: str, switches: tuple[int, ...] = ()) -> Tape:
    """The program as a tape."""
    return Tape((Era(tuple(program), switches=switches),), geometry, subject=SESSIONS)


def alone() -> Iterator[Program]:
    """One session, two operations: what is found here takes no second one."""
    for setting in SETTINGS.values():
        for first in _ALPHABET:
            for second in _ALPHABET:
                yield (*setting, _FORK, _operation(first, 0), _operation(second, 0))


def pairs(*, has_checkpoint: bool = False) -> Iterator[Program]:
    """Two sessions, one operation each, on one key; with `has_checkpoint` one of those beside them."""
    more = (_CHECKPOINT,) if has_checkpoint else ()
    for setting in SETTINGS.values():
        for first, second in _PAIRS:
            yield (*setting, _FORK, _operation(first, 0), _operation(second, 1), *more)


def wider() -> Iterator[Program]:
    """Two keys that may share bucket and tag; large values against each other and against a small one; three
    sessions; two operations against one."""
    changes = [(Kind.UPSERT, SIZES), (Kind.RMW, 0), (Kind.READ, 0)]
    for setting in SETTINGS.values():
        both = (Operation(Kind.UPSERT, session, session, SIZES - 1) for session in (0, 1))
        yield (*setting, _FORK, *both)
    for setting in SETTINGS.values():
        for first in changes:
            yield (*setting, _FORK, _operation(first, 0), Operation(Kind.UPSERT, 1, 1))
            turning = (Operation(Kind.UPSERT, 1, 1, SIZES - 1), Operation(Kind.UPSERT, 1, 2, SIZES - 1))
            yield (*setting, _FORK, _operation(first, 0), *turning)
            yield (*setting, _FORK, _operation(first, 0), *turning, _CHECKPOINT)
            yield (*setting, _FORK, _operation(first, 0), _operation(first, 1), _operation(first, 2))
            for second in changes:
                yield (*setting, _FORK, _operation(first, 0), _operation(second, 0), _operation(second, 1))


def deeper() -> Iterator[Program]:
    """Two sessions on one key, while boundaries move: by pages that turn, or by a checkpoint.

    For searches that one preemption does not end.
    """
    upsert, change, read = (Kind.UPSERT, SIZES), (Kind.RMW, 0), (Kind.READ, 0)
    large = tuple(Operation(Kind.UPSERT, 2, 1 + number, SIZES - 1) for number in range(3))
    for moving in (large[:1], (_CHECKPOINT,), (*large[:1], _CHECKPOINT), large):
        for name in ("on the last mutable page", "mutable", "full", "frozen", "absent"):
            for first, second in ((change, change), (upsert, change), (upsert, read)):
                yield (*SETTINGS[name], _FORK, _operation(first, 0), _operation(second, 1), *moving)


def random_lanes(random: Random, geometry: str) -> Tape:
    """Two or three sessions of one to three operations each, in a random setting, half of them beside a
    checkpoint."""
    setting = random.choice(list(SETTINGS.values()))
    beside: list[Operation] = []
    for session in range(random.choice((2, 2, 3))):
        for _ in range(random.choice((1, 1, 2, 3))):
            kind, size = random.choice(_ALPHABET)
            large = random.random() < 0.15
            beside.append(Operation(kind, session, random.choice((0, 0, 1)), SIZES - 1 if large else size))
    if random.random() < 0.5:
        beside.append(_CHECKPOINT)
    return tape_of((*setting, _FORK, *beside), geometry)


def _operation(what: tuple[Kind, int], session: int) -> Operation:
    return Operation(what[0], session, 0, what[1])


def portfolio(random: Random) -> list[Strategy]:
    """Strategies that take turns where not everything can be tried."""
    return [RandomWalk(random, 0.05), RandomWalk(random, 0.3), Pct(random, 2), Pct(random, 3)]


@dataclass(slots=True)
class Searched:
    """What one program's schedules have shown."""

    exploration: Exploration
    reached: dict[str, int] = field(default_factory=dict)
    is_complete: bool = False  # Every schedule within the bound was run.
    tape: Tape | None = None  # With the schedule under which it fails.
    verdict: Violation | None = None


def search_lanes(tape: Tape, strategies: Sequence[Strategy], schedules: int) -> Searched:
    """Run the tape's program under the strategies' schedules until one fails; its shortest schedule."""
    reached: dict[str, int] = {}

    def make() -> SessionsProgram:
        return SessionsProgram(tape, reached)

    found = explore(make, strategies, schedules)
    searched = Searched(found, reached)
    searched.is_complete = all(isinstance(each, Bounded) and each.is_complete for each in strategies)
    if found.finding is not None:
        switches = shrink_switches(make, found.finding.switches, found.finding.verdict)
        searched.tape = replace(tape, eras=(replace(tape.eras[-1], switches=switches),))
        searched.verdict = found.finding.verdict
    return searched
