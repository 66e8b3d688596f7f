"""Chunks of the stage `schedule`: small programs under all their schedules of few preemptions, and random
programs under many.

Invariants
  1  which programs a chunk holds is fixed by profile, seed and number
  2  a program is complete if every schedule within the bound was run; one that is not is counted
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from ...concurrency.programs import Searched, portfolio, random_lanes, search_lanes, small_tapes
from ...concurrency.schedule import Bounded
from ...finders.crashes import Coverage, Finding
from ...tapes.tape import Tape
from ..chunks import Chunk, Result
from ..profile import SchedulePlan

__all__ = ["RandomLanes", "SmallLanes", "bound_name", "count_lanes", "cut_schedule"]


@dataclass(frozen=True, slots=True)
class SmallLanes:
    """Programs start to stop of the list of all small ones, every schedule of at most so many preemptions."""

    start: int
    stop: int
    geometry: str
    preemptions: int
    limit: int

    @property
    def bound(self) -> str:
        """The name of the exhaustive search that it is a part of."""
        return bound_name(self.preemptions, self.geometry)

    def run(self) -> Result:
        result = Result()
        for tape in _tapes(self.geometry)[self.start : self.stop]:
            searched = search_lanes(tape, [Bounded(self.preemptions, self.limit)], self.limit)
            _count(result, searched)
            result.coverage.bounded += not searched.is_complete
            if result.finding is not None:
                break
        return result


@dataclass(frozen=True, slots=True)
class RandomLanes:
    """A number of random programs, each under a number of schedules; geometries take turns."""

    seed: str
    count: int
    schedules: int
    geometries: tuple[str, ...]

    def run(self) -> Result:
        result = Result()
        random = Random(self.seed)
        for number in range(self.count):
            tape = random_lanes(random, self.geometries[number % len(self.geometries)])
            _count(result, search_lanes(tape, portfolio(random), self.schedules))
            if result.finding is not None:
                break
        return result


def _count(result: Result, searched: Searched) -> None:
    """Add what one program has shown. A schedule is what is checked, an order what is distinct."""
    exploration = searched.exploration
    seen = Coverage(programs=1, distinct=exploration.distinct, checked=exploration.schedules)
    seen.legal = seen.visited = exploration.schedules
    seen.reached = dict(searched.reached)
    result.coverage.merge(seen)
    if searched.tape is not None and searched.verdict is not None:
        result.finding = Finding(searched.tape, searched.verdict)
    if exploration.unknown and not result.unknown:
        result.unknown = f"{exploration.unknown} schedules of a program were not decided"


def bound_name(preemptions: int, geometry: str) -> str:
    """The name of the search of all small programs."""
    return f"sessions side by side, <= {preemptions} preemption{'s' * (preemptions != 1)}, in {geometry}"


def count_lanes() -> int:
    """The number of small programs, in whichever geometry."""
    return len(_tapes("narrow"))


def cut_schedule(plan: SchedulePlan, seed: int) -> Iterator[Chunk]:
    """Slices of the small programs in each geometry, then random ones."""
    small, large = plan.exhaustive, plan.random
    for geometry in small.geometries:
        for start in range(0, count_lanes(), small.chunk):
            stop = min(start + small.chunk, count_lanes())
            yield SmallLanes(start, stop, geometry, small.preemptions, plan.limit)
    for start in range(0, large.programs, large.chunk):
        count = min(large.chunk, large.programs - start)
        yield RandomLanes(f"{seed}:{start}", count, large.schedules, large.geometries)


@lru_cache(maxsize=4)
def _tapes(geometry: str) -> list[Tape]:
    return list(small_tapes(geometry))
