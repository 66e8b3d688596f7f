"""Read sets and branching: fewer openings, the same outcomes, checked against opening every content."""

from __future__ import annotations

import bisect
import copy
import json
import operator
import pickle
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any
from zlib import crc32

import pytest

from powercut.faultfs import FaultDevice, History, Image, Law, crash_states, survivor_image
from powercut.faultfs.law.survival import history_under
from powercut.faultfs.states.branching import Exploration, explore
from powercut.faultfs.states.readset import Ask, ReadTree, WatchedDevice, answer

MakeDevice = Callable[[int, int], FaultDevice]
Recovery = Callable[[FaultDevice], object]

RECORD = 1024
EVERYTHING = 1 << 20


class Search:
    """Opens contents with one recovery; counts the openings."""

    def __init__(self, recovery: Recovery) -> None:
        self.recovery = recovery
        self.tree: ReadTree[object] = ReadTree()
        self.opened = 0

    def plain(self, image: Image) -> object:
        return self.recovery(FaultDevice(image))

    def open(self, image: Image) -> object:
        self.opened += 1
        device = WatchedDevice(image)
        outcome = self.recovery(device)
        self.tree.add(image, device.asked, outcome)
        return outcome

    def of(self, image: Image) -> object:
        found = self.tree.find(image)
        return self.open(image) if found is None else found


def record(number: int) -> bytes:
    body = bytes([number + 1]) * (RECORD - 4)
    return crc32(body).to_bytes(4, "little") + body


def log_in_flight(records: int) -> FaultDevice:
    """A log of so many records of two sectors, none of them synced; its size is."""
    device = FaultDevice(Image.of({"log": bytes(RECORD * records)}))
    for number in range(records):
        device.write("log", RECORD * number, record(number))
    return device


def scan(device: FaultDevice) -> int:
    """The number of records at the front of the log, up to the first that fails its checksum."""
    buffer = bytearray(RECORD)
    count = 0
    while device.read_into("log", RECORD * count, buffer) == RECORD:
        if crc32(buffer[4:]) != int.from_bytes(buffer[:4], "little"):
            break
        count += 1
    return count


def test_checksummed_tail_of_4_096_states_takes_19_openings() -> None:
    trace = log_in_flight(6).trace
    states = crash_states(trace, "posix", start=len(trace), limit=1 << 12)
    assert (states.distinct, states.completeness) == (4_096, "exhaustive")
    search = Search(scan)
    found = explore(History(trace), len(trace), search.tree, search.open, 100)
    assert found.is_closed
    assert (search.opened, found.regions, found.covered) == (19, 19, 4_096)
    assert {outcome for outcome, _ in found.outcomes} == set(range(7))


def test_checksummed_tail_ends_alike_content_by_content() -> None:
    trace = log_in_flight(5).trace
    states = crash_states(trace, "posix", start=len(trace))
    search = Search(scan)
    by_walking = Counter(search.of(state.image) for state in states)
    assert by_walking == Counter(search.plain(state.image) for state in states)
    assert by_walking == {count: 3 * 4 ** (4 - count) for count in range(5)} | {5: 1}
    assert (search.opened, len(states)) == (16, 1024)


def test_exploration_past_its_limit_says_that_it_is_not_closed() -> None:
    trace = log_in_flight(8).trace
    search = Search(scan)
    found = explore(History(trace), len(trace), search.tree, search.open, 24)
    assert not found.is_closed
    assert found.covered < found.legal == 65_536


def some_recovery(seed: int, *, writes: bool) -> Recovery:
    """A recovery that does what its own answers say next: lists, measures, reads, and perhaps writes."""

    def recover(device: FaultDevice) -> object:
        seen = Random(seed)
        told: list[object] = []
        for _ in range(seen.randint(1, 7)):
            told.append(_step(seen, device, writes=writes))
            seen = Random(f"{seed} {told}")
        return tuple(told)

    return recover


