"""The plan of a gate of a store of one's own: which stages are run, and how much of each.

A profile is a TOML file with a table for each stage that is to be run. Without one, those are run that each
store should pass, at the sizes below.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

import msgspec

from powercut.faultfs import Law, UnknownLawError

from .plans import Count, Names, Positive
from .profile import ProfileError

__all__ = [
    "ALL",
    "ASKED",
    "STAGES",
    "CrashStage",
    "DamageStage",
    "FaultsStage",
    "KillStage",
    "ModelStage",
    "OwnPlan",
    "SyncsStage",
    "load_plan",
]


class ModelStage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Examples of the machine, of so many steps each."""

    examples: Positive = 30
    steps: Positive = 8


class CrashStage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All programs of so many steps, and so many operations after each recovery; and longer ones.

    After a recovery of these comes at most one operation: they cost most, and find most by themselves.
    """

    # Not posix_split: under it nobody can replace a file by a rename, and no file system was seen to do that.
    laws: Names = ("posix", "ext4", "btrfs", "prefix", "lazyfs")
    steps: Count = 2
    more: Count = 2
    limit: Positive = 256
    random: Count = 4
    length: Positive = 5


class FaultsStage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """States of one crash point behind a fault that are all searched."""

    limit: Count = 16


class DamageStage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes of each file that are flipped: every one, up to so many, and evenly spread where it has more.

    files   each file is lost, emptied and taken back to what it was as well; a store of one file cannot know
    """

    bytes: Positive = 4096
    files: bool = True


class KillStage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All programs of so many steps, and random ones, killed at every system call over real files."""

    steps: Count = 1
    random: Count = 1
    length: Positive = 4


class SyncsStage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The search without each sync, as that of `crash`."""

    laws: Names = ("posix", "ext4", "prefix")
    steps: Count = 2
    more: Count = 1
    limit: Positive = 64
    random: Count = 2
    length: Positive = 5


class OwnPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The stages that are run; a stage that is absent is not."""

    seed: int = 0
    model: ModelStage | None = None
    crash: CrashStage | None = None
    faults: FaultsStage | None = None
    damage: DamageStage | None = None
    kill: KillStage | None = None
    syncs: SyncsStage | None = None


ASKED: Final = ("faults", "damage", "kill")  # By name only, where no profile has them.
# In the order in which they are run.
STAGES: Final = ("model", "crash", "faults", "damage", "kill", "syncs")
ALL: Final = OwnPlan(0, ModelStage(), CrashStage(), FaultsStage(), DamageStage(), KillStage(), SyncsStage())


def load_plan(profile: str) -> OwnPlan:
    """The plan in a TOML file, or all stages for "". Raises ProfileError."""
    if not profile:
        return ALL
    try:
        plan = msgspec.convert(tomllib.loads(Path(profile).read_text(encoding="utf-8")), OwnPlan)
        for stage in (plan.crash, plan.syncs):
            for law in stage.laws if stage is not None else ():
                Law.of(law)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnknownLawError, UnicodeDecodeError) as error:
        raise ProfileError(f"profile {profile}: {error}") from None
    return plan
