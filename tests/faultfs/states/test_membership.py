"""A content is asked about, and the answer is that of the list of all contents."""

from random import Random

import pytest

from powercut.faultfs import FaultDevice, Image, Law, crash_states
from powercut.faultfs.states.membership import Membership

WORDS = (
    "create",
    "write",
    "truncate",
    "rename",
    "link",
    "remove",
    "sync",
    "datasync",
    "sync_names",
    "allocate",
)


def drawn(seed: int) -> FaultDevice:
    """A device after seven random calls on three names."""
    generator = Random(seed)
    device = FaultDevice(Image.of({"a": b"O" * 700, "b": b"X" * 100}), record_reads=False)
    while len(device.trace) < 7:
        word, old, new = generator.choice(WORDS), generator.choice("abc"), generator.choice("abc")
        try:
            if word == "write":
                data = bytes([65 + len(device.trace)]) * generator.choice((100, 512, 1100))
                device.write(old, generator.choice((0, 512, 4000)), data)
            elif word == "truncate":
                device.truncate(old, generator.choice((0, 600, 5000)))
            elif word == "allocate":
                device.allocate(old, 512, 4000)
            elif word in ("rename", "link"):
                getattr(device, word)(old, new)
            elif word == "sync_names":
                device.sync_names()
            else:
                getattr(device, word)(old)
        except OSError:
            continue
    return device


@pytest.mark.parametrize("law", list(Law))
def test_membership_is_what_the_enumeration_lists(law: Law) -> None:
    """Every content of every index of 12 random traces is asked about at every index of its trace."""
    answers = set()
    for seed in range(12):
        trace = drawn(seed).trace
        states = crash_states(trace, law, limit=1 << 14)
        membership = Membership(trace, law)
        asked = [state.image for state in states][:: max(1, states.distinct // 40)]
        for index in range(len(trace) + 1):
            point = states.at(index)
            if point.bounded:
                continue
            for image in asked:
                said = membership.has(image, index)
                assert said == point.is_legal(image.key(), index), (seed, index, image.content())
                answers.add(said)
    assert answers == {True, False}


def test_content_of_no_call_is_refused_under_every_law() -> None:
    trace = drawn(1).trace
    for law in Law:
        membership = Membership(trace, law)
        foreign = Image.of({"a": b"never written", "b": b"X" * 100})
        assert not any(membership.has(foreign, index) for index in range(len(trace) + 1))


def test_two_names_of_one_file_are_not_two_files() -> None:
    device = FaultDevice(Image.of({"a": b"O"}), record_reads=False)
    device.link("a", "b")
    membership = Membership(device.trace, "posix")
    assert membership.has(Image({"a": 1, "b": 1}, {1: b"O"}), 1)
    assert not membership.has(Image({"a": 1, "b": 2}, {1: b"O", 2: b"O"}), 1)
