"""Families: programs of what the small ones and the random ones never do, each family about one thing.

    truncated   the log is truncated at every kind of address, before, between and after the steps of a
                checkpoint, and what lay there is used again; pages turned before it
    cached      a read cache: what is kept, and all that may come between that and who asks again
    compacted   the log is compacted, around the steps of a checkpoint and truncations
    bounded     it is because its disk has a limit: under a fill, in every phase, around a power cut
    thinned     it is because much of it may be dead, likewise
    grown       the index has twice the buckets (`growing`)
    forgotten   names of sessions, where a store forgets those that are not used
    mixed       all mixes of three of {grow, compact, truncate, checkpoint, reopen}
    reopened    with more or less of the ring, of buckets, of memory; with others that want to open it too
    flushed     what is frozen goes to the device before it has to: between operations, in every phase, while
                pages turn, before a truncation, and after the worker was stopped
    lettered    every letter in every geometry, twice, so that each comes before and behind each other one
    aged        stores late in a long life (`faster.ages`): what comes next is where a counter wraps, a chain
                ends, a bucket overflows, the index is full, a segment or the address space ends
    logged      of a log: small programs, and those that go on after a power cut or take something back
    gathered    the same in writes of many extents, over few pages, beside lives and truncations
    kinds       checkpoints of every kind behind each other, around reopenings and power cuts, taken
                apart into their steps, with pages that turn and truncations between

A run of a family is one program an era: the power goes at the end of each but the last. In the order in which
they are thought of, the shortest first where that is easy.

Invariant: the same runs for everybody; nothing here is drawn but by the generator that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from random import Random
from typing import Final, NamedTuple

from msgspec.structs import replace

from .cached import cached
from .growing import grown, mixed
from .indexed import indexed
from .logged import LOGGED_CRASHES, logged
from .named import forgotten
from .operations import PLAIN
from .programs import random_tapes
from .tape import KEYS_MAX, LOGS, SIZES, STORE, Crash, Era, Kind, Operation, Tape
from .upkept import bounded, compacted, thinned

__all__ = ["FAMILIES", "LETTERS", "Family", "family_tapes", "sprinkled"]

Run = tuple[tuple[Operation, ...], ...]  # A program an era.

_LARGE: Final = SIZES - 1
_CHECKPOINT: Final = Operation(Kind.CHECKPOINT)
_REOPEN: Final = Operation(Kind.REOPEN)
_PHASES: Final = 6
_CHAINED: Final = 5  # Deltas behind each other, one more than a chain has.
_SHORT: Final = ("slim", "paired")  # A page holds one large value.
_LIMITED: Final = ("bounded", "brimming")
_BY_ITSELF: Final = (*_LIMITED, "thinned")  # Begin goes on: nobody foresees what moves it, and what is kept.


def _large(*keys: int) -> tuple[Operation, ...]:
    return tuple(Operation(Kind.UPSERT, 0, key, _LARGE) for key in keys)


def _truncated(geometry: str) -> Iterator[Run]:
    # So much that the pages with the first of it are on the device; and key and size of the truncations.
    paged = (Operation(Kind.UPSERT), Operation(Kind.UPSERT, 1, 1), *_large(2, 3, 4, 5, 6, 7))
    places: tuple[tuple[int, int], ...] = ((0, 0), (0, 1), (2, 2), (3, 3), (5, 1))
    if geometry in _SHORT:
        paged, places = _large(0, 1, 2), ((0, 0), (0, 2), (0, 3), (1, 1))
    for key, size in places:
        truncate = Operation(Kind.TRUNCATE_AT, 0, key, size)
        for kind in (Kind.READ, Kind.RMW, Kind.UPSERT, Kind.INSERT, Kind.DELETE):
            used = Operation(kind)
            yield ((*paged, truncate, used, _CHECKPOINT),)
            yield ((*paged, _CHECKPOINT, truncate, used, _REOPEN, used),)
            yield ((*paged, _CHECKPOINT, truncate, _CHECKPOINT, used), (used, _CHECKPOINT))
        for phase in range(_PHASES):
            steps = [Operation(Kind.STEP)] * phase
            started = (*paged, Operation(Kind.START), *steps)
            for used in (Operation(Kind.RMW), Operation(Kind.UPSERT, 1, 0, 1)):
                yield ((*started, truncate, used, _CHECKPOINT),)
                yield ((*started, used, truncate, _CHECKPOINT),)
        # What is on both sides of a page's end, under keys that share a chain.
        changed = Operation(Kind.RMW, 0, key)
        yield ((*paged, changed, truncate, changed, _CHECKPOINT, truncate, _REOPEN, changed, _CHECKPOINT),)
    if geometry == "slim":  # Begin comes to stand inside a segment that is not the first.
        paged, inside = _large(*range(7)), Operation(Kind.TRUNCATE_AT, 0, 2, 3)
        for used in (Operation(Kind.READ), Operation(Kind.RMW, 0, 3), Operation(Kind.UPSERT, 1)):
            yield ((*paged, inside, _CHECKPOINT, used, _CHECKPOINT, _REOPEN, used),)
            yield ((*paged, _CHECKPOINT, inside, used, _CHECKPOINT), (used, _CHECKPOINT, used))


def _reopened(geometry: str) -> Iterator[Run]:
    upsert, look = Operation(Kind.UPSERT), Operation(Kind.LOOK_ON)
    few = tuple(Operation(Kind.UPSERT, 0, key) for key in range(4))
    paged = _large(0, 1, 2, 3, 4)
    used = Operation(Kind.RMW), Operation(Kind.UPSERT, 1, 2), Operation(Kind.DELETE, 0, 1)
    yield ((look, upsert, look, _CHECKPOINT, look, Operation(Kind.DELETE), _CHECKPOINT, look),)
    yield ((upsert, Operation(Kind.START), look, *[Operation(Kind.STEP), look] * 6),)
    for phase in range(_PHASES):  # Closed while a checkpoint is under way.
        started = (Operation(Kind.START), *[Operation(Kind.STEP)] * phase)
        yield ((*few, *started, Operation(Kind.REOPEN_AS), *used, _CHECKPOINT),)
    yield ((upsert, _CHECKPOINT), (look, upsert, _CHECKPOINT, look, _REOPEN, look))
    for size in (0, 1, 2):
        for key in (0, 2, 4, 5, 6) if not size else (0, 4):
            otherwise = Operation(Kind.REOPEN_AS, 0, key, size)
            yield ((*few, _CHECKPOINT, otherwise, *used, _CHECKPOINT, _REOPEN, *used),)
            yield ((*few, _CHECKPOINT, otherwise, *used, _CHECKPOINT), (*used, _CHECKPOINT))
            yield ((otherwise, *paged, _CHECKPOINT), (*used, otherwise, *used, _CHECKPOINT))
            yield ((*paged, _CHECKPOINT, otherwise, *paged, *used, _CHECKPOINT, look, otherwise, *used),)


class Family(NamedTuple):
    """The runs of a family, and the geometries in which they come to what they are for.

    crashes   each of which ends every era but the last of a run
    """

    runs: Callable[[str], Iterator[Run]]
    geometries: tuple[str, ...]
    subject: str = STORE
    crashes: tuple[Crash, ...] = (Crash(),)


def _aged(geometry: str) -> Iterator[Run]:
    upsert, step = Operation(Kind.UPSERT), Operation(Kind.STEP)
    grown = Operation(Kind.RMW, 0, 0, 1)
    if geometry == "full":  # Each opening takes long.
        second = Operation(Kind.INSERT, 1, 1)
        yield ((upsert, second, grown, Operation(Kind.READ, 1, 1), _CHECKPOINT),)
        yield ((grown, _CHECKPOINT), (upsert, second, _CHECKPOINT))
        return
    if geometry == "rewritten":  # What is long comes to its end at the second checkpoint.
        look = Operation(Kind.LOOK_ON)
        for used in (upsert, Operation(Kind.RMW, 1, 0, _LARGE)):
            yield ((used, _CHECKPOINT, used, _CHECKPOINT, look, used, _CHECKPOINT, look),)
            yield ((used, _CHECKPOINT, used, _CHECKPOINT), (look, used, _CHECKPOINT, _REOPEN, look))
        return
    if geometry == "voided":  # Begin stands before, in and behind the range, and its chain leaves memory.
        for count in range(1, 5):
            large = _large(*range(2, 2 + count))
            for truncate in (Operation(Kind.TRUNCATE), Operation(Kind.TRUNCATE_AT)):
                yield ((*large, truncate, _CHECKPOINT, _REOPEN, grown), (grown, _CHECKPOINT))
            yield ((*large, Operation(Kind.READ), grown, Operation(Kind.READ, 0, 1), _CHECKPOINT),)
    for used in (upsert, Operation(Kind.RMW), Operation(Kind.DELETE), Operation(Kind.INSERT, 1, 1)):
        yield ((used, _CHECKPOINT),)
        yield ((upsert, used, _CHECKPOINT, used, _REOPEN, used, _CHECKPOINT, _CHECKPOINT),)
        yield ((upsert, _CHECKPOINT, used, _CHECKPOINT), (used, _CHECKPOINT, _REOPEN, used))
        for phase in (2, 3):
            stepped = (Operation(Kind.START), *[step] * phase, used, _CHECKPOINT)
            yield ((upsert, _CHECKPOINT, *stepped), (used, *stepped), (used, _CHECKPOINT))
    large = _large(0, 1, 2, 3, 4, 5, 6)
    cold = (Operation(Kind.READ), Operation(Kind.RMW, 0, 3))
    yield ((*large, _CHECKPOINT, *cold), (*large[5:], _CHECKPOINT))
    yield ((*large, _CHECKPOINT, Operation(Kind.TRUNCATE_AT), _CHECKPOINT, *large[:2], _CHECKPOINT),)


def _flushed(geometry: str) -> Iterator[Run]:
    many = tuple(Operation(Kind.UPSERT, 0, key % KEYS_MAX, _LARGE) for key in range(24))
    flushes = [Operation(Kind.FLUSH, 0, key, size) for key, size in ((0, 0), (0, 1), (0, 2), (0, 3), (1, 3))]
    used = Operation(Kind.RMW), Operation(Kind.DELETE, 0, 1), Operation(Kind.READ, 1, 2)
    for flush in flushes:
        yield ((*many[:6], flush, *many[6:9], flush, _CHECKPOINT), (*used, flush))
        yield ((*many[:20], flush, *used, flush, *many[20:], flush, _REOPEN, *used),)
        yield (
            (*many, flush, Operation(Kind.TRUNCATE_AT), flush, _CHECKPOINT, *many[:4], flush, _CHECKPOINT),
        )
    for phase in range(_PHASES):
        started = (*many[:8], Operation(Kind.START), *[Operation(Kind.STEP)] * phase)
        yield ((*started, flushes[2], *used, flushes[0], _CHECKPOINT), used)
    every = [each for one in many for each in (one, flushes[1])]
    yield ((*every, _CHECKPOINT, *used),)
    # So many pages that half of the room for frozen ones is taken: what was deleted is not written over.
    for count in (13, 14, 15):
        pages = [
            each
            for key in range(count)
            for each in (
                Operation(Kind.UPSERT, 0, key % KEYS_MAX, _LARGE),
                Operation(Kind.DELETE, 0, key % KEYS_MAX),
            )
        ]
        for flush in (flushes[0], flushes[2]):
            yield ((*pages, flush, *pages[:4], flush, *used, flush),)
            yield ((Operation(Kind.UPSERT), _CHECKPOINT, *pages, flush, *pages[:4], flush, flush),)


def _lettered(geometry: str) -> Iterator[Run]:
    letters = (
        Operation(Kind.UPSERT),
        *_large(1),
        Operation(Kind.LOOK_ON),
        Operation(Kind.FLUSH),
        Operation(Kind.READ, 1),
        Operation(Kind.INSERT, 1, 2),
        Operation(Kind.START),
        Operation(Kind.STEP),
        Operation(Kind.RMW, 1),
        Operation(Kind.DELETE, 0, 1),
        _CHECKPOINT,
        Operation(Kind.GROW),
        Operation(Kind.COMPACT),
        Operation(Kind.TRUNCATE),
        Operation(Kind.TRUNCATE_AT, 0, 1, 1),
    )
    if geometry in _BY_ITSELF:
        letters = tuple(each for each in letters[:-3] if each.kind != Kind.LOOK_ON)
    otherwise = Operation(Kind.REOPEN_AS, 0, 7)  # As before.
    yield ((*letters, *letters, _REOPEN, *letters, otherwise, *letters[:3]),)


def _gathered(geometry: str) -> Iterator[Run]:
    once, more = Operation(Kind.FLUSH), Operation(Kind.FLUSH, 0, 0, 2)
    for count in (1, 2, 3, 4):
        paged = _large(*range(count))
        for flush in (once, more):
            yield ((*paged, flush, _CHECKPOINT),)
            yield (
                (*paged, flush, Operation(Kind.READ), *_large(0, 1), flush, _CHECKPOINT),
                (Operation(Kind.RMW),),
            )
            yield ((*paged, _CHECKPOINT, *_large(0, 1), flush), (flush, *_large(5, 6), flush, _CHECKPOINT))
            yield ((*paged, flush, _REOPEN, Operation(Kind.RMW), flush, _CHECKPOINT, _REOPEN),)
    paged = _large(0, 1, 2)
    for phase in range(_PHASES):
        started = (*paged, Operation(Kind.START), *[Operation(Kind.STEP)] * phase)
        for used in (Operation(Kind.RMW), *_large(3), Operation(Kind.TRUNCATE_AT, 0, 1)):
            yield ((*started, once, used, _CHECKPOINT),)
            yield ((*started, used, once, _CHECKPOINT, once), (Operation(Kind.RMW), once, _CHECKPOINT))


def _kinds(geometry: str) -> Iterator[Run]:
    if geometry == "roomy":  # A value a page, and room for all of them: a chain of deltas comes to its bound.
        delta = Operation(Kind.CHECKPOINT, 0, 0, PLAIN.index("incremental"))
        changes = [each for key in range(_CHAINED) for each in (*_large(key), delta)]
        for other in (delta, _CHECKPOINT):
            yield ((*_large(*range(KEYS_MAX)), other, *changes, *changes[:4], _REOPEN, *changes[:4]),)
        return
    upsert, grown = Operation(Kind.UPSERT), Operation(Kind.RMW)
    taken = tuple(Operation(Kind.CHECKPOINT, 0, 0, size) for size in range(len(PLAIN)))
    others = taken[1:]
    few = (*taken, upsert, grown, Operation(Kind.DELETE), _REOPEN)
    is_short = geometry == "long"  # There is one thing to see: an extent that the log's end cuts off.
    for steps in (1, 2) if is_short else (1, 2, 3):
        for program in product(few, repeat=steps):
            if not set(others).isdisjoint(program):
                yield ((upsert, *program),)
    if is_short:
        return
    large = _large(*range(KEYS_MAX))
    for one, other in product(taken, repeat=2):
        if one not in others and other not in others:
            continue
        yield ((upsert, one, grown, other), (grown, other, grown), (upsert, one))
        for count in (2, 5):
            yield ((*large[:count], grown, one, grown, *large[count:], other, _REOPEN, grown, other),)
            yield ((*large[:count], one, *large[:2], other), (*large[1:3], grown, one), (grown, other))
        for truncate in (Operation(Kind.TRUNCATE), Operation(Kind.TRUNCATE_AT, 0, 0, 1)):
            yield ((*large, one, truncate, grown, other, *large[:4], one, _REOPEN, grown, truncate, other),)
            yield ((*large, one), (truncate, other, *large[:3], truncate, one, grown))
    for size in range(1, len(PLAIN)):
        start = Operation(Kind.START, 0, 0, size)
        for phase in range(_PHASES):
            started = (start, *[Operation(Kind.STEP)] * phase)
            for used in (grown, upsert, *large[1:2], Operation(Kind.DELETE), Operation(Kind.INSERT, 1, 1)):
                yield ((upsert, *started, used, taken[size], grown), (used, taken[0]))
            yield ((upsert, *large[:3], *started, *large[2:6], grown, taken[size]), (grown, taken[size]))
            yield ((upsert, taken[0], *started, grown, _REOPEN, grown, taken[size]),)


_EVERYWHERE: Final = (
    *("tiny", "colliding", "narrow", "long", "paired", "parted", "parting", "slim", "roomy", "single"),
    *("many", "whole", "wide", "broad", "flushed", "lagging", "ageing", "behind", "gathered", "wrapping"),
    *("chained", "rewritten", "high", "ending", "voided", "crowded", "full", *("kept", "shared"), *_LIMITED),
    *("thinned", "fleeting", "forgetful"),
)
_AGES: Final = ("wrapping", "chained", "rewritten", "high", "ending", "voided", "crowded", "full")
FAMILIES: Final[dict[str, Family]] = {
    "truncated": Family(_truncated, ("slim", "paired", "colliding")),
    "compacted": Family(compacted, ("paired", "colliding")),
    "bounded": Family(bounded, _LIMITED),
    "thinned": Family(thinned, ("thinned",)),
    "grown": Family(grown, ("parting", "parted", "narrow", "crowded")),
    "mixed": Family(mixed, ("parted",)),
    "reopened": Family(_reopened, ("parting", "tiny")),
    "flushed": Family(_flushed, ("flushed", "lagging", "ageing")),
    "lettered": Family(_lettered, _EVERYWHERE),
    "aged": Family(_aged, _AGES),
    "gathered": Family(_gathered, ("behind", "gathered")),
    "kinds": Family(_kinds, ("tiny", "long", "roomy")),
    "indexed": Family(indexed, ("tiny", "paired")),
    "logged": Family(logged, ("tiny", "many"), LOGS, LOGGED_CRASHES),
    "cached": Family(cached, ("kept", "shared")),
    "forgotten": Family(forgotten, ("fleeting", "forgetful")),
}
# Kinds that random programs have only where they are asked for, by name.
LETTERS: Final = {
    kind.name.lower(): kind
    for kind in (
        *(Kind.TRUNCATE_AT, Kind.REOPEN_AS, Kind.LOOK_ON, Kind.CHECKPOINT),
        *(Kind.COMPACT, Kind.GROW),
    )
}


def family_tapes(family: str, law: str = "posix") -> Iterator[Tape]:
    """All runs of the family, in one of its geometries after the other."""
    runs, geometries, subject, crashes = FAMILIES[family]
    for geometry in geometries:
        for programs in runs(geometry):
            for crash in crashes if len(programs) > 1 else crashes[:1]:
                eras = (*[Era(program, crash) for program in programs[:-1]], Era(programs[-1]))
                yield Tape(eras, geometry, law, subject=subject)


def sprinkled(
    random: Random, count: int, geometries: Sequence[str], law: str, steps: int, letters: Sequence[str]
) -> Iterator[Tape]:
    """`random_tapes`, each era of which has one or two operations of these letters besides, at any place."""
    kinds = [LETTERS[letter] for letter in letters]
    for tape in random_tapes(random, count, geometries, law, steps):
        eras = []
        for era in tape.eras:
            program = list(era.program)
            for _ in range(random.choice((1, 1, 2))):
                key, size = random.randrange(KEYS_MAX), random.randrange(SIZES + 1)
                operation = Operation(random.choice(kinds), 0, key, size)
                program.insert(random.randint(len(program) // 2, len(program)), operation)
            eras.append(replace(era, program=tuple(program)))
        yield replace(tape, eras=tuple(eras))
