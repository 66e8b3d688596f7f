"""Chunks: a stage's work in pieces that do not depend on how many processes there are.

A chunk is a value that crosses to another process, and `run` is all that is done there. Which
programs it holds, and which generator it draws from, is fixed by profile, seed and number.

Invariants
  1  results of a stage's chunks, merged in order, give the same figures wherever each of them ran
  2  no program of an exhaustive search is in two chunks, and none is in no chunk
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Final, Protocol

from ..finders.crashes import Coverage, Finding, exhaust, search_tape
from ..machine import run_machine
from ..mutants.bank import BANK, find
from ..mutants.hunt import kill
from ..tapes.programs import count_programs, random_tapes, small_programs
from ..tapes.tape import Operation, Tape
from ..verdict import Violation
from .document import Hunted
from .profile import CrashPlan, ModelPlan, MutantsPlan

__all__ = [
    "Chunk",
    "Examples",
    "PlantedBug",
    "RandomTapes",
    "Result",
    "SmallPrograms",
    "bound_name",
    "cut_crash",
    "cut_model",
    "cut_mutants",
    "search_each",
]

_SEEDS: Final = 1_000_003  # Apart, so that the chunks of one seed are not those of the next.


@dataclass(slots=True)
class Result:
    """The result of a chunk."""

    coverage: Coverage = field(default_factory=Coverage)
    finding: Finding | None = None
    planted: Hunted | None = None
    objection: Violation | None = None  # A violation that no tape repeats.
    unknown: str = ""


class Chunk(Protocol):
    """One piece of work."""

    def run(self) -> Result: ...


@dataclass(frozen=True, slots=True)
class Examples:
    """A number of examples of the state machine in one geometry, with one kind of kernels."""

    seed: int
    geometry: str
    law: str
    count: int
    steps: int
    limit: int
    kernels: str

    def run(self) -> Result:
        coverage, finding = run_machine(
            seed=self.seed,
            examples=self.count,
            steps=self.steps,
            geometry=self.geometry,
            law=self.law,
            limit=self.limit,
            kernels=self.kernels,
        )
        return Result(coverage, finding)


def bound_name(steps: int, geometry: str, law: str | None = None) -> str:
    """The name of an exhaustive search of small programs; `law` where it is another than the stage's."""
    return f"<= {steps} steps in {geometry}" + (f" under {law}" if law else "")


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

    @property
    def bound(self) -> str:
        """The name of the exhaustive search that it is a part of."""
        return bound_name(self.steps, self.geometry, self.law if self.is_other else None)

    def run(self) -> Result:
        programs = _all_programs(self.steps)[self.start : self.stop]
        coverage, finding = exhaust(programs, self.geometry, self.law, depth=self.depth, limit=self.limit)
        return Result(coverage, finding)


@dataclass(frozen=True, slots=True)
class RandomTapes:
    """A number of random tapes, every crash state of each; geometries take turns."""

    seed: str
    count: int
    steps: int
    geometries: tuple[str, ...]
    law: str
    limit: int
    depth: int

    def run(self) -> Result:
        tapes = random_tapes(Random(self.seed), self.count, self.geometries, self.law, self.steps)
        return search_each(tapes, lambda tape: search_tape(tape, depth=self.depth, limit=self.limit))


@dataclass(frozen=True, slots=True)
class PlantedBug:
    """The hunt for one planted bug."""

    name: str
    seed: int

    @property
    def cost(self) -> int:
        """The cost: two preemptions make many more schedules than one, and one more than crash states."""
        return find(self.name).preemptions

    def run(self) -> Result:
        row = kill(self.name, seed=self.seed)
        coverage = Coverage(programs=row.programs, distinct=row.distinct, checked=row.checked)
        planted = Hunted(
            *(
                row.name,
                row.ancestor,
                row.oracle,
                row.kind,
                row.killed,
                row.cpu_seconds,
                row.operations,
                row.why,
            ),
            sessions=row.sessions,
            preemptions=row.preemptions,
            stage=row.stage,
        )
        return Result(coverage, planted=planted, unknown=f"{row.name}: {row.unknown}" if row.unknown else "")


def search_each(tapes: Iterable[Tape], search: Callable[[Tape], tuple[Coverage, Finding | None]]) -> Result:
    """Search one tape after another, up to the first violation."""
    result = Result()
    for tape in tapes:
        seen, result.finding = search(tape)
        result.coverage.merge(seen)
        if result.finding is not None:
            break
    return result


def cut_model(plan: ModelPlan, law: str, seed: int) -> Iterator[Chunk]:
    """Examples in each geometry, `plan.chunk` at a time; the same ones with each kind of kernels."""
    for kernels in plan.kernels:
        for place, geometry in enumerate(plan.geometries):
            for start in range(0, plan.examples, plan.chunk):
                count = min(plan.chunk, plan.examples - start)
                own = seed * _SEEDS + place * plan.examples + start
                yield Examples(own, geometry, law, count, plan.steps, plan.limit, kernels)


def cut_crash(plan: CrashPlan, law: str, seed: int) -> Iterator[Chunk]:
    """Slices of the small programs in each geometry and under each other law, then random tapes."""
    small, large, others = plan.exhaustive, plan.random, plan.others
    for geometry in small.geometries:
        for start, stop in _slices(small.steps, small.chunk):
            yield SmallPrograms(start, stop, small.steps, geometry, law, plan.limit, plan.depth)
    if others is not None:
        for other in others.laws:
            for start, stop in _slices(others.steps, others.chunk):
                yield SmallPrograms(
                    start, stop, others.steps, others.geometry, other, plan.limit, plan.depth, is_other=True
                )
    for start in range(0, large.tapes, large.chunk):
        count = min(large.chunk, large.tapes - start)
        own = f"{seed}:{start}"
        yield RandomTapes(own, count, large.steps, large.geometries, law, plan.limit, plan.depth)


def _slices(steps: int, chunk: int) -> Iterator[tuple[int, int]]:
    total = sum(count_programs(length) for length in range(steps + 1))
    return ((start, min(start + chunk, total)) for start in range(0, total, chunk))


def cut_mutants(plan: MutantsPlan, seed: int) -> Iterator[Chunk]:
    """One planted bug a chunk, in the order of the bank."""
    for mutant in BANK:
        if not plan.only or mutant.name in plan.only:
            yield PlantedBug(mutant.name, seed)


@lru_cache(maxsize=1)
def _all_programs(steps: int) -> list[tuple[Operation, ...]]:
    return list(small_programs(steps))
