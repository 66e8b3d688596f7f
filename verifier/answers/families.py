"""Families: all programs of one shape whose every answer is judged.

    sizes      a value of each length under each key, then each operation on it: where it stands, once it is
               cold, and after a power cut
    states     a value as it stands, frozen, cold or taken away, then each operation on it
    batches    each kind of batch of each size and pattern, on nothing, on several lengths, on cold values
    forms      each kind of batch in each form in which it can be handed over
    rarely     sessions forgotten, checkpoints given up, misuse, views of bytes, reads that fail: where keys
               stand, in each phase, and what comes next
    pending    an operation begun on a cold key, each thing in between, and each way in which it ends
    phases     an operation, a checkpoint taken so many steps on, another operation, and each way on
    names      a session left or live, checkpoints of another one's work, one thing, more of these, and the
               name again, forgotten or not
    large      values longer than the space that a batch or a walk has at first, warm, frozen and cold, asked
               for one by one and in each form
    grown      the index has twice the buckets (`grown`)
    apart      what a store stands on, and calls with what they cannot take: where keys stand, in each phase
    lives      all short programs of changes, checkpoints and ends of a life

Invariants
  1  a family is complete: every program of its shape is in it, once
  2  random programs are a function of the generator handed in
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Final

from msgspec.structs import replace

from ..faster.geometries import GEOMETRIES
from ..tapes.operations import OPERATIONS
from ..tapes.tape import ANSWERS, INTERPRETED, SIZES, Crash, Era, Kind, Operation, Tape
from .edges import COUNTS, FORMS, KEYS, LENGTHS, LONG
from .grown import grown
from .names import names

__all__ = ["FAMILIES", "HOMES", "family"]

Program = tuple[Operation, ...]
_LONGEST: Final = LENGTHS - 2
_AGAIN: Final = (0, 1, 3, 4, 7, 9, 10, _LONGEST, LENGTHS - 1)  # Lengths that come second.
_STRICT: Final = "strict"  # The law under which a cut leaves what was synced.


def put(key: int, length: int, session: int = 0) -> Operation:
    """An upsert of a value of that number's length."""
    return Operation(Kind.PUT, session, key, length)


def turning(pages: int) -> Program:
    """So many pages filled: what stands before is on the device alone in a ring of no more."""
    place = next(place for place, count in enumerate(COUNTS) if count >= pages)
    return (Operation(Kind.PUT_MANY, 0, 0, LONG * len(COUNTS) + place),)


def sizes(cold: Program) -> Iterator[tuple[Program, ...]]:
    """Programs of family `sizes`; a second one comes after a power cut."""
    for key, length in product(range(1, KEYS), range(LENGTHS)):
        first = put(key, length)
        others = [Operation(kind, 0, key) for kind in (Kind.RMW, Kind.DELETE, Kind.INSERT)]
        others += [Operation(Kind.RMW_ODD, 0, key, odd) for odd in (3, 4)]
        more = [Operation(kind, 0, key, 21) for kind in (Kind.APPEND_MANY, Kind.ADD_MANY)]
        last = Operation(Kind.READ, 0, key)
        for other in [*others, *more, *(put(key, again) for again in _AGAIN)]:
            yield ((first, other, last),)
        for other in [*others, *more, Operation(Kind.START_READ, 0, key)]:
            yield ((first, *cold, other, last),)
        yield ((first, Operation(Kind.CHECKPOINT)), (last, *others[:1], last))


def states(cold: Program) -> Iterator[tuple[Program, ...]]:
    """Programs of family `states`."""
    saved, gone = Operation(Kind.CHECKPOINT), Operation(Kind.DELETE)
    for key, length in product((0, 6), (0, 3, 4, 10)):
        first, taken = put(key, length), replace(gone, key=key)
        befores: list[Program] = [
            (first, saved),
            (first, taken),
            (first, taken, saved),
            (first, taken, *cold),
        ]
        befores += [(first, saved, taken), (first, saved, *cold)]
        kinds = (Kind.READ, Kind.RMW, Kind.DELETE, Kind.INSERT, Kind.START_READ, Kind.START_RMW)
        others = [Operation(kind, 0, key) for kind in kinds]
        others += [
            Operation(Kind.RMW_ODD, 0, key, odd) for odd in range(OPERATIONS[Kind.RMW_ODD].size_max + 1)
        ]
        many = (Kind.PUT_MANY, Kind.APPEND_MANY, Kind.ADD_MANY, Kind.GET_MANY)
        others += [Operation(kind, 0, key, size) for kind in many for size in (1, 11, 21)]
        others += [put(key, 3), put(key, 9)]
        for before, other in product(befores, others):
            yield ((*before, other, Operation(Kind.READ, 0, key)),)
    more = Operation(Kind.ADD_MANY, 0, 1, 1)
    for steps in ((), (saved,), cold):  # Past 2**64 in place, and where the counter is copied.
        yield ((more, *steps, more),)


