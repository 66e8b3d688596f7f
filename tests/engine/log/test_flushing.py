"""Flushing: long writes of many extents, nothing moved by what fails, nobody stopped by another's flush."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from powercut.engine import CheckpointError, DeviceError, FasterKv, MemoryDevice, Settings
from powercut.engine.checkpoint.kinds import fold_over
from powercut.engine.kernels import words as w

PAGE = 4096
ROOMY = Settings(
    page_bytes=PAGE,
    segment_bytes=8 * PAGE,
    write_unit=512,
    extent_bytes=512,
    ring_pages=16,
    index_buckets=64,
)
LARGE = bytes(976)  # Four records a page.


class Watched(MemoryDevice):
    """Notes each write to a segment, and calls `during` before it is carried out."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[tuple[str, int, int]] = []
        self.syncs: list[str] = []
        self.during: Callable[[], None] = lambda: None

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        if name.startswith("segment"):
            self.writes.append((name, offset, len(buffer)))
            self.during()
        return super().write(name, offset, buffer)

    def sync(self, name: str) -> None:
        if name.startswith("segment"):
            self.syncs.append(name)
        super().sync(name)


@pytest.fixture
def device() -> Watched:
    return Watched()


@contextmanager
def opened(device: Watched, settings: Settings = ROOMY) -> Iterator[FasterKv]:
    with FasterKv.open(device, create=True, settings=settings, kernels="interpreted") as store:
        yield store


def fill(store: FasterKv, name: str, pages: int) -> None:
    """So many more pages of records, of keys of their own."""
    session = store.session(name)
    for number in range(4 * pages):
        session.upsert(f"{name} {number}".encode(), LARGE)
    session.close()


def check_reopened(device: Watched, content: dict[bytes, bytes]) -> None:
    """The store comes back with this content, and stands its audit."""
    with opened(device) as store:
        assert dict(store.items()) == content
        store.check()


def test_a_checkpoint_writes_each_segment_at_once_and_every_extent_is_verified(device: Watched) -> None:
    with opened(device) as store:
        fill(store, "s", 12)
        store.checkpoint()
        tail = store.stats().tail
        assert [length for _, _, length in device.writes] == [8 * PAGE, tail - 8 * PAGE]
        content = dict(store.items())
        extents = store._parts.log.extents
        assert len(extents) == tail // 512
        for number in range(len(extents)):
            assert len(store._parts.log.segments.read(extents[number])) == 512
    check_reopened(device, content)


def test_a_piece_goes_round_the_end_of_the_ring(device: Watched) -> None:
    with opened(device) as store:
        fill(store, "a", 12)
        store.checkpoint()
        fill(store, "b", 10)  # From page 12 to page 22 of a ring of 16.
        content = dict(store.items())
        store.checkpoint()
    check_reopened(device, content)


def test_a_piece_that_fails_moves_nothing_and_the_next_begins_where_it_began(device: Watched) -> None:
    with opened(device) as store:
        fill(store, "s", 5)
        before = store.stats().flushed

        def full() -> None:
            raise OSError(28, "no space")

        device.during = full
        with pytest.raises(CheckpointError, match="no space"):
            store.checkpoint()
        assert store.stats().flushed == before
        assert len(store._parts.log.extents) == 0
        device.during = lambda: None
        store.checkpoint()
        assert device.writes[-2][:2] == device.writes[-1][:2]
        assert store.stats().flushed == store.stats().tail


def test_a_checkpoint_takes_a_bounded_part_of_the_flush_a_step(
    device: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold_over, "STEP_BYTES", 2 * PAGE)
    small = Settings(
        page_bytes=PAGE,
        segment_bytes=2 * PAGE,
        write_unit=512,
        extent_bytes=512,
        ring_pages=16,
        index_buckets=64,
    )
    with opened(device, small) as store:
        fill(store, "s", 8)
        ticket = store.start_checkpoint()
        parts: list[tuple[int, int]] = []
        while not ticket.is_done:
            writes, syncs = len(device.writes), len(device.syncs)
            ticket.advance()
            done = sum(length for _, _, length in device.writes[writes:])
            parts.append((done, len(device.syncs) - syncs))
        assert sum(done for done, _ in parts) == store.stats().tail
        assert max(done for done, _ in parts) == 2 * PAGE
        assert max(synced for _, synced in parts) == 1
        assert len(device.syncs) == 4
        assert store.newest is not None
        assert store.newest.serials == {"s": 32}


