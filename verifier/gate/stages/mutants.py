"""Stage `mutants`: bugs planted in the store one at a time, each hunted by the search that must find it.

Invariant
  1  a bug whose hunt did not end is undecided, neither killed nor a survivor
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from ...finders.crashes import Coverage
from ...mutants.bank import BANK, find
from ...mutants.hunt import kill
from ..chunks import Chunk, Deadline, Definition, Result
from ..document import Hunted, Stage
from ..plans import Floor, check_names

__all__ = ["STAGE", "MutantsPlan", "PlantedBug", "mutants_chunks"]

LAW: Final = "posix"


class MutantsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every planted bug, or those that are named."""

    floor: Floor
    only: tuple[str, ...] = ()  # Empty: all.


@dataclass(frozen=True, slots=True)
class PlantedBug:
    """The hunt for one planted bug."""

    name: str
    seed: int

    @property
    def cost(self) -> int:
        """The cost: two preemptions make many more schedules than one, and one more than crash states."""
        return find(self.name).preemptions

    def run(self, deadline: Deadline) -> Result:
        if deadline.is_over():
            return Result()
        row = kill(self.name, seed=self.seed, deadline=deadline.at)
        coverage = Coverage(programs=row.programs, distinct=row.distinct, checked=row.checked)
        if row.unknown and deadline.is_over():
            return Result(coverage)
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
        return Result(
            coverage,
            planted=(planted,),
            unknown=f"{row.name}: {row.unknown}" if row.unknown else "",
            cpu_seconds=row.cpu_seconds,  # Of processes that go on when the chunk has ended.
        )


def mutants_chunks(plan: MutantsPlan, law: str, seed: int) -> Iterator[Chunk]:
    """One planted bug a chunk, in the order of the bank."""
    for mutant in BANK:
        if not plan.only or mutant.name in plan.only:
            yield PlantedBug(mutant.name, seed)


def _describe(stage: Stage) -> str:
    return f"{stage.killed} of {len(stage.mutants)} planted bugs killed"


def _check(plan: MutantsPlan) -> None:
    check_names("planted bug", plan.only, tuple(mutant.name for mutant in BANK))


STAGE: Final[Definition[MutantsPlan]] = Definition(
    "mutants", law=lambda plan, law: LAW, chunks=mutants_chunks, describe=_describe, check=_check
)
