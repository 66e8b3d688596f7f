"""The flush worker ends from every state, and what the device refuses it neither loses nor hides."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from powercut.engine import CheckpointError, DeviceError, FasterKv, OperationError, PoisonedError

from .conftest import NEVER, PAGE, RING, SMALL, SOON, Gate, Watched, fill, opened, threads, wait_for


def failing(device: Watched, number: int, times: int = 1 << 30) -> None:
    """The next so many writes to segments fail."""
    left = [times]

    def fail() -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(number, os.strerror(number))

    device.during = fail


# -- stopping ----------------------------------------------------------------------------------------


def test_stopping_writes_what_is_frozen_to_the_last_page(device: Watched) -> None:
    with opened(device, NEVER) as store:
        fill(store, "s", RING // 2)
        store.flusher.start()
        store._parts.log.ring.shift_read_only(5 * PAGE)
        wait_for(store, lambda: store.stats().safe_read_only == 5 * PAGE)
        before = threads()
        assert store.stats().flushed < PAGE
        store.flusher.stop()
        assert store.stats().flushed == 5 * PAGE
        assert len(threads()) == len(before) - 1
        for _ in range(3):
            store.flusher.stop()
        assert (store.flusher.state, device.writes) == ("stopped", 5)


def test_a_store_goes_on_without_its_stopped_worker_and_with_it_again(device: Watched) -> None:
    with opened(device) as store:
        fill(store, "a", 2 * RING)
        store.flusher.stop()
        flushes = store.flusher.metrics().flushes
        fill(store, "b", 2 * RING)
        assert store.flusher.metrics().flushes == flushes
        store.flusher.start()
        fill(store, "c", 2 * RING)
        wait_for(store, lambda: store.flusher.metrics().flushes > flushes)
        assert len(dict(store.items())) == 3 * 8 * RING


def test_what_is_no_flag_stops_nothing(device: Watched) -> None:
    with opened(device) as store:
        for wrong in (None, 1, "yes"):
            with pytest.raises(OperationError):
                store.flusher.stop(final=wrong)  # type: ignore[arg-type]
        assert store.flusher.state == "idle"


def test_stopping_waits_for_the_write_under_way(device: Watched) -> None:
    gate = Gate()
    with opened(device) as store:
        device.during = gate
        fill(store, "s", RING)
        gate.await_somebody()
        stopping = [threading.Thread(target=store.flusher.stop) for _ in range(3)]
        for each in stopping:
            each.start()
        stopping[0].join(0.05)
        assert all(each.is_alive() for each in stopping)
        gate.open()
        for each in stopping:
            each.join(30)
        assert store.flusher.state == "stopped"
        assert store.stats().flushed == store.stats().safe_read_only


def test_stopping_does_not_wait_out_a_pause_after_a_failure(device: Watched) -> None:
    with opened(device, replace(SOON, retry_least=1e6, retry_most=1e6)) as store:
        failing(device, errno.ENOSPC)
        store.flusher.start()
        store._parts.log.ring.shift_read_only(64)
        with pytest.raises(DeviceError):
            fill(store, "s", 2 * RING)
        wait_for(store, lambda: store.flusher.metrics().failures > 0)
        store.flusher.stop()
        assert store.flusher.state == "stopped"


@pytest.mark.parametrize("is_stopped", [True, False])
def test_nothing_touches_a_device_that_is_closed(device: Watched, is_stopped: bool) -> None:
    store = FasterKv.open(device, create=True, settings=SMALL, flush=SOON, kernels="interpreted")
    fill(store, "s", 2 * RING)
    if is_stopped:
        store.flusher.stop()
    store.close()
    writes, before = device.writes, threads()
    assert store.flusher.state == "stopped"
    store.flusher.stop()
    store.close()
    assert (device.writes, threads()) == (writes, before)
    assert store.flusher.metrics().failures == 0


def test_a_store_that_is_garbage_takes_its_thread_with_it(device: Watched) -> None:
    before = threads()
    store = FasterKv.open(device, create=True, settings=SMALL, flush=SOON, kernels="interpreted")
    runtime = store._parts.disk.runtime
    fill(store, "s", 2 * RING)
    assert len(threads()) == len(before) + 1
    del store
    gc.collect()
    assert runtime.until("the thread", lambda: threads() == before, runtime.now() + 30)


@pytest.mark.parametrize("way", ["", "raise SystemExit(0)", "import os; os.kill(os.getpid(), 2)"])
def test_an_interpreter_ends_beside_a_worker_at_work(tmp_path: Path, way: str) -> None:
    code = f"""
