"""Schedules: how many of them are run, recorded and judged a second.

Two programs, both under a random walk from one seed: an empty one, whose three tasks each pass ten points,
and one of the store, in which each of three sessions upserts a key of its own and appends to a value that all
share. The store is made for each schedule, and every schedule is judged by all the oracles of the gate.

Threads: one; tasks are the scheduler's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from random import Random

from bench.tables import Line, Size, interleave, measured, timed
from powercut.engine.kernels import atomics
from powercut.verifier.concurrency.lanes import SessionsProgram
from powercut.verifier.concurrency.programs import tape_of
from powercut.verifier.concurrency.schedule import Program, RandomWalk, Record, Scheduler, explore
from powercut.verifier.tapes.tape import Kind, Operation
from powercut.verifier.verdict import OK, Verdict

__all__ = ["measure"]

GEOMETRY = "tiny"
TASKS = 3
POINTS = 10
EMPTY_SCHEDULES = 4_000  # A round.
STORE_SCHEDULES = 400
SEED = 1


class Empty:
    """Tasks that do nothing but read one shared word."""

    def setup(self, scheduler: Scheduler) -> Sequence[Callable[[], object]]:
        space = memoryview(bytearray(8)).cast("Q")
        scheduler.share(space, "space")

        def task() -> None:
            for _ in range(POINTS):
                atomics.load(space, 0)

        return [task] * TASKS

    def judge(self, record: Record) -> Verdict:
        return OK


# Each session upserts a key of its own and appends to a value that all share.
PROGRAM = (
    Operation(Kind.FORK),
    *(
        operation
        for session in range(TASKS)
        for operation in (Operation(Kind.UPSERT, session, 1 + session), Operation(Kind.RMW, session, 0))
    ),
)


def measure(size: Size) -> list[Line]:
    """The rows of V4."""
    tape = tape_of(PROGRAM, GEOMETRY)

    def explored(make: Callable[[], Program], schedules: int) -> int:
        found = explore(make, [RandomWalk(Random(SEED))], schedules)
        if found.finding is not None:
            sys.exit(f"the store is broken, so there is nothing to measure: {found.finding.verdict}")
        return found.schedules

    share = 1 if size.rounds > 1 else 4
    rates = interleave(
        size.rounds,
        {
            "empty": timed(lambda: explored(Empty, EMPTY_SCHEDULES // share)),
            "store": timed(lambda: explored(lambda: SessionsProgram(tape), STORE_SCHEDULES // share)),
        },
    )
    return [
        measured(f"empty program of {TASKS} x {POINTS} points", rates["empty"], "/s", "V4: >= 8,000"),
        measured(f"store, {TASKS} sessions x 2 operations, judged", rates["store"], "/s", "V4: >= 800"),
    ]
