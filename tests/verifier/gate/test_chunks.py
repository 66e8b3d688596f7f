"""Chunks of a gate: together they are the whole work, and no two of them are the same."""

from __future__ import annotations

import pytest

from powercut.faultfs import Law
from powercut.verifier.gate.families import FamilyTapes
from powercut.verifier.gate.profile import load_profile
from powercut.verifier.gate.stages.crash import RandomTapes, SmallPrograms, crash_chunks
from powercut.verifier.gate.stages.model import FamilyPart, model_chunks
from powercut.verifier.tapes.programs import small_programs


@pytest.mark.parametrize("name", ["ci", "nightly"])
def test_slices_hold_every_small_program_once(name: str) -> None:
    plan = load_profile(name).crash
    assert plan is not None
    small = [chunk for chunk in crash_chunks(plan, "posix", 0) if isinstance(chunk, SmallPrograms)]
    cut = [chunk for chunk in small if chunk.more is None]
    others = plan.others
    assert others is not None
    assert set(others.laws) | {plan.law} == set(Law)
    wanted = [(geometry, plan.law, plan.exhaustive.steps) for geometry in plan.exhaustive.geometries]
    wanted += [(others.geometry, law, others.steps) for law in others.laws]
    continued = plan.continued
    assert continued is not None
    gone_on = [chunk for chunk in small if chunk.more is not None]
    for chunks, geometry, law, steps in (
        *((cut, *each) for each in wanted),
        (gone_on, continued.geometry, plan.law, continued.steps),
    ):
        held = [
            number
            for chunk in chunks
            if (chunk.geometry, chunk.law) == (geometry, law)
            for number in range(chunk.start, chunk.stop)
        ]
        assert held == list(range(sum(1 for _ in small_programs(steps))))
    assert len({chunk.bound for chunk in small}) == len(wanted) + 1


def test_random_chunks_draw_from_generators_of_their_own() -> None:
    plan = load_profile("ci").crash
    assert plan is not None
    cut = [
        chunk
        for seed in (0, 1)
        for chunk in crash_chunks(plan, "posix", seed)
        if isinstance(chunk, RandomTapes)
    ]
    draws = [draw for chunk in cut for draw in chunk.draws]
    assert len({seed for seed, _ in draws}) == len(draws)
    assert sum(count for _, count in draws) == 2 * plan.random.tapes


@pytest.mark.parametrize("name", ["ci", "nightly"])
def test_no_two_chunks_are_equal_in_one_gate_or_under_the_next_seed(name: str) -> None:
    profile = load_profile(name)
    assert profile.model is not None
    assert profile.crash is not None
    pieces = [
        piece
        for seed in (0, 1)
        for piece in (
            *model_chunks(profile.model, "posix", seed),
            *crash_chunks(profile.crash, "posix", seed),
        )
        if not isinstance(piece, SmallPrograms | FamilyPart | FamilyTapes)  # All of them, whatever the seed.
    ]
    assert len(set(pieces)) == len(pieces) > 0
