"""The draw is a function of mutants, size and seed, and takes its share of each module."""

from collections import Counter

from powercut.verifier.power.draw import draw
from powercut.verifier.power.generic import Generic


def mutants(**counts: int) -> list[Generic]:
    return [
        Generic(f"{name}:{number:03}", name, "", "edge", 1, ())
        for name, count in counts.items()
        for number in range(count)
    ]


EVERY = mutants(large=100, middle=40, small=10)


def test_each_module_has_its_share() -> None:
    chosen = draw(EVERY, 15, 1).chosen
    assert Counter(each.module for each in chosen) == {"large": 10, "middle": 4, "small": 1}
    assert len({each.name for each in chosen}) == 15


def test_equal_seeds_draw_alike_and_others_do_not() -> None:
    assert draw(EVERY, 15, 1).chosen == draw(EVERY, 15, 1).chosen
    assert draw(EVERY, 15, 1).chosen != draw(EVERY, 15, 2).chosen


def test_a_sample_of_one_comes_from_each_module_now_and_then() -> None:
    some = mutants(a=10, b=10, c=10)
    seen = {each.module for seed in range(20) for each in draw(some, 1, seed).chosen}
    assert seen == {"a", "b", "c"}


def test_more_than_there_are_is_all() -> None:
    assert draw(EVERY, 1_000, 1).chosen == sorted(EVERY, key=lambda each: each.name)


def test_who_is_replaced_is_replaced_from_the_same_module_until_it_has_no_more() -> None:
    drawn = draw(EVERY, 15, 1)
    next_ones = [drawn.next_of("small") for _ in range(10)]
    assert [each is None for each in next_ones] == [False] * 9 + [True]
    assert {each.module for each in next_ones if each is not None} == {"small"}
    assert not [each for each in next_ones if each in drawn.chosen]
    assert drawn.next_of("nowhere") is None


def test_every_mutant_is_drawn_about_as_often_as_any_other() -> None:
    some = mutants(a=6, b=3, c=1)
    counts = Counter(each.name for seed in range(2_000) for each in draw(some, 3, seed).chosen)
    assert len(counts) == 10
    assert all(450 < count < 750 for count in counts.values()), counts
