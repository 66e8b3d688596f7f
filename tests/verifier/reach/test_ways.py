"""Ways: all of them are listed before anything runs, under words that a reader finds in the source."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import pytest

from powercut.verifier.reach import collector as collector_module
from powercut.verifier.reach.collector import PACKAGE, Collector, all_ways, engine_sources, the_collector
from powercut.verifier.reach.monitor import IS_WATCHING
from powercut.verifier.reach.reasons import BRANCHES, NO_REASONS, judge_ways, parse_reasons
from powercut.verifier.reach.roots import implied
from powercut.verifier.reach.ways import Source, Way, sources_of

SHOP = '''
"""A module."""
from contextlib import suppress
from functools import cache

class Till:
    total = sum(each for each in (1, 2))

    def stub(self): ...

    def sell(self, price, discount=None):
        assert price >= 0, (
            "a price"
        )
        if price > 10 and not discount:
            price -= 1
        while price > 100:
            price -= 100
        for _ in range(price):
            self.total += 1
        if discount is not None:
            return [each for each in discount if each]
        try:
            return 1 // price
        except ZeroDivisionError:
            return 0

    def give(self):
        def inner():
            return 1
        return inner()

    @staticmethod
    @cache
    def fee(price):
        return price // 10

@cache
def name(number):
    return str(number)

def refuse(what):
    match what:
        case 1:
            raise ValueError(what)
    with suppress(KeyError):
        raise KeyError
    return what
'''


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The only module of a package of its own."""
    (tmp_path / "shop_of_ways").mkdir()
    (tmp_path / "shop_of_ways/__init__.py").write_text(SHOP)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "shop_of_ways", raising=False)
    (source,) = sources_of("shop_of_ways")
    return source


def told(ways: list[Way]) -> set[str]:
    return {f"{way.function}: {way.condition} {way.way}" for way in ways if way.way != "run"}


@pytest.mark.skipif(not IS_WATCHING, reason="ways are told of the bytecode that Python 3.12 brought")
def test_sides_of_branches_are_told_by_what_they_ask(shop: Source) -> None:
    every = told(list(shop.ways.values()))
    for text in (
        "Till.sell:  entered",
        "Till.sell: price > 10 true",
        "Till.sell: price > 10 false",
        "Till.sell: discount true",
        "Till.sell: price > 100 false",
        "Till.sell: for _ in range(price) a turn",
        "Till.sell: for _ in range(price) ended",
        "Till.sell: discount is not None true",
        "Till.sell: for each in discount a turn",
        "Till.sell: except ZeroDivisionError yes",
        "refuse: case 1 yes",
        "refuse: case 1 no",
    ):
        assert text in every, text


def test_what_is_there_for_our_own_mistakes_is_not_owed(shop: Source) -> None:
    every = told(list(shop.ways.values()))
    assert not [each for each in every if "price >= 0" in each or "suppress" in each or "stub" in each]
    assert "Till.sell: except ZeroDivisionError no" not in every  # Any other error is an accident.
    assert not [each for each in every if "total" in each]  # Made when the module is imported.
    lines = {way.condition for way in shop.ways.values() if way.way == "run"}
    assert "price -= 1" in lines
    assert '"a price"' not in lines


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_ways_are_taken_in_their_own_direction(shop: Source) -> None:
    collector = Collector([shop])
    till = import_module("shop_of_ways").Till()
    with collector.watching():
        till.sell(11)
        till.sell(0)
    taken = told([way for way, was in zip(collector.ways, collector.taken(), strict=True) if was])
    assert taken == {
        "Till.sell:  entered",
        "Till.sell: price > 10 true",
        "Till.sell: price > 10 false",
        "Till.sell: discount false",
        "Till.sell: price > 100 false",
        "Till.sell: for _ in range(price) a turn",
        "Till.sell: for _ in range(price) ended",
        "Till.sell: discount is not None false",
        "Till.sell: except ZeroDivisionError yes",
    }
    with collector.watching():
        pass
    assert not any(collector.taken()), "nothing is from before"


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_function_that_remembers_is_entered_in_each_chunk(shop: Source) -> None:
    collector = Collector([shop])
    module = import_module("shop_of_ways")
    for _ in range(2):
        with collector.watching():
            module.name(1)
            module.Till.fee(1)
        taken = told([way for way, was in zip(collector.ways, collector.taken(), strict=True) if was])
        assert taken == {"name:  entered", "Till.fee:  entered"}


