"""Stage `model`: examples by Hypothesis, each result against a dict's, each crash state judged.

Invariants
  1  which examples a chunk holds is fixed by profile, seed and number
  2  each kind of kernels plays the same examples
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec

from powercut.faultfs import Law

from ...examples import FasterMachine, run_machine
from ..chunks import SEEDS, Chunk, Deadline, Definition, Result, in_parts
from ..plans import Floor, Names, Positive, check_geometries

__all__ = ["STAGE", "Examples", "ModelPlan", "cut_model"]


class ModelPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The state machine by Hypothesis: examples of so many steps, in each geometry."""

    geometries: Names
    examples: Positive
    steps: Positive
    limit: Positive
    chunk: Positive  # Examples a chunk.
    floor: Floor
    law: str = "posix"
    kernels: Annotated[tuple[Literal["interpreted", "compiled"], ...], msgspec.Meta(min_length=1)] = (
        "interpreted",
    )


@dataclass(frozen=True, slots=True)
class Examples:
    """A number of examples of the state machine in one geometry, with one kind of kernels."""

    seed: int
    geometry: str
    law: str
    count: int
    steps: int
    limit: int
    kernels: str

    def run(self, deadline: Deadline) -> Result:
        coverage, finding = run_machine(
            FasterMachine,
            seed=self.seed,
            examples=self.count,
            steps=self.steps,
            geometry=self.geometry,
            law=self.law,
            limit=self.limit,
            kernels=self.kernels,
            is_over=deadline.is_over,
        )
        return Result(coverage, finding)


def cut_model(plan: ModelPlan, law: str, seed: int) -> Iterator[Chunk]:
    """Examples in each geometry, `plan.chunk` at a time; the same ones with each kind of kernels."""
    for kernels in plan.kernels:
        for place, geometry in enumerate(plan.geometries):
            for start, stop in in_parts(plan.examples, plan.chunk):
                own = seed * SEEDS + place * plan.examples + start
                yield Examples(own, geometry, law, stop - start, plan.steps, plan.limit, kernels)


def _check(plan: ModelPlan) -> None:
    Law.of(plan.law)
    check_geometries(plan.geometries)


STAGE: Final[Definition[ModelPlan]] = Definition(
    "model", law=lambda plan, law: law or plan.law, chunks=cut_model, check=_check, watched=True
)
