"""Checkpoints by themselves: due by time or by bytes, none for nothing, and an end from every state."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from powercut.engine import CheckpointError, FasterKv, MemoryDevice, ReadOnlyError, Settings
from powercut.verifier.faster.stepped import SteppedRuntime


def until(store: FasterKv, condition: Callable[[], bool]) -> None:
    runtime = store._parts.disk.runtime
    assert runtime.until("the worker", condition, runtime.now() + 30), store.automatic.last_error


def threads() -> int:
    return sum(each.name == "powercut-checkpoint" for each in threading.enumerate())


@pytest.fixture
def clocked(device: MemoryDevice, tiny: Settings) -> tuple[FasterKv, SteppedRuntime]:
    """A store whose clock stands until it is moved, and its Runtime."""
    runtime = SteppedRuntime()
    return FasterKv.open(device, create=True, settings=tiny, runtime=runtime), runtime


def test_it_is_due_after_so_many_seconds_and_not_before(clocked: tuple[FasterKv, SteppedRuntime]) -> None:
    store, runtime = clocked
    session = store.session("s")
    store.checkpoint_every(seconds=10)
    worker = store.automatic
    for second, taken in ((0, 0), (5, 0), (9.5, 0), (10, 1), (15, 1), (20, 2)):
        runtime.seconds = second
        if second in (5, 15):
            session.upsert(b"k", b"v")
        worker.drive(1)
        assert worker.taken == taken, second
    runtime.seconds = 100
    worker.drive(3)
    assert worker.taken == 2  # W1
    session.upsert(b"k", b"w")  # Ten seconds have passed since the newest: it is due at the next look.
    worker.drive(1)
    assert (worker.taken, session.wait_durable(timeout=0)) == (3, True)


def test_it_is_due_after_so_many_bytes_and_counts_from_anybodys_checkpoint(
    clocked: tuple[FasterKv, SteppedRuntime],
) -> None:
    store, _ = clocked
    session = store.session("s")
    store.checkpoint_every(bytes=400)
    session.upsert(b"a", bytes(300))
    store.automatic.drive(1)
    assert store.automatic.taken == 0
    store.checkpoint()
    store.automatic.drive(1)
    session.upsert(b"b", bytes(300))
    store.automatic.drive(1)
    assert store.automatic.taken == 0
    session.upsert(b"c", bytes(300))
    store.automatic.drive(1)
    assert store.automatic.taken == 1


def test_it_has_an_image_of_the_index_where_one_is_asked_for(
    clocked: tuple[FasterKv, SteppedRuntime],
) -> None:
    store, _ = clocked
    session, worker = store.session("s"), store.automatic
    for is_indexed in (False, True):
        store.checkpoint_every(bytes=1, index=is_indexed)
        worker.drive(1)  # It counts from here.
        session.upsert(b"k", b"%d" % is_indexed)
        worker.drive(1)
        assert store.newest is not None
        assert store.newest.index == (store.newest.version if is_indexed else None)
        worker.drive(1)
        assert worker.taken == 1 + is_indexed  # Nothing new, and so no image either.


def test_a_failure_is_counted_and_tried_again_later(
    clocked: tuple[FasterKv, SteppedRuntime], monkeypatch: pytest.MonkeyPatch, device: MemoryDevice
) -> None:
    store, runtime = clocked
    session, worker = store.session("s"), store.automatic
    session.upsert(b"k", b"v")
    store.checkpoint_every(seconds=1)

    def fail(*_: object) -> int:
        raise OSError(28, os.strerror(28))

    runtime.seconds = 2
    with monkeypatch.context() as patched:
        patched.setattr(device, "write", fail)
        worker.drive(1)
        worker.drive(1)
        assert (worker.failures, worker.taken, worker.state) == (1, 0, "running")
        assert isinstance(worker.last_error, CheckpointError)
        runtime.seconds += 0.06
        worker.drive(1)
        assert worker.failures == 2
    runtime.seconds += 0.06  # The second pause is twice as long.
    worker.drive(1)
    assert worker.taken == 0
    runtime.seconds += 0.06
    worker.drive(1)
    assert (worker.taken, session.wait_durable(timeout=0)) == (1, True)


def test_somebodys_checkpoint_under_way_is_no_failure(clocked: tuple[FasterKv, SteppedRuntime]) -> None:
    store, runtime = clocked
    store.session("s").upsert(b"k", b"v")
    store.checkpoint_every(seconds=1)
    ticket = store.start_checkpoint()
    runtime.seconds = 5
    store.automatic.drive(1)
    assert (store.automatic.taken, store.automatic.failures) == (0, 0)
    ticket.result()


def test_a_thread_takes_them_beside_sessions_and_ends_with_the_store(
    device: MemoryDevice, tiny: Settings
) -> None:
    store = FasterKv.open(device, create=True, settings=tiny)
    session = store.session("s")
    store.checkpoint_every(0.001)
    for number in range(5):
        session.upsert(b"k", b"%d" % number)
        assert session.wait_durable(timeout=30) is True
    assert threads() == 1
    store.checkpoint_every(bytes=1 << 30)  # In place of the seconds.
    until(store, lambda: store.phase.name == "REST")
    session.upsert(b"k", b"late")
    assert session.wait_durable(timeout=0.05) is False
    store.checkpoint_every()
    assert (store.automatic.state, store.automatic.every, threads()) == ("stopped", None, 0)
    store.checkpoint_every(0.001)
    assert session.wait_durable(timeout=30) is True
    assert store.close() == {}
    assert (threads(), store.automatic.state) == (0, "stopped")
    store.automatic.stop()


def test_it_ends_where_the_store_is_poisoned(device: MemoryDevice, tiny: Settings) -> None:
    store = FasterKv.open(device, create=True, settings=tiny)
    store.checkpoint_every(0.001)
    store._parts.disk.poison.set("planted")
    until(store, lambda: store.automatic.state == "failed")
    store.close()
    assert threads() == 0


def test_a_callback_may_close_the_store_that_it_is_called_of(device: MemoryDevice, tiny: Settings) -> None:
    store = FasterKv.open(device, create=True, settings=tiny)
    closed = threading.Event()

    def close(name: str, serial: int) -> None:
        store.close()
        closed.set()

    store.on_durable(close)
    store.session("s").upsert(b"k", b"v")
    store.checkpoint_every(0.001)
    assert closed.wait(30)
    with FasterKv.open(device) as heir:
        assert heir.serials() == {"s": 1}


def test_a_store_that_is_garbage_takes_its_thread_along(device: MemoryDevice, tiny: Settings) -> None:
    store = FasterKv.open(device, create=True, settings=tiny)
    runtime = store._parts.disk.runtime
    store.checkpoint_every(3600)
    assert threads() == 1
    del store
    assert runtime.until("the thread to end", lambda: not threads(), runtime.now() + 30)


def test_a_store_that_is_only_read_takes_none(device: MemoryDevice, tiny: Settings) -> None:
    FasterKv.open(device, create=True, settings=tiny).close()
    with FasterKv.open(device, read_only=True) as store, pytest.raises(ReadOnlyError):
        store.checkpoint_every(1)