def _step(seen: Random, device: FaultDevice, *, writes: bool) -> object:
    name, other = seen.choice("abc"), seen.choice("abc")
    buffer = bytearray(seen.choice((1, 200, 512, 1000)))
    read_at, write_at, size = (
        seen.choice((0, 0, 300, 512, 900)),
        seen.choice((0, 500, 800)),
        seen.choice((0, 700)),
    )
    looks: tuple[Callable[[], object], ...] = (
        lambda: tuple(device.list()),
        lambda: device.size(name),
        lambda: bytes(buffer[: device.read_into(name, read_at, buffer)]),
        lambda: bytes(buffer[: device.read_into(name, read_at, buffer)]),
        lambda: device.sync(name),
    )
    changes: tuple[Callable[[], object], ...] = (
        lambda: device.create(name),
        lambda: device.remove(name),
        lambda: device.write(name, write_at, b"w" * len(buffer)),
        lambda: device.truncate(name, size),
        lambda: device.rename(name, other),
        lambda: device.link(name, other),
        lambda: device.allocate(name, 400, 500),
    )
    try:
        return seen.choice(looks + changes * writes)()
    except OSError as error:
        return error.errno


@pytest.mark.parametrize("writes", [False, True])
def test_random_recoveries_of_random_disks_end_alike_with_and_without(
    writes: bool, random_device: MakeDevice
) -> None:
    opened = contents = 0
    for seed in range(40):
        search = Search(some_recovery(seed % 40, writes=writes))
        for state in crash_states(random_device(seed, 10).trace, "posix", limit=300):
            contents += 1
            assert search.of(state.image) == search.plain(state.image), f"seed {seed}: {state}"
        opened += search.opened
    assert 70 < opened < contents / 2


@pytest.mark.parametrize(("law", "writes"), [("posix", False), ("posix", True), ("posix_split", True)])
def test_branching_finds_the_outcomes_of_every_content_and_counts_every_vector(
    law: str, writes: bool, random_device: MakeDevice
) -> None:
    opened = contents = 0
    for seed in range(0, 60, 3):
        trace = random_device(seed, 10).trace
        history = history_under(History(trace), Law(law))
        recovery = some_recovery(seed % 40, writes=writes)
        for index in range(len(trace) + 1):
            states = crash_states(trace, law, start=index, stop=index, limit=100)
            if states.depth is not None:
                continue
            search = Search(recovery)
            found: Exploration[object] = explore(history, index, search.tree, search.open, EVERYTHING)
            assert found.is_closed
            assert found.legal == states.legal
            assert search.opened == len(found.outcomes) == search.tree.leaves
            expected = {repr(search.plain(state.image)) for state in states}
            assert {repr(outcome) for outcome, _ in found.outcomes} == expected
            for outcome, witness in found.outcomes:
                assert witness.image == survivor_image(trace, index, witness.digits, law)
                assert witness.key == witness.image.key()
                assert repr(search.plain(witness.image)) == repr(outcome)
            opened += search.opened
            contents += states.distinct
    assert 170 < opened < contents / 2


def test_write_under_one_name_is_seen_under_another_only_if_they_share_the_file() -> None:
    def recover(device: FaultDevice) -> bytes:
        device.write("a", 0, b"n")
        buffer = bytearray(1)
        device.read_into("b", 0, buffer)
        return bytes(buffer)

    search = Search(recover)
    shared = Image({"a": 1, "b": 1}, {1: b"o"})
    assert search.of(shared) == b"n"
    assert search.of(Image.of({"a": b"o", "b": b"o"})) == b"o"


def test_call_that_fails_tells_that_the_name_is_missing() -> None:
    def recover(device: FaultDevice) -> bool:
        try:
            device.remove("a")
        except FileNotFoundError:
            return False
        return True

    search = Search(recover)
    assert [search.of(Image.of(content)) for content in ({}, {"a": b""}, {"b": b""})] == [False, True, False]
    assert search.opened == 2


