"""Chunks of the stage `faults`: programs, every call of theirs struck by every fault, and random ones.

Invariants
  1  which faults a chunk holds is fixed by profile, seed and number
  2  no kind of fault is in two chunks of one program in one geometry, and none is in no chunk
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from ...finders.faults import PROGRAMS, TEMPLATES, random_strikes, search_strike, sweep, torn
from ..chunks import Chunk, Result, search_each
from ..profile import FaultsPlan

__all__ = ["RandomStrikes", "StruckCalls", "cut_faults"]


@dataclass(frozen=True, slots=True)
class StruckCalls:
    """Every `parts`-th kind of fault, from number `part` on, at each call of one program."""

    program: str
    geometry: str
    law: str
    limit: int
    part: int
    parts: int
    torn: int | None = None  # The life before ended in a power cut, at this sync from its end.

    def run(self) -> Result:
        templates = TEMPLATES[self.part :: self.parts]
        before = () if self.torn is None else torn(self.torn)
        program = PROGRAMS[self.program]
        return Result(*sweep(program, self.geometry, self.law, templates, limit=self.limit, before=before))


@dataclass(frozen=True, slots=True)
class RandomStrikes:
    """A number of random programs with one or two random faults."""

    seed: str
    count: int
    steps: int
    geometries: tuple[str, ...]
    law: str
    limit: int

    def run(self) -> Result:
        tapes = random_strikes(Random(self.seed), self.count, self.geometries, self.law, self.steps)
        return search_each(tapes, lambda tape: search_strike(tape, limit=self.limit))


def cut_faults(plan: FaultsPlan, law: str, seed: int) -> Iterator[Chunk]:
    """The sweeps of each program in each geometry, and of openings after power cuts; then random tapes."""
    for geometry in plan.geometries:
        for program in plan.programs:
            limit = plan.limit if program in plan.cut else 0
            parts = plan.parts if limit else 1
            for part in range(parts):
                yield StruckCalls(program, geometry, law, limit, part, parts)
    for geometry in plan.geometries:
        for sync in plan.torn:
            yield StruckCalls("opened", geometry, law, plan.limit, 0, 1, sync)
    large = plan.random
    for start in range(0, large.tapes, large.chunk):
        count = min(large.chunk, large.tapes - start)
        yield RandomStrikes(f"{seed}:{start}", count, large.steps, large.geometries, law, plan.limit)
