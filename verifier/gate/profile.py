"""Profiles: the search of each stage of a gate, its cut into chunks, and the least it must show.

A profile is one TOML file beside this module, or one of the user's own. Sizes of chunks stand in it
and not in the machine: the same profile cuts the same work everywhere.

Invariants
  1  an unknown field is an error: a misspelt floor would hold nothing
  2  every geometry, law and planted bug named is one that there is
  3  every floor names at least one figure, each of its figures is one that a stage has, and none
     is below 1
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from powercut.faultfs import Law, UnknownLawError

from ..errors import VerifierError
from ..faster.geometries import GEOMETRIES
from ..finders.faults import PROGRAMS
from ..finders.sites import MEDIA
from ..mutants.bank import BANK

__all__ = [
    "COUNTS",
    "STAGES",
    "TABLES",
    "CrashPlan",
    "DamagePlan",
    "ExhaustivePlan",
    "FaultsPlan",
    "Floor",
    "KillPlan",
    "LanesPlan",
    "LawsPlan",
    "ModelPlan",
    "MutantsPlan",
    "Profile",
    "ProfileError",
    "RandomFaultsPlan",
    "RandomLanesPlan",
    "RandomPlan",
    "SchedulePlan",
    "StressPlan",
    "load_profile",
    "names",
    "parse_profile",
]

Positive = Annotated[int, msgspec.Meta(ge=1)]
Figures = Annotated[dict[str, Positive], msgspec.Meta(min_length=1)]
Names = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
Floor = Annotated[dict[str, Positive | Figures], msgspec.Meta(min_length=1)]
_SUFFIX: Final = ".toml"
# What a stage counts: as one number, and by name. A test holds them to the document of the gate.
COUNTS: Final = (
    *("programs", "vectors", "contents", "distinct", "checked", "judged", "read_paths"),
    *("after_checkpoint", "several_eras", "bounded", "closed", "sampled", "missed", "killed"),
)
TABLES: Final = ("reached", "fired")
STAGES: Final = ("model", "crash", "faults", "damage", "schedule", "stress", "kill", "mutants")


class ProfileError(VerifierError, ValueError):
    """There is no such profile, or the file is none."""


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


class ExhaustivePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All programs of at most so many steps, in each geometry."""

    geometries: Names
    steps: Annotated[int, msgspec.Meta(ge=0)]
    chunk: Positive  # Programs a chunk.


class RandomPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Random tapes of at most so many steps an era; geometries take turns."""

    geometries: Names
    tapes: Positive
    steps: Annotated[int, msgspec.Meta(ge=2)]
    chunk: Positive  # Tapes a chunk.


class LawsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All programs of at most so many steps in one geometry, under each of these laws too."""

    laws: Names
    geometry: str
    steps: Annotated[int, msgspec.Meta(ge=0)]
    chunk: Positive  # Programs a chunk.


class CrashPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every crash state of all small programs, and of random larger ones."""

    exhaustive: ExhaustivePlan
    random: RandomPlan
    limit: Positive
    depth: Annotated[int, msgspec.Meta(ge=0)]
    floor: Floor
    law: str = "posix"
    others: LawsPlan | None = None


class RandomFaultsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Random programs with random faults in them; geometries take turns."""

    geometries: Names
    tapes: Positive
    steps: Annotated[int, msgspec.Meta(ge=2)]
    chunk: Positive  # Tapes a chunk.


class FaultsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every call of a few programs struck by every fault.

    programs   whose calls are struck, names of `faults.PROGRAMS`
    cut        those of them after whose faults the power is cut too,
    limit      and legal states of one crash point that are all searched
    torn       an opening is struck after power cuts at each of these syncs, counted from the end of a life
    parts      chunks that the faults of one program are cut into
    """

    geometries: Names
    programs: Names
    cut: tuple[str, ...]
    torn: tuple[Annotated[int, msgspec.Meta(ge=0)], ...]
    limit: Positive
    parts: Positive
    random: RandomFaultsPlan
    floor: Floor
    law: str = "posix"


class DamagePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Stores on the disk, every site of their files damaged in every way.

    media   whose files, sectors and extents are damaged, closed and open
    bits    whose roots and tables are damaged bit by bit
    bytes   so many bytes of each medium's segments are drawn, and a bit of each
    parts   chunks that the bits of one medium are cut into
    """

    media: Names
    bits: tuple[str, ...]
    bytes: Annotated[int, msgspec.Meta(ge=0)]
    parts: Positive
    floor: Floor
    law: str = "posix"


class KillPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Processes killed over real files, and crash states in real folders.

    steps      of the small programs, all of which are killed
    sampled    programs of one step more
    tapes      random ones of at most `tape_steps` an era
    broad      programs of long writes
    images     random tapes of which `states` crash states each are written into folders
    chunk      small programs a chunk; images go by a half of it, random tapes by a tenth
    """

    geometries: Names
    steps: Annotated[int, msgspec.Meta(ge=0)]
    sampled: Annotated[int, msgspec.Meta(ge=0)]
    tapes: Positive
    tape_steps: Annotated[int, msgspec.Meta(ge=2)]
    broad: Annotated[int, msgspec.Meta(ge=0)]
    images: Annotated[int, msgspec.Meta(ge=0)]
    states: Positive
    chunk: Positive
    floor: Floor


class LanesPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All small programs of sessions side by side, in each geometry, all schedules of few preemptions."""

    geometries: Names
    preemptions: Annotated[int, msgspec.Meta(ge=0, le=3)]
    chunk: Positive  # Programs a chunk.


class RandomLanesPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Random programs of sessions side by side, so many schedules of each; geometries take turns."""

    geometries: Names
    programs: Positive
    schedules: Positive
    chunk: Positive  # Programs a chunk.


class SchedulePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sessions side by side, under schedules that are chosen."""

    exhaustive: LanesPlan
    random: RandomLanesPlan
    limit: Positive  # Schedules of one small program.
    floor: Floor


class StressPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sessions on threads of their own, for so many seconds or appends, whichever is first; 0: no bound."""

    floor: Floor
    seconds: Annotated[int, msgspec.Meta(ge=0)] = 0
    appends: Annotated[int, msgspec.Meta(ge=0)] = 0
    sessions: Annotated[int, msgspec.Meta(ge=2, le=16)] = 10
    kernels: Literal["compiled", "interpreted"] = "compiled"


class MutantsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every planted bug, or those that are named."""

    floor: Floor
    only: tuple[str, ...] = ()  # Empty: all.


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A gate's work. A stage that is absent is not run."""

    name: str
    seed: int = 0
    model: ModelPlan | None = None
    crash: CrashPlan | None = None
    faults: FaultsPlan | None = None
    damage: DamagePlan | None = None
    schedule: SchedulePlan | None = None
    stress: StressPlan | None = None
    kill: KillPlan | None = None
    mutants: MutantsPlan | None = None


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
        _check_names(profile)
        for name in STAGES:
            stage = getattr(profile, name)
            _check_floor({} if stage is None else stage.floor)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnknownLawError, RecursionError) as error:
        raise ProfileError(f"profile {name}: {error}") from None
    return profile


def _check_names(profile: Profile) -> None:
    """Every geometry and every law is one that there is, and every stage has some work."""
    used: list[tuple[str, ...]] = []
    if profile.model is not None:
        Law.of(profile.model.law)
        used.append(profile.model.geometries)
    if profile.crash is not None:
        Law.of(profile.crash.law)
        used += [profile.crash.exhaustive.geometries, profile.crash.random.geometries]
        if (others := profile.crash.others) is not None:
            used.append((others.geometry,))
            for law in others.laws:
                Law.of(law)
    if profile.faults is not None:
        Law.of(profile.faults.law)
        used += [profile.faults.geometries, profile.faults.random.geometries]
        strange = {*profile.faults.programs, *profile.faults.cut}.difference(PROGRAMS)
        if strange:
            raise msgspec.ValidationError(f"no program {', '.join(sorted(strange))}: {', '.join(PROGRAMS)}")
    if profile.damage is not None:
        Law.of(profile.damage.law)
        strange = {*profile.damage.media, *profile.damage.bits}.difference(MEDIA)
        if strange:
            raise msgspec.ValidationError(f"no medium {', '.join(sorted(strange))}: {', '.join(MEDIA)}")
    if profile.kill is not None:
        used.append(profile.kill.geometries)
    if profile.schedule is not None:
        used += [profile.schedule.exhaustive.geometries, profile.schedule.random.geometries]
    if profile.stress is not None and not profile.stress.seconds and not profile.stress.appends:
        raise msgspec.ValidationError("stress has neither seconds nor appends: it would not end")
    if profile.mutants is not None:
        strangers = set(profile.mutants.only).difference(mutant.name for mutant in BANK)
        if strangers:
            raise msgspec.ValidationError(f"no planted bug {', '.join(sorted(strangers))}")
    for geometries in used:
        unknown = [name for name in geometries if name not in GEOMETRIES]
        if unknown or len(set(geometries)) != len(geometries):
            raise msgspec.ValidationError(
                f"geometries {', '.join(geometries)}: each once, of {', '.join(GEOMETRIES)}"
            )


def _check_floor(floor: Floor) -> None:
    """Every figure of a floor is one that a stage has, and of its kind."""
    for name, least in floor.items():
        known = TABLES if isinstance(least, dict) else COUNTS
        if name not in known:
            raise msgspec.ValidationError(f"no figure {name!r} for a floor: there are {', '.join(known)}")
