"""The enumeration itself: ranges, order, counts, witnesses, and what it says when it is bounded."""

from collections.abc import Callable
from itertools import combinations, product

import pytest

from powercut.faultfs import FaultDevice, History, Image, Law, Trace, crash_states, survivor_image
from powercut.faultfs.law.survival import choose, image_of

MakeDevice = Callable[[int, int], FaultDevice]


def writes(count: int) -> FaultDevice:
    """A device with a file of so many sectors, each rewritten once, nothing synced."""
    device = FaultDevice(Image.of({"a": bytes(512 * count)}))
    for sector in range(count):
        device.write("a", 512 * sector, bytes([sector + 1]) * 512)
    return device


def test_an_empty_trace_has_its_initial_image_and_nothing_else() -> None:
    image = Image.of({"a": b"x"})
    found = crash_states(Trace(image), "posix")
    assert [state.image for state in found] == [image]
    assert (found.legal, found.distinct, found.points, found.completeness) == (1, 1, 1, "exhaustive")


def test_legal_is_the_sum_over_crash_points_and_distinct_counts_contents() -> None:
    found = crash_states(writes(4).trace, "posix")
    assert found.legal == 1 + 2 + 4 + 8 + 16  # F21
    assert found.distinct == len(found) == len({state.key for state in found}) == 16
    assert found.points == 5


def test_states_come_in_the_order_in_which_they_become_possible() -> None:
    found = list(crash_states(writes(5).trace, "posix"))
    assert [state.first for state in found] == sorted(state.first for state in found)


def test_equal_contents_of_different_versions_are_one_state() -> None:
    device = FaultDevice(Image.of({"a": b"x"}))
    for fill in (b"y", b"x", b"y"):
        device.write("a", 0, fill)
    found = {state.image.content()["a"]: state for state in crash_states(device.trace, "posix")}
    assert sorted(found) == [b"x", b"y"]
    assert (found[b"y"].first, found[b"y"].last) == (1, 3)


def test_a_content_that_returns_has_the_last_index_of_its_return() -> None:
    device = FaultDevice(Image.of({"a": b"x"}))
    device.write("a", 0, b"y")
    device.sync("a")
    device.write("a", 0, b"x")
    states = {
        state.image.content()["a"]: (state.first, state.last) for state in crash_states(device.trace, "posix")
    }
    assert states == {b"x": (0, 3), b"y": (1, 3)}


def test_last_is_the_index_of_the_sync_that_ends_a_version() -> None:
    device = FaultDevice(Image.of({"a": b"x"}))
    device.write("a", 0, b"y")
    device.sync_names()
    device.sync("a")
    device.size("a")
    states = {
        state.image.content()["a"]: (state.first, state.last) for state in crash_states(device.trace, "posix")
    }
    assert states == {b"x": (0, 2), b"y": (1, 4)}


@pytest.mark.parametrize("law", list(Law))
def test_a_range_of_indices_is_the_union_of_its_points(law: Law, random_device: MakeDevice) -> None:
    compared = 0
    for seed in range(0, 60, 2):
        trace = random_device(seed, 12).trace
        if crash_states(trace, law, limit=500).completeness != "exhaustive":
            continue
        compared += 1
        start, stop = len(trace) // 3, 2 * len(trace) // 3
        # The same, and no history of it is known.
        other = Trace(trace.initial, list(trace.events), sector_bytes=trace.sector_bytes)
        spans: dict[int, list[int]] = {}
        legal = 0
        for index in range(start, stop + 1):
            point = crash_states(other, law, start=index, stop=index)
            legal += point.legal
            for state in point:
                spans.setdefault(state.key, []).append(index)
        found = crash_states(trace, law, start=start, stop=stop)
        assert {state.key: (state.first, state.last) for state in found} == {
            key: (indices[0], indices[-1]) for key, indices in spans.items()
        }
        assert found.legal == legal
    assert compared > 10


def test_files_without_a_change_are_shared_between_states() -> None:
    device = FaultDevice(Image.of({"a": b"a" * 4096, "b": b"b" * 4096}))
    device.write("a", 0, b"n" * 1024)
    images = [state.image for state in crash_states(device.trace, "posix")]
    assert len(images) == 4
    assert len({id(image.files[image.names["b"]]) for image in images}) == 1


