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
from ...finders.damage import OLDER_REFUSED, Sweep
from ...finders.sites import BITS, IMAGES, LOG, MEDIA, bits, bytes_of_images, sampled_bytes, sites, while_open
from ...oracles.damage import HARMLESS, REFUSED, UNCONTRADICTED
from ...tapes.tape import STORE
from ..chunks import Chunk, Deadline, Definition, Result, until
from ..document import Bound, Stage
from ..plans import Count, Floor, Names, Positive, check_names

__all__ = [
    "EVERY_BIT",
    "EVERY_VALUE",
    "STAGE",
    "DamagePlan",
    "Forged",
    "Pieces",
    "SomeBits",
    "bound_formula",
    "damage_chunks",
]

EVERY_BIT: Final = "every bit of roots and tables"
EVERY_VALUE: Final = "every wrong value in the metadata, checksums made right"
FORGERIES: Final = (
    "for each field of a root, a block or an entry one more, one less, none, the most, half of that, a word "
    "more or less of an address, each other value of that field in the store; each entry twice, missing, "
    "changed with another, or with one field of it; the list of each other block; pointers to each"
)


_ENDS: Final = (REFUSED, OLDER_REFUSED, HARMLESS, UNCONTRADICTED)


class DamagePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Stores on the disk, every site of their files damaged in every way.

    media   whose files, sectors and extents are damaged, closed and open
    forged  in whose metadata every wrong value is planted, with every checksum made right
    bits    whose roots and tables are damaged bit by bit
    bytes   so many bytes of each medium's segments are drawn, and a bit of each; of a log's all of them
    parts   chunks that the bits of one medium are divided into
    """

    media: Names
    bits: tuple[str, ...]
    bytes: Count
    parts: Positive
    floor: Floor
    forged: tuple[str, ...] = ()
    law: str = "posix"


@dataclass(frozen=True, slots=True)
class Pieces:
    """Files, sectors and extents of one medium, closed and open; bytes of its segments, and of images all."""

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
            or sweep.run(until(bytes_of_images(content, past), deadline))
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
        held = sum(len(data) for name, data in sweep.content.items() if not name.startswith((*LOG, *IMAGES)))
        coverage.legal = len(range(self.part, held * BITS, self.parts))
        coverage.visited = sum(coverage.fired.values()) - (finding is not None)
        return Result(coverage, finding)


@dataclass(frozen=True, slots=True)
class Forged:
    """Every wrong value in the metadata of one medium, with every checksum made right."""

    medium: str
    law: str

    @property
    def bound(self) -> str:
        """The name of the exhaustive search that it is a part of."""
        return EVERY_VALUE

    def run(self, deadline: Deadline) -> Result:
        sweep = Sweep(replace(MEDIA[self.medium], law=self.law))
        every = list(sweep.forgeries())
        finding = sweep.run(until(every, deadline))
        coverage = sweep.coverage
        coverage.legal = len(every)
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
    for medium in plan.forged:
        yield Forged(medium, law)
    for medium in plan.media:
        yield Pieces(medium, law, f"{seed}:{medium}", plan.bytes)


def _bounds(plan: DamagePlan, law: str) -> list[Bound]:
    bounds = []
    if plan.bits:
        bounds.append(Bound(EVERY_BIT, law, 0, bound_formula(plan), programs=len(plan.bits)))
    if plan.forged:
        bounds.append(Bound(EVERY_VALUE, law, 0, FORGERIES, programs=len(plan.forged)))
    return bounds


def _describe(stage: Stage) -> str:
    forged = sum(count for what, count in stage.fired.items() if what.startswith("forged"))
    damages = sum(stage.fired.values()) - forged
    told = f"{damages:,} damages of stores on the disk, {stage.checked:,} openings, none silent"
    if not forged:
        return told
    ends = [(end, stage.reached.get(f"forged, {end}", 0)) for end in _ENDS]
    return f"{told}; {forged:,} forged values, " + ", ".join(
        f"{count:,} {end}" for end, count in ends if count
    )


def _check(plan: DamagePlan) -> None:
    Law.of(plan.law)
    check_names("medium", (*plan.media, *plan.bits, *plan.forged), tuple(MEDIA))


STAGE: Final[Definition[DamagePlan]] = Definition(
    "damage",
    law=lambda plan, law: law or plan.law,
    chunks=damage_chunks,
    bounds=_bounds,
    describe=_describe,
    check=_check,
    watched=True,
)
