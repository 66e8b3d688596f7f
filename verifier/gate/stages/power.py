"""Stage `power`: a few bugs that nobody chose, drawn by the gate's seed, through the cheap parts of a gate.

The whole measure is the command `powercut power`. Here at most a small share of the sample is owed: every
change of the engine draws another sample, and that one of it survives is no fault of the change.

Counting: `programs` mutants judged, `checked` chunks asked, those of the unchanged store too that tell whose
lines each runs; `reached` how many were told, survived, or cannot be seen by anybody, and the name of each
survivor.

Invariants
  1  the sample is a function of sources, plan and seed
  2  a mutant that was not decided makes the stage inconclusive
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from ...finders.crashes import Coverage
from ...power.draw import draw
from ...power.equivalent import read_reasons
from ...power.generic import ENGINE, Generic, generate_all
from ...power.hunt import RUNGS, Hunted, Hunter
from ..chunks import Chunk, Deadline, Definition, Result, in_parts, until
from ..document import NO_LAW, Stage
from ..plans import Floor, Positive

__all__ = ["STAGE", "PowerPlan", "SomeMutants", "power_chunks"]


class PowerPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sample of generic mutants.

    rungs  of the hunt: with 1 a part of each stage, with 3 all of `gate`
    chunk  mutants a chunk; each chunk has processes of its own
    """

    sample: Positive
    chunk: Positive
    floor: Floor
    rungs: Annotated[int, msgspec.Meta(ge=1, le=RUNGS)] = 1
    gate: str = "ci"


@dataclass(frozen=True, slots=True)
class SomeMutants:
    """Mutants start to stop of the sample."""

    start: int
    stop: int
    sample: int
    seed: int
    rungs: int
    gate: str

    def run(self, deadline: Deadline) -> Result:
        result = Result()
        drawn = draw(generate_all(ENGINE), self.sample, self.seed)
        reasons = read_reasons()
        hunter = Hunter(self.gate, rungs=self.rungs, deadline=deadline.at)
        left: list[Generic] = []
        own = drawn.chosen[self.start : self.stop]
        try:
            hunter.survey(own)
            for mutant in until(own, deadline):
                if not mutant.is_born():
                    _count(result, "still-born")
                elif reasons.of(mutant):
                    _count(result, "equivalent")
                else:
                    hunted = hunter.hunt(mutant)
                    if hunted.is_born and not hunted.told and not hunted.unknown:
                        left.append(mutant)
                    else:
                        self._note(result, mutant, hunted, deadline)
            for mutant, hunted in hunter.sift(left):
                self._note(result, mutant, hunted, deadline)
        finally:
            result.coverage.checked = hunter.chunks
            hunter.close()
        return result

    def _note(self, result: Result, mutant: Generic, hunted: Hunted, deadline: Deadline) -> None:
        if not hunted.is_born:
            _count(result, "still-born")
        elif hunted.told:
            _count(result, "told")
        elif not hunted.unknown:
            _count(result, "survived")
            result.coverage.reached[f"survived: {mutant.name}"] = 1
        elif not deadline.is_over():
            _count(result, "unknown")
            result.unknown = result.unknown or f"{mutant.name}: {hunted.unknown}"


def _count(result: Result, what: str) -> None:
    coverage: Coverage = result.coverage
    coverage.programs += 1
    coverage.reached[what] = coverage.reached.get(what, 0) + 1


def power_chunks(plan: PowerPlan, law: str, seed: int) -> Iterator[Chunk]:
    """Slices of the sample, in the order of its names."""
    for start, stop in in_parts(plan.sample, plan.chunk):
        yield SomeMutants(start, stop, plan.sample, seed, plan.rungs, plan.gate)


def _describe(stage: Stage) -> str:
    told, survived = (stage.reached.get(what, 0) for what in ("told", "survived"))
    return f"{told} of {told + survived} bugs that nobody chose told by cheap parts of the gate"


STAGE: Final[Definition[PowerPlan]] = Definition(
    "power", law=lambda plan, law: NO_LAW, chunks=power_chunks, describe=_describe
)
