"""Survivors: how digits choose, and what has no digit (F19, F20)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powercut.faultfs import (
    FaultDevice,
    Image,
    Law,
    Trace,
    UnknownLawError,
    chains,
    crash_states,
    survivor_image,
)

OLD, NEW = b"o" * 512, b"n" * 512


def disk(**content: bytes) -> FaultDevice:
    return FaultDevice(Image.of(content))


def two_files() -> Trace:
    device = disk(a=OLD + OLD, b=OLD)
    device.write("a", 0, NEW + NEW)
    device.write("b", 0, NEW)
    device.truncate("b", 900)
    device.rename("a", "c")
    return device.trace


def test_f19_no_digits_means_that_everything_survived() -> None:
    trace = two_files()
    for law in (Law.POSIX, Law.PREFIX, Law.PAGECACHE):
        image = survivor_image(trace, len(trace), (), law)
        assert image.content() == {"b": NEW + bytes(388), "c": NEW + NEW}  # F19


def test_f19_digits_stand_for_sectors_then_sizes_then_names() -> None:
    trace = two_files()
    described = [(chain.kind, chain.names, chain.sector) for chain in chains(trace, len(trace), "posix")]
    assert described == [
        ("sector", ("a", "c"), 0),
        ("sector", ("a", "c"), 1),
        ("sector", ("b",), 0),
        ("size", ("b",), 0),
        ("name", ("a",), 0),
        ("name", ("c",), 0),
    ]
    assert survivor_image(trace, 4, (0, 1), "posix").content()["c"] == NEW + OLD
    assert survivor_image(trace, 4, (0, 0, 1, 1), "posix").content()["b"] == OLD


def test_f19_a_rename_of_which_one_name_is_chosen_away_is_lost_whole() -> None:
    trace = two_files()
    for digits in ((0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 1), (0, 0, 0, 0, 1, 1)):
        assert sorted(survivor_image(trace, 4, digits, "posix").names) == ["a", "b"]


@given(digits=st.lists(st.integers(-3, 6), max_size=9), index=st.integers(0, 4), law=st.sampled_from(Law))
def test_f19_any_digits_decode_to_a_legal_content(digits: list[int], index: int, law: Law) -> None:
    trace = two_files()
    image = survivor_image(trace, index, digits, law)
    assert image.key() in {state.key for state in crash_states(trace, law, start=index, stop=index)}


def test_f19_the_digit_of_a_law_with_one_counts_what_is_lost() -> None:
    device = disk(a=b"")
    device.write("a", 0, b"n" * 5000)
    described = chains(device.trace, 1, Law.PAGECACHE)
    assert [(chain.kind, chain.values) for chain in described] == [("pages", 3)]
    assert survivor_image(device.trace, 1, (1,), Law.PAGECACHE).content() == {"a": b"n" * 4096}
    assert [chain.values for chain in chains(device.trace, 1, Law.PREFIX)] == [2 + 10 + 1]
    assert chains(device.trace, 1, Law.STRICT) == []


def test_f20_a_file_that_no_name_can_show_has_no_chains() -> None:
    device = disk(a=OLD, b=OLD)
    device.write("a", 0, NEW)
    device.remove("a")
    assert len(chains(device.trace, 2, "posix")) == 2
    device.sync_names()
    assert chains(device.trace, 3, "posix") == []  # F20
    assert chains(device.trace, 3, "prefix") == []


def test_a_law_that_does_not_exist_is_refused_by_name() -> None:
    trace = two_files()
    with pytest.raises(UnknownLawError, match="no law 'ext2': one of posix, strict, prefix, pagecache"):
        crash_states(trace, "ext2")
