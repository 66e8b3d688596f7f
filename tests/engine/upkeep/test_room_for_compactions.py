"""Somebody's own compactions of a store on a limited disk, beside those that it makes by itself."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from powercut.engine import DiskFullError, FasterKv, MemoryDevice, Settings
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import load, store
from powercut.engine.upkeep.compaction import Compacted, Compactor
from powercut.verifier.faster.stepped import SteppedRuntime

SMALL = Settings(512, 512, 512, 512, ring_pages=4, index_buckets=64)
DISK = 64 * 512


def test_a_compaction_that_finds_no_room_says_so_and_costs_nothing() -> None:
    device = MemoryDevice()
    with FasterKv.open(device, create=True, settings=SMALL, disk=DISK, runtime=SteppedRuntime()) as store:
        session = store.session("s")
        for number in range(90):
            session.upsert(b"%d" % number, bytes(200))
        store.checkpoint()
        begin = store.stats().begin
        with pytest.raises(DiskFullError, match="no room for what a compaction moves"):
            store.compact()
        assert store.stats().begin == begin
        assert sorted(dict(store.items())) == sorted(b"%d" % number for number in range(90))
        for number in range(0, 90, 2):
            assert session.delete(b"%d" % number)
        for turn in range(200):  # Room is made as ever.
            session.upsert(b"%d" % (turn % 5), bytes(200))
        store.check()


def test_a_compaction_waits_for_that_of_the_store_and_the_other_way_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has_begun, may_end, compact = Event(), Event(), Compactor._compact

    def late(own: Compactor, until: int | None) -> Compacted:
        has_begun.set()
        assert may_end.wait(60)
        return compact(own, until)

    monkeypatch.setattr(Compactor, "_compact", late)
    with FasterKv.open(MemoryDevice(), create=True, settings=SMALL, disk=DISK) as store:
        with ThreadPoolExecutor(3) as pool:
            first = pool.submit(store.compact)
            assert has_begun.wait(60)
            others = [pool.submit(store.compact) for _ in range(2)]
            may_end.set()
            assert [each.result(60).moved for each in (first, *others)] == [0, 0, 0]
        session = store.session("s")
        for turn in range(500):
            session.upsert(b"%d" % (turn % 5), bytes(200))


def test_what_room_is_made_of_is_frozen_once_whoever_is_in_a_batch_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FasterKv.open(
        MemoryDevice(), create=True, settings=SMALL, disk=DISK, runtime=SteppedRuntime()
    ) as kv:
        session = kv.session("s")
        for number in range(4):  # The second page is the last.
            session.upsert(b"%d" % number, bytes(200))
        spaces, state = kv._parts.log.spaces, w.ROW_STATE
        store(spaces.epochs, state, load(spaces.control, w.EPOCH))  # In a batch.
        waited: list[str] = []

        def until(what: str, condition: Callable[[], bool], deadline: float | None = None) -> bool:
            waited.append(what)
            assert not condition()
            store(spaces.epochs, state, w.IDLE)
            assert condition()
            return True

        with monkeypatch.context() as patch:
            patch.setattr(kv._parts.disk.runtime, "until", until)
            room = kv._room
            assert room is not None
            room._freeze(512)
        assert waited == ["batches that may still write what is compacted"]
        assert load(spaces.control, w.SAFE_READ_ONLY) == 512