def nearby(trace: Trace, index: int, depth: int) -> set[int]:
    """The keys of the legal states that leave the newest or the durable one in at most `depth` chains."""
    history = History(trace)
    pending = history.pending(index)
    counts = [len(chain.legal(index)) for chain in pending]
    keys = set()
    for base in ([0] * len(counts), [count - 1 for count in counts]):
        start = choose(history, index, base, "posix")
        for chosen in combinations(range(len(counts)), depth):
            for values in product(*(range(counts[position]) for position in chosen)):
                digits = list(base)
                for position, value in zip(chosen, values, strict=True):
                    digits[position] = value
                choice = choose(history, index, digits, "posix")
                # A rename that could not be had takes a second name with it, perhaps beyond the depth.
                if sum(choice[chain] != start[chain] for chain in pending) <= depth:
                    keys.add(image_of(history, index, choice).key())
    return keys


def test_f21_a_point_over_the_limit_is_searched_to_the_depth_it_says(random_device: MakeDevice) -> None:
    bounded = deep = 0
    for seed in range(200, 240, 2):
        trace = random_device(seed, 16).trace
        exhausted = crash_states(trace, "posix")
        found = crash_states(trace, "posix", limit=40)
        if found.completeness == "exhaustive" or exhausted.completeness != "exhaustive":
            continue
        whole = {state.key: state for state in exhausted}
        bounded += 1
        assert found.completeness == f"bounded({found.depth})"
        keys = {state.key for state in found}
        for state in found:
            assert state.image.key() == state.key
            assert survivor_image(trace, state.index, state.digits, "posix") == state.image
            assert whole[state.key].first <= state.first <= state.index <= state.last <= whole[state.key].last
        assert found.depth is not None
        deep = max(deep, found.depth)
        over = 0
        for index in range(len(trace) + 1):
            point = crash_states(trace, "posix", start=index, stop=index, limit=40)
            if point.completeness == "exhaustive":
                assert {state.key for state in point} <= keys
            else:
                over += 1
                assert point.depth is not None
                assert point.distinct <= 40
                assert nearby(trace, index, point.depth) <= {state.key for state in point} <= keys
        assert found.bounded_points == over
    assert bounded > 5
    assert deep > 0


def test_f21_a_result_that_was_cut_never_says_exhaustive() -> None:
    trace = writes(5).trace
    assert crash_states(trace, "posix", limit=32).completeness == "exhaustive"
    found = crash_states(trace, "posix", limit=31)
    assert (found.completeness, found.bounded_points) == ("bounded(1)", 1)
    assert found.legal == 63
    assert found.distinct < 32


def test_f21_depth_zero_still_has_the_newest_and_the_durable_state() -> None:
    trace = writes(3).trace
    found = crash_states(trace, "posix", start=3, limit=2)
    assert found.completeness == "bounded(0)"
    sectors = b"".join(bytes([sector + 1]) * 512 for sector in range(3))
    assert {state.image.content()["a"] for state in found} == {bytes(1536), sectors}


def test_many_unsynced_names_are_counted_without_being_listed() -> None:
    device = FaultDevice()
    for number in range(40):
        device.create(f"file-{number:02}")
    found = crash_states(device.trace, "posix", start=40)
    assert found.legal == 2**40
    assert found.completeness == "bounded(2)"
    assert found.distinct == 2 * (1 + 40 + 780)


def test_coupled_renames_are_counted_as_the_ideals_of_their_order() -> None:
    device = FaultDevice(Image.of({"a": b"1", "c": b"2"}))
    device.rename("a", "b")
    device.rename("c", "d")
    device.rename("b", "c")
    found = crash_states(device.trace, "posix", start=3)
    assert found.legal == found.distinct == 5


def test_enumerating_twice_gives_the_same_states_in_the_same_order(random_device: MakeDevice) -> None:
    trace = random_device(7, 16).trace
    first, second = (
        [
            (state.key, state.first, state.last, state.index, state.digits)
            for state in crash_states(trace, "posix")
        ]
        for _ in range(2)
    )
    assert first == second
    assert len(first) > 10
