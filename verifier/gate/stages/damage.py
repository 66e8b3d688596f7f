"""Stage `damage`: media, each with every site of its files damaged in every way.

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

import msgspec
from msgspec.structs import replace

from powercut.faultfs import Law

from ...faster.geometries import GEOMETRIES
from ...finders.damage import Sweep
from ...finders.sites import BITS, LOG, MEDIA, bits, sampled_bytes, sites, while_open
from ...tapes.tape import STORE
from ..chunks import Chunk, Deadline, Definition, Result, until
from ..document import Bound, Stage
from ..plans import Count, Floor, Names, Positive, check_names

__all__ = ["EVERY_BIT", "STAGE", "DamagePlan", "Pieces", "SomeBits", "bound_formula", "damage_chunks"]

EVERY_BIT: Final = "every bit of roots and tables"


class DamagePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Stores on the disk, every site of their files damaged in every way.

    media   whose files, sectors and extents are damaged, closed and open
    bits    whose roots and tables are damaged bit by bit
    bytes   so many bytes of each medium's segments are drawn, and a bit of each; of a log's all of them
    parts   chunks that the bits of one medium are divided into
    """

    media: Names
    bits: tuple[str, ...]
    bytes: Count
    parts: Positive
    floor: Floor
    law: str = "posix"


@dataclass(frozen=True, slots=True)
class Pieces:
    """Files, sectors and extents of one medium, closed and open; and bytes of its segments."""

    medium: str
    law: str
    seed: str
    bytes: int

    def run(self, deadline: Deadline) -> Result:
        tape = replace(MEDIA[self.medium], law=self.law)
        extent_bytes = GEOMETRIES[tape.geometry].extent_bytes
        sweep = Sweep(tape)
        content, past = sweep.content, sweep.past
        # The files of a log are as small as can be: all of them.
        count = self.bytes if tape.subject == STORE else sum(map(len, content.values()))
        finding = (
            sweep.run(until(sites(content, past, extent_bytes), deadline))
            or sweep.run(until(sampled_bytes(content, past, Random(self.seed), count), deadline))
            or sweep.run(until(while_open(sites(content, past, extent_bytes)), deadline))
            or sweep.cut_repairs(until(sites(content, past, extent_bytes), deadline))
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

    def run(self, deadline: Deadline) -> Result:
        sweep = Sweep(replace(MEDIA[self.medium], law=self.law))
        coverage = sweep.coverage
        own = islice(bits(sweep.content, sweep.past), self.part, None, self.parts)
        finding = sweep.run(until(own, deadline))
        coverage.programs = int(self.part == 0)
        held = sum(len(data) for name, data in sweep.content.items() if not name.startswith(LOG))
        coverage.legal = len(range(self.part, held * BITS, self.parts))
        coverage.visited = sum(coverage.fired.values()) - (finding is not None)
        return Result(coverage, finding)


def bound_formula(plan: DamagePlan) -> str:
    """The formula of the bound, and beside it the number of bytes that are drawn and not exhausted."""
    return (
        "bits: 8 times the bytes of roots and tables, summed over the media; of the segments' bytes a bit of "
        f"each of sampled({plan.bytes}) a medium"
    )


def damage_chunks(plan: DamagePlan, law: str, seed: int) -> Iterator[Chunk]:
    """Bits first, for they take longest; then a chunk for each medium."""
    for medium in plan.bits:
        yield from (SomeBits(medium, law, part, plan.parts) for part in range(plan.parts))
    for medium in plan.media:
        yield Pieces(medium, law, f"{seed}:{medium}", plan.bytes)


def _bounds(plan: DamagePlan, law: str) -> list[Bound]:
    if not plan.bits:
        return []
    return [Bound(EVERY_BIT, law, 0, bound_formula(plan), programs=len(plan.bits))]


def _describe(stage: Stage) -> str:
    damages = sum(stage.fired.values())
    return f"{damages:,} damages of stores on the disk, {stage.checked:,} openings, none silent"


def _check(plan: DamagePlan) -> None:
    Law.of(plan.law)
    check_names("medium", (*plan.media, *plan.bits), tuple(MEDIA))


STAGE: Final[Definition[DamagePlan]] = Definition(
    "damage",
    law=lambda plan, law: law or plan.law,
    chunks=damage_chunks,
    bounds=_bounds,
    describe=_describe,
    check=_check,
    watched=True,
)
