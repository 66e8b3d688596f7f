"""Statistics: where the store stands, told as it is. What operations count is in `test_stats`."""

from collections.abc import Callable
from dataclasses import asdict, fields

import pytest

from powercut.engine import FasterKv, MemoryDevice, Settings, Stats
from powercut.engine.kernels import words as w
from powercut.engine.stats import COUNTERS

Push = Callable[[FasterKv], None]
BOUNDARIES = ("begin", "head", "flushed", "safe_read_only", "read_only", "tail")


def test_each_boundary_is_told_as_it_is_and_in_order(either: FasterKv) -> None:
    seen: dict[str, set[int]] = {name: set() for name in BOUNDARIES}
    with either.session("s") as s:
        for number in range(40):
            s.upsert(b"%d" % number, bytes(150))
            if number == 20:
                either.checkpoint()
            if number == 30:
                either.truncate_before(either.stats().head)
            stats = either.stats()
            control = either.spaces[0]
            words = (w.BEGIN, w.HEAD, w.FLUSHED, w.SAFE_READ_ONLY, w.READ_ONLY, w.TAIL)
            told = [getattr(stats, name) for name in BOUNDARIES]
            assert told == [control[word] for word in words]
            assert told == sorted(told)
            assert stats.log_bytes == stats.tail - stats.begin
            assert stats.memory_bytes == stats.tail - stats.head <= stats.ring_bytes
            for name in BOUNDARIES:
                seen[name].add(getattr(stats, name))
    assert [len(seen[name]) > 1 for name in BOUNDARIES] == [True] * 6


def test_what_waits_for_a_batch_is_told_and_then_that_it_ran(either: FasterKv) -> None:
    """A row is held by hand, as a batch in the kernel holds it."""
    with either.session("s") as s:
        s.upsert(b"k", b"v")
        parts, epochs = either._parts, either.spaces[3]
        row = parts.sessions.lease()
        before = either.stats()
        epochs[row + w.ROW_STATE] = before.epoch
        parts.log.ring.shift_read_only(before.tail)
        held = either.stats()
        assert (held.epoch, held.drains, held.deferred) == (before.epoch + 1, before.drains, 1)
        assert held.safe_read_only < held.read_only == before.tail
        epochs[row + w.ROW_STATE] = w.IDLE
        parts.shared.epochs.poll()
        after = either.stats()
        assert (after.epoch, after.drains, after.deferred) == (before.epoch + 1, before.drains + 1, 0)
        assert after.safe_read_only == after.read_only
        parts.sessions.release(row)


@pytest.mark.parametrize("kind", ["start_read", "start_rmw"])
def test_what_is_pending_is_told_until_it_is_completed(either: FasterKv, push_out: Push, kind: str) -> None:
    with either.session("s") as s, either.session("t") as t:
        s.upsert(b"k", b"v")
        push_out(either)
        for number, session in enumerate((s, t, s)):
            assert either.stats().pending == number
            session.start_read(b"k") if kind == "start_read" else session.start_rmw(b"k", lambda old: old)
        assert either.stats().pending == 3
        t.complete_pending()
        assert either.stats().pending == 2
    assert either.stats().pending == 0


def test_names_handles_version_phase_and_sizes_are_told(tiny: Settings, kernels: str) -> None:
    device = MemoryDevice()
    with FasterKv.open(device, create=True, settings=tiny, kernels=kernels) as store:
        stats = store.stats()
        assert (stats.kernels, stats.page_bytes, stats.ring_bytes) == (kernels, 1024, 2048)
        assert (stats.index_bytes, stats.sessions, stats.live_sessions) == (2 * 64, 0, 0)
        s, t = store.session("s"), store.session("t")
        t.close()
        assert (store.stats().sessions, store.stats().live_sessions) == (2, 1)
        for number in range(20):
            s.upsert(b"%d" % number, b"")
        used = {entry >> 48 for _, entry in store._parts.index.entries()}
        assert len(used) > 14
        assert store.stats().index_bytes > 2 * 64
        assert (store.stats().version, store.stats().phase) == (1, "REST")
        phases = []
        ticket = store.start_checkpoint()
        while not ticket.is_done:
            phases.append(store.stats().phase)
            ticket.advance()
        assert phases == ["PREPARE", "WAIT_PENDING", "IN_PROGRESS", "WAIT_FLUSH", "PERSIST"]
        assert (store.stats().version, store.stats().phase) == (2, "REST")
        store.forget_session("t")
        assert store.stats().sessions == 1
    with FasterKv.open(device, kernels=kernels) as store:
        stats = store.stats()
        assert (stats.operations, stats.sessions, stats.live_sessions, stats.version) == (
            20,
            1,
            0,
            3,
        )  # One was forgotten, which is news at the block's end.
        assert {getattr(stats, name) for name in COUNTERS} == {0}  # Of this life; serials are of all.


def test_every_field_is_told_by_some_test_here() -> None:
    told = {*COUNTERS, *BOUNDARIES, "operations", "epoch", "drains", "deferred", "pending", "kernels"}
    told |= {"page_bytes", "ring_bytes", "index_bytes", "sessions", "live_sessions", "version", "phase"}
    told |= {"flusher", "huge_pages"}  # By flush/test_worker.py and shared/test_spaces.py.
    told |= {"buckets", "overflow_buckets", "growths"}  # By upkeep/test_growth.py.
    told |= {"cache_bytes"}  # By log/test_cache.py.
    told |= {"live_found"}  # By upkeep/test_found.py.
    assert told == {field.name for field in fields(Stats)}


def test_each_boundary_is_told_from_its_own_word(store: FasterKv) -> None:
    """Of a store that nobody else uses most of them are one number, so each word is moved by itself."""
    words = {
        "begin": w.BEGIN,
        "head": w.HEAD,
        "flushed": w.FLUSHED,
        "safe_read_only": w.SAFE_READ_ONLY,
        "read_only": w.READ_ONLY,
        "tail": w.TAIL,
    }
    control = store.spaces[0]
    for name, word in words.items():
        before = asdict(store.stats())
        control[word] += 8
        after = asdict(store.stats())
        control[word] -= 8
        assert {each for each in words if after[each] != before[each]} == {name}


def test_what_is_read_only_counts_as_frozen_before_everybody_has_seen_that(either: FasterKv) -> None:
    session = either.session("s")
    session.upsert(b"key", b"value")
    control = either.spaces[0]
    control[w.READ_ONLY] = control[w.TAIL]  # And safe read-only is where it was.
    before = either.stats().hits_frozen
    session.read(b"key")
    session.read_many([b"key"])
    assert either.stats().hits_frozen == before + 2
