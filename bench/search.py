"""The search: crash states opened and judged a second, enumerated and hashed a second.

Equal options, equal work: programs come from a seeded generator, only the times differ. V1 is measured in
one process on one core, as the gate's worker does it.
"""

from __future__ import annotations

import sys
from random import Random

from bench.tables import Line, Size, interleave, measured, timed
from faultfs import Trace, crash_states
from verifier.crashes import Coverage, Finding, exhaust, search_tape
from verifier.geometries import make_faster
from verifier.programs import random_tapes, small_programs
from verifier.recoveries import Recoveries
from verifier.tape import Tape
from verifier.world import play

__all__ = ["measure"]

SEED = 1
STEPS = 12
GEOMETRY = "tiny"
LAW = "posix"
LIMIT = 512  # Of the profile ci.


def measure(size: Size) -> list[Line]:
    """The rows of V1, and the search of whole programs."""
    tapes = list(random_tapes(Random(SEED), size.tapes, (GEOMETRY,), LAW, STEPS))
    traces = [segment.trace for tape in tapes for segment in play(tape).segments]
    found = interleave(
        size.rounds,
        {
            "opened": timed(lambda: open_states(traces)),
            "hashed": timed(lambda: sum(crash_states(trace, LAW, limit=LIMIT).distinct for trace in traces)),
            "judged": timed(lambda: search_tapes(tapes)),
            "programs": timed(lambda: search_small_programs(size.steps)),
        },
    )
    return [
        measured("crash states opened and read", found["opened"], "/s", "V1: >= 2,000"),
        measured("crash states enumerated and hashed", found["hashed"], "/s", "V1: >= 50,000"),
        measured(f"distinct states judged, {size.tapes} random tapes", found["judged"]),
        measured(f"programs of <= {size.steps} steps searched completely", found["programs"]),
    ]


def open_states(traces: list[Trace]) -> int:
    """Every crash state opened and read in full, and every state of a crash inside that opening."""
    recoveries = Recoveries(make_faster(GEOMETRY), LAW, LIMIT)
    for trace in traces:
        for state in crash_states(trace, LAW, limit=LIMIT):
            recoveries.of(state, 1)
    return recoveries.opened


def search_tapes(tapes: list[Tape]) -> int:
    """The whole search of these tapes: played, enumerated, opened, judged."""
    total = Coverage()
    for tape in tapes:
        coverage, finding = search_tape(tape, limit=LIMIT)
        refuse(finding)
        total.merge(coverage)
    return total.distinct


def search_small_programs(steps: int) -> int:
    """Every program of at most `steps` steps in one geometry, counted by both roads."""
    coverage, finding = exhaust(small_programs(steps), GEOMETRY, LAW)
    refuse(finding)
    return coverage.programs


def refuse(finding: Finding | None) -> None:
    """A store that fails is not measured."""
    if finding is not None:
        sys.exit(f"the store is broken, so there is nothing to measure: {finding.verdict}")
