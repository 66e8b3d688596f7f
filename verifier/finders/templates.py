"""Templates: the programs and the kinds of faults that a sweep puts together, and random tapes with faults.

A template is a fault without a call to strike: `series` puts it at the first, the second, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from errno import EIO, ENOSPC
from random import Random
from typing import Final

from msgspec.structs import replace

from powercut.faultfs import Effect, EventKind, Fault, Plan
from powercut.faultfs.faults.plan import HALF, calls_of

from ..tapes.families import LETTERS
from ..tapes.operations import CHECKPOINTS
from ..tapes.programs import random_program
from ..tapes.tape import KEYS_MAX, LOGS, SIZES, STORE, Crash, Era, Kind, Operation, Tape

__all__ = ["OF_GEOMETRY", "OF_SUBJECT", "PROGRAMS", "TEMPLATES", "random_strikes", "series", "torn"]

BUDGET_STEP: Final = 512

_Program = tuple[Operation, ...]


def _upserts(*keys: int, session: int = 0, size: int = SIZES - 1) -> _Program:
    return tuple(Operation(Kind.UPSERT, session, key, size) for key in keys)


_CHECKPOINT, _REOPEN = Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN)
_SNAPSHOT: Final = Operation(Kind.CHECKPOINT, 0, 0, CHECKPOINTS.index("snapshot"))
_DELTA: Final = Operation(Kind.CHECKPOINT, 0, 0, CHECKPOINTS.index("incremental"))
_INDEXED: Final = Operation(Kind.CHECKPOINT, 0, 0, CHECKPOINTS.index("snapshot with index"))
_GROW: Final = Operation(Kind.GROW)
_FLUSH: Final = Operation(Kind.FLUSH, 0, 0, 1)
_READ, _RMW, _DELETE, _INSERT = (Operation(kind) for kind in (Kind.READ, Kind.RMW, Kind.DELETE, Kind.INSERT))
_ENQUEUE, _ENQUEUE_MANY = Operation(Kind.ENQUEUE), Operation(Kind.ENQUEUE_MANY, 0, 0, 2)
# By name: what it is there for.
PROGRAMS: Final[dict[str, _Program]] = {
    "opened": (),
    "saved": (Operation(), _CHECKPOINT, _RMW, _CHECKPOINT),
    "reopened": (Operation(), _CHECKPOINT, _REOPEN, _RMW, _CHECKPOINT, _REOPEN, _READ),
    # Pages turn, segments begin, frames are evicted; then the cold keys are used.
    "paged": (*_upserts(0, 1, 2, 3, 4), _READ, _RMW, _DELETE, _CHECKPOINT, *_upserts(5, 6), _READ, _INSERT),
    # What is cold is read by a store that has just opened.
    "cold": (*_upserts(0, 1, 2, 3, 4), _CHECKPOINT, _REOPEN, _READ, _RMW, _CHECKPOINT, _REOPEN, _READ),
    "truncated": (
        *_upserts(0, 1, 2, 3, 4, 0, 1, 2, 3, 4),
        *(_CHECKPOINT, Operation(Kind.TRUNCATE), Operation(), _CHECKPOINT, _CHECKPOINT, _REOPEN, _READ),
    ),
    # At the tail: keys are gone, and so are files; then they are used again.
    "dropped": (
        *_upserts(0, 1, 2, 3, 4, 5),
        *(_CHECKPOINT, Operation(Kind.TRUNCATE_AT), _READ, _RMW, _CHECKPOINT, _CHECKPOINT, _REOPEN, _READ),
    ),
    # What is live in the oldest part goes to the tail, some of it read from the device; then files go.
    "compacted": (
        *(
            *_upserts(0, 1, 2, 3, 4),
            _CHECKPOINT,
            *_upserts(0, size=0),
            _RMW,
            Operation(Kind.COMPACT, 0, 0, 2),
        ),
        *(_READ, Operation(Kind.COMPACT), _CHECKPOINT, _CHECKPOINT, _REOPEN, _READ),
    ),
    # The index has twice the buckets, with an image of it before and behind; what is cold is of both halves.
    "grown": (
        *(*_upserts(0, 1, 2, 3, 4), _INDEXED, _GROW, _RMW, _CHECKPOINT, _GROW, Operation(Kind.COMPACT)),
        *(_INDEXED, _REOPEN, _READ, _GROW, _DELETE, _CHECKPOINT),
    ),
    # The limit of its disk is reached: room is made, and made again after what was struck.
    "limited": (*_upserts(*(0, 1, 2) * 7), _DELETE, *_upserts(*(1, 2, 0) * 4), _READ),
    # In segments of a page: removals that fail, and the checkpoint that makes up for them.
    "shrunk": (*_upserts(0, 1, 2), Operation(Kind.TRUNCATE_AT), _CHECKPOINT, _CHECKPOINT),
    # Where there is a flush worker: it writes ahead of need, beside a checkpoint, and before a closing.
    "gathered": (
        *(*_upserts(0, 1, 2), _FLUSH, _READ, *_upserts(3, 4), _FLUSH, Operation(Kind.START), _FLUSH),
        *(Operation(Kind.STEP), *_upserts(5), _FLUSH, _CHECKPOINT, *_upserts(0, 1), _FLUSH, _REOPEN, _READ),
    ),
    # Beside the log, before and behind an opening; with an image of the index, too.
    "snapshot": (
        *(*_upserts(0, 1, 2), _DELTA, _RMW, _DELTA, _SNAPSHOT, _REOPEN, _READ, *_upserts(3, 4), _RMW),
        *(_CHECKPOINT, _INDEXED, _REOPEN, _READ),
    ),
    "stepped": (
        *_upserts(0, 1, session=1, size=0),
        *(Operation(Kind.START), Operation(Kind.STEP), _RMW, Operation(Kind.STEP), *_upserts(1, 2)),
        *[Operation(Kind.STEP)] * 5,
        *(_READ, _CHECKPOINT),
    ),
    # A log that is committed, truncated, opened again;
    "logged": (
        *(_ENQUEUE, _CHECKPOINT, _ENQUEUE, _CHECKPOINT, _ENQUEUE_MANY, _CHECKPOINT),
        *(Operation(Kind.ITERATE, 0, 0, 1), Operation(Kind.TRUNCATE_AT, 0, 0, 2), _ENQUEUE, _CHECKPOINT),
        *(_REOPEN, Operation(Kind.ITERATE), _ENQUEUE),
    ),
    # and one that writes ahead, takes back, and goes on.
    "logged ahead": (
        *(_ENQUEUE, _CHECKPOINT, _ENQUEUE_MANY, _ENQUEUE_MANY, Operation(Kind.ROLLBACK, 0, 0, 1), _ENQUEUE),
        *(_CHECKPOINT, Operation(Kind.ROLLBACK), _ENQUEUE, _CHECKPOINT, Operation(Kind.ROLLBACK)),
    ),
    # What a power cut has left of the second: a tail that is cut off at the opening, and written over.
    "logged again": (_ENQUEUE, _CHECKPOINT),
    # The flush worker writes, and what it cannot write it tries again.
    "flushed": (
        *_upserts(0, 1, 2, 3, 4),
        *(Operation(Kind.FLUSH), _RMW, *_upserts(5, 6), Operation(Kind.FLUSH, 0, 0, 2)),
        *(Operation(Kind.FLUSH, 0, 0, 3), Operation(Kind.FLUSH), _CHECKPOINT, _READ, *_upserts(0, 1)),
        *(Operation(Kind.FLUSH, 0, 0, 1), _REOPEN, _READ),
    ),
}


def _templates() -> Iterator[Fault]:
    for call in calls_of(Effect.ERROR):
        codes = (EIO, ENOSPC) if call in (EventKind.WRITE, EventKind.CREATE) else (EIO,)
        for code in codes:
            for sticky in (False, True):
                yield Fault(Effect.ERROR, call, sticky=sticky, errno=code)
                yield Fault(Effect.ERROR, call, sticky=sticky, after=True, errno=code)
    for effect in Effect:
        if effect in (Effect.NONE, Effect.ERROR):
            continue
        amounts = {Effect.SHORT: (HALF, 1), Effect.ROT: (0, 77), Effect.MISDIRECTED: (0, 1)}.get(effect, (0,))
        for call in calls_of(effect):
            yield from (Fault(effect, call, amount=amount) for amount in amounts)
            if effect is not Effect.DELAYED:
                yield Fault(effect, call, sticky=True, amount=amounts[0])


TEMPLATES: Final = tuple(_templates())
# What only stores of other sizes come to: the program is played there, whatever the geometry of a sweep.
OF_GEOMETRY: Final = {"flushed": "lagging", "shrunk": "paired", "limited": "bounded"}
# Programs of another subject than FasterKv.
OF_SUBJECT: Final = {"logged": LOGS, "logged ahead": LOGS, "logged again": LOGS}


def torn(sync: int, subject: str = STORE) -> tuple[Era, ...]:
    """A life and the opening after it, each crashed at its `sync`-th sync from the end; of a log the life.

    Where it has no more than so many, at its first: a creation that has come to names and not to content.
    """
    if subject == LOGS:  # The opening would mend what is torn.
        return (Era(PROGRAMS["logged ahead"], Crash(sync)),)
    return Era(PROGRAMS["saved"], Crash(sync)), Era((), Crash(sync))


def random_strikes(
    random: Random, count: int, geometries: Sequence[str], law: str, steps: int, letters: Sequence[str] = ()
) -> Iterator[Tape]:
    """Random programs with one or two random faults at random calls; geometries take turns.

    letters  of which each program has two besides, in its second half; names of `LETTERS`
    """
    for number in range(count):
        program = random_program(random, random.randint(2, steps), random.choice((2, 3, KEYS_MAX)))
        if letters:
            program = _with_letters(random, program, letters)
        faults = [_random_fault(random) for _ in range(random.choice((1, 1, 2)))]
        eras: tuple[Era, ...] = (Era(program, faults=Plan(*faults).digits), Era())
        if number % 3 == 0:  # The opening that is struck follows a power cut.
            survivors = tuple(random.choice((0, 0, 1, 2)) for _ in range(6))
            crash = Crash(random.randrange(6), random.randrange(3), survivors)
            eras = (Era(random_program(random, random.randint(2, steps), 2), crash), *eras)
        yield Tape(eras, geometries[number % len(geometries)], law)


def _with_letters(random: Random, program: _Program, letters: Sequence[str]) -> _Program:
    longer = list(program)
    for _ in range(2):
        kind = LETTERS[random.choice(letters)]
        added = Operation(kind, 0, random.randrange(KEYS_MAX), random.randrange(SIZES + 1))
        longer.insert(random.randint(len(longer) // 2, len(longer)), added)
    return tuple(longer)


def _random_fault(random: Random) -> Fault:
    fault = random.choice(TEMPLATES)
    if fault.effect is Effect.FULL:
        return replace(fault, amount=random.randrange(16) * BUDGET_STEP)
    return replace(fault, number=random.randrange(random.choice((8, 32))))


def series(template: Fault) -> Iterator[Fault]:
    """The fault at the first call, at the second, ...; or with a larger and larger disk."""
    number = 0
    while True:
        if template.effect is Effect.FULL:
            yield replace(template, amount=number * BUDGET_STEP)
        else:
            yield replace(template, number=number)
        number += 1
