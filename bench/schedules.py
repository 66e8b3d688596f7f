"""Schedules: how many of them are run, recorded and judged a second.

Two programs, both under a random walk from one seed: an empty one, whose three tasks each pass ten points,
and one of the store, in which each of three sessions upserts a key of its own and appends to a value that all
share. The latter's judge asks for every upsert and for each append exactly once.

Threads: one; tasks are the scheduler's.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from bench.tables import Line, Size, absent, interleave, measured, timed
from engine import FasterKv, MemoryDevice, atomics
from verifier.geometries import GEOMETRIES
from verifier.verdict import OK, Verdict, Violation

__all__ = ["measure"]

GEOMETRY = "tiny"
TASKS = 3
POINTS = 10
EMPTY_SCHEDULES = 4_000  # A round.
STORE_SCHEDULES = 400
MEMORY_BYTES = 1 << 20
SHARED_KEY = b"shared"
SPACES = ("control", "index", "log", "epochs")
SEED = 1


class Empty:
    """Tasks that do nothing but read one shared word."""

    def setup(self, scheduler: Any) -> Sequence[Callable[[], object]]:
        space = memoryview(bytearray(8)).cast("Q")
        scheduler.share(space, "space")

        def task() -> None:
            for _ in range(POINTS):
                atomics.load(space, 0)

        return [task] * TASKS

    def judge(self, _record: Any) -> Verdict:
        return OK


class Sessions:
    """Three sessions of a store, two operations each."""

    def setup(self, scheduler: Any) -> Sequence[Callable[[], object]]:
        self._store = FasterKv.open(
            MemoryDevice(), create=True, settings=GEOMETRIES[GEOMETRY], memory=MEMORY_BYTES, runtime=scheduler
        )
        spaces: Any = self._store._parts.log.spaces
        for name in SPACES:
            scheduler.share(getattr(spaces, name), name)
        return [self._task(number) for number in range(TASKS)]

    def _task(self, number: int) -> Callable[[], object]:
        session = self._store.session(f"session-{number}")
        own = b"%d" % number

        def task() -> None:
            session.upsert(own, own)
            session.rmw(SHARED_KEY, lambda old: (old or b"") + own)

        return task

    def judge(self, _record: Any) -> Verdict:
        content = dict(self._store.items())
        owned = [b"%d" % number for number in range(TASKS)]
        appended = sorted(content.pop(SHARED_KEY, b""))
        if content == {own: own for own in owned} and appended == sorted(b"".join(owned)):
            return OK
        sys.exit(f"the store is broken, so there is nothing to measure: {content}, appended {appended}")


def measure(size: Size) -> list[Line]:
    """The rows of V4."""
    try:
        schedule: Any = importlib.import_module("verifier.schedule")
    except ImportError as error:
        return [absent("schedules", f"not there: {error}")]

    def explored(make: Callable[[], object], schedules: int) -> int:
        found = schedule.explore(make, [schedule.RandomWalk(Random(SEED))], schedules)
        if isinstance(found.finding and found.finding.verdict, Violation):
            sys.exit(f"the store is broken, so there is nothing to measure: {found.finding.verdict}")
        return int(found.schedules)

    share = 1 if size.rounds > 1 else 4
    rates = interleave(
        size.rounds,
        {
            "empty": timed(lambda: explored(Empty, EMPTY_SCHEDULES // share)),
            "store": timed(lambda: explored(Sessions, STORE_SCHEDULES // share)),
        },
    )
    return [
        measured(f"empty program of {TASKS} x {POINTS} points", rates["empty"], "/s", "V4: >= 8,000"),
        measured(f"store, {TASKS} sessions x 2 operations, judged", rates["store"], "/s", "V4: >= 800"),
    ]
