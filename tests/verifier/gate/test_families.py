"""Families in the gate: named in a profile or not searched, every run in one chunk, counted."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from powercut.verifier.gate.chunks import Deadline
from powercut.verifier.gate.families import (
    FamiliesPlan,
    FamilyTapes,
    SprinkledPlan,
    SprinkledTapes,
    check_families,
    families_chunks,
)
from powercut.verifier.gate.profile import load_profile
from powercut.verifier.gate.stages.crash import STAGE, CrashPlan
from powercut.verifier.tapes.families import FAMILIES, family_tapes

FAMILY = FamiliesPlan(("truncated",), chunk=100)
LARGE = SprinkledPlan(("tiny", "slim"), tapes=5, steps=6, chunk=2, letters=("truncate_at",))


def _plan() -> CrashPlan:
    plan = load_profile("ci").crash
    assert plan is not None
    return plan


def test_profile_that_does_not_name_them_has_the_chunks_of_before() -> None:
    plain = msgspec.structs.replace(_plan(), families=None, sprinkled=None)
    before = list(STAGE.chunks(plain, "posix", 3))
    assert not any(isinstance(chunk, FamilyTapes | SprinkledTapes) for chunk in before)
    assert list(STAGE.chunks(_plan(), "posix", 3))[: len(before)] == before


def test_every_run_of_a_family_is_in_one_chunk() -> None:
    chunks = [
        chunk for chunk in families_chunks(FAMILY, None, "posix", 0, 64, 1) if isinstance(chunk, FamilyTapes)
    ]
    ends = [0, *(chunk.stop for chunk in chunks)]
    assert [chunk.start for chunk in chunks] == ends[:-1]
    assert ends[-1] == sum(1 for _ in family_tapes("truncated"))


def test_chunk_counts_its_runs_and_what_they_came_to() -> None:
    first, *_ = families_chunks(FAMILY, None, "posix", 0, 64, 1)
    assert isinstance(first, FamilyTapes)
    result = replace(first, stop=20).run(Deadline())
    assert result.finding is None
    assert result.coverage.programs == 20
    assert result.coverage.reached["truncated away"] >= 10
    assert result.coverage.several_eras > 0


def test_random_tapes_with_letters_take_turns_in_chunks_of_their_own_seed() -> None:
    chunks = [
        each for each in families_chunks(None, LARGE, "posix", 7, 64, 1) if isinstance(each, SprinkledTapes)
    ]
    assert [chunk.count for chunk in chunks] == [2, 2, 1]
    assert len({chunk.seed for chunk in chunks}) == 3
    assert chunks[-1].run(Deadline()).coverage.programs == 1


def test_names_that_there_are_not_are_refused() -> None:
    check_families(FAMILY, LARGE)
    for families, large in (
        (FamiliesPlan(("nosuch",), 1), None),
        (None, msgspec.structs.replace(LARGE, letters=("upsert",))),
        (None, msgspec.structs.replace(LARGE, geometries=("nosuch",))),
    ):
        with pytest.raises(msgspec.ValidationError, match=r"^no |^geometries"):
            check_families(families, large)


def test_shipped_profile_searches_every_family() -> None:
    plan = _plan()
    assert plan.families is not None
    assert plan.families.names == tuple(FAMILIES)
