"""The sieve: who tells is found among many, alone; and who is not told has passed all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from powercut.verifier.mutants.hook import read_source
from powercut.verifier.mutants.planted import Span
from powercut.verifier.power.generic import Generic, generate_all
from powercut.verifier.power.sieve import Told, UndecidedError, groups, sift, together

PIECES = 20
Red = Callable[[set[str], int], bool]


def mutant(name: str) -> Generic:
    return Generic(name, "powercut.engine.toy", "f", "edge", 1, (Span(0, 1, "a", "b"),))


class Toy:
    """Pieces that are red by a rule; keeps what was asked."""

    def __init__(self, is_red: Red, suspects: frozenset[str] = frozenset()) -> None:
        self._is_red = is_red
        self._suspects = suspects
        self.asked: list[tuple[tuple[str, ...], int]] = []

    def first(self, mutants: Sequence[Generic], start: int) -> Told | None:
        places = range(start, PIECES)
        return next((told for at in places if (told := self.again(mutants, Told(at, "")))), None)

    def again(self, mutants: Sequence[Generic], told: Told) -> Told | None:
        names = tuple(each.name for each in mutants)
        self.asked.append((names, told.place))
        red = self._is_red(set(names), told.place)
        return Told(told.place, " ".join(names), suspects=self._suspects) if red else None


def told_by(bench: Toy, names: Sequence[str]) -> dict[str, Told | str]:
    return {each.name: told for each, told in sift([mutant(name) for name in names], bench)}


NAMES = [f"m{number}" for number in range(16)]


def test_each_who_is_told_is_told_alone_by_the_first_piece_that_is_red_with_it() -> None:
    rule = {"m3": 4, "m4": 4, "m11": 0, "m15": 19}
    bench = Toy(lambda names, at: any(rule.get(name, 99) <= at for name in names))
    found = told_by(bench, NAMES)
    assert found == {name: Told(at, name) for name, at in rule.items()}
    # All pieces once, and for each who is told the piece again for halves of those who are left.
    assert len(bench.asked) <= PIECES + len(rule) * 7
    ends = {name: max(at for names, at in bench.asked if name in names) for name in NAMES}
    assert all(ends[name] == rule.get(name, PIECES - 1) for name in NAMES)


def test_those_whose_lines_ran_are_asked_first_and_all_where_it_was_none_of_them() -> None:
    bench = Toy(lambda names, at: "m9" in names and at == 2, frozenset({"m9"}))
    assert list(told_by(bench, NAMES)) == ["m9"]
    assert bench.asked[3:5] == [(("m9",), 2), (("m9",), 2)]
    assert not any(1 < len(names) < 15 for names, _ in bench.asked)
    bench = Toy(lambda names, at: "m9" in names and at == 2, frozenset({"m1", "m2"}))
    assert list(told_by(bench, NAMES)) == ["m9"]


def test_who_is_red_together_only_is_parted_and_not_told() -> None:
    together = {"m2", "m13"}, {"m3", "m7", "m8"}
    bench = Toy(lambda names, at: at == 5 and any(some <= names for some in together))
    assert told_by(bench, NAMES) == {}
    assert len(bench.asked) < 2 * PIECES + 16
    assert all(any(name in names and at == PIECES - 1 for names, at in bench.asked) for name in NAMES)


def test_who_takes_too_long_is_undecided_alone_and_the_others_are_told() -> None:
    def is_red(names: set[str], at: int) -> bool:
        if "m6" in names and at == 3:
            raise UndecidedError("no answer")
        return "m7" in names and at == 8

    assert told_by(Toy(is_red), NAMES) == {"m6": "no answer", "m7": Told(8, "m7")}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_or_none_end(count: int) -> None:
    assert list(told_by(Toy(lambda names, at: True), NAMES[:count])) == NAMES[:count]
    assert told_by(Toy(lambda names, at: False), NAMES[:count]) == {}


def test_two_of_one_statement_are_never_planted_together() -> None:
    every = generate_all("engine", "log.ring")
    for group in groups(every):
        text = read_source(group[0].edit())
        for edit in together(group):
            edit.edited(text)  # Spans that overlap are refused.
        assert len({each.line for each in group}) == len(group)
    assert sorted(each.name for group in groups(every) for each in group) == sorted(
        each.name for each in every
    )


def test_all_together_is_one_edit_for_each_module() -> None:
    some = groups([*generate_all("engine", "log.ring"), *generate_all("engine", "log.cold")])[0]
    edits = together(some)
    assert [edit.module for edit in edits] == ["powercut.engine.log.cold", "powercut.engine.log.ring"]
    for edit in edits:
        text = edit.edited(read_source(edit))
        own = [span for each in some if each.module == edit.module for span in each.spans]
        assert all(span.new in text for span in own)
