"""Profiles: the search of each stage of a gate, its parts, and the least it must show.

A profile is one TOML file beside this module, or one of the user's own. Sizes of chunks stand in it and not
in the machine: the same profile divides the same work everywhere.

Invariants
  1  an unknown field is an error: a misspelt floor would hold nothing
  2  every geometry, law, medium, program and planted bug named is one that there is
  3  every stage owes a floor, of figures that a stage has
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec

from powercut.faultfs import UnknownLawError

from ..errors import VerifierError
from .plans import check_floor
from .stages import STAGES
from .stages.cpr import CprPlan
from .stages.crash import CrashPlan
from .stages.damage import DamagePlan
from .stages.faults import FaultsPlan
from .stages.kill import KillPlan
from .stages.model import ModelPlan
from .stages.mutants import MutantsPlan
from .stages.power import PowerPlan
from .stages.programs import ProgramsPlan
from .stages.reach import ReachPlan
from .stages.schedule import SchedulePlan
from .stages.stress import StressPlan

__all__ = ["Profile", "ProfileError", "load_profile", "names", "parse_profile"]

_SUFFIX: Final = ".toml"


class ProfileError(VerifierError, ValueError):
    """There is no such profile or stage, or the file is none."""


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gate's work: a field for each stage. A stage that is absent is not run."""

    name: str
    seed: int = 0
    model: ModelPlan | None = None
    crash: CrashPlan | None = None
    faults: FaultsPlan | None = None
    damage: DamagePlan | None = None
    schedule: SchedulePlan | None = None
    cpr: CprPlan | None = None
    stress: StressPlan | None = None
    kill: KillPlan | None = None
    programs: ProgramsPlan | None = None
    reach: ReachPlan | None = None
    mutants: MutantsPlan | None = None
    power: PowerPlan | None = None

    def plan(self, stage: str) -> Any:
        """The plan of the stage of that name, or None."""
        return getattr(self, stage)

    def stages(self) -> list[str]:
        """The names of the stages that it has."""
        return [stage.name for stage in STAGES if self.plan(stage.name) is not None]


def names() -> list[str]:
    """The profiles that ship with the package."""
    shipped = (entry.name for entry in files(__package__).iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in shipped if name.endswith(_SUFFIX))


def load_profile(name: str) -> Profile:
    """The shipped profile of that name, or the one in the file of that path."""
    if name in names():
        return parse_profile(files(__package__).joinpath(name + _SUFFIX).read_text(encoding="utf-8"), name)
    path = Path(name)
    if path.suffix != _SUFFIX or not path.is_file():
        raise ProfileError(f"no profile {name!r}: neither one of {', '.join(names())} nor a file {_SUFFIX}")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProfileError(f"profile {name}: {error}") from None
    return parse_profile(text, name)


def parse_profile(text: str, name: str) -> Profile:
    """The profile in `text`; `name` is for the message when it is none."""
    try:
        profile = msgspec.convert(tomllib.loads(text), Profile)
        for stage in STAGES:
            if (plan := profile.plan(stage.name)) is not None:
                check_floor(plan.floor)
                stage.check(plan)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnknownLawError, RecursionError) as error:
        raise ProfileError(f"profile {name}: {error}") from None
    return profile
