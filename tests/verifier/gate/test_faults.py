"""Chunks of the stage `faults`: every kind of fault in exactly one, values that cross to another process."""

from __future__ import annotations

import pickle
from itertools import product

from powercut.verifier.finders.templates import PROGRAMS, TEMPLATES
from powercut.verifier.gate.chunks import Deadline
from powercut.verifier.gate.plans import RandomPlan
from powercut.verifier.gate.stages.faults import (
    FaultsPlan,
    RandomStrikes,
    StruckCalls,
    faults_chunks,
)

PLAN = FaultsPlan(
    geometries=("tiny", "paired"),
    programs=("opened", "saved"),
    cut=("saved",),
    torn=(0, 2),
    limit=4,
    parts=3,
    random=RandomPlan(("tiny", "paired"), tapes=25, steps=8, chunk=10),
    floor={"programs": 1},
)


def test_every_fault_of_every_program_is_in_exactly_one_chunk() -> None:
    every = [chunk for chunk in faults_chunks(PLAN, "posix", 1) if isinstance(chunk, StruckCalls)]
    after_cuts = [(chunk.geometry, chunk.torn, chunk.program) for chunk in every if chunk.torn is not None]
    assert after_cuts == list(product(PLAN.geometries, PLAN.torn, ("opened", "logged again")))
    chunks = [chunk for chunk in every if chunk.torn is None]
    for geometry in PLAN.geometries:
        for program, parts in (("opened", 1), ("saved", 3)):
            own = [chunk for chunk in chunks if (chunk.geometry, chunk.program) == (geometry, program)]
            held = [template for chunk in own for template in chunk.templates]
            assert len(own) == parts
            assert sorted(map(repr, held)) == sorted(map(repr, TEMPLATES))
            assert {chunk.limit for chunk in own} == {4 if program == "saved" else 0}
    assert len(set(map(repr, TEMPLATES))) == len(TEMPLATES)


def test_random_chunks_hold_all_tapes_and_depend_on_the_seed() -> None:
    def drawn(seed: int) -> list[RandomStrikes]:
        return [chunk for chunk in faults_chunks(PLAN, "posix", seed) if isinstance(chunk, RandomStrikes)]

    assert [chunk.count for chunk in drawn(1)] == [10, 10, 5]
    assert not {chunk.seed for chunk in drawn(1)} & {chunk.seed for chunk in drawn(2)}


def test_chunks_cross_to_another_process_and_give_the_same_there() -> None:
    chunks = list(faults_chunks(PLAN, "strict", 1))
    for chunk in (chunks[0], chunks[-2]):
        result = chunk.run(Deadline())
        again = pickle.loads(pickle.dumps(chunk)).run(Deadline())
        assert pickle.loads(pickle.dumps(result)).coverage == again.coverage == result.coverage
        assert result.finding is None
        assert sum(result.coverage.fired.values()) > 0


def test_programs_have_names_that_say_what_they_are_for() -> None:
    assert list(PROGRAMS) == [
        "opened",
        "saved",
        "reopened",
        "paged",
        "cold",
        "truncated",
        "dropped",
        "compacted",
        "grown",
        "limited",
        "shrunk",
        "gathered",
        "snapshot",
        "stepped",
        "logged",
        "logged ahead",
        "logged again",
        "flushed",
    ]
