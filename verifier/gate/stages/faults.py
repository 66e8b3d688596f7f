"""Stage `faults`: programs, every call of theirs struck by every fault, and random ones.

Invariants
  1  which faults a chunk holds is fixed by profile, seed and number
  2  no kind of fault is in two chunks of one program in one geometry, and none is in no chunk
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

import msgspec

from powercut.faultfs import Fault, Law

from ...finders.faults import known_of, search_strike, sweep
from ...finders.templates import OF_GEOMETRY, OF_SUBJECT, PROGRAMS, TEMPLATES, random_strikes, torn
from ...tapes.tape import STORE
from ..chunks import Chunk, Deadline, Definition, Result, in_parts, search_each, until
from ..document import Stage
from ..families import SprinkledPlan, check_families
from ..plans import Count, Floor, Names, Positive, RandomPlan, check_geometries, check_names

__all__ = ["STAGE", "FaultsPlan", "RandomStrikes", "StruckCalls", "faults_chunks"]


class FaultsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every call of a few programs struck by every fault.

    programs   whose calls are struck, names of `finders.faults.PROGRAMS`
    cut        those of them after whose faults the power is cut too,
    limit      and legal states of one crash point that are all searched
    torn       an opening is struck after power cuts at each of these syncs, counted from the end of a life
    parts      chunks that the faults of one program are cut into
    gathered   geometries with a flush worker, in which the program of that name is struck
    sprinkled  random programs with letters that those of `random` do not have
    """

    geometries: Names
    programs: Names
    cut: tuple[str, ...]
    torn: tuple[Count, ...]
    limit: Positive
    parts: Positive
    random: RandomPlan
    floor: Floor
    law: str = "posix"
    gathered: tuple[str, ...] = ()
    sprinkled: SprinkledPlan | None = None


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

    def run(self, deadline: Deadline) -> Result:
        templates = until(self.templates, deadline)
        program, law = PROGRAMS[self.program], self.law
        geometry = OF_GEOMETRY.get(self.program, self.geometry)
        subject = OF_SUBJECT.get(self.program, STORE)
        before = () if self.torn is None else torn(self.torn, subject)
        return Result(
            *sweep(program, geometry, law, templates, limit=self.limit, before=before, subject=subject)
        )


@dataclass(frozen=True, slots=True)
class RandomStrikes:
    """A number of random programs with one or two random faults."""

    seed: str
    count: int
    steps: int
    geometries: tuple[str, ...]
    law: str
    limit: int
    letters: tuple[str, ...] = ()

    def run(self, deadline: Deadline) -> Result:
        own = Random(self.seed)
        tapes = random_strikes(own, self.count, self.geometries, self.law, self.steps, self.letters)
        known = {name: known_of(name, self.law, self.limit) for name in self.geometries}
        return search_each(
            until(tapes, deadline), lambda tape: search_strike(tape, known=known[tape.geometry])
        )


def faults_chunks(plan: FaultsPlan, law: str, seed: int) -> Iterator[Chunk]:
    """The sweeps of each program in each geometry, and of openings after power cuts; then random tapes."""
    for geometry in plan.geometries:
        for program in plan.programs:
            limit = plan.limit if program in plan.cut else 0
            parts = plan.parts if limit else 1
            for part in range(parts):
                yield StruckCalls(program, geometry, law, limit, part, parts)
    for geometry in plan.gathered:
        for part in range(plan.parts):
            yield StruckCalls("gathered", geometry, law, plan.limit, part, plan.parts)
    for geometry in plan.geometries:
        for sync in plan.torn:
            yield StruckCalls("opened", geometry, law, plan.limit, 0, 1, sync)
            yield StruckCalls("logged again", geometry, law, 0, 0, 1, sync)
    large = plan.random
    for start, stop in in_parts(large.tapes, large.chunk):
        yield RandomStrikes(f"{seed}:{start}", stop - start, large.steps, large.geometries, law, plan.limit)
    if (more := plan.sprinkled) is not None:
        for start, stop in in_parts(more.tapes, more.chunk):
            own, count = f"{seed}:sprinkled:{start}", stop - start
            yield RandomStrikes(own, count, more.steps, more.geometries, law, plan.limit, more.letters)


def _describe(stage: Stage) -> str:
    fired = sum(stage.fired.values())
    return f"{stage.programs:,} programs, {fired:,} faults fired, {stage.distinct:,} crash states"


def _check(plan: FaultsPlan) -> None:
    Law.of(plan.law)
    check_geometries((*plan.geometries, *plan.gathered))
    check_geometries(plan.random.geometries)
    check_families(None, plan.sprinkled)
    check_names("program", (*plan.programs, *plan.cut), tuple(PROGRAMS))


STAGE: Final[Definition[FaultsPlan]] = Definition(
    "faults",
    law=lambda plan, law: law or plan.law,
    chunks=faults_chunks,
    describe=_describe,
    check=_check,
    watched=True,
)
