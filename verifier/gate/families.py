"""Families in the gate: programs of what the small ones and the random ones never do, in chunks.

Invariants
  1  which runs a chunk holds, and what it draws, is fixed by profile, seed and number
  2  no run of a family is in two chunks, and none is in no chunk
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import msgspec

from ..finders.shared import Searches
from ..tapes.families import FAMILIES, LETTERS, family_tapes, sprinkled
from ..tapes.tape import Tape
from .chunks import Chunk, Deadline, Result, in_parts, search_each, until
from .plans import Names, Positive, RandomPlan, check_geometries, check_names

__all__ = [
    "FamiliesPlan",
    "FamilyTapes",
    "SprinkledPlan",
    "SprinkledTapes",
    "check_families",
    "families_chunks",
]


class FamiliesPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All runs of the families named, each in its geometries."""

    names: Names
    chunk: Positive  # Runs a chunk.


class SprinkledPlan(RandomPlan, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Random tapes with a few operations of these letters in them."""

    letters: Names


@dataclass(frozen=True, slots=True)
class FamilyTapes:
    """Runs start to stop of a family, every crash state of each."""

    family: str
    start: int
    stop: int
    law: str
    limit: int
    depth: int

    def run(self, deadline: Deadline) -> Result:
        searches = Searches(self.limit, depth=self.depth, is_walked=True)
        tapes = _tapes(self.family, self.law)[self.start : self.stop]
        return search_each(until(tapes, deadline), searches.search)


@dataclass(frozen=True, slots=True)
class SprinkledTapes:
    """A number of random tapes with these letters, every crash state of each; geometries take turns."""

    seed: str
    count: int
    steps: int
    letters: tuple[str, ...]
    geometries: tuple[str, ...]
    law: str
    limit: int
    depth: int

    def run(self, deadline: Deadline) -> Result:
        tapes = sprinkled(Random(self.seed), self.count, self.geometries, self.law, self.steps, self.letters)
        return search_each(until(tapes, deadline), Searches(self.limit, depth=self.depth).search)


def families_chunks(
    families: FamiliesPlan | None, large: SprinkledPlan | None, law: str, seed: int, limit: int, depth: int
) -> Iterator[Chunk]:
    """The families of a plan, then random tapes; nothing of what it does not ask for."""
    if families is not None:
        for family in families.names:
            for start, stop in in_parts(len(_tapes(family, law)), families.chunk):
                yield FamilyTapes(family, start, stop, law, limit, depth)
    if large is not None:
        for start, stop in in_parts(large.tapes, large.chunk):
            own = f"{seed}:sprinkled:{start}"
            yield SprinkledTapes(
                own, stop - start, large.steps, large.letters, large.geometries, law, limit, depth
            )


def check_families(families: FamiliesPlan | None, large: SprinkledPlan | None) -> None:
    """Refuse a family, a letter or a geometry that there is not. Raises ValidationError."""
    if families is not None:
        check_names("family", families.names, tuple(FAMILIES))
    if large is not None:
        check_names("letter", large.letters, tuple(LETTERS))
        check_geometries(large.geometries)


@lru_cache(maxsize=16)
def _tapes(family: str, law: str) -> list[Tape]:
    return list(family_tapes(family, law))
