"""Truncation beside reads: one that has begun finds its files, one that begins later finds nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import Random

import pytest

from powercut.engine import CheckpointError, FasterKv, MemoryDevice, Settings
from powercut.engine.kernels.atomics import set_turn
from powercut.engine.shared.pins import Pins

Fill = Callable[[FasterKv, int, int], None]
Segments = Callable[[MemoryDevice], list[int]]


def test_a_scan_under_way_keeps_its_files(device: MemoryDevice, long: FasterKv, segments: Segments) -> None:
    whole = list(long.scan())
    scan, items = long.scan(), long.items()
    found = [next(scan)]
    key, _ = next(items)
    long.truncate_before(2600)
    long.checkpoint()
    assert segments(device) == [0, 1, 2, 3, 4, 5]
    late = long.scan()
    found += scan
    assert found == whole
    assert {key, *(key for key, _ in items)} >= {b"key-%02d" % number for number in range(5, 12)}
    assert next(late).address == 2560  # Its begin is the new one, so it holds nothing back.
    long.checkpoint()
    assert segments(device) == [2, 3, 4, 5]
    assert [record.address for record in late] == [record.address for record in whole[6:]]


def test_a_scan_that_was_not_begun_starts_at_the_begin_it_finds(
    device: MemoryDevice, long: FasterKv, segments: Segments
) -> None:
    scan = long.scan()
    long.truncate_before(2600)
    long.checkpoint()
    assert segments(device) == [2, 3, 4, 5]
    assert next(scan).address == 2560


def test_a_read_under_way_keeps_its_files(device: MemoryDevice, long: FasterKv, segments: Segments) -> None:
    """While the device is asked for a record, all below is truncated and a checkpoint acknowledged."""
    read = device.read_into
    seen: list[list[int]] = []

    def truncate(name: str, offset: int, buffer: bytearray | memoryview) -> int:
        if name == "segment-00000000" and not seen:
            seen.append([])
            long.truncate_before(2600)
            long.checkpoint()
            seen[0] = segments(device)
        return read(name, offset, buffer)

    device.read_into = truncate  # type: ignore[method-assign]
    record = long._parts.log.cold.find(64, b"key-00")
    assert record is not None
    assert record.value == b"00" * 200
    assert seen == [[0, 1, 2, 3, 4, 5]]
    assert long._parts.log.cold.find(64, b"key-00") is None
    long.checkpoint()
    assert segments(device) == [2, 3, 4, 5]


def test_a_pending_rmw_of_a_dropped_key_finds_it_absent(long: FasterKv) -> None:
    session = long.session("s")
    before = session.read(b"key-00")
    write = session.start_rmw(b"key-01", lambda old: b"none" if old is None else b"some")
    read = session.start_read(b"key-00")
    long.truncate_before(2600)
    with pytest.raises(CheckpointError):
        long.checkpoint(timeout=0)
    assert session.complete_pending(wait=True)
    # An rmw takes effect when it is completed; a read finds the value as of its issue.
    assert before is not None
    assert (write.result(), read.result()) == (b"none", before)
    assert session.read(b"key-01") == b"none"
    long.checkpoint()
    long.check()


def test_a_pin_holds_everything_until_it_knows_its_begin() -> None:
    control = memoryview(bytearray(512)).cast("Q")
    pins = Pins(control)
    control[0] = 64
    with pins.hold() as first:
        control[0] = 4096
        with pins.hold() as second:
            assert (first, second) == (64, 4096)
            assert pins.least(4096) == 64
        assert pins.least(32) == 32
    assert pins.least(4096) == 4096
    asked: list[int] = []
    set_turn(lambda space, word, is_write: asked.append(pins.least(4096)))
    try:
        with pins.hold():
            pass
    finally:
        set_turn(None)
    assert asked == [0]


def test_reads_beside_truncations_find_the_value_or_nothing(
    device: MemoryDevice, kernels: str, fill: Fill, segments: Segments, small: Settings
) -> None:
    """Each key is written once; whoever has not found it once it was there never finds it again."""
    steps, rounds = 30, 12
    written: list[int] = []
    failures: list[BaseException] = []
    found: list[int] = []
    permits = [threading.Semaphore(0), threading.Semaphore(0)]
    with FasterKv.open(device, create=True, settings=small, kernels=kernels) as store:

        def read(number: int) -> None:
            try:
                session, random, gone = store.session(f"reader-{number}"), Random(number), set[int]()
                for _ in range(steps * rounds):
                    permits[number].acquire()
                    key = random.choice(written)
                    value = session.read(b"key-%02d" % key)
                    assert value == (None if key in gone else b"%02d" % key * 200) or value is None
                    gone |= {key} if value is None else set()
                    found.append(value is not None)
            except BaseException as error:  # noqa: BLE001 (told by the test)
                failures.append(error)

        threads = [threading.Thread(target=read, args=(number,)) for number in (0, 1)]
        fill(store, 0, 3)
        written += range(4)
        for thread in threads:
            thread.start()
        try:
            for step in range(steps):
                for each in permits:
                    each.release(rounds)
                fill(store, 4 + 2 * step, 5 + 2 * step)
                written += (4 + 2 * step, 5 + 2 * step)
                store.truncate_before(max(0, store.stats().head - 3072))
                store.checkpoint()
        finally:
            for each in permits:
                each.release(steps * rounds)
            for thread in threads:
                thread.join()
        assert failures == []
        assert len(found) == 2 * steps * rounds
        assert 0 < sum(found) < len(found)
        store.checkpoint()
        assert segments(device)[0] == store.stats().begin // 1024 > 10
        store.check()
