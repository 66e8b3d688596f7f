"""Interleavings: small programs of sessions side by side, in size order, and their search for a schedule.

    program   a setting (what the key's state is when the sessions begin), FORK, an operation or two a lane

    settings  absent, mutable, full (mutable, and what grows has to be copied), deleted, frozen by a
              checkpoint, on the device, on the last mutable page, mutable with the page almost full
    lanes     one session alone; two sessions with an operation each on one key, or on two; two with a
              checkpoint beside them; two operations against one; three sessions
    more      operations begun and completed later; a session closed and taken up again; batches; walks over
              all keys or records; truncations; a ring of many pages, of which one is read-only

For two lanes every unordered pair of {upsert, upsert of two words, delete, rmw, read, insert} on one key
is there, those with a read in both orders: 25 pairs in each of 8 settings, 200 programs, and every one
beside a checkpoint. Here is also in which order they are looked through: all of them (`small_tapes`), or for
one kind of violation (`hunted_tapes`).

Invariant: programs come in the order of their operations beside each other, those of one session first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, combinations_with_replacement, islice
from random import Random
from typing import Final

from msgspec.structs import replace

from ..tapes.operations import BESIDE, OPERATIONS
from ..tapes.tape import KEYS_MAX, SESSIONS, SIZES, Era, Kind, Operation, Tape
from ..verdict import Violation
from .calls import OF_SESSIONS
from .ends import Kept
from .grounds import repeated
from .schedule import Bounded, Exploration, Pos, Strategy, explore, shrink_switches

__all__ = [
    "SETTINGS",
    "Searched",
    "alone",
    "batches",
    "begun",
    "deeper",
    "hunted_tapes",
    "overtaken",
    "pairs",
    "portfolio",
    "random_lanes",
    "resumed",
    "search_lanes",
    "small_tapes",
    "tape_of",
    "truncated",
    "walks",
    "wider",
]

Program = tuple[Operation, ...]

_FORK: Final = Operation(Kind.FORK)
_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_TRUNCATE: Final = Operation(Kind.TRUNCATE)
_FAR: Final = Operation(Kind.TRUNCATE_AT, 0, 0, SIZES)  # The first page alone.
_LARGE: Final = SIZES - 1
_WRITER: Final = 3  # The session of the settings is none of those that follow.
_TURNING: Final = tuple(Operation(Kind.UPSERT, _WRITER, 2 + number, _LARGE) for number in range(5))
SETTINGS: Final[dict[str, Program]] = {
    "absent": (),
    "mutable": (Operation(Kind.UPSERT, _WRITER, 0, SIZES),),
    "full": (Operation(Kind.UPSERT, _WRITER), Operation(Kind.RMW, _WRITER)),
    # What is frozen is hidden by a record of its own: else its slot comes back, and it is absent.
    "deleted": (Operation(Kind.UPSERT, _WRITER), _CHECKPOINT, Operation(Kind.DELETE, _WRITER)),
    "frozen": (Operation(Kind.UPSERT, _WRITER, 0, SIZES), _CHECKPOINT),
    "on the device": (Operation(Kind.UPSERT, _WRITER, 0, SIZES), *_TURNING),
    "on the last mutable page": (Operation(Kind.UPSERT, _WRITER, 0, SIZES), *_TURNING[:4]),
    "page almost full": (*_TURNING[:4], Operation(Kind.UPSERT, _WRITER, 0, 1)),
}
_ALPHABET: Final = tuple((kind, size) for kind, row in OPERATIONS.items() for size in row.sizes)
_READ: Final = (Kind.READ, 0)
_CHANGES: Final = ((Kind.UPSERT, SIZES), (Kind.RMW, 0), (Kind.DELETE, 0), (Kind.INSERT, 0))
_RARER: Final = tuple((kind, 0) for kind in sorted(OF_SESSIONS) if kind in BESIDE)
_ROOMY: Final = "roomy"
_SHORT: Final = "paired"
_MOVING: Final = 15  # So many of the deeper programs have one large value and nothing else that moves.
_MEETING: Final = 3  # Pairs of operations in a setting of those.
# Who comes first runs first: a reader that is overtaken takes no preemption more than a writer that is.
_PAIRS: Final = (
    *combinations_with_replacement(_ALPHABET, 2),
    *((_READ, other) for other in _ALPHABET if other not in (_READ, (Kind.INSERT, 0))),
)


def tape_of(program: Sequence[Operation], geometry: str, switches: tuple[int, ...] = ()) -> Tape:
    """The program as a tape."""
    return Tape((Era(tuple(program), switches=switches),), geometry, subject=SESSIONS)


def alone() -> Iterator[Program]:
    """One session, two operations: a violation found here needs no second session."""
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
        both = (Operation(Kind.UPSERT, session, session, _LARGE) for session in (0, 1))
        yield (*setting, _FORK, *both)
    for setting in SETTINGS.values():
        for first in changes:
            yield (*setting, _FORK, _operation(first, 0), Operation(Kind.UPSERT, 1, 1))
            yield (*setting, _FORK, _operation(first, 0), *_turning(1))
            yield (*setting, _FORK, _operation(first, 0), *_turning(1), _CHECKPOINT)
            yield (*setting, _FORK, _operation(first, 0), _operation(first, 1), _operation(first, 2))
            for second in changes:
                yield (*setting, _FORK, _operation(first, 0), _operation(second, 0), _operation(second, 1))


def deeper() -> Iterator[Program]:
    """Two sessions on one key, while boundaries move: by pages that turn, or by a checkpoint.

    For searches that one preemption does not end.
    """
    upsert, change, read = (Kind.UPSERT, SIZES), (Kind.RMW, 0), (Kind.READ, 0)
    large = tuple(Operation(Kind.UPSERT, 2, 1 + number, _LARGE) for number in range(3))
    for moving in (large[:1], (_CHECKPOINT,), (*large[:1], _CHECKPOINT), large):
        for name in ("on the last mutable page", "mutable", "full", "frozen", "absent"):
            for first, second in ((change, change), (upsert, change), (upsert, read)):
                yield (*SETTINGS[name], _FORK, _operation(first, 0), _operation(second, 1), *moving)


def begun() -> Iterator[Program]:
    """An operation begun and completed later: against one, beside a checkpoint, and while pages turn."""
    for kind in (Kind.START_READ, Kind.START_RMW):
        first = (Operation(kind, 0), Operation(Kind.COMPLETE, 0))
        for name in ("on the device", "mutable"):
            for second in _CHANGES:
                for more in ((), (_CHECKPOINT,)):
                    yield (*SETTINGS[name], _FORK, *first, _operation(second, 1), *more)
        for name in ("on the device", "on the last mutable page"):
            yield (*SETTINGS[name], _FORK, *first, *_turning(1))
        answered = (Operation(kind, 0), Operation(Kind.COMPLETE, 0, 0, 1))
        yield (*SETTINGS["on the device"], _FORK, *answered, _operation(_READ, 1))


def resumed() -> Iterator[Program]:
    """A session closed and taken up again between two operations, beside a checkpoint or as a page turns."""
    upsert, change = (Kind.UPSERT, 0), (Kind.RMW, 0)
    for name in ("absent", "mutable", "on the device"):
        for first in (upsert, change):
            lane = (_operation(first, 0), Operation(Kind.RESUME, 0))
            yield (*SETTINGS[name], _FORK, *lane, _CHECKPOINT)
            yield (*SETTINGS[name], _FORK, *lane, _operation(change, 0), _CHECKPOINT)
            yield (*SETTINGS[name], _FORK, *lane, _operation(change, 1), *_turning(2)[:1])


def batches() -> Iterator[Program]:
    """A batch of two keys against a batch of the same or of one of them, or against a change."""
    for setting in SETTINGS.values():
        for kind in (Kind.UPSERT_MANY, Kind.READ_MANY):
            for second in (
                Operation(Kind.UPSERT_MANY, 1, 0),
                Operation(Kind.UPSERT_MANY, 1, 1, SIZES),
                Operation(Kind.RMW, 1),
            ):
                yield (*setting, _FORK, Operation(kind, 0), second)
    for name in ("absent", "mutable", "frozen"):
        yield (*SETTINGS[name], _FORK, Operation(Kind.UPSERT_MANY, 0), Operation(Kind.RMW, 1), _CHECKPOINT)


def walks() -> Iterator[Program]:
    """All keys, or all records, beside a change, while pages turn, and behind a change of its own."""
    for setting in SETTINGS.values():
        for kind in (Kind.ITEMS, Kind.SCAN):
            for second in (*_CHANGES, (Kind.UPSERT_MANY, SIZES)):
                yield (*setting, _FORK, Operation(kind, 0), _operation(second, 1))
            yield (*setting, _FORK, Operation(kind, 0), *_turning(1))
            yield (*setting, _FORK, Operation(Kind.UPSERT), Operation(Kind.UPSERT, 1, 1), Operation(kind, 1))


def truncated() -> Iterator[Program]:
    """Programs in which a session reads or changes a key while the log below its record is truncated."""
    ways = (*_CHANGES, _READ, (Kind.READ_MANY, 0), (Kind.ITEMS, 0), (Kind.SCAN, 0))
    for first in ways:
        yield (*SETTINGS["on the device"], _FORK, _operation(first, 0), _TRUNCATE)


def overtaken() -> Iterator[Program]:
    """Programs as `truncated`, where another session also writes the key anew before the truncation."""
    upsert = Operation(Kind.UPSERT, 1)
    for kind in (Kind.READ, Kind.RMW, Kind.INSERT, Kind.DELETE, Kind.READ_MANY, Kind.ITEMS):
        yield (*SETTINGS["on the device"], _FORK, Operation(kind), upsert, _TRUNCATE)
    for kind in (Kind.START_READ, Kind.START_RMW):
        lane = (Operation(kind), Operation(Kind.COMPLETE))
        yield (*SETTINGS["on the device"], _FORK, *lane, upsert, _TRUNCATE)
    yield (*SETTINGS["on the device"], _FORK, _TRUNCATE, Operation(Kind.READ), Operation(Kind.RMW, 1))


def _removed() -> Iterator[Program]:
    """Programs as `truncated`, where the files below go too. For the geometry _SHORT: a page a segment."""
    for kind in (Kind.START_READ, Kind.START_RMW, Kind.READ, Kind.RMW, Kind.SCAN):
        is_begun = kind in (Kind.START_READ, Kind.START_RMW)
        lane = (Operation(kind, 0), *[Operation(Kind.COMPLETE, 0)] * is_begun)
        yield (*SETTINGS["on the device"], _FORK, *lane, _TRUNCATE, _CHECKPOINT)
        yield (*SETTINGS["on the device"], _FORK, *lane, _FAR, _operation(_READ, 1))


def _on_last_of_many() -> Iterator[Program]:
    """Programs on the last mutable page of many, of which read-only comes to stand above head.

    For the geometry _ROOMY.
    """
    writer = [Operation(Kind.UPSERT, _WRITER, 0, SIZES)]
    for kind in (Kind.UPSERT, Kind.RMW):
        writer += [Operation(kind, _WRITER, key, _LARGE) for key in range(2, KEYS_MAX)]
    writer += [Operation(Kind.RMW, _WRITER, key, _LARGE) for key in (2, 2, 3, 3)]  # Every second one grows.
    turning = (Operation(Kind.UPSERT, 2, 1, _LARGE), *[Operation(Kind.RMW, 2, 1, _LARGE)] * 3)
    for second in ((Kind.UPSERT, SIZES), (Kind.RMW, 0), _READ):
        yield (*writer, _FORK, _operation(second, 1), *turning)


def _scanned() -> Iterator[Program]:
    """A scan, which waits for batches first, beside a change of two words and a page that turns.

    For the geometry _SHORT.
    """
    setting = (Operation(Kind.UPSERT, _WRITER, 0, SIZES), *_TURNING[:2])
    for second in ((Kind.UPSERT, SIZES), (Kind.RMW, 0)):
        yield (*setting, _FORK, Operation(Kind.SCAN, 0), _operation(second, 1), *_turning(2)[:1])


def small_tapes(geometry: str) -> Iterator[Tape]:
    """All small programs, in this geometry; a few that need another in theirs."""
    for programs in (
        *(alone(), pairs(), wider()),
        *(batches(), walks(), truncated(), overtaken(), resumed(), begun()),
        pairs(has_checkpoint=True),
    ):
        yield from (tape_of(program, geometry) for program in programs)
    yield from (tape_of(program, _ROOMY) for program in _on_last_of_many())
    yield from (tape_of(program, _SHORT) for program in chain(_removed(), _scanned()))


def hunted_tapes(preemptions: int, oracle: str) -> Iterator[Tape]:
    """The tapes searched with so few preemptions; those that show most violations soonest come first.

    For `prefix` checkpoints come first.
    """
    narrow, colliding = "narrow", "colliding"
    is_cut = oracle == "prefix"
    if preemptions == 0:
        yield from small_tapes(narrow)
        yield from (tape_of(program, narrow) for program in deeper())
    elif preemptions == 1:
        moving = islice(deeper(), _MOVING * is_cut, _MOVING * (1 + is_cut))
        large = islice(wider(), len(SETTINGS))
        late = (program for program in begun() if program[-1] == _CHECKPOINT)
        yield from (tape_of(program, narrow) for program in chain(moving, late if is_cut else large))
        yield from (tape_of(program, _ROOMY) for program in _on_last_of_many())
        yield from islice(small_tapes(narrow), len(list(alone())), None)
        yield from (tape_of(program, colliding) for program in chain(pairs(), wider()))
    else:
        # A page turns under the first pair; a checkpoint runs beside the second, which a cut can tell apart.
        every = list(deeper())
        yield tape_of(every[_MOVING + _MEETING + 1 if is_cut else 0], narrow)
        yield from (tape_of(program, _SHORT) for program in _scanned())
        yield from (tape_of(program, narrow) for program in chain(every, overtaken()))


def random_lanes(random: Random, geometry: str) -> Tape:
    """Two or three sessions of one to three operations each, in a random setting, half of them beside a
    checkpoint or two; now and then an operation of the rarer kinds, or a truncation."""
    setting = random.choice(list(SETTINGS.values()))
    beside: list[Operation] = []
    for session in range(random.choice((2, 2, 3))):
        for _ in range(random.choice((1, 1, 2, 3))):
            kind, size = random.choice(_ALPHABET if random.random() < 0.8 else _RARER)
            large = random.random() < 0.15
            beside.append(Operation(kind, session, random.choice((0, 0, 1)), _LARGE if large else size))
    if random.random() < 0.1:
        beside.append(_TRUNCATE)
    beside += [_CHECKPOINT] * random.choice((0, 0, 0, 1, 1, 2))
    return tape_of((*setting, _FORK, *beside), geometry)


def _turning(session: int) -> Program:
    """Two large values under other keys: a page turns, and perhaps another."""
    return tuple(Operation(Kind.UPSERT, session, key, _LARGE) for key in (1, 2))


def _operation(what: tuple[Kind, int], session: int) -> Operation:
    return Operation(what[0], session, 0, what[1])


def portfolio(random: Random) -> list[Strategy]:
    """The strategies that take turns where there are too many schedules."""
    return [Pos(random)]


@dataclass(slots=True)
class Searched:
    """The result of one program's schedules."""

    exploration: Exploration
    reached: dict[str, int] = field(default_factory=dict)
    spared: int = 0  # Schedules within the bound that were not run: of each one that was has the order.
    is_complete: bool = False  # Every schedule within the bound was run, or spared.
    tape: Tape | None = None  # With the schedule under which it fails.
    verdict: Violation | None = None


def search_lanes(
    tape: Tape,
    strategies: Sequence[Strategy],
    schedules: int,
    *,
    share: float = 0.0,
) -> Searched:
    """Run the tape's program under the strategies' schedules until one fails; its shortest schedule.

    share  of schedules with an order of their own, below which no more are tried
    """
    kept = Kept()
    make = repeated(tape, kept)
    found = explore(make, strategies, schedules, share=share)
    searched = Searched(found, dict(kept.reached))
    searched.spared = sum(sum(each.spared) for each in strategies if isinstance(each, Bounded))
    searched.is_complete = all(isinstance(each, Bounded) and each.is_complete for each in strategies)
    if found.finding is not None:
        switches = shrink_switches(make, found.finding.switches, found.finding.verdict)
        searched.tape = replace(tape, eras=(replace(tape.eras[-1], switches=switches),))
        searched.verdict = found.finding.verdict
    return searched
