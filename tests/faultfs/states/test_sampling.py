"""Sampling: uniform over version vectors, honest about what it is, and right about what it misses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import product
from math import prod, sqrt
from random import Random

import pytest

from powercut.faultfs import FaultDevice, History, Image, crash_states, survivor_image
from powercut.faultfs.law.survival import choose
from powercut.faultfs.states.sampling import Sampler, estimate

MakeDevice = Callable[[int, int], FaultDevice]


def sectors(*versions: int) -> FaultDevice:
    """A file in which each sector was written so many times, nothing synced."""
    device = FaultDevice(Image.of({"a": bytes(512 * len(versions))}))
    for sector, count in enumerate(versions):
        for version in range(count):
            device.write("a", 512 * sector, bytes([sector + 1, version + 1]) * 256)
    return device


def legal_vectors(history: History, index: int) -> set[tuple[int, ...]]:
    """Every version vector that some digits decode to; none where they are many."""
    pending = history.pending(index)
    if prod(len(chain.legal(index)) for chain in pending) > 200:
        return set()
    ranges = [range(len(chain.legal(index))) for chain in pending]
    chosen = (choose(history, index, digits, "posix") for digits in product(*ranges))
    return {tuple(choice[chain] for chain in pending) for choice in chosen}


def test_every_legal_vector_is_drawn_as_often_as_any_other(random_device: MakeDevice) -> None:
    # Chi square over the vectors, names that renames couple included: 6 deviations above its mean at most.
    compared = coupled = 0
    for seed in range(0, 60, 3):
        trace = random_device(seed, 14).trace
        history = History(trace)
        for index in range(0, len(trace) + 1, 3):
            vectors = legal_vectors(history, index)
            if not 4 <= len(vectors) <= 40:
                continue
            compared += 1
            coupled += any(len(step.moves) > 1 for step in history.pending_name_steps(index))
            sampler = Sampler(history, index, Random(f"{seed} {index}"))
            draws = 50 * len(vectors)
            drawn = Counter(tuple(sampler.draw().values()) for _ in range(draws))
            assert set(drawn) <= vectors
            freedom = len(vectors) - 1
            chi = sum((drawn[vector] - 50) ** 2 / 50 for vector in vectors)
            assert chi < freedom + 6 * sqrt(2 * freedom), f"seed {seed}, index {index}"
    assert compared > 17
    assert coupled > 3


@pytest.mark.parametrize("law", ["posix", "posix_split"])
def test_a_drawn_state_is_the_image_of_its_digits(law: str, random_device: MakeDevice) -> None:
    drawn = 0
    for seed in range(200, 240, 3):
        trace = random_device(seed, 16).trace
        found = crash_states(trace, law, limit=8, sample=20, generator=Random(seed))
        before = crash_states(trace, law, limit=8)
        whole = crash_states(trace, law, limit=1 << 9)
        assert {state.key for state in before} <= {state.key for state in found}
        if whole.depth is None:
            assert {state.key for state in found} <= {state.key for state in whole}
        assert [state.first for state in found] == sorted(state.first for state in found)
        drawn += found.distinct - before.distinct
        for state in found:
            assert state.image.key() == state.key
            assert survivor_image(trace, state.index, state.digits, law) == state.image
    assert drawn > 35


def test_sample_says_that_it_is_one_and_never_more() -> None:
    trace = sectors(1, 1, 1, 1, 1, 1).trace
    found = crash_states(trace, "posix", start=6, limit=20, sample=2000, generator=Random(1))
    assert found.distinct == 64  # All of them, as it happens; yet nobody can know.
    assert (found.completeness, found.draws, found.bounded) == ("sampled(2000)", 2000, [6])
    assert (found.unseen_share, found.unseen_contents) == (0.0, 0.0)
    exhausted = crash_states(trace, "posix", start=6, sample=2000, generator=Random(1))
    assert (exhausted.completeness, exhausted.draws, exhausted.estimates) == ("exhaustive", 0, [])
    bounded = crash_states(trace, "posix", start=6, limit=20)
    assert (bounded.completeness, bounded.unseen_share) == ("bounded(1)", 1.0)


def test_equal_generators_draw_equal_states() -> None:
    trace = sectors(3, 2, 4, 1, 2, 3).trace
    first, second = (
        [
            (state.key, state.first, state.last, state.digits)
            for state in crash_states(trace, "posix", limit=50, sample=40, generator=Random(7))
        ]
        for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("versions", [(9, 9, 3), (1, 1, 1, 1, 1, 1, 1, 1, 1), (30, 2, 2, 2)])
def test_estimate_agrees_with_a_space_that_is_known(versions: tuple[int, ...]) -> None:
    # The mean over many samples: the share within 3 standard errors, what is missing not above the truth.
    trace = sectors(*versions).trace
    index = len(trace)
    whole = {state.key for state in crash_states(trace, "posix", start=index)}
    known = {state.key for state in crash_states(trace, "posix", start=index, limit=30)}
    history = History(trace)
    told: list[float] = []
    true: list[float] = []
    missed: list[float] = []
    absent: list[int] = []
    for seed in range(60):
        sampler = Sampler(history, index, Random(seed))
        drawn = Counter(sampler.state_of(sampler.draw())[0] for _ in range(150))
        found = estimate(index, drawn, known)
        unseen = whole - known - set(drawn)
        assert found.seen == len(drawn)
        assert found.fresh == len(set(drawn) - known)
        told.append(found.share)
        true.append(len(unseen) / len(whole))  # Here every content has one vector.
        missed.append(found.missed)
        absent.append(len(unseen))
    errors = [a - b for a, b in zip(told, true, strict=True)]
    mean = sum(errors) / 60
    deviation = sqrt(sum((error - mean) ** 2 for error in errors) / 59)
    assert abs(mean) < 3 * deviation / sqrt(60)
    assert sum(absent) > 0
    assert 0.8 < sum(missed) / sum(absent) < 1.2


def test_contents_of_many_vectors_leave_less_unseen_than_their_number_says() -> None:
    # One sector written with one value 99 times: 100 vectors, 2 contents; the rare one is the durable one.
    device = FaultDevice(Image.of({"a": bytes(512)}))
    for _ in range(99):
        device.write("a", 0, b"x" * 512)
    sampler = Sampler(History(device.trace), 99, Random(3))
    drawn = Counter(sampler.state_of(sampler.draw())[0] for _ in range(1000))
    assert len(drawn) == 2
    assert min(drawn.values()) < 30


@pytest.mark.parametrize("law", ["ext4", "lazyfs", "prefix"])
def test_laws_whose_choices_are_no_product_are_never_sampled(law: str) -> None:
    found = crash_states(sectors(3, 3, 3, 3).trace, law, limit=4, sample=50, generator=Random(1))
    assert (found.draws, found.estimates) == (0, [])
    assert not found.completeness.startswith("sampled")