import sys; sys.path.append({str(Path(__file__).parent)!r})
from conftest import *
store = FasterKv.open({str(tmp_path / "s")!r}, create=True, settings=SMALL, flush=SOON, kernels="interpreted")
fill(store, "s", 3 * RING)
print(store.flusher.state, flush=True)
{way}
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "running\n"
    assert (done.returncode == 0, "Fatal" in done.stderr) == ("kill" not in way, False)
    with FasterKv.open(tmp_path / "s", kernels="interpreted") as store:
        store.check()


def test_an_error_in_the_worker_ends_it_and_nothing_else(
    device: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(device) as store:
        monkeypatch.setattr(store.flusher._aims, "goal", lambda tail, level: 1 // 0)
        fill(store, "s", 2 * RING)
        wait_for(store, lambda: store.flusher.state == "failed")
        assert "ZeroDivisionError" in store.flusher.metrics().last_error
        fill(store, "more", 2 * RING)
        assert store.checkpoint().serials == {"s": 8 * RING, "more": 8 * RING}
        store.flusher.stop()
        assert store.flusher.state == "failed"
        monkeypatch.undo()
        store.flusher.start()
        assert store.flusher.state == "running"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_closes_without_the_thread_that_it_has_not(tmp_path: Path) -> None:
    with FasterKv.open(
        tmp_path / "s", create=True, settings=SMALL, flush=SOON, kernels="interpreted"
    ) as store:
        fill(store, "s", 2 * RING)
        child = os.fork()
        if child == 0:
            try:
                store.close()
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        fill(store, "more", RING)
        assert store.flusher.state == "running"


# -- failing -----------------------------------------------------------------------------------------


def test_a_flush_that_fails_moves_nothing_is_told_and_tried_again(device: Watched) -> None:
    with opened(device) as store:
        failing(device, errno.EIO, 3)
        fill(store, "s", RING // 2)
        flushed = store.stats().flushed
        store.flusher.start()
        store._parts.log.ring.shift_read_only(4 * PAGE)
        fill(store, "more", 1)
        wait_for(store, lambda: store.stats().flusher.failures > 0)
        metrics = store.flusher.metrics()
        assert "Input/output error" in metrics.last_error
        wait_for(store, lambda: store.stats().flushed == 4 * PAGE > flushed)
        metrics = store.flusher.metrics()
        assert (metrics.failures, metrics.in_a_row, metrics.state) == (3, 0, "running")
        content = dict(store.items())
        store.checkpoint()
    with opened(device) as store:
        assert dict(store.items()) == content
        store.check()


def test_a_device_that_fails_on_and_on_fails_checkpoints_and_writers_and_hangs_nobody(
    device: Watched,
) -> None:
    with opened(device) as store:
        fill(store, "s", 2)
        failing(device, errno.ENOSPC)
        with pytest.raises(DeviceError):
            fill(store, "full", 4 * RING)
        with pytest.raises(CheckpointError, match="No space"):
            store.checkpoint()
        held = store.flusher.metrics().held_seconds
        device.during = lambda: None
        fill(store, "again", 2 * RING)
        assert held < 30
        assert store.checkpoint().serials["again"] == 8 * RING
        store.check()


def test_an_error_that_no_time_mends_ends_the_worker_and_writers_are_told_themselves(device: Watched) -> None:
    with opened(device) as store:
        failing(device, errno.EBADF)
        with pytest.raises(DeviceError):
            fill(store, "s", 2 * RING)
        wait_for(store, lambda: store.flusher.state == "failed")
        assert store.flusher.metrics().failures == 1
        device.during = lambda: None
        fill(store, "more", 2 * RING)
        store.check()


def test_a_poisoned_store_is_left_alone(device: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(device) as store:
        fill(store, "s", RING)
        store.flusher.start()

        def fail(name: str) -> None:
            raise OSError(errno.EIO, "no")

        monkeypatch.setattr(device, "sync", fail)
        with pytest.raises(PoisonedError):
            store.checkpoint()
        writes = device.writes
        store.flusher._bell.ring()
        store.flusher.stop()
        assert device.writes == writes


def test_a_checkpoint_beside_the_worker_holds_what_was_done_before_it(device: Watched) -> None:
    with opened(device) as store:
        writers = [threading.Thread(target=fill, args=(store, f"s{number}", 3 * RING)) for number in range(3)]
        for each in writers:
            each.start()
        points = [store.checkpoint() for _ in range(6)]
        for each in writers:
            each.join()
        store.flusher.stop()
        store.check()
    assert len(points) == 6
    with opened(device) as store:
        serials = store.serials()
        assert points[-1].serials.items() <= serials.items()
        expected = {f"{name} {number}".encode() for name, count in serials.items() for number in range(count)}
        assert set(dict(store.items())) == expected