def found(shop: Source, *calls: tuple[str, int]) -> tuple[int, ...]:
    collector = Collector([shop])
    module = import_module("shop_of_ways")
    with collector.watching():
        for name, argument in calls:
            (module.refuse if name == "refuse" else module.Till().sell)(argument)
    return tuple(collector.taken())


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_only_the_first_of_what_was_not_taken_is_a_root(shop: Source) -> None:
    judged = judge_ways([shop], found(shop, ("sell", 11)), NO_REASONS)
    roots = told([each.way for each in judged.unreached])
    assert roots == {
        "Till.give:  entered",  # And nothing of what stands in it.
        "Till.fee:  entered",
        "name:  entered",
        "refuse:  entered",
        "Till.sell: price > 10 false",
        "Till.sell: discount true",
        "Till.sell: price > 100 true",
        "Till.sell: discount is not None true",
    }
    lines = [each.way.condition for each in judged.unreached if each.way.way == "run"]
    assert lines == ["except ZeroDivisionError:"], "nothing raised it, and no branch tells so"


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_a_way_without_a_reason_is_owed_and_one_with_it_is_not(shop: Source) -> None:
    taken = found(shop, ("sell", 11), ("refuse", 2))
    every = judge_ways([shop], taken, NO_REASONS)
    assert every.reached[BRANCHES] < every.owed[BRANCHES]
    quotes = [_quote(each.way) for each in every.unreached]
    judged = judge_ways([shop], taken, parse_reasons(reasons_for(quotes)))
    assert judged.reached == every.reached
    assert judged.owed == judged.reached
    assert not judged.stale
    assert {each.why for each in judged.unreached} == {"a shop"}


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_a_reason_behind_what_was_not_taken_explains_itself_alone(shop: Source) -> None:
    """Fewer programs than those of the gate leave a root before it; the reason stays as good as it was."""
    taken = found(shop, ("sell", 11))
    quote = ("__init__.py", "Till.give.inner", "", "entered")
    judged = judge_ways([shop], taken, parse_reasons(reasons_for([quote])))
    assert judged.owed[BRANCHES] == judge_ways([shop], taken, NO_REASONS).owed[BRANCHES] - 1
    assert not judged.stale


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
@pytest.mark.parametrize(
    ("quote", "why"),
    [
        (("__init__.py", "Till.sell", "price > 11", "true"), "is not there any more"),
        (("__init__.py", "Till.sell", "price > 10", "true"), "was reached after all"),
    ],
)
def test_a_reason_for_what_is_gone_or_was_taken_is_refused(
    shop: Source, quote: tuple[str, ...], why: str
) -> None:
    (stale,) = judge_ways([shop], found(shop, ("sell", 11)), parse_reasons(reasons_for([quote]))).stale
    assert why in stale


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_side_that_was_not_looked_at_any_more_is_known_by_what_stands_behind_it_alone(
    shop: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "SAME", 1)
    taken = found(shop, ("sell", 0), ("sell", 111))
    spots = {spot for spot, was in zip(shop.ways, taken, strict=True) if was}
    more = told([shop.ways[spot] for spot in implied(shop, spots)])
    assert "Till.sell: price > 100 true" in more, "its body was run, and nothing else leads there"
    assert "Till.sell: price > 10 true" in more
    assert "Till.sell: discount true" not in more, "what comes next is come to in two ways"
    judged = told([each.way for each in judge_ways([shop], taken, NO_REASONS).unreached])
    assert "Till.sell: price > 100 true" not in judged


@pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")
def test_side_is_not_implied_by_what_others_lead_to(shop: Source) -> None:
    taken = found(shop, ("sell", 11))
    spots = {spot for spot, was in zip(shop.ways, taken, strict=True) if was}
    assert not implied(shop, spots), "all that was taken was seen"


def reasons_for(quotes: Sequence[tuple[str, ...]]) -> str:
    """A file with one reason for all of these."""
    return f'[[ways]]\nwhy = "a shop"\nat = {[[*quote] for quote in quotes]!r}'.replace("'", '"')


def _quote(way: Way) -> tuple[str, str, str, str]:
    return way.file, way.function, way.condition, way.way


def test_every_function_of_the_engine_is_found_where_it_runs() -> None:
    """A function that is listed and not watched would never be reached, whatever runs."""
    listed = {
        (source.path, code.co_qualname, code.co_firstlineno)
        for source in engine_sources()
        for code in source.codes
    }
    live = {(code.co_filename, code.co_qualname, code.co_firstlineno) for code in the_collector().codes}
    assert listed <= live


@pytest.mark.skipif(not IS_WATCHING, reason="ways are told of the bytecode that Python 3.12 brought")
def test_the_engine_is_listed_alike_again() -> None:
    again = sources_of(PACKAGE, (f"{PACKAGE}.compiler",))
    assert [way for source in again for way in source.ways.values()] == all_ways()
    assert not [way for way in all_ways() if way.file.startswith("compiler/")]
    assert len(all_ways()) > 5_000
