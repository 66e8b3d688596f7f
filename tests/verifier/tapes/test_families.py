"""Families: the same runs for everybody, in geometries that there are; random programs with their letters."""

from __future__ import annotations

from random import Random

import pytest

from powercut.verifier.faster.geometries import GEOMETRIES
from powercut.verifier.runs.play import play
from powercut.verifier.spec.model import TRUNCATIONS
from powercut.verifier.tapes.families import FAMILIES, LETTERS, family_tapes, sprinkled
from powercut.verifier.tapes.programs import random_tapes
from powercut.verifier.tapes.tape import Kind, decode_tape, encode_tape
from powercut.verifier.verdict import OK


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_family_has_runs_in_geometries_that_there_are(family: str) -> None:
    tapes = list(family_tapes(family))
    assert tapes == list(family_tapes(family))
    assert {tape.geometry for tape in tapes} == set(FAMILIES[family].geometries) <= set(GEOMETRIES)
    assert len(set(tapes)) == len(tapes) > 10
    assert all(decode_tape(encode_tape(tape)) == tape for tape in tapes)
    assert all((era.crash is None) == (era is tape.eras[-1]) for tape in tapes for era in tape.eras)


def test_most_truncations_of_the_family_take_keys_away_and_no_two_geometries_agree_on_where() -> None:
    begins: dict[str, set[int]] = {}
    taking = 0
    for tape in family_tapes("truncated"):
        run = play(tape)
        assert run.verdict == OK, tape
        for segment in run.segments:
            taking += segment.reached.get("truncated away", 0) > 0
            for life in segment.lives:
                found = (each.serial for each in life.history if each.session == TRUNCATIONS)
                begins.setdefault(tape.geometry, set()).update(found)
    assert taking > 250
    assert any(begin % 1024 for begin in begins["slim"])  # Inside a segment.
    assert len(begins["slim"]) > 1
    assert len(begins["colliding"]) > 1


def test_sprinkled_tapes_are_random_ones_with_letters_added() -> None:
    def tapes() -> list[object]:
        return list(sprinkled(Random(3), 20, ("tiny", "slim"), "posix", 8, ["truncate_at"]))

    assert tapes() == tapes()
    plain = list(random_tapes(Random(3), 20, ("tiny", "slim"), "posix", 8))
    assert len({tape.geometry for tape in plain}) == 2
    letters = {Kind.TRUNCATE_AT}
    sizes = set()
    for tape in sprinkled(Random(3), 60, ("tiny", "slim"), "posix", 8, ["truncate_at"]):
        for era in tape.eras:
            own = [each for each in era.program if each.kind in letters]
            assert 1 <= len(own) <= 2
            sizes |= {each.size for each in own}
    assert sizes == {0, 1, 2, 3}


def test_letters_are_kinds_that_random_programs_do_not_have() -> None:
    given = {
        (each.kind, each.size > 0)
        for tape in random_tapes(Random(1), 200, ("tiny",), "posix", 12)
        for each in tape.eras[0].program
    }
    # A checkpoint's letter is of another kind than the usual.
    letters = {(kind, kind is Kind.CHECKPOINT) for kind in LETTERS.values()}
    assert not given & letters
    assert all(kind.name.lower() == name for name, kind in LETTERS.items())


def test_mixed_tapes_have_each_three_of_what_looks_after_a_store_in_each_order() -> None:
    own = {Kind.GROW, Kind.COMPACT, Kind.TRUNCATE_AT, Kind.CHECKPOINT, Kind.REOPEN}
    mixes = set()
    for tape in family_tapes("mixed"):
        kinds = [(each.kind, each.size) for each in tape.eras[0].program if each.kind in own]
        mixes.add(tuple(kinds[1:]))  # Behind the first checkpoint.
    assert len(mixes) == 6**3
    assert {len(mix) for mix in mixes} == {3}
