"""The hunt among crashes: the work of a child with a bug planted in it (or with none).

    hunt     search programs in size order for a violation of the kind expected; shrink it
    replay   play one tape; verdict and digest

The order: every program of one step, then two; those with a second life; those around one checkpoint
taken apart into its steps; those in which pages turn; those in which values outgrow their place; every
program of three steps; random tapes that grow. Each in all geometries. At last the families, each in its
own. Those that have the features that the bank names for the bug come first, in the same order. So the
first kill is nearly minimal. Where the wanted violation is a wrong answer, these are first played as they
are, and only then searched.

Invariants
  1  every crash state of every program is judged: where all prefixes of a program were searched before it
     in its geometry, those of its last step are all that is left
  2  nothing here knows which bug is planted, but for the features

Source: small-scope search (Jackson; CrashMonkey's bounded programs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice, product, tee
from random import Random
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from ...finders.crashes import Coverage, Finding
from ...finders.shared import Searches
from ...reducing.passes import count_operations
from ...reducing.shrink import descend
from ...runs.play import play
from ...tapes.families import FAMILIES, family_tapes
from ...tapes.programs import random_tapes, small_programs
from ...tapes.tape import SIZES, Crash, Era, Kind, Operation, Tape, decode_tape, encode_tape
from ...verdict import Breach, Violation
from ..planted import (
    CONTRACT,
    CRASHES,
    CUTS,
    DAMAGE,
    FAULTS,
    KILLS,
    MODEL,
    OPERATIONS_MAX,
    PROGRAMS,
    SCHEDULES,
)
from .answers import hunt_answers
from .contract import judge_contract
from .cpr import hunt_appenders, hunt_cuts
from .damage import hunt_damage
from .faults import hunt_faults
from .order import features, likely_first
from .schedule import hunt_schedules

__all__ = [
    "answer",
    "grown_runs",
    "paged_runs",
    "search_order",
    "second_lives",
    "stepped_runs",
]

GEOMETRIES: Final = ("colliding", "paired", "tiny")
SMALL_STEPS: Final = 2
RANDOM_STEPS: Final = (4, 6, 8, 10, 12, 16, 20)
RANDOM_TAPES: Final = 60  # Of each length.
LIMIT: Final = 1024  # Crash states of one crash point.
SHRINK_RUNS: Final = 6_000
_ANSWERS: Final = "model"  # The oracle that objects to what a run answers, whatever a power cut leaves.

Answer = dict[str, Any]
Program = tuple[Operation, ...]


def answer(request: Answer) -> bytes:
    """Do what the server was asked; the result as JSON."""
    if request["task"] == "replay":
        return msgspec.json.encode(_replay(request))
    is_of_log = request["search"] == SCHEDULES and request.get("is_of_log", False)
    hunt = hunt_appenders if is_of_log else _CHASES[request["search"]]
    return msgspec.json.encode(hunt(request))


class Searched(NamedTuple):
    """One to search."""

    tape: Tape
    is_continued: bool = False  # The last step is all that is left to judge.
    is_drawn: bool = False  # Another seed would not have it.


def search_order(seed: int, around: Iterable[str] = ()) -> Iterator[Searched]:
    """The programs to search, in order; those that have all features of `around` come first."""
    small = [(program,) for program in small_programs(SMALL_STEPS + 1) if program]
    short = [programs for programs in small if len(programs[0]) <= SMALL_STEPS]
    long = small[len(short) :]
    middle = chain(second_lives(), stepped_runs(), paged_runs(), grown_runs())
    around = frozenset(around)
    families = [tape for family in FAMILIES for tape in family_tapes(family)]
    likely = [tape for tape in families if around and around <= features(tape)]
    given = chain(_in_all_geometries(short), _in_all_geometries(middle), _in_all_geometries(long), likely)
    closed = {programs[0] for programs in small}
    for tape, is_likely in likely_first(given, around, features):
        is_continued = len(tape.eras) == 1 and tape.eras[0].program in closed
        yield Searched(tape, is_continued and not is_likely)
    random = Random(seed)
    for steps in RANDOM_STEPS:
        for tape in random_tapes(random, RANDOM_TAPES, GEOMETRIES, "posix", steps):
            yield Searched(tape, is_drawn=True)
    yield from (Searched(tape) for tape in families if tape not in likely)


def _in_all_geometries(runs: Iterable[tuple[Program, ...]]) -> Iterator[Tape]:
    for programs in runs:
        eras = (*[Era(program, Crash()) for program in programs[:-1]], Era(programs[-1]))
        for geometry in GEOMETRIES:
            yield Tape(eras, geometry)


def second_lives() -> Iterator[tuple[Program, ...]]:
    """A small program that ends in a checkpoint, a power cut, a little more, and another checkpoint."""
    large = tuple(Operation(Kind.UPSERT, 0, number, SIZES - 1) for number in (1, 2))
    for more in ((Operation(Kind.UPSERT),), large):
        for program in small_programs(SMALL_STEPS):
            if program and program[-1].kind == Kind.CHECKPOINT:
                yield (program, (*more, program[-1]))


def stepped_runs() -> Iterator[tuple[Program, ...]]:
    """At most one operation, a checkpoint begun and taken some steps on, an operation, its end.

    And the same with another checkpoint after a power cut. In size order.
    """
    one: list[Program] = [(Operation(kind, 0, 0),) for kind in (Kind.UPSERT, Kind.DELETE, Kind.RMW)]
    one += [(Operation(Kind.UPSERT, 1, 1),)]
    programs = [
        (*before, Operation(Kind.START), *[Operation(Kind.STEP)] * steps, *during, Operation(Kind.CHECKPOINT))
        for before in ((), *one)
        for steps in range(5)
        for during in one
    ]
    for program in sorted(programs, key=len):
        yield (program,)
        yield (program, (Operation(Kind.CHECKPOINT),))


def paged_runs() -> Iterator[tuple[Program, ...]]:
    """Programs in which a key is written, then so much else that pages turn, then it is used again.

    With and without a checkpoint and a power cut in between. In size order.
    """
    upsert, delete = Operation(Kind.UPSERT), Operation(Kind.DELETE)
    before: list[Program] = [(), (upsert,), (upsert, delete)]
    after = [Operation(kind) for kind in (Kind.READ, Kind.UPSERT, Kind.RMW, Kind.INSERT, Kind.DELETE)]
    for count in range(1, 5):
        turning = tuple(Operation(Kind.UPSERT, 0, 1 + number, SIZES - 1) for number in range(count))
        for first in before:
            yield from [((*first, *turning, last),) for last in after]
            saved = (*first, *turning, Operation(Kind.CHECKPOINT))
            yield from [(saved, (last,)) for last in after]


def grown_runs() -> Iterator[tuple[Program, ...]]:
    """A value, a small or a larger one, then one or two more, under one key or two. In size order."""
    values = [Operation(Kind.UPSERT, 0, key, size) for key in (0, 1) for size in (0, 1)]
    for count in (1, 2):
        for first in values[:2]:
            for more in product(values, repeat=count):
                yield ((first, *more),)


def _hunt(request: Answer) -> Answer:
    wanted = Breach[request["breach"]]
    oracle = request["oracle"]
    coverage = Coverage()
    searches = Searches(LIMIT, is_walked=True)
    others: dict[str, int] = {}
    order, ahead = tee(islice(search_order(request["seed"], request["around"]), request["programs_max"]))
    if oracle == _ANSWERS:
        finding, coverage.programs = _play_likely(ahead, request)
        if finding is not None:
            return _shrunk(request, finding, None, coverage, others)  # What is likely is never drawn.
    del ahead  # What it has not come to yet need not be kept for it.
    for each in order:
        start = len(each.tape.eras[0].program) - 1 if each.is_continued else None
        seen, finding = searches.search(each.tape, start)
        coverage.merge(seen)
        if finding is None:
            continue
        if (finding.verdict.oracle, finding.verdict.breach) == (oracle, wanted):
            return _shrunk(request, finding, searches, coverage, others) | {"drawn": each.is_drawn}
        kind = f"{finding.verdict.oracle}: {finding.verdict.breach.value}"
        others[kind] = others.get(kind, 0) + 1
    return {"tape": "", "operations": 0, "others": others, **_counts(coverage)}


def _play_likely(ahead: Iterable[Searched], request: Answer) -> tuple[Finding | None, int]:
    """Play the programs that come first as they are; (the first with the wanted answer, how many it took)."""
    around = frozenset(request["around"])
    wanted = Violation(request["oracle"], Breach[request["breach"]], "")
    played = 0
    for tape, *_ in ahead:
        if not around or not around <= features(tape):
            break
        played += 1
        verdict = play(tape).verdict
        if wanted.is_same_kind(verdict):
            assert isinstance(verdict, Violation)
            return Finding(tape, verdict), played
    return None, played


def _shrunk(
    request: Answer, finding: Finding, searches: Searches | None, coverage: Coverage, others: dict[str, int]
) -> Answer:
    """The answer to a hunt; `searches` where the finding is a crash state: a smaller program has others."""

    def search(tape: Tape) -> tuple[Tape | None, int]:
        """The programs' crash states; what the hunt and the candidates before have opened is known."""
        assert searches is not None
        seen, found = searches.search(tape)
        return (None if found is None else found.tape), 1 + seen.checked

    tape = descend(
        *(finding.tape, finding.verdict, play, search if searches else None, SHRINK_RUNS, OPERATIONS_MAX)
    )
    return {
        "tape": encode_tape(replace(tape, bug=request["bug"])).decode(),
        "operations": count_operations(tape),
        "others": others,
        **_counts(coverage),
    }


