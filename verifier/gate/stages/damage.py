"""Chunks of the stage `damage`: media, each with every site of its files damaged in every way.

Invariants
  1  which damages a chunk holds is fixed by profile, seed and number
  2  no bit is in two chunks of one medium, and none of roots and tables in no chunk; `legal` counts them by
     formula, `visited` those that were judged
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Final

from msgspec.structs import replace

from ...faster.geometries import GEOMETRIES
from ...finders.damage import Sweep
from ...finders.sites import BITS, MEDIA, SEGMENT, bits, sampled_bytes, sites, while_open
from ..chunks import Chunk, Result
from ..profile import DamagePlan

__all__ = ["EVERY_BIT", "Pieces", "SomeBits", "bound_formula", "cut_damage"]

EVERY_BIT: Final = "every bit of roots and tables"


@dataclass(frozen=True, slots=True)
class Pieces:
    """Files, sectors and extents of one medium, closed and open; and bytes of its segments."""

    medium: str
    law: str
    seed: str
    bytes: int

    def run(self) -> Result:
        tape = replace(MEDIA[self.medium], law=self.law)
        extent_bytes = GEOMETRIES[tape.geometry].extent_bytes
        sweep = Sweep(tape)
        content, past = sweep.content, sweep.past
        finding = (
            sweep.run(sites(content, past, extent_bytes))
            or sweep.run(sampled_bytes(content, past, Random(self.seed), self.bytes))
            or sweep.run(while_open(sites(content, past, extent_bytes)))
            or sweep.cut_repairs(sites(content, past, extent_bytes))
        )
        return Result(sweep.coverage, finding)


@dataclass(frozen=True, slots=True)
class SomeBits:
    """Every `parts`-th bit of roots and tables of one medium, from number `part` on."""

    medium: str
    law: str
    part: int
    parts: int

    @property
    def bound(self) -> str:
        """The name of the exhaustive search that it is a part of."""
        return EVERY_BIT

    def run(self) -> Result:
        sweep = Sweep(replace(MEDIA[self.medium], law=self.law))
        coverage = sweep.coverage
        finding = sweep.run(islice(bits(sweep.content, sweep.past), self.part, None, self.parts))
        coverage.programs = int(self.part == 0)
        held = sum(len(data) for name, data in sweep.content.items() if not name.startswith(SEGMENT))
        coverage.legal = len(range(self.part, held * BITS, self.parts))
        coverage.visited = sum(coverage.fired.values()) - (finding is not None)
        return Result(coverage, finding)


def bound_formula(plan: DamagePlan) -> str:
    """The formula of the bound, and the part that is drawn and not exhausted."""
    return (
        "bits: 8 times the bytes of roots and tables, summed over the media; of the segments' bytes a bit of "
        f"each of sampled({plan.bytes}) a medium"
    )


def cut_damage(plan: DamagePlan, law: str, seed: int) -> Iterator[Chunk]:
    """Bits first, for they take longest; then a chunk for each medium."""
    for medium in plan.bits:
        yield from (SomeBits(medium, law, part, plan.parts) for part in range(plan.parts))
    for medium in plan.media:
        yield Pieces(medium, law, f"{seed}:{medium}", plan.bytes)
