"""Waiting for an operation to be durable: nobody is told before two roots name it, and every wait ends."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from powercut.engine import (
    ClosedError,
    FasterKv,
    MemoryDevice,
    OperationError,
    PoisonedError,
    ReadOnlyError,
    Session,
    Settings,
    UnknownSessionError,
)
from powercut.engine.metadata.roots import ROOT_FILES
from powercut.verifier.faster.stepped import SteppedRuntime


def in_thread(call: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """The call in a thread that has begun; what it returned or raised."""
    told: list[object] = []

    def run() -> None:
        try:
            told.append(call())
        except Exception as error:  # noqa: BLE001 (looked at by the test)
            told.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, told


def await_waiter(store: FasterKv) -> None:
    """Until somebody waits in another thread."""
    runtime = store._parts.disk.runtime
    assert runtime.until("a waiter", lambda: bool(store._parts.sessions.watchers), runtime.now() + 30)


def test_who_waits_is_let_go_by_the_checkpoint_that_holds_the_operation(store: FasterKv) -> None:
    session = store.session("s")
    session.upsert(b"k", b"1")
    assert session.wait_durable(0) is True
    assert session.wait_durable(timeout=0) is False
    thread, told = in_thread(session.wait_durable)
    await_waiter(store)
    session.upsert(b"k", b"2")  # The wait is for what was issued when it began, and keeps nobody off.
    assert told == []
    store.checkpoint()
    thread.join(30)
    assert told == [True]
    assert session.wait_durable(2) is True
    session.upsert(b"k", b"3")
    assert (session.wait_durable(2), session.wait_durable(3, timeout=0.01)) == (True, False)
    assert store._parts.sessions.watchers == store._parts.disk.poison.watchers == set()


def test_nobody_is_told_before_two_roots_are_synced(tiny: Settings) -> None:
    class Listening(MemoryDevice):
        def sync(self, name: str) -> None:
            super().sync(name)
            if name in ROOT_FILES and sessions:
                synced.append((name, sessions[0].wait_durable(timeout=0)))

    sessions: list[Session] = []
    synced: list[tuple[str, bool]] = []
    device = Listening()
    store = FasterKv.open(device, create=True, settings=tiny, runtime=SteppedRuntime())
    store._parts.roots.settle()
    session = store.session("s")
    sessions.append(session)
    session.upsert(b"k", b"1")
    store.checkpoint()
    assert [told for _, told in synced] == [False, False]
    assert session.wait_durable(timeout=0) is True
    store.close()
    assert [told for _, told in synced] == [False, False, True]


def test_a_wait_ends_with_the_store_and_with_the_session(tiny: Settings, device: MemoryDevice) -> None:
    store = FasterKv.open(device, create=True, settings=tiny)
    first, second = store.session("first"), store.session("second")
    for each in (first, second):
        each.upsert(b"k", b"v")
    second.close()
    assert second.wait_durable(timeout=0) is False  # A handle that was given up may still ask.
    forgotten, told = in_thread(second.wait_durable)
    await_waiter(store)
    store.forget_session("second")
    forgotten.join(30)
    assert isinstance(told[0], UnknownSessionError)
    closed, told = in_thread(first.wait_durable)
    await_waiter(store)
    store.close()
    closed.join(30)
    assert isinstance(told[0], ClosedError)
    with pytest.raises(ClosedError):
        first.wait_durable()


def test_a_wait_ends_where_the_store_is_poisoned(store: FasterKv) -> None:
    session = store.session("s")
    session.upsert(b"k", b"1")
    store.checkpoint()
    session.upsert(b"k", b"2")
    thread, told = in_thread(session.wait_durable)
    await_waiter(store)
    store._parts.disk.poison.set("planted")
    thread.join(30)
    assert isinstance(told[0], PoisonedError)
    assert session.wait_durable(1) is True  # That it was, it stays.


def test_a_store_that_is_only_read_makes_nothing_durable(device: MemoryDevice, tiny: Settings) -> None:
    with FasterKv.open(device, create=True, settings=tiny) as store:
        store.session("s").upsert(b"k", b"v")
    with FasterKv.open(device, read_only=True) as store, pytest.raises(ReadOnlyError):
        store.session("s").wait_durable()


def test_coroutines_wait_beside_each_other(store: FasterKv) -> None:
    async def main() -> list[object]:
        session = store.session("s")
        await session.durable()
        order: list[object] = []

        async def one(number: int) -> None:
            session.upsert(b"k", b"%d" % number)
            await session.durable()
            order.append(number)

        tasks = [asyncio.create_task(one(number)) for number in range(3)]
        await asyncio.sleep(0)
        late = asyncio.create_task(session.durable(3))
        await asyncio.sleep(0)
        late.cancel()
        await asyncio.to_thread(store.checkpoint)
        await asyncio.gather(*tasks)
        assert late.cancelled() or late.cancelling()
        with pytest.raises(OperationError):
            await session.durable(4)
        session.upsert(b"k", b"last")
        waiting = asyncio.create_task(session.durable())
        await asyncio.sleep(0)
        await asyncio.to_thread(store.close)
        with pytest.raises(ClosedError):
            await waiting
        return order

    assert sorted(map(int, map(str, asyncio.run(main())))) == [0, 1, 2]
    assert store._parts.sessions.watchers == set()


def test_callbacks_are_told_once_of_each_session_that_has_grown(store: FasterKv) -> None:
    told: list[tuple[str, int]] = []
    end = store.on_durable(lambda name, serial: told.append((name, serial)))
    a, b = store.session("a"), store.session("b")
    a.upsert(b"k", b"1")
    b.upsert(b"k", b"2")
    b.upsert(b"k", b"3")
    assert told == []
    store.checkpoint()
    assert told == [("a", 1), ("b", 2)]
    a.upsert(b"k", b"4")
    store.checkpoint()
    store.checkpoint()
    assert told == [("a", 1), ("b", 2), ("a", 2)]
    end()
    end()
    a.upsert(b"k", b"5")
    store.checkpoint()
    assert len(told) == 3


def test_a_callback_may_use_the_store_and_what_it_raises_harms_nobody(
    store: FasterKv, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[int] = []

    def again(name: str, serial: int) -> None:
        told.append(serial)
        if serial < 3:
            session.upsert(b"k", b"again")
            store.checkpoint()

    def broken(name: str, serial: int) -> None:
        raise RuntimeError("mine")

    session = store.session("s")
    store.on_durable(broken)
    store.on_durable(again)
    session.upsert(b"k", b"1")
    with caplog.at_level(logging.ERROR, "powercut.checkpoint"):
        store.checkpoint()
    assert told == [1, 2, 3]
    assert len(caplog.records) == 3
    assert session.wait_durable(3, timeout=0) is True


def test_what_is_durable_when_a_session_is_taken_up_is_known(tmp_path: Path, tiny: Settings) -> None:
    with FasterKv.open(tmp_path / "s", create=True, settings=tiny) as store:
        store.session("s").upsert(b"k", b"v")
    with FasterKv.open(tmp_path / "s") as store:
        session = store.resume_session("s")
        assert session.wait_durable(1, timeout=0) is True
        session.upsert(b"k", b"w")
        assert session.wait_durable(timeout=0) is False
