"""Stage `model`: examples by Hypothesis, each result against a dict's, each crash state judged.

And programs in which everything that a store can be asked is asked, and every answer is judged.

Invariants
  1  which examples a chunk holds is fixed by profile, seed and number
  2  each kind of kernels plays the same examples; chunks of programs whose answers are judged have one or
     the other, by turns, but a family that is a single chunk has each
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from typing import Annotated, Final, Literal

import msgspec

from powercut.faultfs import Law

from ...answers.drawn import random_answers
from ...answers.families import FAMILIES, HOMES, family
from ...finders.answers import search_answers
from ..chunks import SEEDS, Chunk, Deadline, Definition, Result, in_parts, search_each, until
from ..plans import Floor, Names, Positive, check_geometries, check_names

__all__ = [
    "STAGE",
    "AnswersPlan",
    "AnswersTapes",
    "Examples",
    "FamilyPart",
    "ModelPlan",
    "RandomAnswersPlan",
    "model_chunks",
]


class RandomAnswersPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Random programs of at most so many steps an era; geometries take turns."""

    geometries: Names
    tapes: Positive
    steps: Annotated[int, msgspec.Meta(ge=2)]


class AnswersPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Programs whose every answer is judged: whole families in each geometry, and random ones."""

    geometries: Names
    families: Names
    random: RandomAnswersPlan
    chunk: Positive  # Programs a chunk.


class WidePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Examples of the machine that is given every letter."""

    geometries: Names
    examples: Positive
    steps: Positive
    limit: Positive


class ModelPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The state machine by Hypothesis: examples of so many steps, in each geometry."""

    geometries: Names
    examples: Positive
    steps: Positive
    limit: Positive
    chunk: Positive  # Examples a chunk.
    floor: Floor
    law: str = "posix"
    answers: AnswersPlan | None = None
    kernels: Annotated[tuple[Literal["interpreted", "compiled"], ...], msgspec.Meta(min_length=1)] = (
        "interpreted",
    )
    wide: WidePlan | None = None


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
    is_wide: bool = False

    def run(self, deadline: Deadline) -> Result:
        # With it comes Hypothesis, which no other stage has a use for.
        from ...examples import FasterMachine, WideMachine, run_machine

        coverage, finding = run_machine(
            WideMachine if self.is_wide else FasterMachine,
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


@dataclass(frozen=True, slots=True)
class FamilyPart:
    """Programs start to stop of a family, in one geometry."""

    name: str
    geometry: str
    kernels: str
    start: int
    stop: int

    def run(self, deadline: Deadline) -> Result:
        tapes = islice(family(self.name, self.geometry, self.kernels), self.start, self.stop)
        return search_each(until(tapes, deadline), search_answers)


@dataclass(frozen=True, slots=True)
class AnswersTapes:
    """A number of random programs whose every answer is judged."""

    seed: str
    count: int
    steps: int
    geometries: tuple[str, ...]
    kernels: str

    def run(self, deadline: Deadline) -> Result:
        tapes = random_answers(Random(self.seed), self.count, self.geometries, self.steps, self.kernels)
        return search_each(until(tapes, deadline), search_answers)


def _answers_chunks(plan: AnswersPlan, kernels: tuple[str, ...], seed: int) -> Iterator[Chunk]:
    turns = cycle(kernels)
    for place, geometry in enumerate(plan.geometries):
        for name in plan.families:
            if place and name in HOMES:
                continue
            parts = list(in_parts(sum(1 for _ in family(name, geometry)), plan.chunk))
            for start, stop in parts:
                for _ in kernels if len(parts) == 1 else kernels[:1]:
                    yield FamilyPart(name, geometry, next(turns), start, stop)
    large = plan.random
    turns = cycle(kernels)
    for start, stop in in_parts(large.tapes, plan.chunk):
        yield AnswersTapes(f"{seed}:{start}", stop - start, large.steps, large.geometries, next(turns))


def model_chunks(plan: ModelPlan, law: str, seed: int) -> Iterator[Chunk]:
    """Examples in each geometry, `plan.chunk` at a time; the same ones with each kind of kernels."""
    for kernels in plan.kernels:
        for place, geometry in enumerate(plan.geometries):
            for start, stop in in_parts(plan.examples, plan.chunk):
                own = seed * SEEDS + place * plan.examples + start
                yield Examples(own, geometry, law, stop - start, plan.steps, plan.limit, kernels)
    if plan.answers is not None:
        yield from _answers_chunks(plan.answers, plan.kernels, seed)
    if (wide := plan.wide) is not None:
        for place, geometry in enumerate(wide.geometries):
            own = seed * SEEDS + place
            how = wide.examples, wide.steps, wide.limit, plan.kernels[0]
            yield Examples(own, geometry, law, *how, is_wide=True)


def _check(plan: ModelPlan) -> None:
    Law.of(plan.law)
    check_geometries(plan.geometries)
    if (answers := plan.answers) is not None:
        check_geometries(answers.geometries)
        check_geometries(answers.random.geometries)
        check_names("family", answers.families, tuple(FAMILIES))
    if plan.wide is not None:
        check_geometries(plan.wide.geometries)


STAGE: Final[Definition[ModelPlan]] = Definition(
    "model", law=lambda plan, law: law or plan.law, chunks=model_chunks, check=_check, watched=True
)