def phases(cold: Program) -> Iterator[tuple[Program, ...]]:
    """Programs of family `phases`; a second one comes after a power cut."""
    key = 1
    befores: list[Program] = [(), (put(key, 3),), (put(key, 8), put(0, 3, 1)), (put(key, 3), *cold)]
    kinds = (Kind.UPSERT, Kind.RMW, Kind.DELETE, Kind.INSERT, Kind.READ, Kind.START_READ, Kind.START_RMW)
    durings: list[Program] = [(Operation(kind, 0, key),) for kind in kinds]
    durings += [(Operation(kind, 1, key),) for kind in (Kind.RMW, Kind.LEAVE, Kind.APPEND_MANY)]
    durings += [(put(key, _LONGEST),), cold, (Operation(Kind.DELETE, 0, key), Operation(Kind.INSERT, 0, key))]
    durings += [(Operation(Kind.RMW, 0, key), Operation(Kind.TRUNCATE))]
    last = Operation(Kind.RMW, 0, key)
    for before, steps, during in product(befores, range(6), durings):
        program = (*before, Operation(Kind.START), *[Operation(Kind.STEP)] * steps, *during)
        yield ((*program, Operation(Kind.CHECKPOINT), last), (last,))
        yield ((*program, Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN), last),)
        yield ((*program, Operation(Kind.SAVE), last),)
        yield (program, (last,))
    asked = (
        (Kind.ADD_MANY, 1),
        (Kind.GET_MANY, 1),
        (Kind.RMW_ODD, 7),
        (Kind.START_ODD, 7),
        (Kind.VIEWED, 0),
        (Kind.FAILED, 0),
        (Kind.SCAN_FROM, 0),
    )
    for steps, (kind, size) in product(range(6), asked):
        program = (*befores[-1], Operation(Kind.START), *[Operation(Kind.STEP)] * steps)
        yield ((*program, Operation(kind, 0, key, size), Operation(Kind.CHECKPOINT), last), (last,))


def batches(cold: Program) -> Iterator[tuple[Program, ...]]:
    """Programs of family `batches`."""
    kinds = (Kind.PUT_MANY, Kind.APPEND_MANY, Kind.ADD_MANY, Kind.GET_MANY)
    before: list[Program] = [
        (),
        (put(0, 4),),
        (put(1, 3), put(2, 5), put(4, 8)),
        (put(1, 3), put(4, 3), *cold),
    ]
    small = [place for place, count in enumerate(COUNTS) if count <= 64]
    for first, kind, pattern, count in product(before, kinds, range(4), range(len(COUNTS))):
        if count in small or not first:
            size = pattern * len(COUNTS) + count
            yield ((*first, Operation(kind, 0, 1, size), Operation(Kind.GET_MANY, 0, 1, 25)),)
        elif first == before[1] and pattern == 1:  # Those behind a whole batch of the kernels' stop.
            yield ((*first, Operation(kind, 0, 1, pattern * len(COUNTS) + count)),)
    # And all of them cold: the last is asked for behind a whole batch of the kernels'.
    yield ((put(1, 3), *cold, Operation(Kind.GET_MANY, 0, 1, len(COUNTS) - 1)),)


def forms(cold: Program) -> Iterator[tuple[Program, ...]]:
    """Programs of family `forms`."""
    kinds = (Kind.PUT_MANY, Kind.APPEND_MANY, Kind.ADD_MANY, Kind.GET_MANY)
    before: tuple[Program, ...] = (
        (),
        (put(0, 4), put(2, 4)),
        (put(0, 4), put(2, 4), *cold),
        (put(0, 9), put(2, 7)),
    )
    few = [place for place, count in enumerate(COUNTS) if count in (0, 1, 17)]
    for first, kind, pattern, count in product(before, kinds, FORMS, few):
        size = pattern * len(COUNTS) + count
        yield ((*first, Operation(kind, 0, 0, size), Operation(Kind.READ), Operation(Kind.READ, 0, 2)),)
    # Narrow keys and values behind wide ones, where these were staged.
    for kind, count in product(kinds, few):
        wide = Operation(Kind.PUT_MANY, 0, 2, few[-1])
        yield ((wide, Operation(kind, 0, 0, count), Operation(Kind.READ), Operation(Kind.READ, 0, 2)),)
        yield ((wide, put(0, 4), Operation(kind, 0, 0, count), Operation(Kind.READ)),)
    # A record that is changed in place so often that it has to be copied.
    many = Operation(Kind.PUT_MANY, 0, 0, 2 * len(COUNTS) + COUNTS.index(1024))
    yield ((many, many, Operation(Kind.READ)),)


