"""Traces and crashes rendered as text for people."""

from collections.abc import Callable

import pytest

from powercut.faultfs import FaultDevice, Image, Law, Trace, chains, crash_states, render_trace, tell_crash


def trace() -> Trace:
    device = FaultDevice(Image.of({"log": b"o" * 1024}))
    device.label = "append"
    device.write("log", 512, b"n" * 600)
    device.label = ""
    device.size("log")
    with pytest.raises(FileNotFoundError):
        device.size("gone")
    device.read_into("log", 0, bytearray(8))
    device.sync("log")
    device.create("t")
    device.truncate("t", 9)
    device.rename("t", "root")
    device.mark("checkpoint", b"12")
    device.sync_names()
    return device.trace


def test_a_trace_is_told_one_event_a_line() -> None:
    assert render_trace(trace(), crash=5).splitlines() == [
        "     0  write       log  512+600  [append]",
        "     1  size        log  1112",
        "     2  size        gone  absent",
        "     3  read        log  0+8",
        "     4  sync        log  ============",
        "~~~~~~~~~~~~ the power is cut: 5 events issued ~~~~~~~~~~~~",
        "     5  create      t",
        "     6  truncate    t  to 9",
        "     7  rename      t -> root",
        "     8  mark        checkpoint  2 bytes",
        "     9  sync_names  ============",
    ]


def test_a_part_of_a_trace_keeps_its_numbers_and_a_crash_at_its_end_is_shown() -> None:
    lines = render_trace(trace(), start=3, stop=5, crash=5).splitlines()
    assert [line.split()[0] for line in lines] == ["3", "4", "~" * 12]


def test_a_lost_sector_and_a_lost_size_are_told_with_their_events() -> None:
    device = FaultDevice(Image.of({"log": b"o" * 512}))
    device.write("log", 0, b"1" * 512)
    device.write("log", 0, b"2" * 600)
    assert tell_crash(device.trace, 2, (1, 1, 1), Law.POSIX) == [
        "log sector 0: version 1 of 2 (write #1 lost)",
        "log sector 1: version 0 of 1 (write #1 lost)",
        "log size: 512 instead of 600 (write #1 lost)",
    ]
    assert tell_crash(device.trace, 2, (2,), Law.POSIX) == [
        "log sector 0: version 0 of 2 (write #0, write #1 lost)"
    ]


def test_lost_names_are_told() -> None:
    device = FaultDevice(Image.of({"a": b"1", "b": b"2"}))
    device.create("c")
    device.remove("b")
    device.rename("a", "d")
    device.create("a")
    assert tell_crash(device.trace, 4, (1, 1, 1), Law.POSIX) == [
        "name a: absent (create #3 lost)",
        "name b: present again (remove #1 lost)",
        "name c: absent (create #0 lost)",
    ]
    assert tell_crash(device.trace, 4, (2,), Law.POSIX) == [
        "name a: the file it was before (rename #2, create #3 lost)",
        "name d: absent (rename #2 lost)",
    ]


def test_what_other_laws_lose_is_told_in_the_same_words() -> None:
    device = FaultDevice(Image.of({"log": b"o" * 512}))
    device.write("log", 0, b"n" * 512)
    told = ["log sector 0: version 0 of 1 (write #0 lost)"]
    assert tell_crash(device.trace, 1, (), Law.STRICT) == told
    assert tell_crash(device.trace, 1, (1,), Law.PREFIX) == told
    assert tell_crash(device.trace, 1, (1,), Law.PAGECACHE) == told


def test_a_crash_that_lost_nothing_has_nothing_to_tell() -> None:
    assert tell_crash(trace(), 8, (), Law.POSIX) == []


@pytest.mark.parametrize("law", list(Law))
def test_a_content_other_than_the_newest_is_never_told_as_nothing(
    law: Law, random_device: Callable[[int, int], FaultDevice]
) -> None:
    told = 0
    for seed in range(0, 20, 2):
        random = random_device(seed, 9).trace
        newest = {state.key for state in crash_states(random, Law.PAGECACHE)}
        for state in crash_states(random, law):
            lines = tell_crash(random, state.index, state.digits, law)
            assert lines or state.key in newest
            told += len(lines)
    assert told > 0


def test_each_digit_names_the_event_that_it_loses_first() -> None:
    device = FaultDevice(Image.of({"log": b"o" * 512}))
    device.write("log", 0, b"1" * 512)
    device.size("log")
    device.write("log", 0, b"2" * 512)
    (sector,) = chains(device.trace, 3, Law.POSIX)
    assert (sector.kind, sector.names, sector.sector, sector.values, sector.events) == (
        "sector",
        ("log",),
        0,
        3,
        (2, 0),
    )
    (prefix,) = chains(device.trace, 3, Law.PREFIX)
    assert (prefix.kind, prefix.values, prefix.events) == ("prefix", 3, (2, 0))


def tree_device() -> FaultDevice:
    """A file that went from one folder into another, which then was renamed."""
    device = FaultDevice()
    device.make_folder("d")
    device.create("d/x")
    device.make_folder("e")
    device.rename("d/x", "e/y")
    device.symlink("../a", "e/l")
    device.sync_names("e")
    device.rename("e", "f")
    device.write("f/y", 0, b"data")
    device.exchange("d", "f")
    device.list("d")
    device.sync_all()
    return device


def test_a_trace_of_folders_is_told_by_paths() -> None:
    lines = [line.split(None, 1)[1] for line in render_trace(tree_device().trace).splitlines()]
    assert lines == [
        "folder      d",
        "create      d/x",
        "folder      e",
        "rename      d/x -> e/y",
        "symlink     e/l -> ../a",
        "sync_names  e  ============",
        "rename      e -> f",
        "write       f/y  0+4",
        "exchange    d <-> f",
        "list        d",
        "sync_all  ============",
    ]


def test_losses_in_folders_are_told_by_paths() -> None:
    trace = tree_device().trace
    digits = (1, 1, *[0] * 20)
    assert any(line.startswith("d/x or f/y ") for line in tell_crash(trace, 8, digits, "posix"))
    lost = {line for one in range(8) for line in tell_crash(trace, 5, (*[0] * one, 1), "posix")}
    assert {"name d: absent (folder #0 lost)", "name e/l: absent (symlink #4 lost)"} <= lost
