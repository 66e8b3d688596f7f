"""Lasting: searches that share what was opened count and find what those do that share nothing."""

from random import Random

import pytest

from powercut.verifier.finders import lasting
from powercut.verifier.finders.crashes import Coverage
from powercut.verifier.finders.endings import Endings
from powercut.verifier.finders.faults import known_of, search_strike, sweep
from powercut.verifier.finders.lasting import Lasting, of_before
from powercut.verifier.finders.recoveries import Opened, Recoveries
from powercut.verifier.finders.shared import Searches, exhaust
from powercut.verifier.finders.templates import PROGRAMS, TEMPLATES, random_strikes
from powercut.verifier.reach.seen import watched
from powercut.verifier.tapes.programs import random_tapes, small_programs

SMALL = [program for program in small_programs(3) if program]


def _crashes() -> list[Coverage]:
    """As chunks of the stage `crash`: small programs, and random ones of which points pass the limit."""
    found = [
        exhaust(SMALL[start::37], "tiny", "posix", limit=limit)[0] for start, limit in ((0, 64), (1, 64))
    ]
    for seed in (1, 2):
        searches, coverage = Searches(16), Coverage()
        for tape in random_tapes(Random(seed), 6, ["tiny", "paired"], "posix", 10):
            coverage.merge(searches.search(tape)[0])
        found.append(coverage)
    return found


def _faults() -> list[Coverage]:
    """As chunks of the stage `faults`."""
    saved = PROGRAMS["saved"]
    found = [sweep(saved, "tiny", "posix", TEMPLATES[at : at + 6], limit=8)[0] for at in (6, 12, 18)]
    for seed in (1, 2):
        known, coverage = known_of("tiny", "posix", 16), Coverage()
        for tape in random_strikes(Random(seed), 20, ["tiny"], "posix", 10):
            coverage.merge(search_strike(tape, known=known)[0])
        found.append(coverage)
    return found


@pytest.mark.parametrize("search", [_crashes, _faults])
def test_counts_are_those_of_searches_that_share_nothing(
    search: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(search)
    openings = [0]
    genuine = Recoveries._recover

    def counted(self: Recoveries, *arguments: object) -> object:
        openings[0] += 1
        return genuine(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Recoveries, "_recover", counted)
    alone = search()
    by_itself, openings[0] = openings[0], 0
    kept: Lasting = {}
    with lasting.lasting(kept):
        shared = search()
        once, openings[0] = openings[0], 0
        again = search()
    assert shared == again == alone
    assert sum(each.checked for each in alone) == by_itself
    assert 0 < once < by_itself
    assert not openings[0]
    assert kept


def test_nothing_lasts_by_default_nor_where_the_engine_is_watched() -> None:
    assert of_before(Opened, "tiny") is not of_before(Opened, "tiny")
    with lasting.lasting({}):
        first = of_before(Opened, "tiny")
        assert of_before(Opened, "tiny") is first
        assert of_before(Opened, "paired") is not first
        others: object = of_before(Endings, "tiny")
        assert others is not first
        with watched():
            assert of_before(Opened, "tiny") is not first
        with lasting.lasting({}):
            assert of_before(Opened, "tiny") is not first
        assert of_before(Opened, "tiny") is first
    assert of_before(Opened, "tiny") is not first
