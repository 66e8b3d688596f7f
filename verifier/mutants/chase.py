"""The chase: what a child does with a bug planted in it (or with none).

    chase    search programs in size order for a violation of the kind expected; shrink it
    replay   play one tape; verdict and digest

The order: every program of one step, then two; those with a second life; those around one checkpoint
taken apart into its steps; those in which pages turn; every program of three steps; random tapes
that grow. Each in all geometries. So the first kill is nearly minimal, and nothing here knows which
bug is planted.

Source: small-scope search (Jackson; CrashMonkey's bounded programs).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from random import Random
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from ..crashes import Coverage, Finding, search_tape
from ..geometries import make_faster
from ..passes import count_operations
from ..programs import random_tapes, small_programs
from ..recoveries import Recoveries
from ..shrink import shrink
from ..tape import SIZES, Crash, Era, Kind, Operation, Tape, decode_tape, encode_tape
from ..verdict import Breach, Violation
from ..world import play
from .contract import judge_device
from .planted import CONTRACT, SCHEDULES
from .preempt import chase_schedules

__all__ = ["answer", "paged_runs", "second_lives", "stepped_runs", "tapes_in_size_order"]

SMALL_STEPS: Final = 2
RANDOM_STEPS: Final = (4, 6, 8, 10, 12, 16, 20)
RANDOM_TAPES: Final = 60  # Of each length.
LIMIT: Final = 1024  # Crash states of one crash point.
SHRINK_RUNS: Final = 6_000

Answer = dict[str, Any]
Program = tuple[Operation, ...]


def answer(request: Answer) -> bytes:
    """Do what the server was asked; the result as JSON."""
    if request["task"] == "replay":
        return msgspec.json.encode(_replay(request))
    if request["oracle"] == CONTRACT:
        return msgspec.json.encode(_hold_to_contract())
    if request["search"] == SCHEDULES:
        return msgspec.json.encode(chase_schedules(request))
    return msgspec.json.encode(_chase(request))


def tapes_in_size_order(seed: int) -> Iterator[Tape]:
    """What is searched, in order."""
    geometries = ("colliding", "paired", "tiny")
    small = [program for program in small_programs(3) if program]
    short = [(program,) for program in small if len(program) <= SMALL_STEPS]
    long = [(program,) for program in small if len(program) > SMALL_STEPS]
    for runs in (short, list(second_lives()), list(stepped_runs()), list(paged_runs()), long):
        for programs in runs:
            eras = (*[Era(program, Crash()) for program in programs[:-1]], Era(programs[-1]))
            for geometry in geometries:
                yield Tape(eras, geometry)
    random = Random(seed)
    for steps in RANDOM_STEPS:
        yield from random_tapes(random, RANDOM_TAPES, geometries, "posix", steps)


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
    """A key is written, then so much else that pages turn; then it is used again.

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


def _chase(request: Answer) -> Answer:
    wanted = Breach[request["breach"]]
    oracle = request["oracle"]
    coverage = Coverage()
    kept: dict[str, Recoveries] = {}
    others: dict[str, int] = {}
    for tape in islice(tapes_in_size_order(request["seed"]), request["programs_max"]):
        recoveries = kept.setdefault(tape.geometry, Recoveries(make_faster(tape.geometry), tape.law, LIMIT))
        seen, finding = search_tape(tape, limit=LIMIT, recoveries=recoveries)
        coverage.merge(seen)
        if finding is None:
            continue
        if (finding.verdict.oracle, finding.verdict.breach) == (oracle, wanted):
            return _shrunk(request["bug"], finding, coverage, others)
        kind = f"{finding.verdict.oracle}: {finding.verdict.breach.value}"
        others[kind] = others.get(kind, 0) + 1
    return {"tape": "", "operations": 0, "others": others, **_counts(coverage)}


def _shrunk(bug: str, finding: Finding, coverage: Coverage, others: dict[str, int]) -> Answer:
    tape = shrink(finding.tape, finding.verdict, budget=SHRINK_RUNS)
    return {
        "tape": encode_tape(replace(tape, bug=bug)).decode(),
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
    if request["oracle"] == CONTRACT:
        violation, _ = judge_device()
        return _told(violation, violation.detail if violation is not None else "ok")
    run = play(decode_tape(request["tape"].encode()))
    return _told(run.verdict, run.digest())


def _told(verdict: object, digest: str) -> Answer:
    if isinstance(verdict, Violation):
        return {"oracle": verdict.oracle, "breach": verdict.breach.name, "digest": digest}
    return {"oracle": "", "breach": "", "digest": digest}


def _hold_to_contract() -> Answer:
    violation, calls = judge_device()
    return {
        "tape": "",
        "operations": 0 if violation is None else calls,
        "others": {},
        "programs": 1,
        "distinct": 0,
        "checked": calls,
    }
