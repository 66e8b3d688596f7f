"""Stage `stress`: sessions on threads of their own, tasks of a log, weeks of a store. One chunk each.

What threads do is no function of the seed. So the floor of this stage is its amount of work: lives follow
each other until every figure of it is reached, on a slow machine later. The clock is a cap: reaching it
decides nothing. A violation here has no tape: what the store held is its witness. Then bugs planted in
compiled kernels are put under the same stress, one after the other, each until it is found.

Invariants
  1  a campaign that came to its end has reached every figure of its floor
  2  one that did not names figures that are left, and how far they came
  3  a week has no threads, and is a function of the seed: how many there are is the floor's, too
  4  a planted bug whose hunt did not end is undecided, neither killed nor a survivor
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from powercut.faultfs import Law

from ...finders.crashes import Coverage
from ...finders.stress.amounts import AMOUNTS, of_log, of_week
from ...mutants.stressed import NAMES, stress_planted
from ...verdict import Unknown, Violation
from ..chunks import Chunk, Deadline, Definition, Result
from ..document import NO_LAW, Hunted, Stage
from ..plans import Floor, Names, Positive, check_names

if TYPE_CHECKING:
    from ...finders.stress.campaign import Campaign

__all__ = ["STAGE", "StressPlan", "Stressed", "StressedLog", "StressedWeek", "stress_chunks"]

_TOLD_MAX: Final = 3  # Figures that are left.
# Where the document counts a figure of the campaign as a number of its own.
_NUMBERS: Final = {"programs": "lives", "checked": "judged"}


class WeekPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weeks of a store with so many keys and operations an hour; laws take turns."""

    keys: Positive
    operations: Positive
    laws: Names


class StressPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sessions on threads of their own, until every figure of the floor is reached.

    cap_seconds  after which it is given up as inconclusive
    week         a store that lives for weeks, until the figures of the floor are reached
    planted      bugs that it must find in compiled kernels, by name; the figure `killed` counts them
    """

    floor: Floor
    cap_seconds: Positive
    sessions: Annotated[int, msgspec.Meta(ge=2, le=16)] = 10
    kernels: Literal["compiled", "interpreted"] = "compiled"
    planted: tuple[str, ...] = ()
    week: WeekPlan | None = None


@dataclass(frozen=True, slots=True)
class Stressed:
    """A whole campaign, which `amounts` of each figure end."""

    seed: int
    sessions: int
    amounts: tuple[tuple[str, int], ...]
    cap_seconds: int
    kernels: str

    def run(self, deadline: Deadline) -> Result:
        from ...finders.stress.campaign import (
            run_stress,  # It brings numpy, which no other stage has use for.
        )

        amounts = {name: least for name, least in self.amounts if not (of_log(name) or of_week(name))}
        cap = monotonic() + self.cap_seconds
        campaign = run_stress(
            amounts,
            deadline=min(deadline.at, cap),
            sessions=self.sessions,
            seed=self.seed,
            kernels=self.kernels,
        )
        return _result(campaign, amounts, cap, deadline, self.cap_seconds)


@dataclass(frozen=True, slots=True)
class StressedLog:
    """The same of logs."""

    seed: int
    amounts: tuple[tuple[str, int], ...]
    cap_seconds: int

    def run(self, deadline: Deadline) -> Result:
        from ...finders.stress.campaign import run_log_stress

        amounts = {name: least for name, least in self.amounts if of_log(name)}
        cap = monotonic() + self.cap_seconds
        campaign = run_log_stress(amounts, deadline=min(deadline.at, cap), seed=self.seed)
        return _result(campaign, amounts, cap, deadline, self.cap_seconds)


@dataclass(frozen=True, slots=True)
class StressedWeek:
    """Weeks of a store."""

    seed: int
    amounts: tuple[tuple[str, int], ...]
    cap_seconds: int
    kernels: str
    plan: WeekPlan

    def run(self, deadline: Deadline) -> Result:
        from ...finders.stress.campaign import run_week_stress
        from ...finders.stress.limited import WeekSize

        amounts = {name: least for name, least in self.amounts if of_week(name)}
        cap = monotonic() + self.cap_seconds
        size = WeekSize(self.plan.keys, self.plan.operations, kernels=self.kernels)
        campaign = run_week_stress(
            amounts, size, self.plan.laws, deadline=min(deadline.at, cap), seed=self.seed
        )
        return _result(campaign, amounts, cap, deadline, self.cap_seconds)


def _result(
    campaign: Campaign, amounts: dict[str, int], cap: float, deadline: Deadline, cap_seconds: int
) -> Result:
    """The campaign as the stage counts it."""
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
            result.unknown = f"its cap of {cap_seconds} s was reached with {left}"
        elif deadline.is_over():
            result.how_far = left
    return result


@dataclass(frozen=True, slots=True)
class Planted:
    """The hunts for bugs that are planted in compiled kernels, in a process of their own."""

    names: tuple[str, ...]
    seed: int
    sessions: int
    cap_seconds: int

    def run(self, deadline: Deadline) -> Result:
        """Hunt the planted bugs; those that have not ended by then are unknown."""
        end = min(deadline.at, monotonic() + self.cap_seconds)
        hunted = stress_planted(self.names, seed=self.seed, sessions=self.sessions, deadline=end)
        result = Result()
        result.planted = tuple(
            Hunted(
                *(each.mutant.name, each.mutant.ancestor, each.mutant.oracle, each.found.kind),
                *(each.killed, each.found.cpu_seconds, 0, each.why),
                sessions=self.sessions,
                stage=each.mutant.search,
            )
            for each in hunted
            if not each.found.unknown
        )
        why = {each.mutant.name: each.found.unknown for each in hunted if each.found.unknown}
        decided = {each.name for each in result.planted}
        if open_ := [name for name in self.names if name not in decided]:
            result.unknown = f"{open_[0]}: {why.get(open_[0], 'the time was over')}"
            if monotonic() >= deadline.at and deadline.is_over():
                result.how_far, result.unknown = result.unknown, ""
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
        if name == "killed":
            continue  # Of the bugs that are planted.
        if isinstance(least, int):
            amounts[_NUMBERS.get(name, name)] = least
        else:
            amounts |= least
    return amounts


def stress_chunks(plan: StressPlan, law: str, seed: int) -> Iterator[Chunk]:
    """The campaigns, and beside them the planted bugs: threads of one process leave a part of two cores."""
    amounts = tuple(_amounts(plan).items())
    yield Stressed(seed, plan.sessions, amounts, plan.cap_seconds, plan.kernels)
    if any(of_log(name) for name, _ in amounts):
        yield StressedLog(seed, amounts, plan.cap_seconds)
    if plan.week is not None:
        yield StressedWeek(seed, amounts, plan.cap_seconds, plan.kernels, plan.week)
    if plan.planted:
        yield Planted(plan.planted, seed, plan.sessions, plan.cap_seconds)


def _describe(stage: Stage) -> str:
    return (
        f"{stage.programs:,} lives, {stage.reached.get('appends', 0):,} appends on threads, each exactly once"
    )


def _check(plan: StressPlan) -> None:
    tables = tuple(name for name in plan.floor if name not in (*_NUMBERS, "killed"))
    check_names("table", tables, ("reached",))
    if plan.planted and plan.kernels != "compiled":
        raise msgspec.ValidationError("bugs planted in compiled kernels take compiled kernels")
    check_names("bug planted in compiled kernels", plan.planted, NAMES)
    for law in plan.week.laws if plan.week is not None else ():
        if Law.of(law) is Law.BTRFS:
            raise msgspec.ValidationError("under btrfs what a day leaves is listed, which takes for ever")
    if plan.week is None and any(map(of_week, _amounts(plan))):
        raise msgspec.ValidationError("amounts of weeks take a `week`")
    check_names("amount of work", tuple(_amounts(plan)), AMOUNTS)


STAGE: Final[Definition[StressPlan]] = Definition(
    "stress", law=lambda plan, law: NO_LAW, chunks=stress_chunks, describe=_describe, check=_check
)