def test_recovery_that_looks_at_the_whole_image_is_opened_for_each_content() -> None:
    search = Search(lambda device: device.image().content())
    trace = log_in_flight(2).trace
    images = [state.image for state in crash_states(trace, "posix")]
    assert [search.of(image) for image in images] == [image.content() for image in images]
    assert search.opened == len(images) == 16
    assert not explore(History(trace), len(trace), search.tree, search.open, 100).is_closed


def test_recovery_that_knows_what_it_did_not_ask_is_outside_what_pruning_may_share() -> None:
    # It reads past the device, in the recorded image: what it saw is in no question.
    search = Search(lambda device: device.trace.initial.content())
    assert search.of(Image.of({"a": b"1"})) == search.of(Image.of({"a": b"2"})) == {"a": b"1"}


def test_answers_equal_what_the_device_gives() -> None:
    image = Image({"a": 1, "b": 1, "c": 2}, {1: bytes(range(256)) * 3, 2: b""})
    device = WatchedDevice(image)
    buffer = bytearray(100)
    count = device.read_into("b", 700, buffer)
    (question,) = device.asked
    assert answer(image, question) == bytes(buffer[:count])
    assert question[1] == "b"
    device.rename("b", "d")
    assert device.read_into("d", 700, buffer) == count
    assert answer(image, list(device.asked)[-1]) == bytes(buffer[:count])
    assert sorted(device.changed) == ["a", "b", "d"]


def _watched() -> WatchedDevice:
    return WatchedDevice(Image({"a": 1, "b": 2}, {1: b"", 2: b""}))


def test_a_name_that_is_looked_for_in_the_list_is_all_that_is_asked() -> None:
    device = _watched()
    names = device.list()
    assert isinstance(names, list)
    assert "a" in names
    assert "c" not in names
    assert list(device.asked) == [(Ask.NAME, "a", 0, 0), (Ask.NAME, "c", 0, 0)]


@pytest.mark.parametrize(
    "use",
    [
        *(
            list,
            tuple,
            set,
            sorted,
            len,
            bool,
            repr,
            iter,
            reversed,
            enumerate,
            json.dumps,
            pickle.dumps,
            max,
        ),
        *(lambda names: names[0], lambda names: names[:], lambda names: names == ["a"]),
        *(
            lambda names: names == ["a"],
            lambda names: operator.add(["a"], names),
            lambda names: ["a", *names],
        ),
        *(lambda names: names.__add__(["a"]), lambda names: names * 2, lambda names: "".join(names)),
        *(lambda names: names.copy(), lambda names: names.index("a"), lambda names: names.count("a")),
        *(lambda names: names.pop(), lambda names: names.remove("a"), lambda names: names.sort()),
        *(lambda names: dict.fromkeys(names), copy.copy),
        *(lambda names: names.append("z"), lambda names: bisect.bisect(names, "a"), lambda names: f"{names}"),
    ],
)
def test_whatever_else_is_done_with_the_list_asks_for_all_names(use: Callable[[Any], object]) -> None:
    device = _watched()
    use(device.list())
    assert (Ask.NAMES, "", 0, 0) in device.asked


class _Picky:
    """Opens well whatever else lies there: looks for two names, and for the second only beside the first."""

    def __init__(self, device: FaultDevice) -> None:
        names = device.list()
        self.sees = "a" in names and "b" in names


@pytest.mark.parametrize("others", [(), ("x",), ("x", "y")])
def test_contents_that_differ_in_names_nobody_looks_for_are_one(others: tuple[str, ...]) -> None:
    tree: ReadTree[bool] = ReadTree()
    first = WatchedDevice(Image({"a": 1}, {1: b""}))
    tree.add(first.trace.initial, (_Picky(first), first.asked)[1], outcome=True)
    files = dict.fromkeys(range(1, 4), b"")
    with_others = Image({"a": 1} | {name: 2 + place for place, name in enumerate(others)}, files)
    assert tree.find(with_others) is True
    assert tree.find(Image({"a": 1, "b": 2}, files)) is None
    assert tree.find(Image(dict(zip(others, (2, 3), strict=False)), files)) is None
