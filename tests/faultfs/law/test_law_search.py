"""The searches of the laws that are no plain product: ranges, depth when there is too much, and order."""

from collections.abc import Callable

import pytest

from powercut.faultfs import FaultDevice, History, Image, Law, crash_states, survivor_image
from powercut.faultfs.law.survival import choose, image_of

MakeDevice = Callable[..., FaultDevice]
LAWS = [Law.POSIX_SPLIT, Law.EXT4, Law.EXT4_ORDERED, Law.XFS, Law.BTRFS, Law.LAZYFS]


@pytest.mark.parametrize(
    ("law", "limit", "depth"),
    [
        (Law.POSIX_SPLIT, 12, 1),
        (Law.EXT4, 12, 1),
        (Law.EXT4_ORDERED, 12, 1),
        (Law.XFS, 12, 1),
        (Law.BTRFS, 12, 1),
        (Law.LAZYFS, 3, 0),
    ],
)
def test_f21_a_point_over_the_limit_is_searched_to_the_depth_it_says(
    law: Law, limit: int, depth: int, random_device: MakeDevice
) -> None:
    bounded = deep = 0
    for seed in range(200, 300, 3):
        trace = random_device(seed, 16).trace
        exhausted = crash_states(trace, law, limit=1 << 10)
        found = crash_states(trace, law, limit=limit)
        if found.completeness == "exhaustive" or exhausted.completeness != "exhaustive":
            continue
        bounded += 1
        deep = max(deep, found.depth or 0)
        whole = {state.key: state for state in exhausted}
        assert found.legal == exhausted.legal
        for state in found:
            assert state.image.key() == state.key
            assert survivor_image(trace, state.index, state.digits, law) == state.image
            assert whole[state.key].first <= state.first <= state.last <= whole[state.key].last
        for index in range(len(trace) + 1):
            point = crash_states(trace, law, start=index, stop=index, limit=limit)
            keys = {state.key for state in point}
            if point.depth is None:
                continue
            assert point.distinct <= limit
            every = crash_states(trace, law, start=index, stop=index)
            few = {state.key for state in every if sum(map(bool, state.digits)) <= point.depth}
            assert few <= keys, (seed, index)  # F21: from the newest.
            assert survivor_image(trace, index, [99] * 99, law).key() in keys  # And from the durable one.
    assert bounded > 2
    assert deep >= depth


def test_lazyfs_with_many_files_is_bounded_by_sets_of_few_and_of_all_but_few() -> None:
    device = FaultDevice(Image.of({f"file-{number:02}": b"o" for number in range(20)}))
    for number in range(20):
        device.write(f"file-{number:02}", 0, b"n")
    found = crash_states(device.trace, Law.LAZYFS, start=20)
    assert (found.legal, found.completeness) == (2**20, "bounded(3)")
    assert found.distinct == 2 * (1 + 20 + 190 + 1140)


def test_what_a_size_needs_is_there_in_the_states_near_the_durable_one() -> None:
    old, new = b"o" * 512, b"n" * 512
    device = FaultDevice(Image.of({"a": b"", "b": old * 13}))
    device.write("b", 0, new * 13)
    device.write("a", 0, new * 8)
    found = crash_states(device.trace, Law.EXT4_ORDERED, start=2)
    assert found.completeness == "bounded(3)"
    contents = []
    for state in reversed(list(found)):  # So that no file has been built for a state before it.
        contents.append(state.image.content())
        assert state.image.key() == state.key
        assert survivor_image(device.trace, 2, state.digits, Law.EXT4) == state.image
    assert {"a": new * 8, "b": old * 13} in contents


def test_many_steps_of_the_journal_are_as_many_states_and_one() -> None:
    device = FaultDevice()
    for number in range(40):
        device.create(f"file-{number:02}")
    found = crash_states(device.trace, Law.EXT4_ORDERED, start=40)
    assert (found.legal, found.distinct, found.completeness) == (41, 41, "exhaustive")


def test_a_choice_under_posix_split_knows_its_chains(random_device: MakeDevice) -> None:
    trace = random_device(11, 14).trace
    history = History(trace)
    for state in crash_states(trace, Law.POSIX_SPLIT):
        choice = choose(history, state.index, state.digits, Law.POSIX_SPLIT)
        assert image_of(history, state.index, choice).key() == state.key


@pytest.mark.parametrize("law", LAWS)
def test_enumerating_twice_gives_the_same_states_in_the_same_order(
    law: Law, random_device: MakeDevice
) -> None:
    trace = random_device(7, 16).trace
    first, second = (
        [(state.key, state.first, state.last, state.digits) for state in crash_states(trace, law)]
        for _ in range(2)
    )
    assert first == second
    assert [state[1] for state in first] == sorted(state[1] for state in first)
    assert len(first) > 5
