"""Entries go in, come out in order, and stay within pages and memory."""

import asyncio
import threading
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from powercut.engine import (
    ClosedError,
    Commit,
    FasterLog,
    LogSettings,
    MemoryDevice,
    OperationError,
    ReadOnlyError,
    SettingsError,
    UnsupportedVersionError,
)
from powercut.engine.fasterlog.blocks import HEADER_BYTES


def test_entries_of_every_size_up_to_a_page_come_back_in_order(
    bench: Any, entries: Any, small: LogSettings
) -> None:
    log = bench.open()
    sizes = [0, 1, 7, 300, small.page_bytes - HEADER_BYTES - 4, 0, 0, 511]
    given = [bytes([65 + number]) * size for number, size in enumerate(sizes)]
    addresses = [log.enqueue(entry) for entry in given]
    assert addresses == sorted(set(addresses))
    log.commit()
    assert entries(log) == given
    assert [log.read(address) for address in addresses] == given
    with pytest.raises(OperationError, match="at most 956"):
        log.enqueue(bytes(small.page_bytes - HEADER_BYTES - 3))


def test_only_committed_entries_are_read(bench: Any, entries: Any) -> None:
    log = bench.open()
    address = log.enqueue(b"a")
    assert entries(log) == []
    with pytest.raises(OperationError):
        log.read(address)
    point = log.commit()
    assert point == Commit(1, 512)
    assert log.commit() == point  # Nothing is new.
    assert log.commit(b"cookie") == Commit(2, 1024, b"cookie")
    assert entries(log) == [b"a"]


@pytest.mark.parametrize("address", [-1, 63, 65, 2.5, True, None, "64"])
def test_an_address_that_is_none_of_an_entry_is_refused(bench: Any, address: Any) -> None:
    log = bench.open()
    log.enqueue(b"abc")
    log.commit()
    for call in (log.read, log.truncate_before, log.rollback):
        with pytest.raises(OperationError):
            call(address)


def test_a_batch_spans_pages_and_gives_the_addresses_that_single_entries_have(
    bench: Any, entries: Any, small: LogSettings
) -> None:
    given = [bytes([number]) * (37 * number % 400) for number in range(6)]
    one, other = bench.open(), FasterLog.open(MemoryDevice(), create=True, settings=small, memory=1 << 14)
    addresses = [one.enqueue(entry) for entry in given]
    assert other.enqueue_many(given).tolist() == addresses
    assert other.enqueue_many([]).shape == (0,)
    other.commit()
    assert entries(other) == given


def test_rows_of_an_array_are_entries(bench: Any, entries: Any) -> None:
    log = bench.open()
    rows = np.arange(60, dtype=np.uint8).reshape(20, 3)
    addresses = log.enqueue_many(rows)
    log.enqueue_many(np.array([1, 2], "<u8"))
    log.commit()
    batches = list(log.scan_arrays())
    assert np.concatenate([each.addresses for each in batches])[:20].tolist() == addresses.tolist()
    assert np.concatenate([each.data for each in batches])[:60].tolist() == list(range(60))
    assert entries(log)[20:] == [(1).to_bytes(8, "little"), (2).to_bytes(8, "little")]
    (part,) = log.scan_arrays(int(addresses[3]), int(addresses[5]))
    assert (part.offsets.tolist(), part.data.tolist()) == ([0, 3, 6], [9, 10, 11, 12, 13, 14])


def test_a_batch_that_is_refused_leaves_nothing(bench: Any, entries: Any) -> None:
    log = bench.open()
    for given in ([b"a", bytes(2000)], [bytes(500)] * 5, [b"a", "b"], b"ab", [b"a", None]):
        with pytest.raises(OperationError):
            log.enqueue_many(given)
    log.commit()
    assert entries(log) == []


def test_memory_stays_bounded_whatever_is_appended(bench: Any, entries: Any) -> None:
    log = bench.open()
    for number in range(200):
        log.enqueue(b"%04d" % number * 50)
        assert log._source.tail.held <= 4096
    log.commit()
    assert entries(log) == [b"%04d" % number * 50 for number in range(200)]