def large(cold: Program) -> Iterator[tuple[Program, ...]]:
    """Programs of family `large`."""
    key, saved = 0, Operation(Kind.CHECKPOINT)
    many = [*range(2 * len(COUNTS) + 1, 2 * len(COUNTS) + 6), LONG * len(COUNTS) + 2]
    asked = [Operation(Kind.GET_MANY, 0, key, size) for size in (1, *many)]
    asked += [Operation(Kind.APPEND_MANY, 0, key, size) for size in (1, *many[:3])]
    asked += [Operation(kind, 0, key) for kind in (Kind.ITEMS, Kind.RMW, Kind.START_READ, Kind.SCAN_FROM)]
    last = Operation(Kind.GET_MANY, 0, key, many[1]), Operation(Kind.ITEMS)
    for length, between, one in product((LENGTHS - 5, _LONGEST - 2), ((), (saved,), cold), asked):
        yield ((put(1, 3), put(key, length), *between, one, *last),)
        yield ((put(key, length), put(1, _LONGEST - 1), *between, one, *last),)


def rarely(cold: Program) -> Iterator[tuple[Program, ...]]:
    """Programs of family `rarely`; a second one comes after a power cut."""
    key, read, again = 1, Operation(Kind.READ, 0, 1), Operation(Kind.RMW, 0, 1)
    checkpoint, start = Operation(Kind.CHECKPOINT), Operation(Kind.START)
    befores: tuple[Program, ...] = ((), (put(key, 3),), (put(key, 3), checkpoint), (put(key, 3), *cold))
    rare = [
        Operation(kind, 0, key, size)
        for kind in (Kind.FORGET, Kind.ABANDON, Kind.MISUSE, Kind.VIEWED, Kind.FAILED)
        for size in range(OPERATIONS[kind].size_max + 1)
    ]
    for before, one in product(befores, rare):
        yield ((*before, one, again, read, checkpoint), (read, again))
    dropped = (Operation(Kind.FORGET), Operation(Kind.FORGET, 1), Operation(Kind.ABANDON))
    for steps, one, other in product(range(6), (*dropped, *rare[3:10]), dropped):
        started = (put(key, 3), put(0, 3, 1), start, *[Operation(Kind.STEP)] * steps)
        yield ((*started, one, again, other, checkpoint), (read, again, checkpoint, Operation(Kind.REOPEN)))
        yield ((*started, again, one, Operation(Kind.SAVE), other, again, checkpoint), (again, checkpoint))
        if one is not other and one in dropped:
            yield ((*started, one, again, checkpoint, Operation(Kind.REOPEN), read),)


def apart(cold: Program) -> Iterator[tuple[Program, ...]]:
    """Programs of family `apart`."""
    last = Operation(Kind.RMW, 0, 1), Operation(Kind.CHECKPOINT)
    started = put(1, 3), *cold, Operation(Kind.START_RMW, 0, 1), Operation(Kind.START)
    befores: list[Program] = [(), (put(1, 3), put(2, 9, 1))]
    befores += [(*started, *[Operation(Kind.STEP)] * steps) for steps in range(6)]
    for before, size in product(befores, range(OPERATIONS[Kind.WRONG].size_max + 1)):
        yield ((*before, Operation(Kind.WRONG, 0, 0, size), *last),)
    for size in range(OPERATIONS[Kind.GROUND].size_max + 1):
        yield ((Operation(Kind.GROUND, 0, 0, size),),)


