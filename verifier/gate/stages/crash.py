"""Stage `crash`: every crash state of all small programs, under every law, and of random larger ones.

Invariants
  1  which programs a chunk holds, and what it draws, is fixed by profile, seed and number
  2  no small program is in two chunks of one geometry and law, and none is in no chunk
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from random import Random
from typing import Final

import msgspec

from powercut.faultfs import Law

from ...finders.shared import Searches, exhaust
from ...tapes.programs import count_programs, random_tapes, small_programs
from ...tapes.tape import Operation
from ..chunks import Chunk, Deadline, Definition, Result, in_parts, search_each, until
from ..document import Bound
from ..families import FamiliesPlan, SprinkledPlan, check_families, families_chunks
from ..plans import Count, Floor, Names, Positive, RandomPlan, check_geometries

__all__ = [
    "STAGE",
    "ContinuedPlan",
    "CrashPlan",
    "ExhaustivePlan",
    "LawsPlan",
    "RandomTapes",
    "SmallPrograms",
    "bound_name",
    "crash_chunks",
]

_DRAWS: Final = 10  # Drawn one by one, and searched together: they share what they open.


class ExhaustivePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All programs of at most so many steps, in each geometry."""

    geometries: Names
    steps: Count
    chunk: Positive  # Programs a chunk.


class LawsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All programs of at most so many steps in one geometry, under each of these laws too."""

    laws: Names
    geometry: str
    steps: Count
    chunk: Positive  # Programs a chunk.


class ContinuedPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All programs of at most so many steps in one geometry; after each recovery the store goes on."""

    geometry: str
    steps: Count
    more: Count  # Operations after the recovery, at most; then a checkpoint, and a reopening.
    chunk: Positive  # Programs a chunk.


class CrashPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every crash state of all small programs, and of random larger ones."""

    exhaustive: ExhaustivePlan
    random: RandomPlan
    limit: Positive
    depth: Count
    floor: Floor
    law: str = "posix"
    others: LawsPlan | None = None
    continued: ContinuedPlan | None = None
    families: FamiliesPlan | None = None
    sprinkled: SprinkledPlan | None = None


@dataclass(frozen=True, slots=True)
class SmallPrograms:
    """Programs start to stop of the list of all small ones, every crash state of each."""

    start: int
    stop: int
    steps: int
    geometry: str
    law: str
    limit: int
    depth: int
    is_other: bool = False  # Whether its law is another than the stage's.
    more: int | None = None  # Operations after each recovery, where the store goes on.

    @property
    def bound(self) -> str:
        """The name of the exhaustive search that it is a part of."""
        return bound_name(self.steps, self.geometry, self.law if self.is_other else None, self.more)

    def run(self, deadline: Deadline) -> Result:
        programs = until(_all_programs(self.steps)[self.start : self.stop], deadline)
        found = exhaust(programs, self.geometry, self.law, depth=self.depth, limit=self.limit, more=self.more)
        return Result(*found)


@dataclass(frozen=True, slots=True)
class RandomTapes:
    """Random tapes, every crash state of each; geometries take turns."""

    draws: tuple[tuple[str, int], ...]  # Each a seed, and how many tapes are drawn with it.
    steps: int
    geometries: tuple[str, ...]
    law: str
    limit: int
    depth: int

    def run(self, deadline: Deadline) -> Result:
        tapes = chain.from_iterable(
            random_tapes(Random(seed), count, self.geometries, self.law, self.steps)
            for seed, count in self.draws
        )
        searches = Searches(self.limit, depth=self.depth)
        return search_each(until(tapes, deadline), searches.search)


def bound_name(steps: int, geometry: str, law: str | None = None, more: int | None = None) -> str:
    """The name of an exhaustive search of small programs; `law` where it is another than the stage's.

    more   operations after each recovery, where the store goes on
    """
    further = "" if more is None else f", and <= {more} after each recovery"
    return f"<= {steps} steps in {geometry}" + (f" under {law}" if law else "") + further


def crash_chunks(plan: CrashPlan, law: str, seed: int) -> Iterator[Chunk]:
    """Slices of the small programs in each geometry and under each other law, random tapes, and families."""
    small, large, others = plan.exhaustive, plan.random, plan.others
    for geometry in small.geometries:
        for start, stop in in_parts(_count(small.steps), small.chunk):
            yield SmallPrograms(start, stop, small.steps, geometry, law, plan.limit, plan.depth)
    if others is not None:
        for other in others.laws:
            for start, stop in in_parts(_count(others.steps), others.chunk):
                yield SmallPrograms(
                    start, stop, others.steps, others.geometry, other, plan.limit, plan.depth, is_other=True
                )
    if (further := plan.continued) is not None:
        for start, stop in in_parts(_count(further.steps), further.chunk):
            yield SmallPrograms(
                *(start, stop, further.steps, further.geometry, law, plan.limit, plan.depth),
                more=further.more,
            )
    draws = [(f"{seed}:{start}", stop - start) for start, stop in in_parts(large.tapes, large.chunk)]
    for start, stop in in_parts(len(draws), _DRAWS):
        yield RandomTapes(
            tuple(draws[start:stop]), large.steps, large.geometries, law, plan.limit, plan.depth
        )
    yield from families_chunks(plan.families, plan.sprinkled, law, seed, plan.limit, plan.depth)


def _bounds(plan: CrashPlan, law: str) -> list[Bound]:
    """One for each geometry, and one for each other law."""
    steps = plan.exhaustive.steps
    bounds = [_bound(bound_name(steps, each), steps, law, plan) for each in plan.exhaustive.geometries]
    if (others := plan.others) is not None:
        names = [bound_name(others.steps, others.geometry, other) for other in others.laws]
        bounds += [
            _bound(name, others.steps, other, plan) for name, other in zip(names, others.laws, strict=True)
        ]
    if (further := plan.continued) is not None:
        name = bound_name(further.steps, further.geometry, more=further.more)
        bounds.append(_bound(name, further.steps, law, plan))
    return bounds


def _bound(name: str, steps: int, law: str, plan: CrashPlan) -> Bound:
    formula = (
        f"programs: sum of (14^n + 3*2^n)/4 for n = 0..{steps}; crash states: sum over crash points of the "
        "product of the lengths of the chains, or where a law does not choose chain by chain, of its digits"
    )
    return Bound(name, law, plan.depth, formula, programs=_count(steps))


def _count(steps: int) -> int:
    return sum(count_programs(length) for length in range(steps + 1))


@lru_cache(maxsize=1)
def _all_programs(steps: int) -> list[tuple[Operation, ...]]:
    return list(small_programs(steps))


def _check(plan: CrashPlan) -> None:
    Law.of(plan.law)
    check_geometries(plan.exhaustive.geometries)
    check_geometries(plan.random.geometries)
    if (others := plan.others) is not None:
        check_geometries((others.geometry,))
        for law in others.laws:
            Law.of(law)
    if plan.continued is not None:
        check_geometries((plan.continued.geometry,))
    check_families(plan.families, plan.sprinkled)


STAGE: Final[Definition[CrashPlan]] = Definition(
    "crash",
    law=lambda plan, law: law or plan.law,
    chunks=crash_chunks,
    bounds=_bounds,
    check=_check,
    watched=True,
)
