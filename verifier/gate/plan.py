"""The stages of a gate: from a profile's plans to what each has to show, and to its chunks.

Figures are owed under the law they were measured under; under another law only the programs are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..tapes.programs import count_programs
from .chunks import Chunk, bound_name, cut_crash, cut_model, cut_mutants
from .document import NO_LAW, Bound, Stage
from .profile import CrashPlan, DamagePlan, FaultsPlan, Floor, LawsPlan, ModelPlan, Profile, SchedulePlan
from .stages.damage import EVERY_BIT, bound_formula, cut_damage
from .stages.faults import cut_faults
from .stages.kill import LAW as KILL_LAW
from .stages.kill import cut_kill
from .stages.schedule import bound_name as lanes_name
from .stages.schedule import count_lanes, cut_schedule
from .stages.stress import cut_stress

__all__ = ["stages_of"]

_MUTANTS_LAW: Final = "posix"


def stages_of(profile: Profile, law: str | None, seed: int) -> Iterator[tuple[str, Stage, list[Chunk]]]:
    """The name of each stage, what it has to show, and its chunks; in the order in which they run.

    law   of every stage that has one; None: the profile's
    """
    if (model := profile.model) is not None:
        yield "model", _stage(model, law), list(cut_model(model, law or model.law, seed))
    if (crash := profile.crash) is not None:
        stage = _stage(crash, law)
        stage.bounds = [_bound(crash, geometry, stage.law) for geometry in crash.exhaustive.geometries]
        if (others := crash.others) is not None:
            stage.bounds += [_bound_of_law(crash, others, other) for other in others.laws]
        yield "crash", stage, list(cut_crash(crash, stage.law, seed))
    if (faults := profile.faults) is not None:
        stage = _stage(faults, law)
        yield "faults", stage, list(cut_faults(faults, stage.law, seed))
    if (damage := profile.damage) is not None:
        stage = _stage(damage, law)
        if damage.bits:
            stage.bounds = [Bound(EVERY_BIT, stage.law, 0, bound_formula(damage), programs=len(damage.bits))]
        yield "damage", stage, list(cut_damage(damage, stage.law, seed))
    if (schedule := profile.schedule) is not None:
        stage = Stage(NO_LAW, schedule.floor)
        stage.bounds = [_lanes_bound(schedule, geometry) for geometry in schedule.exhaustive.geometries]
        yield "schedule", stage, list(cut_schedule(schedule, seed))
    if (stress := profile.stress) is not None:
        yield "stress", Stage(NO_LAW, stress.floor), list(cut_stress(stress, seed))
    if (kill := profile.kill) is not None:
        yield "kill", Stage(KILL_LAW, kill.floor), list(cut_kill(kill, seed))
    if (mutants := profile.mutants) is not None:
        yield "mutants", Stage(_MUTANTS_LAW, mutants.floor), list(cut_mutants(mutants, seed))


def _stage(plan: ModelPlan | CrashPlan | FaultsPlan | DamagePlan, law: str | None) -> Stage:
    if law is None or law == plan.law:
        return Stage(plan.law, plan.floor)
    programs = plan.floor.get("programs", 1)
    floor: Floor = {"programs": programs, "checked": 1}
    return Stage(law, floor)


def _bound(plan: CrashPlan, geometry: str, law: str) -> Bound:
    steps = plan.exhaustive.steps
    return _small_bound(bound_name(steps, geometry), steps, law, plan.depth)


def _bound_of_law(plan: CrashPlan, others: LawsPlan, law: str) -> Bound:
    return _small_bound(bound_name(others.steps, others.geometry, law), others.steps, law, plan.depth)


def _small_bound(name: str, steps: int, law: str, depth: int) -> Bound:
    formula = (
        f"programs: sum of (14^n + 3*2^n)/4 for n = 0..{steps}; crash states: sum over crash points of the "
        "product of the lengths of the chains, or where a law does not choose chain by chain, of its digits"
    )
    return Bound(
        name, law, depth, formula, programs=sum(count_programs(length) for length in range(steps + 1))
    )


def _lanes_bound(plan: SchedulePlan, geometry: str) -> Bound:
    return Bound(
        lanes_name(plan.exhaustive.preemptions, geometry),
        NO_LAW,
        0,
        "schedules: 1, and for each of c - 1 preemptions, over the contended points after its last one, the "
        "sum of the other tasks that can go on there",
        programs=count_lanes(),
    )