def test_threads_append_beside_each_other_and_share_syncs(entries: Any) -> None:
    class Counting(MemoryDevice):
        syncs = 0

        def sync(self, name: str) -> None:
            Counting.syncs += 1

    log = FasterLog.open(Counting(), create=True)

    def produce(name: int) -> None:
        for number in range(200):
            log.commit_and_wait(b"%d:%d" % (name, number))

    threads = [threading.Thread(target=produce, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [entry.split(b":") for entry in entries(log)]
    for name in range(4):
        assert [int(number) for thread, number in found if int(thread) == name] == list(range(200))
    assert log.committed.number <= 800


def test_wait_tells_what_is_durable_and_gives_up_in_time(bench: Any) -> None:
    log = bench.open()
    address = log.enqueue(b"a")
    assert log.wait(address, timeout=1) is False
    log.commit()
    assert log.wait(address) is True
    assert log.wait(address, timeout=0) is True
    for timeout in (-1, True, "1", float("nan")):
        with pytest.raises(OperationError):
            log.wait(address, timeout=timeout)


def test_coroutines_wait_beside_each_other() -> None:
    log = FasterLog.open(MemoryDevice(), create=True)

    async def produce(number: int) -> int:
        await log.wait_async(log.enqueue(b"%d" % number))
        return number

    async def run() -> None:
        tasks = [asyncio.ensure_future(produce(number)) for number in range(5)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)
        await asyncio.get_running_loop().run_in_executor(None, log.commit)
        assert await asyncio.gather(*tasks) == [0, 1, 2, 3, 4]
        last = asyncio.ensure_future(log.wait_async(log.tail))
        await asyncio.sleep(0)
        log.close()
        with pytest.raises(ClosedError):
            await last

    asyncio.run(run())


def test_a_block_that_ends_well_commits_and_one_that_raises_does_not(bench: Any, entries: Any) -> None:
    with bench.open() as log:
        log.enqueue(b"a")
    with suppress(ZeroDivisionError), bench.open() as log:
        log.enqueue(b"b")
        raise ZeroDivisionError
    log = bench.open()
    assert entries(log) == [b"a"]


def test_a_closed_log_takes_nothing_more(bench: Any) -> None:
    log = bench.open()
    scan = log.scan()
    log.enqueue(b"a")
    log.commit()
    log.close()
    log.close()
    calls = (lambda: log.enqueue(b"b"), lambda: log.enqueue_many([]), log.commit, lambda: log.read(64))
    for call in (*calls, log.scan, lambda: next(scan), lambda: log.wait(9, 1), lambda: log.rollback(64)):
        with pytest.raises(ClosedError):
            call()


def test_opened_to_read_it_writes_nothing(bench: Any, entries: Any) -> None:
    with bench.open() as log:
        log.enqueue(b"a")
    before = len(bench.device.trace)
    log = bench.open(read_only=True)
    assert entries(log) == [b"a"]
    for call in (lambda: log.enqueue(b"b"), log.commit, lambda: log.truncate_before(0)):
        with pytest.raises(ReadOnlyError):
            call()
    log.close()
    kinds = {event.kind.name for event in bench.device.trace.events[before:]}
    assert kinds <= {"READ", "LIST", "SIZE"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"page_bytes": 256},
        {"page_bytes": 1000},
        {"write_unit": 2048, "page_bytes": 1024},
        {"segment_bytes": 512, "page_bytes": 1024, "write_unit": 512},
        {"page_bytes": 1 << 26, "segment_bytes": 1 << 28},
        {"segment_bytes": 1 << 47},
        {"write_unit": True},
    ],
)
def test_a_geometry_that_cannot_be_is_refused(arguments: Any) -> None:
    with pytest.raises(SettingsError):
        LogSettings(**arguments)


def test_what_an_opening_cannot_take_is_refused(bench: Any) -> None:
    for arguments in ({"memory": 4095}, {"memory": True}, {"settings": 5}, {"create": 1}, {"runtime": 1}):
        with pytest.raises(SettingsError):
            bench.open(**arguments)
    assert not bench.device.list()
    bench.open().close()
    with pytest.raises(SettingsError, match="differ"):
        bench.open(settings=LogSettings())


def test_a_store_is_no_log_and_a_log_no_store(bench: Any) -> None:
    from powercut.engine import FasterKv

    bench.open().close()
    with pytest.raises(UnsupportedVersionError, match="kind 2"):
        FasterKv.open(bench.device)
    device = MemoryDevice()
    FasterKv.open(device, create=True).close()
    with pytest.raises(UnsupportedVersionError, match="kind 1"):
        FasterLog.open(device)
