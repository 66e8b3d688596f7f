"""Chunks of the stage `faults`: programs, every call of theirs struck by every fault, and random ones.

Invariants
  1  which faults a chunk holds is fixed by profile, seed and number
  2  no kind of fault is in two chunks of one program in one geometry, and none is in no chunk
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from powercut.faultfs import Fault

from ...finders.faults import search_strike, sweep
from ...finders.templates import PROGRAMS, TEMPLATES, random_strikes, torn
from ..chunks import Chunk, Result, search_each
from ..profile import FaultsPlan

__all__ = ["RandomStrikes", "StruckCalls", "cut_faults"]


@dataclass(frozen=True, slots=True)
class StruckCalls:
    """Kinds of faults that stand together, part number `part` of `parts`, at each call of one program."""

    program: str
    geometry: str
    law: str
    limit: int
    part: int
    parts: int
    torn: int | None = None  # The life before ended in a power cut, at this sync from its end.

    @property
    def templates(self) -> tuple[Fault, ...]:
        """The kinds of faults: one that strikes once and the one that stays often come to the same."""
        start, stop = (len(TEMPLATES) * part // self.parts for part in (self.part, self.part + 1))
        return TEMPLATES[start:stop]

    def run(self) -> Result:
        before = () if self.torn is None else torn(self.torn)
        program, law = PROGRAMS[self.program], self.law
        return Result(*sweep(program, self.geometry, law, self.templates, limit=self.limit, before=before))


@dataclass(frozen=True, slots=True)
class RandomStrikes:
    """So many random programs with one or two random faults."""

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