def between(cold: Program) -> tuple[Program, ...]:
    """Things that come between the beginning of an operation on key 1 and its end."""
    return (
        (),
        *[
            (Operation(kind, session, 1),)
            for kind in (Kind.UPSERT, Kind.DELETE, Kind.RMW)
            for session in (0, 1)
        ],
        *[(Operation(kind, 0, 1),) for kind in (Kind.READ, Kind.INSERT, Kind.START_READ, Kind.START_RMW)],
        (Operation(Kind.START_RMW, 1, 1),),
        (Operation(Kind.START_READ, 1, 1),),
        (Operation(Kind.CHECKPOINT),),
        (Operation(Kind.START), Operation(Kind.STEP)),
        (Operation(Kind.START), *[Operation(Kind.STEP)] * 3),
        (Operation(Kind.UPSERT, 0, 1), Operation(Kind.TRUNCATE)),
        (Operation(Kind.DELETE, 0, 1), Operation(Kind.TRUNCATE)),
        cold,
        (Operation(Kind.UPSERT, 0, 1), *cold),
        (Operation(Kind.UPSERT, 0, 1), *cold, Operation(Kind.TRUNCATE)),
        (Operation(Kind.RESUME, 1),),
        (Operation(Kind.PUT_MANY, 0, 1, 12),),
        (Operation(Kind.APPEND_MANY, 0, 1, 12),),
        (Operation(Kind.GET_MANY, 0, 1, 22),),
        (Operation(Kind.ITEMS),),
        (put(1, _LONGEST),),
    )


def pending(cold: Program) -> Iterator[tuple[Program, ...]]:
    """Programs of family `pending`."""
    begins = [Operation(kind, 0, 1) for kind in (Kind.START_READ, Kind.START_RMW)]
    begins += [Operation(Kind.START_ODD, 0, 1, odd) for odd in (0, 1, 3, 6)]
    ends = [Operation(Kind.COMPLETE, 0, 0, size) for size in range(SIZES + 1)]
    ends += [Operation(kind) for kind in (Kind.RESUME, Kind.LEAVE, Kind.REOPEN, Kind.SAVE)]
    # A tombstone that hides nothing gives its slot back, and nothing would be pending.
    deleted = (put(1, 3), *cold, put(1, 8), Operation(Kind.DELETE, 0, 1))
    stale: list[Program] = [(put(1, 3),), deleted, (put(1, 3), put(1, 7))]
    last = (Operation(Kind.READ, 0, 1), Operation(Kind.CHECKPOINT))
    things = between(cold)
    for first, begin, thing, end in product(stale[:1], begins, things, ends):
        yield ((*first, *cold, begin, *thing, end, *last),)
    for first, begin, thing in product(stale[1:], begins[:2], things):
        yield ((*first, *cold, begin, *thing, ends[0], *last),)
    for begin, one, other in product(begins[:2], things[1:], things[1:]):
        yield ((*stale[0], *cold, begin, *one, *other, ends[0], *last),)


LIVES_STEPS: Final = 3
_LIVES: Final = (
    Operation(Kind.UPSERT, 0, 0),
    Operation(Kind.RMW, 0, 0),
    Operation(Kind.DELETE, 1, 0),
    put(1, _LONGEST, 1),
    Operation(Kind.READ, 1, 0),
    Operation(Kind.CHECKPOINT),
    Operation(Kind.START),
    Operation(Kind.STEP),
    Operation(Kind.TRUNCATE),
    Operation(Kind.REOPEN),
    Operation(Kind.SAVE),
    Operation(Kind.LEAVE),
)


def lives(cold: Program) -> Iterator[tuple[Program, ...]]:
    """Programs of family `lives`: all of so many steps, and before the last one a stretch of pages."""
    for steps in range(1, LIVES_STEPS + 1):
        for program in product(_LIVES, repeat=steps):
            yield (program,)
    scans = [Operation(Kind.SCAN_FROM, 0, key, size) for key in (0, 1, 3) for size in range(8)]
    for one, other, scan in product(_LIVES[:4], _LIVES, scans):
        yield ((one, *cold, other, scan),)


FAMILIES: Final[dict[str, Callable[[Program], Iterator[tuple[Program, ...]]]]] = {
    "sizes": sizes,
    "states": states,
    "batches": batches,
    "forms": forms,
    "rarely": rarely,
    "large": large,
    "names": names,
    "grown": grown,
    "pending": pending,
    "phases": phases,
    "apart": apart,
    "lives": lives,
}


# The geometries of a family that means nothing, or less, in any other.
HOMES: Final = {"large": ("vast",), "names": ("forgetful",), "grown": ("parting", "narrow")}


def family(name: str, geometry: str, kernels: str = INTERPRETED) -> Iterator[Tape]:
    """The tapes of a family, in a geometry, or in those where it is at home; a power cut between two programs
    leaves what was synced.
    """
    for place in HOMES.get(name, (geometry,)):
        pages = GEOMETRIES[place].ring_pages
        assert pages is not None
        for programs in dict.fromkeys(FAMILIES[name](turning(pages))):
            eras = (*[Era(program, Crash()) for program in programs[:-1]], Era(programs[-1]))
            yield Tape(eras, place, _STRICT, subject=ANSWERS, kernels=kernels)
