"""The search: crash states opened and judged a second, enumerated and hashed a second.

Equal options, equal work: programs come from a seeded generator, only the times differ. V1 is measured in
one process on one core, as the gate's worker does it.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from random import Random

from bench.tables import Line, Size, interleave, measured, ratio, timed
from powercut.faultfs import Trace, crash_states
from powercut.verifier.faster.geometries import make_faster
from powercut.verifier.finders.crashes import Coverage, Finding, search_tape
from powercut.verifier.finders.recoveries import Recoveries
from powercut.verifier.finders.shared import exhaust
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.programs import random_tapes, small_programs
from powercut.verifier.tapes.tape import Tape

__all__ = ["measure"]

SEED = 1
STEPS = 12
GEOMETRY = "tiny"
LAW = "posix"
LIMIT = 2048  # Of the profile ci.


def measure(size: Size) -> list[Line]:
    """The rows of V1, the search of whole programs, and what each reduction leaves of it."""
    tapes = list(random_tapes(Random(SEED), size.tapes, (GEOMETRY,), LAW, STEPS))
    traces = [segment.trace for tape in tapes for segment in play(tape).segments]
    found = interleave(
        size.rounds,
        {
            "opened": timed(lambda: open_states(traces, is_pruned=False)),
            "shared": timed(lambda: open_states(traces, is_pruned=True)),
            "hashed": timed(lambda: sum(crash_states(trace, LAW, limit=LIMIT).distinct for trace in traces)),
            "judged": timed(lambda: search_tapes(tapes)),
            "programs": timed(lambda: search_small_programs(size.steps)),
        },
    )
    gain = ratio(found["shared"], found["opened"]).text(lambda value: f"{value:.2f} times as many")
    return [
        measured("crash states opened and read", found["opened"], "/s", "V1: >= 2,000"),
        measured("the same, read sets shared", found["shared"], "/s", gain),
        measured("crash states enumerated and hashed", found["hashed"], "/s", "V1: >= 50,000"),
        measured(f"distinct states judged, {size.tapes} random tapes", found["judged"]),
        measured(f"programs of <= {size.steps} steps searched completely", found["programs"]),
        *ladder(f"{size.tapes} random tapes", seen_in_tapes(tapes), seen_in_tapes(tapes, is_pruned=False)),
        *ladder(f"programs of <= {size.steps} steps", exhaust(small_programs(size.steps), GEOMETRY, LAW)[0]),
    ]


def ladder(what: str, seen: Coverage, plain: Coverage | None = None) -> list[Line]:
    """The states of a search before and after each reduction, each with the factor since the one before."""
    rungs = [
        ("version vectors, by formula", seen.vectors),
        ("contents", seen.contents),
        ("distinct: content x program x owed", seen.distinct),
    ]
    if plain is not None:
        rungs.append(("openings, one a content", plain.checked))
    rungs.append(("openings, read sets shared", seen.checked))
    lines = [Line(f"{what}: {rungs[0][0]}", f"{rungs[0][1]:,}")]
    for (_, before), (name, count) in pairwise(rungs):
        factor = before / count if count else 0.0
        lines.append(Line(f"  {name}", f"{count:,}", f"/ {factor:.2f}"))
    closed = f"{seen.closed} past the limit of {LIMIT} closed by reading, {seen.bounded} bounded"
    return [*lines, Line("  judgements made", f"{seen.judged:,}", closed)]


def open_states(traces: list[Trace], *, is_pruned: bool) -> int:
    """Every crash state recovered and read in full, and every state of a crash inside that opening."""
    recoveries = Recoveries(make_faster(GEOMETRY), LAW, LIMIT, is_pruned=is_pruned)
    keys: set[int] = set()
    for trace in traces:
        for state in crash_states(trace, LAW, limit=LIMIT):
            outcome = recoveries.of(state, 1)
            keys.update([key ^ outcome.key ^ state.key for key in outcome.keys])
    return len(keys)


def seen_in_tapes(tapes: list[Tape], *, is_pruned: bool = True) -> Coverage:
    """The coverage of a search of these tapes; counted, not timed."""
    total = Coverage()
    for tape in tapes:
        recoveries = Recoveries(make_faster(GEOMETRY), LAW, LIMIT, is_pruned=is_pruned)
        coverage, finding = search_tape(tape, limit=LIMIT, recoveries=recoveries)
        refuse(finding)
        total.merge(coverage)
    return total


def search_tapes(tapes: list[Tape]) -> int:
    """The whole search of these tapes: played, enumerated, opened, judged."""
    total = Coverage()
    for tape in tapes:
        coverage, finding = search_tape(tape, limit=LIMIT)
        refuse(finding)
        total.merge(coverage)
    return total.distinct


def search_small_programs(steps: int) -> int:
    """Every program of at most `steps` steps in one geometry, counted by formula and one by one."""
    coverage, finding = exhaust(small_programs(steps), GEOMETRY, LAW)
    refuse(finding)
    return coverage.programs


def refuse(finding: Finding | None) -> None:
    """A store that fails is not measured."""
    if finding is not None:
        sys.exit(f"the store is broken, so there is nothing to measure: {finding.verdict}")
