"""The flush worker: when it flushes, how far, and that nobody sees it but by the clock."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from powercut.engine import (
    BehindTail,
    FasterKv,
    FlushSettings,
    MemoryDevice,
    OlderThan,
    Settings,
    SettingsError,
)

from .conftest import NEVER, PAGE, RING, SMALL, SOON, Gate, Watched, fill, opened, threads, wait_for


def frozen_pages(store: FasterKv) -> int:
    return store.stats().safe_read_only // PAGE


def test_what_is_frozen_is_flushed_before_anybody_needs_its_frame(device: Watched) -> None:
    with opened(device) as store:
        fill(store, "s", RING + 4)
        wait_for(store, lambda: store.stats().flushed >= frozen_pages(store) * PAGE > 4 * PAGE)
        assert store.flusher.state == "running"
        assert "powercut-flush" in device.writers


def test_bytes_that_are_not_worth_it_wait(device: Watched) -> None:
    with opened(device, NEVER) as store:
        fill(store, "s", RING // 2)  # The room for frozen pages is not taken yet.
        store.flusher.start()
        store._parts.log.ring.shift_read_only(4 * PAGE)
        wait_for(store, lambda: store.stats().safe_read_only == 4 * PAGE)
        rounds = store.flusher.metrics().rounds
        fill(store, "more", 1)
        wait_for(store, lambda: store.flusher.metrics().rounds > rounds)
        assert store.flusher.metrics().flushes == 0
        assert device.writes == 0


def test_round_that_fails_half_way_tells_what_it_wrote(device: Watched) -> None:
    def fail() -> None:
        if device.writes == 2:
            raise OSError(5, "the second piece")

    with opened(device, replace(NEVER, threshold_pages=3)) as store:
        fill(store, "s", RING // 2)
        store._parts.log.ring.shift_read_only(4 * PAGE)
        device.during = fail
        store.flusher.drive(1)
        device.during = lambda: None
        metrics = store.flusher.metrics()
        assert (metrics.failures, metrics.in_a_row, metrics.flushes) == (1, 1, 1)
        assert metrics.bytes == store.stats().flushed == PAGE


@pytest.mark.parametrize(
    "worth",
    [{"threshold_bytes": 3 * PAGE}, {"threshold_pages": 3}, {"threshold_seconds": 0.001}],
    ids=lambda worth: next(iter(worth)),
)
def test_each_threshold_asks_for_a_flush(device: Watched, worth: dict[str, float]) -> None:
    with opened(device, replace(NEVER, **worth, interval=0.001)) as store:  # type: ignore[arg-type]
        fill(store, "s", 6)
        store.flusher.start()
        store._parts.log.ring.shift_read_only(4 * PAGE)
        fill(store, "more", 1)  # Somebody opens a page, and wakes it.
        wait_for(store, lambda: store.stats().flushed == 4 * PAGE)


def test_the_lag_behind_the_tail_is_kept(device: Watched) -> None:
    lag = 4 * PAGE
    with opened(device, replace(SOON, target=BehindTail(lag))) as store:
        fill(store, "s", 10)
        stats = store.stats()
        wait_for(store, lambda: store.stats().flushed == (stats.tail - lag) // PAGE * PAGE)
        stats = store.stats()
        assert stats.read_only == stats.flushed <= stats.tail - lag


def test_what_has_stood_long_enough_is_flushed_and_what_has_not_is_not(device: Watched) -> None:
    with opened(device, replace(SOON, target=OlderThan(0.01), interval=0.001)) as store:
        fill(store, "s", 5)
        wait_for(store, lambda: store.stats().flushed == 4 * PAGE)
    with opened(Watched(), replace(SOON, target=OlderThan(1e6), interval=0.001)) as store:
        fill(store, "s", 5)
        rounds = store.flusher.metrics().rounds
        wait_for(store, lambda: store.flusher.metrics().rounds > rounds + 5)
        assert store.flusher.metrics().flushes == 0


def test_pressure_falls_with_what_is_flushed(device: Watched) -> None:
    gate = Gate()
    with opened(device) as store:
        device.during = gate
        fill(store, "s", RING)
        gate.await_somebody()
        assert store.flusher.metrics().used >= 0.5
        gate.open()
        wait_for(store, lambda: store.stats().flushed >= frozen_pages(store) * PAGE)
        assert store.flusher.metrics().used < 0.7
        fill(store, "more", 1)
        wait_for(store, lambda: store.stats().flusher.level == "NORMAL")


def test_a_writer_is_held_back_while_the_ring_is_full_and_nothing_is_lost(device: Watched) -> None:
    gate = Gate()
    with opened(device) as store:
        device.during = gate
        import threading

        writer = threading.Thread(target=fill, args=(store, "s", 2 * RING))
        writer.start()
        gate.await_somebody()
        wait_for(store, lambda: store.stats().tail > (RING - 1) * PAGE)
        writer.join(0.1)
        assert writer.is_alive()
        assert store.stats().head <= PAGE
        gate.open()
        writer.join(60)
        assert not writer.is_alive()
        assert len(dict(store.items())) == 8 * RING
        metrics = store.flusher.metrics()
        assert metrics.held > 0
        assert metrics.held_seconds > 0
        assert store.stats().flusher.held_seconds >= metrics.held_seconds
        assert metrics.failures == 0
        store.check()


def test_a_writer_is_slowed_at_critical_pressure_and_goes_on(device: Watched) -> None:
    gate = Gate()
    with opened(device, replace(SOON, critical=0.5, high=0.4, elevated=0.3, slow_seconds=0.001)) as store:
        device.during = gate
        fill(store, "s", RING)  # The last pages of it are opened with all of the room taken.
        assert store.flusher.metrics().slowed > 0
        assert store.flusher.metrics().held == 0
        gate.open()


def test_metrics_add_up(device: Watched) -> None:
    with opened(device) as store:
        fill(store, "s", 3 * RING)
        store.flusher.stop()
        metrics = store.flusher.metrics()
        assert metrics.bytes == store.stats().flushed
        assert sum(metrics.durations) == metrics.flushes
        assert metrics.mean_bytes == metrics.bytes / metrics.flushes
        assert metrics.mean_seconds == metrics.seconds / metrics.flushes
        assert 0 < metrics.last_bytes <= metrics.bytes
        assert metrics.last_at > 0
        assert metrics.state == "stopped"


def test_without_a_worker_who_opens_pages_flushes(device: Watched) -> None:
    for flush in (None, FlushSettings(enabled=False)):
        with opened(device, flush) as store:
            fill(store, "s", 2 * RING)
            assert store.flusher.state == store.stats().flusher.state == "off"
            assert store.stats().flushed > RING * PAGE
            store.flusher.start()
            assert store.flusher.state == "off"
    assert "powercut-flush" not in device.writers


def test_a_folder_has_a_worker_and_a_read_only_store_has_none(tmp_path: Path) -> None:
    with FasterKv.open(tmp_path / "a", create=True, settings=SMALL, kernels="interpreted") as store:
        assert store.flusher.state == "idle"
        before = threads()
        fill(store, "s", 2 * RING)
        assert len(threads()) == len(before) + 1
        store.checkpoint()
        content = dict(store.items())
    assert threads() == before
    with FasterKv.open(tmp_path / "a", read_only=True, flush=SOON, kernels="interpreted") as store:
        assert store.flusher.state == "off"
        assert dict(store.items()) == content


def test_a_store_that_needs_no_worker_has_no_thread(tmp_path: Path) -> None:
    before = threads()
    with FasterKv.open(tmp_path / "a", create=True, settings=SMALL, kernels="interpreted") as store:
        fill(store, "s", RING - 4)
        assert threads() == before
        store.checkpoint()


@pytest.mark.parametrize("seed", range(4))
def test_operations_return_the_same_with_a_worker_and_without(seed: int) -> None:
    """W2. Method: the same random program over both, checkpoints and reopenings among it."""

    def run(flush: FlushSettings | None) -> list[object]:
        random, device, told = Random(seed), MemoryDevice(), list[object]()
        tiny = Settings(1024, 4096, 512, 512, ring_pages=4, index_buckets=4)
        for _ in range(3):
            with opened(device, flush, tiny) as store:
                session = store.session("s")
                for _ in range(400):
                    key = b"%d" % random.randrange(20)
                    what = random.randrange(6)
                    if what < 3:
                        session.upsert(key, bytes([random.randrange(256)]) * random.randrange(300))
                    elif what == 3:
                        told.append(session.delete(key))
                    elif what == 4:
                        told.append(session.rmw(key, lambda old: (old or b"")[:100] + b"x"))
                    else:
                        told.append(session.read(key))
                    if random.random() < 0.02:
                        told.append(store.checkpoint().serials)
                store.check()
                told.append(sorted(store.items()))
        return told

    lagging = replace(SOON, target=BehindTail(512), interval=0.001)
    assert run(None) == run(SOON) == run(lagging)


def test_a_record_is_logged_at_start_stop_and_failure(
    device: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "powercut.flush"), opened(device) as store:
        fill(store, "s", 2 * RING)
        store.flusher.stop()
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == "started"
    metrics = store.flusher.metrics()
    assert told[-1] == f"stopped: {metrics.flushes} flushes, {metrics.bytes} bytes, 0 failures"


@pytest.mark.parametrize(
    "wrong",
    [
        *({"enabled": 1}, {"target": 5}, {"threshold_bytes": 0}, {"threshold_pages": 1.5}),
        *(
            {"threshold_seconds": 0},
            {"interval": float("nan")},
            {"interval": float("inf")},
            {"interval": True},
        ),
        *(
            {"elevated": 0.9},
            {"critical": 1.1},
            {"hysteresis": 0.7},
            {"slow_seconds": -1},
            {"retry_least": 9},
        ),
    ],
    ids=str,
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        FlushSettings(**wrong)  # type: ignore[arg-type]


def test_targets_that_mean_nothing_are_refused() -> None:
    with pytest.raises(SettingsError):
        BehindTail(-1)
    with pytest.raises(SettingsError):
        OlderThan(0)
    with pytest.raises(SettingsError):
        FasterKv.open(MemoryDevice(), create=True, flush=5)  # type: ignore[arg-type]
