"""The tables: how fast the bench searches and how fast the store works, measured side by side in one run.

    search   crash states opened and judged a second; crash states enumerated and hashed a second
    store    operations a second of a session in memory, beside those of a dict in the same run

Invariants
  1  nothing is asserted: a slow machine is no failure
  2  equal options, equal work: programs and keys come from a seeded generator, only the times differ

One thread, one process. Each row is the best of `--rounds` rounds.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from engine import FasterKv, MemoryDevice
from faultfs import Trace, crash_states
from verifier.crashes import Coverage, Finding, exhaust, search_tape
from verifier.geometries import make_faster
from verifier.programs import random_tapes, small_programs
from verifier.recoveries import Recoveries
from verifier.tape import Tape
from verifier.world import play

SEED = 1
TAPES = 24
STEPS = 12
GEOMETRY = "tiny"
LAW = "posix"
LIMIT = 512  # Of the profile ci.
KEYS = 2_000
OPERATIONS = 20_000
VALUE = b"v" * 8


@dataclass(frozen=True)
class Row:
    """So many things done in so many seconds."""

    what: str
    count: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.count / self.seconds


def best(what: str, rounds: int, work: Callable[[], int]) -> Row:
    """The fastest of `rounds` runs of `work`, which returns how many things it did."""
    rows = []
    for _ in range(rounds):
        begun = time.perf_counter()
        count = work()
        rows.append(Row(what, count, time.perf_counter() - begun))
    return max(rows, key=lambda row: row.rate)


# -- search ----------------------------------------------------------------------------------------


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


def search_small_programs() -> int:
    """Every program of at most three steps in one geometry, counted by both roads."""
    coverage, finding = exhaust(small_programs(3), GEOMETRY, LAW)
    refuse(finding)
    return coverage.programs


def refuse(finding: Finding | None) -> None:
    if finding is not None:
        sys.exit(f"the store is broken, so there is nothing to measure: {finding.verdict}")


def search(rounds: int) -> list[Row]:
    tapes = list(random_tapes(Random(SEED), TAPES, (GEOMETRY,), LAW, STEPS))
    traces = [segment.trace for tape in tapes for segment in play(tape).segments]
    return [
        best("crash states opened and read", rounds, lambda: open_states(traces)),
        best(
            "crash states enumerated and hashed",
            rounds,
            lambda: sum(crash_states(trace, LAW, limit=LIMIT).distinct for trace in traces),
        ),
        best(f"distinct states judged, {TAPES} random tapes", rounds, lambda: search_tapes(tapes)),
        best("programs of <= 3 steps searched completely", rounds, search_small_programs),
    ]


# -- store -----------------------------------------------------------------------------------------


def operate(rounds: int) -> list[tuple[Row, Row]]:
    """(store, dict) for each kind of operation, over the same keys in the same order."""
    random = Random(SEED)
    keys = [b"key-%06d" % random.randrange(KEYS) for _ in range(OPERATIONS)]
    content: dict[bytes, bytes] = {}
    with FasterKv.open(MemoryDevice(), create=True, memory=16 << 20) as store:
        session = store.session("bench")

        def upserts() -> int:
            for key in keys:
                session.upsert(key, VALUE)
            return len(keys)

        def sets() -> int:
            for key in keys:
                content[key] = VALUE
            return len(keys)

        def reads() -> int:
            for key in keys:
                session.read(key)
            return len(keys)

        def gets() -> int:
            for key in keys:
                content.get(key)
            return len(keys)

        return [
            (best("upsert", rounds, upserts), best("dict", rounds, sets)),
            (best("read", rounds, reads), best("dict", rounds, gets)),
        ]


# -- tables ----------------------------------------------------------------------------------------


def processor() -> str:
    """The name of the processor, as far as the system tells."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the search and the store; asserts nothing.")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many rounds is shown")
    rounds = max(1, parser.parse_args().rounds)
    system = f"{os.cpu_count()} x {processor()}, {platform.system()} {platform.release()}"
    print(f"{system}, {platform.python_implementation()} {platform.python_version()}\n")

    print("search, one core")
    for row in search(rounds):
        print(f"  {row.what:<44} {row.count:>8,} in {row.seconds:6.2f} s {row.rate:>10,.0f} /s")

    with FasterKv.open(MemoryDevice(), create=True) as store:
        kernels = store.kernels
    print(f"\nstore, {kernels} kernels, one session, one operation a call, 8-byte values in memory")
    for row, reference in operate(rounds):
        print(
            f"  {row.what:<8} {row.rate:>10,.0f} /s    a dict {reference.rate:>12,.0f} /s"
            f"    ratio 1 : {reference.rate / row.rate:,.0f}"
        )


if __name__ == "__main__":
    main()