def _counts(coverage: Coverage) -> dict[str, int]:
    return {
        "programs": coverage.programs,
        "distinct": coverage.distinct,
        "checked": coverage.checked,
    }


def _replay(request: Answer) -> Answer:
    if request["search"] == PROGRAMS:
        from .programs import replay_programs  # Bugs in what no other hunt imports.

        violation = replay_programs(request)
        return _told(violation, violation.detail if violation is not None else "ok")
    if (judge := _DEVICES.get(request["search"])) is not None:
        violation, _ = judge(request["calls"])
        return _told(violation, violation.detail if violation is not None else "ok")
    run = play(decode_tape(request["tape"].encode()))
    return _told(run.verdict, run.digest())


def _told(verdict: object, digest: str) -> Answer:
    if isinstance(verdict, Violation):
        return {"oracle": verdict.oracle, "breach": verdict.breach.name, "digest": digest}
    return {"oracle": "", "breach": "", "digest": digest}


def _hold_device(request: Answer) -> Answer:
    """Judge the device itself: it acts always the same, and there is no tape."""
    violation, count = _DEVICES[request["search"]](None)
    wanted = (request["oracle"], request["breach"])
    found = None if violation is None else (violation.oracle, violation.breach.name)
    return {
        "tape": "",
        "operations": count if found == wanted else 0,
        "others": {} if violation is None or found == wanted else {f"{found}": 1},
        "programs": 1,
        "distinct": 0,
        "checked": count,
    }


def _hunt_programs(request: Answer) -> Answer:
    from .programs import hunt_programs

    return hunt_programs(request)


def _judge_files(lives: int | None) -> tuple[Violation | None, int]:
    from ...finders.kill import judge_files  # Asked for two bugs of a hundred, and long to import.

    return judge_files(lives)


# Each takes how far it goes at most: to where a violation was found, or to its end.
_DEVICES: Final[dict[str, Callable[[int | None], tuple[Violation | None, int]]]] = {
    CONTRACT: judge_contract,
    KILLS: _judge_files,
}
_CHASES: Final[dict[str, Callable[[Answer], Answer]]] = {
    CRASHES: _hunt,
    FAULTS: hunt_faults,
    DAMAGE: hunt_damage,
    MODEL: hunt_answers,
    SCHEDULES: hunt_schedules,
    CUTS: hunt_cuts,
    PROGRAMS: _hunt_programs,
    **dict.fromkeys(_DEVICES, _hold_device),
}
