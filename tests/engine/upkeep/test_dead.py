"""Dead log: it is given back once so much of the log may be dead, and no more than that is worth is moved."""

from __future__ import annotations

from random import Random

import pytest

from powercut.engine import FasterKv, MemoryDevice, Session, Settings
from powercut.engine.kernels import words as w
from powercut.engine.upkeep.compaction import Compactor
from powercut.engine.upkeep.dead import LEAST
from powercut.verifier.faster.stepped import SteppedRuntime

SMALL = Settings(512, 512, 512, 512, ring_pages=4, index_buckets=64)
SEGMENT = 512


def small(device: MemoryDevice, share: float | None, disk: int | None = None) -> FasterKv:
    """A store without threads: whoever opens a page compacts."""
    runtime = SteppedRuntime()
    return FasterKv.open(
        device, create=True, settings=SMALL, runtime=runtime, compact_at=share, disk=disk, keep=1
    )


def overwritten(store: FasterKv, session: Session, keys: int, times: int) -> int:
    """The most bytes of log that there were."""
    most = 0
    for number in range(times):
        session.upsert(b"%d" % (number % keys), bytes([number % 251]) * 200)
        most = max(most, store.stats().log_bytes)
    return most


def on_disk(device: MemoryDevice) -> int:
    return sum(device.size(name) for name in device.list() if name.startswith("segment-"))


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_log_that_is_overwritten_is_not_much_longer_than_what_is_live_in_it(share: float) -> None:
    device, keys = MemoryDevice(), 60
    store = small(device, share)
    session = store.session("s")
    live = keys * SEGMENT // 2  # Two records to a page.
    most = overwritten(store, session, keys, 3_000)
    assert most < live / (1 - share) * 1.3 + (LEAST + 4) * SEGMENT
    assert on_disk(device) < most + 2 * SEGMENT
    store.check()
    store.close(checkpoint=True)
    with small(device, None) as again:
        assert len(dict(again.items())) == keys


def test_without_it_nothing_is_given_back() -> None:
    store = small(MemoryDevice(), None)
    assert overwritten(store, store.session("s"), 60, 1_000) > 200 * SEGMENT
    assert store.stats().begin == w.FIRST_ADDRESS
    store.close()


def test_where_all_is_live_a_quarter_is_moved_where_the_log_has_grown_by_as_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    moved: list[int] = []
    run = Compactor.run

    def counted(own: Compactor, until: int | None, *, is_patient: bool = False) -> object:
        done = run(own, until, is_patient=is_patient)
        moved.append(done.bytes)
        return done

    monkeypatch.setattr(Compactor, "run", counted)
    store = small(MemoryDevice(), 0.5)
    session = store.session("s")
    for number in range(1_000):
        session.upsert(b"%d" % number, bytes(200))
    assert len(moved) > 10
    assert sum(moved) < 1_000 * SEGMENT // 2
    store.check()
    store.close()


def test_a_store_that_is_opened_again_begins_with_a_step_once_it_has_grown() -> None:
    device = MemoryDevice()
    with small(device, None) as store:
        overwritten(store, store.session("s"), 60, 1_000)
    with small(device, 0.5) as store:
        before = store.stats()
        assert before.dead_most == 1
        session = store.resume_session("s")
        overwritten(store, session, 60, 2)
        assert store.stats().begin == before.begin, "it has not grown"
        overwritten(store, session, 60, 20)
        assert store.stats().log_bytes < before.log_bytes / 4
        store.check()


def test_files_that_are_held_are_tried_again_only_when_the_log_has_grown() -> None:
    device = MemoryDevice()
    store = small(device, 0.5)
    session = store.session("s")
    overwritten(store, session, 60, 100)
    store.pin("held")
    taken = len(store.checkpoints())
    assert taken == 1
    segments = store.stats().log_bytes // SEGMENT
    before = store.stats().version
    overwritten(store, session, 60, 400)
    passes = store.stats().version - before
    assert passes <= 1 + 400 * 220 // SEGMENT, "one checkpoint a step at most"
    store.drop("held")
    overwritten(store, session, 60, 200)
    assert store.stats().log_bytes < 4 * segments * SEGMENT
    store.check()
    store.close()


def test_beside_a_limit_both_are_kept() -> None:
    device, random = MemoryDevice(), Random(5)
    limit = 128 * SEGMENT
    store = small(device, 0.5, limit)
    session = store.session("s")
    content = {}
    for number in range(3_000):
        key = b"%d" % random.randrange(80)
        content[key] = b"%d" % number * 20
        session.upsert(key, content[key])
        assert sum(map(device.size, device.list())) <= limit
    assert dict(store.items()) == content
    assert store.stats().log_bytes < limit // 2
    store.check()
    store.close(checkpoint=True)


def test_its_own_thread_compacts_beside_sessions() -> None:
    device = MemoryDevice()
    with FasterKv.open(device, create=True, settings=SMALL, compact_at=0.5) as store:
        session = store.session("s")
        while store.stats().begin < 200 * SEGMENT:  # However long the thread takes.
            overwritten(store, session, 60, 60)
        assert {key for key, _ in store.items()} == {b"%d" % number for number in range(60)}
    with FasterKv.open(device) as store:
        assert len(dict(store.items())) == 60
        store.check()
