"""Families of programs: what their names promise is in them, and what they begin is left pending."""

from __future__ import annotations

from random import Random

import pytest

from powercut.verifier.answers.drawn import random_answers
from powercut.verifier.answers.edges import KEYS, LENGTHS, length_of
from powercut.verifier.answers.edges import key_of as key_of_number
from powercut.verifier.answers.families import FAMILIES, family
from powercut.verifier.answers.hybrid import HybridLog
from powercut.verifier.answers.player import play_answers
from powercut.verifier.faster.geometries import GEOMETRIES
from powercut.verifier.tapes.tape import Kind, clamp

BEGINS = {Kind.START_READ, Kind.START_RMW, Kind.START_ODD}


@pytest.mark.parametrize("name", FAMILIES)
def test_no_program_is_in_a_family_twice_and_none_has_numbers_that_mean_nothing(name: str) -> None:
    tapes = list(family(name, "tiny"))
    assert len(set(tapes)) == len(tapes)
    operations = {each for tape in tapes for era in tape.eras for each in era.program}
    assert all(clamp(each) == each for each in operations)


@pytest.mark.parametrize("geometry", ["tiny", "paired", "roomy", "whole"])
def test_first_operation_that_is_begun_is_left_pending(geometry: str) -> None:
    """If it were done at once, nothing would come between its two halves."""
    for tape in list(family("pending", geometry))[::53]:
        kind = next(each.kind for each in tape.eras[0].program if each.kind in BEGINS)
        assert f"{Kind(kind).name.lower()} pending" in play_answers(tape).reached


@pytest.mark.parametrize("geometry", sorted(GEOMETRIES))
def test_lengths_of_each_key_go_from_nothing_to_one_too_many(geometry: str) -> None:
    log = HybridLog(geometry)
    keys = [key_of_number(number, log) for number in range(KEYS)]
    assert len({len(key) for key in keys}) == KEYS - 1
    for key in keys:
        lengths = [length_of(number, key, log) for number in range(LENGTHS)]
        most = log.value_max(key)
        assert (min(lengths), max(lengths)) == (0, most + 1)
        assert {most - 8, most - 1, most, most + 1} <= set(lengths)


def test_random_programs_are_a_function_of_their_generator() -> None:
    def drawn(seed: int) -> list[object]:
        return list(random_answers(Random(seed), 9, ("tiny", "roomy"), 8, "compiled"))

    assert drawn(1) == drawn(1) != drawn(2)
