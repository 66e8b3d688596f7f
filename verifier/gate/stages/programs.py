"""Stage `programs`: small programs of any kind, recorded on a real folder and judged by what a command reads.

Each is played by an interpreter of its own, recorded, and every crash state is read; what is found has to be
what is known of the program, and the recorded calls must have the crash states of the same calls on the
simulator's disk.

Counting: `programs`, `distinct` crash states, `checked` readings, `judged` verdicts; `reached` by verdict,
and `silent` of programs without one. Where system calls cannot be traced, the simulator's disk is explored,
and the reason stands among the reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from ...finders.coverage import Coverage
from ...programs.exploring.suite import PROGRAMS, try_program
from ..chunks import Chunk, Deadline, Definition, Result
from ..document import Stage
from ..plans import Floor, Names, check_names

__all__ = ["LAW", "STAGE", "Explored", "ProgramsPlan"]

LAW: Final = "posix"
_SILENT: Final = "silent"


class ProgramsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Small programs of any kind, by name; `names` of them."""

    names: Names
    floor: Floor


@dataclass(frozen=True, slots=True)
class Explored:
    """One program, recorded and explored."""

    name: str

    def run(self, deadline: Deadline) -> Result:
        if deadline.is_over():
            return Result()
        outcome = try_program(PROGRAMS[self.name])
        reached = {verdict.value: 1 for verdict in sorted(outcome.verdicts)} or {_SILENT: 1}
        if outcome.untraced:
            reached[f"by device calls: {outcome.untraced}"] = 1
        coverage = Coverage(
            programs=1,
            distinct=outcome.states,
            checked=outcome.read,
            judged=outcome.judged,
            reached=reached,
        )
        return Result(coverage, objection=outcome.objection(self.name))


def _chunks(plan: ProgramsPlan, law: str, seed: int) -> Iterator[Chunk]:
    return (Explored(name) for name in plan.names)


def _describe(stage: Stage) -> str:
    return f"{stage.programs:,} programs, {stage.distinct:,} crash states, {stage.checked:,} readings"


def _check(plan: ProgramsPlan) -> None:
    check_names("program", plan.names, tuple(PROGRAMS))


STAGE: Final[Definition[ProgramsPlan]] = Definition(
    "programs", law=lambda plan, law: LAW, chunks=_chunks, describe=_describe, check=_check
)
