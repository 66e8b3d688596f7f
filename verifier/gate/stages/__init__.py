"""The stages of a gate, a module each, in the order in which they run."""

from typing import Any, Final

from ..chunks import Definition
from . import cpr, crash, damage, faults, kill, model, mutants, power, programs, reach, schedule, stress

__all__ = ["STAGES"]

STAGES: Final[tuple[Definition[Any], ...]] = (
    model.STAGE,
    crash.STAGE,
    faults.STAGE,
    damage.STAGE,
    schedule.STAGE,
    cpr.STAGE,
    stress.STAGE,
    kill.STAGE,
    programs.STAGE,
    reach.STAGE,
    mutants.STAGE,
    power.STAGE,
)
