"""Reasons: the shipped file is in order, and what is wrong with one is told."""

from __future__ import annotations

import pytest

from powercut.verifier.errors import HarnessError
from powercut.verifier.reach.collector import all_ways
from powercut.verifier.reach.monitor import IS_WATCHING
from powercut.verifier.reach.pairs import GEOMETRY, PHASE, pair
from powercut.verifier.reach.reasons import judge_pairs, load_reasons, parse_reasons

EVERY = {PHASE: [("READ", "REST"), ("READ", "PERSIST"), ("STEP", "REST")], GEOMETRY: [("READ", "tiny")]}


def reason(quote: str, table: str = PHASE) -> str:
    return f'[[pairs]]\nwhy = "so"\ntable = "{table}"\nat = [{quote}]'


@pytest.mark.skipif(not IS_WATCHING, reason="ways are told of the bytecode that Python 3.12 brought")
def test_shipped_reasons_quote_what_stands_in_the_engine() -> None:
    quotes = {(way.file, way.function, way.condition, way.way) for way in all_ways()}
    assert not [quote for quote in load_reasons().of_ways() if quote not in quotes]


@pytest.mark.parametrize(
    "text",
    [
        "[[ways]]\nwhy = 'two'\nat = []",
        "[[ways]]\nwhy = ''\nat = [['a', 'b', 'c', 'd']]",
        "[[ways]]\nwhy = 'so'\nat = [['a', 'b', 'c']]",
        "[[ways]]\nwhy = 'so'\nbecause = 'it is'\nat = [['a', 'b', 'c', 'd']]",
        "ways = 1",
        "[[ways",
    ],
)
def test_file_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(HarnessError, match=r"unreached\.toml"):
        parse_reasons(text)


def test_two_reasons_for_one_way_are_refused() -> None:
    twice = "[[ways]]\nwhy = 'so'\nat = [['a', 'b', 'c', 'd']]\n" * 2
    with pytest.raises(HarnessError, match="two reasons for a, b: `c` d"):
        parse_reasons(twice).of_ways()


def test_pair_that_was_not_met_is_owed_unless_it_has_a_reason() -> None:
    counted = {pair(PHASE, "READ", "REST"): 3, pair(GEOMETRY, "READ", "tiny"): 1}
    met, owed, missed, stale = judge_pairs(EVERY, counted, parse_reasons(""))
    assert (met, owed, stale) == (2, 4, [])
    assert missed == [(pair(PHASE, "READ", "PERSIST"), ""), (pair(PHASE, "STEP", "REST"), "")]
    explained = parse_reasons(reason('["STEP", "*"]'))
    assert judge_pairs(EVERY, counted, explained)[:2] == (2, 3)
    assert judge_pairs(EVERY, counted, explained)[3] == []


@pytest.mark.parametrize(
    ("quote", "why"),
    [
        ('["READ", "REST"]', "operation x phase: READ, REST was met after all"),
        ('["READ", "*"]', "operation x phase: READ, REST was met after all"),
        ('["WRITE", "REST"]', "no such pair"),
    ],
)
def test_reason_for_a_pair_that_is_none_or_was_met_is_refused(quote: str, why: str) -> None:
    (stale,) = judge_pairs(EVERY, {pair(PHASE, "READ", "REST"): 1}, parse_reasons(reason(quote)))[3]
    assert why in stale
