"""Stage `stress`: sessions on threads of their own. One chunk, since it needs every core to itself.

What threads do is no function of the seed. So the floor of this stage is its amount of work: lives follow
each other until every figure of it is reached, on a slow machine later. The clock is a cap: reaching it
decides nothing. A violation here has no tape: what the store held is its witness.

Invariants
  1  a campaign that came to its end has reached every figure of its floor
  2  one that did not names figures that are left, and how far they came
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Final, Literal

import msgspec

from ...finders.crashes import Coverage
from ...finders.stress import AMOUNTS, Campaign, run_stress
from ...verdict import Unknown, Violation
from ..chunks import Chunk, Deadline, Definition, Result
from ..document import NO_LAW, Stage
from ..plans import Floor, Positive, check_names

__all__ = ["STAGE", "StressPlan", "Stressed", "cut_stress"]

_TOLD_MAX: Final = 3  # Figures that are left.
# Where the document counts a figure of the campaign as a number of its own.
_NUMBERS: Final = {"programs": "lives", "checked": "judged"}


class StressPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sessions on threads of their own, until every figure of the floor is reached.

    cap_seconds  after which it is given up as inconclusive
    """

    floor: Floor
    cap_seconds: Positive
    sessions: Annotated[int, msgspec.Meta(ge=2, le=16)] = 10
    kernels: Literal["compiled", "interpreted"] = "compiled"


@dataclass(frozen=True, slots=True)
class Stressed:
    """A whole campaign; `amounts` of each figure end it."""

    seed: int
    sessions: int
    amounts: tuple[tuple[str, int], ...]
    cap_seconds: int
    kernels: str

    def run(self, deadline: Deadline) -> Result:
        amounts = dict(self.amounts)
        cap = monotonic() + self.cap_seconds
        campaign = run_stress(
            amounts,
            deadline=min(deadline.at, cap),
            sessions=self.sessions,
            seed=self.seed,
            kernels=self.kernels,
        )
        reached = dict(sorted(campaign.reached.items()))
        coverage = Coverage(programs=reached.pop("lives", 0), checked=reached.pop("judged", 0))
        coverage.reached.update(reached)
        result = Result(coverage)
        if isinstance(campaign.verdict, Violation):
            result.objection = campaign.verdict
        elif isinstance(campaign.verdict, Unknown):
            result.unknown = campaign.verdict.why
        elif left := _left(campaign, amounts):
            if cap <= deadline.at:
                result.unknown = f"its cap of {self.cap_seconds} s was reached with {left}"
            elif deadline.is_over():
                result.how_far = left
        return result


def _left(campaign: Campaign, amounts: dict[str, int]) -> str:
    """The first figures that are not reached, and how far they are."""
    missing = campaign.missing(amounts)
    told = [f"{campaign.reached[name]:,} of {amounts[name]:,} {name}" for name in missing[:_TOLD_MAX]]
    more = [f"{len(missing) - _TOLD_MAX} figures more"] if len(missing) > _TOLD_MAX else []
    return ", ".join(told + more)


def _amounts(plan: StressPlan) -> dict[str, int]:
    """The figures of the floor, under the names of the campaign."""
    amounts: dict[str, int] = {}
    for name, least in plan.floor.items():
        if isinstance(least, int):
            amounts[_NUMBERS.get(name, name)] = least
        else:
            amounts |= least
    return amounts


def cut_stress(plan: StressPlan, law: str, seed: int) -> Iterator[Chunk]:
    """One chunk."""
    yield Stressed(seed, plan.sessions, tuple(_amounts(plan).items()), plan.cap_seconds, plan.kernels)


def _describe(stage: Stage) -> str:
    return (
        f"{stage.programs:,} lives, {stage.reached.get('appends', 0):,} appends on threads, each exactly once"
    )


def _check(plan: StressPlan) -> None:
    check_names(
        "table", tuple(name for name, least in plan.floor.items() if name not in _NUMBERS), ("reached",)
    )
    check_names("amount of work", tuple(_amounts(plan)), AMOUNTS)


STAGE: Final[Definition[StressPlan]] = Definition(
    "stress", law=lambda plan, law: NO_LAW, chunks=cut_stress, describe=_describe, check=_check
)
