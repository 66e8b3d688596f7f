"""Ends: equal changes of a disk leave the same after a power cut, where only what was synced survives."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from powercut.faultfs import FaultDevice, Image, survivor_image
from powercut.verifier.concurrency.ends import Changes, changes_of

Call = Callable[[FaultDevice], object]


def _left_of(calls: list[Call]) -> tuple[Changes, Image]:
    """The changes that the calls make to a disk with two files, and the disk after the power cut."""
    before = FaultDevice()
    for name in ("a", "b"):
        before.create(name)
        before.write(name, 0, b"old " + name.encode())
        before.sync(name)
    before.sync_names()
    device = FaultDevice(before.image())
    for call in calls:
        call(device)
    return changes_of(device.trace.events), survivor_image(device.trace, len(device.trace), (), "strict")


def _write(name: str, data: bytes) -> Call:
    return lambda device: device.write(name, 0, data)


def _sync(name: str) -> Call:
    return lambda device: device.sync(name)


def test_order_between_two_files_and_reads_are_no_change() -> None:
    a, b = [_write("a", b"1"), _sync("a")], [_write("b", b"2"), _sync("b")]
    looks: list[Call] = [lambda device: device.list(), lambda device: device.size("a")]
    first, second, third = _left_of([*a, *b]), _left_of([*b, *looks, *a]), _left_of([b[0], *a, b[1]])
    assert first == second == third


def test_order_within_a_file_is_a_change() -> None:
    first, second = _left_of([_write("a", b"1"), _sync("a")]), _left_of([_sync("a"), _write("a", b"1")])
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_equal_changes_leave_equal_disks() -> None:
    """Random calls, names that come and go among them, in random orders."""
    left: dict[Changes, Image] = {}
    met = 0
    for seed in range(400):
        random = Random(seed)
        calls: list[Call] = []
        for name in ("a", "b"):
            calls += [_write(name, random.choice((b"1", b"2"))), _sync(name)][: random.randrange(3)]
        if random.random() < 0.4:
            calls += [lambda device: device.create("c"), _write("c", b"3"), _sync("c")][: random.randrange(4)]
        if random.random() < 0.4:
            calls.insert(random.randrange(len(calls) + 1), lambda device: device.sync_names())
        if len(calls) < 4:
            random.shuffle(calls)
        try:
            changes, image = _left_of(calls)
        except FileNotFoundError:
            continue  # Written before it was made.
        met += changes in left
        assert left.setdefault(changes, image) == image
    assert met > 100
    assert len(left) > 20