def test_an_extent_ends_where_the_checkpoint_under_way_ends(device: Watched) -> None:
    """The checkpoint names nothing beyond its end, whoever flushes past it first."""
    settings = Settings(*(PAGE, 8 * PAGE, 512, PAGE), ring_pages=16, index_buckets=64)
    with opened(device, settings) as store:
        log, control = store._parts.log, store._parts.log.spaces.control
        fill(store, "s", 2)
        store.session("t").upsert(b"last", bytes(300))
        final = log.ring.fold_over()
        assert final % PAGE == 512
        log.flushing._claimed_by = -1  # Another thread is in the middle of a piece.
        fill(store, "beside", 2)
        log.flushing._claimed_by = None
        log.ring.shift_read_only(control[w.TAIL])
        assert log.flushing.flush(control[w.SAFE_READ_ONLY])
        extents = [log.extents[number] for number in range(len(log.extents))]
        assert final in {each.start + each.length for each in extents}
        assert len(device.writes) == 2


def blocked(device: Watched, store: FasterKv) -> tuple[threading.Thread, threading.Semaphore]:
    """A checkpoint that stands in a write, and what lets it make one write more."""
    entered, more = threading.Semaphore(0), threading.Semaphore(0)
    checkpointing = threading.Thread(target=store.checkpoint)

    def stand() -> None:
        if threading.current_thread().name not in ("MainThread", "filling"):
            entered.release()
            assert more.acquire(timeout=60)

    device.during = stand
    checkpointing.start()
    assert entered.acquire(timeout=60)
    return checkpointing, more


def test_who_opens_pages_does_not_wait_for_a_flush_under_way(device: Watched) -> None:
    with opened(device) as store:
        fill(store, "s", 4)
        checkpointing, more = blocked(device, store)
        fill(store, "beside", 10)  # All that the ring has room for.
        assert store.stats().flushed == w.FIRST_ADDRESS
        assert checkpointing.is_alive()
        more.release(8)
        checkpointing.join()
        assert store.stats().flushed >= 4 * PAGE
        store.check()


def test_who_finds_the_ring_full_waits_for_one_page_and_not_for_the_flush(device: Watched) -> None:
    short = Settings(
        page_bytes=PAGE,
        segment_bytes=8 * PAGE,
        write_unit=512,
        extent_bytes=512,
        ring_pages=16,
        index_buckets=64,
        write_bytes=PAGE,
    )
    with opened(device, short) as store:
        fill(store, "s", 8)
        checkpointing, more = blocked(device, store)
        filling = threading.Thread(target=fill, args=(store, "beside", 9), name="filling")
        filling.start()
        filling.join(0.2)
        assert filling.is_alive()  # It needs the frame of page 0.
        more.release()
        filling.join(60)
        assert not filling.is_alive()
        assert checkpointing.is_alive()
        assert store.stats().head == PAGE
        more.release(20)
        checkpointing.join()
        store.check()


def test_who_waits_for_a_flush_that_fails_makes_its_own(device: Watched) -> None:
    with opened(device) as store:
        fill(store, "s", 8)
        checkpointing, more = blocked(device, store)
        stand = device.during
        refused: list[BaseException] = []

        def run() -> None:
            try:
                fill(store, "beside", 9)
            except DeviceError as error:
                refused.append(error)

        def stand_and_fail() -> None:
            stand()
            raise OSError(5, "no")

        filling = threading.Thread(target=run, name="filling")
        filling.start()
        filling.join(0.2)
        assert filling.is_alive()
        device.during = stand_and_fail
        more.release(1)
        filling.join(60)
        assert not filling.is_alive()
        device.during = lambda: None
        checkpointing.join(60)
        assert not refused or store.stats().flushed == w.FIRST_ADDRESS
        store.checkpoint()
        store.check()
