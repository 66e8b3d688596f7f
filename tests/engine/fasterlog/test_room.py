"""Memory that serves block after block, commits that one makes for all, and reads of blocks alike."""

from threading import Thread
from typing import Any

import numpy as np
import pytest

from powercut.engine import FasterLog
from powercut.engine.device import Buffer, MemoryDevice

PAGE = 1 << 20


@pytest.fixture
def large() -> Any:
    """A log of the usual geometry."""
    log = FasterLog.open(MemoryDevice(), create=True)
    yield log
    log.close()


@pytest.mark.parametrize("sizes", [(1, 5_000, 70_000, 1_000_000, 3), (4_032, 1), (0, 0, 300_000)])
def test_a_block_grows_with_what_it_takes(large: FasterLog, entries: Any, sizes: tuple[int, ...]) -> None:
    given = [bytes([size % 251]) * size for size in sizes]
    for entry in given:
        large.enqueue(entry)
    large.commit()
    large.enqueue_many(given)
    large.commit(b"cookie" * 2_000)
    large.enqueue_many([b"kept", b"dropped" * 1_000])
    large.rollback(large.tail - 7_004)
    large.commit()
    assert entries(large) == [*given, *given, b"kept"]


@pytest.mark.parametrize("widths", [[128], [128, 0, 77], [0]])
def test_a_batch_of_many_blocks_comes_back(large: FasterLog, entries: Any, widths: list[int]) -> None:
    given = [b"%04d" % place * (widths[place % len(widths)] // 4) for place in range(20_000)]
    addresses = large.enqueue_many(given)
    large.commit()
    assert entries(large) == given
    assert [entry.address for entry in large.scan()] == addresses.tolist()
    parts = list(large.scan_arrays())
    assert np.concatenate([part.addresses for part in parts]).tolist() == addresses.tolist()
    assert b"".join(part.data.tobytes() for part in parts) == b"".join(given)


@pytest.mark.parametrize("size", [100, 700, 900])
def test_memory_that_was_written_serves_the_next_blocks(bench: Any, entries: Any, size: int) -> None:
    log, seen = bench.open(memory=1 << 14), list[bytearray]()
    given = [b"%03d" % number * (size // 3) for number in range(60)]
    for number, entry in enumerate(given):
        log.enqueue(entry)
        if number % 3 == 2:
            log.commit()
        room = log._source.tail._block._data
        seen += [] if any(each is room for each in seen) else [room]
    log.commit()
    assert entries(log) == given
    assert len(seen) <= 5


def test_what_a_reader_was_shown_stays(bench: Any) -> None:
    log = bench.open(memory=1 << 14)
    given = [b"%d" % number * 900 for number in range(4)]
    for entry in given:
        log.enqueue(entry)
    found = log.scan(uncommitted=True)
    log.commit()
    for number in range(5, 9):
        log.enqueue(b"%d" % number * 900)
    assert [entry.data for entry in found] == given


def test_who_waits_goes_on_once_it_is_durable_whoever_commits_next() -> None:
    class Watched(MemoryDevice):
        other: Thread | None = None
        left = 0  # Commits before it is asked.

        def sync(self, name: str) -> None:
            super().sync(name)
            if self.other is not None and name.startswith("segment"):
                if not self.other.ident:
                    self.other.start()
                    while len(log._source.tail._lengths) == 0:
                        pass  # Until it has appended.
                self.left -= 1
                if self.left == 0:
                    self.other.join(10)
                    is_gone.append(not self.other.is_alive())

    is_gone: list[bool] = []
    device = Watched()
    log = FasterLog.open(device, create=True)
    device.other, device.left = Thread(target=log.commit_and_wait, args=(b"other",)), 3
    for _ in range(
        4
    ):  # The first begins beside nobody, the second has the other's entry, the third finds it gone.
        log.commit_and_wait(b"mine")
    assert is_gone == [True]
    log.close()


def test_a_scan_of_large_blocks_reads_each_at_once() -> None:
    class Counting(MemoryDevice):
        reads = 0

        def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
            self.reads += 1
            return super().read_into(name, offset, buffer)

    device = Counting()
    with FasterLog.open(device, create=True) as log:
        rows: Buffer = bytes(100_000)
        log.enqueue_many(np.frombuffer(rows, np.uint8).reshape(1_000, 100))
        for _ in range(90):
            log.enqueue_many(np.frombuffer(rows, np.uint8).reshape(1_000, 100))
        log.enqueue(b"short")
        log.commit()
        before = device.reads
        count = sum(len(part.addresses) for part in log.scan_arrays())
        blocks = log.tail // PAGE + 1
        assert count == 91_001
        assert blocks >= 9
        assert device.reads - before <= blocks + 3
