"""Small random trees under every law: what includes what, and what all ways of asking agree on."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from powercut.faultfs import FaultDevice, Image, Law, Trace, crash_states, survivor_image
from powercut.faultfs.law.history import history_of
from powercut.faultfs.law.survival import chains, history_under
from powercut.faultfs.states.branching import explore
from powercut.faultfs.states.membership import Membership
from powercut.faultfs.states.readset import Ask, Question, ReadTree, WatchedDevice, answer

pytestmark = pytest.mark.once

WITHIN = [
    (Law.STRICT, Law.PREFIX),
    (Law.PREFIX, Law.POSIX),
    (Law.PAGECACHE, Law.POSIX),
    (Law.EXT4, Law.POSIX),
    (Law.EXT4_ORDERED, Law.EXT4),
    (Law.XFS, Law.POSIX),
    (Law.BTRFS, Law.POSIX),
    (Law.LAZYFS, Law.POSIX),
    (Law.POSIX, Law.POSIX_SPLIT),
    (Law.POSIX, Law.POSIX_GARBAGE),
]


def keys(trace: Trace, law: Law, index: int) -> set[int] | None:
    found = crash_states(trace, law, start=index, stop=index, limit=1 << 8)
    return {state.key for state in found} if found.completeness == "exhaustive" else None


@pytest.fixture(scope="module")
def traces(growing_device: Callable[[int, int], FaultDevice]) -> list[Trace]:
    return [growing_device(seed, 9 + seed % 6).trace for seed in range(3000, 3060)]


def test_f18_every_law_of_a_tree_is_within_posix_and_posix_within_posix_split(traces: list[Trace]) -> None:
    proper = dict.fromkeys(WITHIN, 0)
    for number, trace in enumerate(traces):
        for index in range(len(trace) + 1):
            found = {law: keys(trace, law, index) for law in Law}
            for inner, outer in WITHIN:
                smaller, larger = found[inner], found[outer]
                if smaller is not None and larger is not None:
                    assert smaller <= larger, (number, index, inner, outer)  # F18
                    proper[inner, outer] += smaller < larger
    # No file is large enough here for a size without its data, or for a torn sector.
    alike = {(Law.EXT4_ORDERED, Law.EXT4), (Law.POSIX, Law.POSIX_GARBAGE)}
    assert min(proper[pair] for pair in WITHIN if pair not in alike) > 20, proper


@pytest.mark.parametrize("law", list(Law))
def test_every_choice_of_digits_is_a_state_and_its_image_is_found(law: Law, traces: list[Trace]) -> None:
    random = Random(5)
    for trace in traces[:30]:
        for index in range(0, len(trace) + 1, 3):
            found = keys(trace, law, index)
            values = [each.values for each in chains(trace, index, law)]
            for _ in range(6):
                digits = [random.randrange(-1, each + 1) for each in values]
                image = survivor_image(trace, index, digits, law)
                assert found is None or image.key() in found


@pytest.mark.parametrize("law", list(Law))
def test_membership_in_a_tree_is_what_the_enumeration_finds(law: Law, traces: list[Trace]) -> None:
    refused = 0
    for trace in traces[:20]:
        members = Membership(trace, law)
        images = {state.key: state.image for state in crash_states(trace, law, limit=1 << 10)}
        images[0] = Image({}, {})
        images[1] = Image({"d": 1, "1/strange": 2}, {2: b""}, {1})
        for index in range(0, len(trace) + 1, 4):
            found = keys(trace, law, index)
            if found is None:
                continue
            for image in images.values():
                assert members.has(image, index) == (image.key() in found)
                refused += image.key() not in found
    assert refused > 20


def test_draws_in_a_tree_are_states(traces: list[Trace]) -> None:
    drawn = 0
    for number, trace in enumerate(traces[:20]):
        whole = {state.key for state in crash_states(trace, Law.POSIX, limit=1 << 20)}
        few = crash_states(trace, Law.POSIX, limit=2, sample=20, generator=Random(number))
        for state in few:
            assert state.key in whole
            assert state.image.key() == state.key
            assert survivor_image(trace, state.index, state.digits, Law.POSIX) == state.image
        drawn += few.draws
    assert drawn > 100


def asked_of(image: Image) -> list[Question]:
    """The questions of a recovery that looks for a file in a folder, and reads it if it is there."""
    if answer(image, (Ask.NAME, "d/x", 0, 0)) is True:
        return [(Ask.NAME, "d/x", 0, 0), (Ask.FILE, "d/x", 0, 0)]
    rest = [(Ask.NAME, "d", 0, 0), (Ask.GROUP, "a", 0, 0), (Ask.READ, "d/y", 0, 9)]
    return [(Ask.NAME, "d/x", 0, 0), *rest]


@pytest.mark.parametrize("law", [Law.POSIX, Law.POSIX_SPLIT])
def test_branching_in_a_tree_finds_every_answer(law: Law, traces: list[Trace]) -> None:
    opened = listed = 0
    for trace in traces:
        index = len(trace)
        tree = ReadTree[Any]()

        def recover(image: Image, tree: ReadTree[Any] = tree) -> Any:
            outcome = tuple(answer(image, each) for each in asked_of(image))
            tree.add(image, asked_of(image), outcome)
            return outcome

        history = history_under(history_of(trace), law)
        found = explore(history, index, tree, recover, 1 << 10)
        states = crash_states(trace, law, start=index, stop=index, limit=1 << 14)
        assert found.is_closed
        assert states.completeness == "exhaustive"
        opened += found.regions
        listed += len(states)
        assert {outcome for outcome, _ in found.outcomes} == {
            tuple(answer(state.image, each) for each in asked_of(state.image)) for state in states
        }
        for outcome, witness in found.outcomes:
            assert tuple(answer(witness.image, each) for each in asked_of(witness.image)) == outcome
            assert survivor_image(trace, index, witness.digits, law) == witness.image
            assert witness.key == witness.image.key()
    assert opened < listed


def test_a_device_that_comes_upon_a_folder_asks_for_everything() -> None:
    everything = (Ask.ALL, "", 0, 0)
    assert everything in WatchedDevice(Image({"d": 1}, {}, {1})).asked
    device = WatchedDevice(Image({}, {}))
    assert everything not in device.asked
    with pytest.raises(FileNotFoundError):
        device.size("d/x")
    assert everything in device.asked
