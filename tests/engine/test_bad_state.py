"""Bad moments: every operation on what is closed, read-only or poisoned, and two threads in one session."""

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from powercut.engine import (
    ClosedError,
    EngineError,
    FasterKv,
    MemoryDevice,
    PoisonedError,
    ReadOnlyError,
    SessionError,
    Settings,
)
from powercut.engine.kernels import words as w

Call = Callable[..., Any]


def append(old: bytes | None) -> bytes:
    return (old or b"") + b"+"


# Every operation, of a session, a key and a value.
READS: dict[str, Call] = {
    "read": lambda s, key, value: s.read(key),
    "read_many": lambda s, key, value: s.read_many([key]),
    "read_many of a dtype": lambda s, key, value: s.read_many([key], "<u8"),
    "start_read": lambda s, key, value: s.start_read(key),
}
WRITES: dict[str, Call] = {
    "upsert": lambda s, key, value: s.upsert(key, value),
    "insert": lambda s, key, value: s.insert(key, value),
    "upsert_many": lambda s, key, value: s.upsert_many([key], [value]),
    "delete": lambda s, key, value: s.delete(key),
    "rmw": lambda s, key, value: s.rmw(key, append),
    "add_many": lambda s, key, value: s.add_many([key], 1),
    "start_rmw": lambda s, key, value: s.start_rmw(key, append),
}
OPERATIONS = READS | WRITES

# -- states in which nothing is taken ----------------------------------------------------------------------

STORE: dict[str, Callable[[FasterKv], object]] = {
    "session": lambda store: store.session("new"),
    "resume_session": lambda store: store.resume_session("s"),
    "checkpoints": lambda store: store.checkpoints(),
    "serials": lambda store: store.serials(),
    "stats": lambda store: store.stats(),
    "items": lambda store: next(store.items()),
    "scan": lambda store: next(store.scan()),
    "check": lambda store: store.check(),
}
STORE_WRITES: dict[str, Callable[[FasterKv], object]] = {
    "forget_session": lambda store: store.forget_session("closed"),
    "checkpoint": lambda store: store.checkpoint(),
    "start_checkpoint": lambda store: store.start_checkpoint(),
    "truncate_before": lambda store: store.truncate_before(64),
    "compact": lambda store: store.compact(),
}


def test_a_closed_session_does_nothing_whatever_is_asked(either: FasterKv) -> None:
    with either.session("s") as s:
        s.upsert(b"k", b"v")
    for call in OPERATIONS.values():
        for key in (b"k", b"", "text", None):
            with pytest.raises(ClosedError):
                call(s, key, b"v")
    with pytest.raises(ClosedError):
        s.complete_pending()
    s.close()
    assert either.serials() == {"s": 1}
    assert dict(either.items()) == {b"k": b"v"}


def test_a_closed_store_does_nothing_whatever_is_asked(device: MemoryDevice, tiny: Settings) -> None:
    store = FasterKv.open(device, create=True, settings=tiny)
    s = store.session("s")
    items, scan = store.items(), store.scan()
    store.close()
    for ask in (STORE | STORE_WRITES).values():
        with pytest.raises(ClosedError):
            ask(store)
    for call in OPERATIONS.values():
        with pytest.raises(ClosedError):
            call(s, b"k", b"v")
    for iterator in (items, scan):
        with pytest.raises(ClosedError):
            next(iterator)
    assert store.close() == store.close(checkpoint=True) == {}


def test_a_store_that_is_read_only_takes_reads_and_nothing_else(device: MemoryDevice, tiny: Settings) -> None:
    with FasterKv.open(device, create=True, settings=tiny) as store, store.session("s") as s:
        store.session("closed").close()
        s.upsert(b"k", bytes(8))
        store.checkpoint()
    with FasterKv.open(device, read_only=True, memory=1 << 20) as store:
        s = store.resume_session("s")
        for call in WRITES.values():
            with pytest.raises(ReadOnlyError):
                call(s, b"k", b"v")
        for ask in STORE_WRITES.values():
            with pytest.raises(ReadOnlyError):
                ask(store)
        assert s.serial == 1
        for number, call in enumerate(READS.values()):
            call(s, b"k", b"v")
            assert s.serial == 2 + number
        s.close()
        for ask in STORE.values():
            ask(store)
        assert dict(store.items()) == {b"k": bytes(8)}


def test_a_poisoned_store_says_so_at_every_entry(failing: Any, tiny: Settings) -> None:
    with closing(FasterKv.open(failing, create=True, settings=tiny)) as store:
        s = store.session("s")
        s.upsert(b"k", bytes(8))
        store.checkpoint()
        s.upsert(b"k", bytes(9))
        items = store.items()
        failing.fails = lambda call, name: call == "sync"
        with pytest.raises(PoisonedError):
            store.checkpoint()
        failing.fails = lambda call, name: False
        for call in OPERATIONS.values():
            with pytest.raises(PoisonedError):
                call(s, b"k", b"v")
        for ask in (STORE | STORE_WRITES).values():
            with pytest.raises(PoisonedError):
                ask(store)
        with pytest.raises(PoisonedError):
            next(items)
        assert s.serial == 2
    with closing(FasterKv.open(failing, settings=tiny)) as store:
        assert (store.serials(), dict(store.items())) in (
            *(({"s": 1}, {b"k": bytes(8)}), ({"s": 2}, {b"k": bytes(9)})),
        )
        store.check()


# -- two at once in one session --------------------------------------------------------------------------


@pytest.mark.parametrize("what", list(OPERATIONS))
def test_a_batch_of_another_thread_is_told_apart_and_nothing_is_lost(either: FasterKv, what: str) -> None:
    """The row is held by hand, as the kernel of a thread holds it that came in unseen."""
    with either.session("s") as s:
        s.upsert(b"k", bytes(8))
        epochs, row = either.spaces[3], s._driver.state.row
        epochs[row + w.ROW_STATE] = either.stats().epoch
        epochs[row + w.ROW_SERIAL] += 7  # What that batch has issued, and not done yet.
        try:
            with pytest.raises(SessionError, match="in use"):
                OPERATIONS[what](s, b"k", bytes(8))
            assert (epochs[row + w.ROW_SERIAL], epochs[row + w.ROW_APPLIED]) == (8, 1)
            assert epochs[row + w.ROW_STATE] == either.stats().epoch
        finally:
            epochs[row + w.ROW_SERIAL] = 1
            epochs[row + w.ROW_STATE] = w.IDLE
        OPERATIONS[what](s, b"k", bytes(8))
        assert s.serial == 2
        either.check()
    assert either.checkpoint().serials == {"s": 2}


@pytest.mark.parametrize("what", list(OPERATIONS))
def test_a_second_thread_while_a_function_runs_is_refused(either: FasterKv, what: str) -> None:
    refusals: list[Exception] = []

    def intrude() -> None:
        try:
            OPERATIONS[what](s, b"k", bytes(8))
        except EngineError as error:
            refusals.append(error)

    def function(old: bytes | None) -> bytes:
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()
        return append(old)

    with either.session("s") as s:
        s.upsert(b"k", b"v")
        assert s.rmw(b"k", function) == b"v+"
        assert [type(error) for error in refusals] == [SessionError]
        assert (s.read(b"k"), s.serial) == (b"v+", 3)
        either.check()
    assert either.checkpoint().serials == {"s": 3}
