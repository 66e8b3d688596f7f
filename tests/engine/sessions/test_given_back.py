"""Sessions that nobody closes: dropped handles, threads that have ended, and sessions without a name."""

from __future__ import annotations

import gc
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from powercut.engine import FasterKv, MemoryDevice, Session, SessionError, Settings, Ticket
from powercut.engine.shared.spaces import SESSIONS_MAX

SMALL = Settings(
    page_bytes=1024, segment_bytes=4096, write_unit=512, extent_bytes=512, ring_pages=2, index_buckets=64
)
KEPT: list[Session] = []  # What something still holds.


@pytest.fixture(scope="module", autouse=True)
def _only_what_is_new() -> None:
    """Leaves out of hundreds of collections in this file all that other tests have left behind."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def store() -> Any:
    with FasterKv.open(MemoryDevice(), create=True, settings=SMALL, kernels="interpreted") as store:
        yield store
    KEPT.clear()


def in_thread(call: Any) -> None:
    thread = threading.Thread(target=call, name="worker")
    thread.start()
    thread.join()


def leave(store: FasterKv, name: str, content: dict[bytes, bytes]) -> None:
    """Write the content in a session, and drop that."""
    session = store.session(name)
    for key, value in content.items():
        session.upsert(key, value)
    del session
    gc.collect()


# ---- dropped handles


def test_threads_that_end_without_closing_leave_room_for_others(store: FasterKv) -> None:
    """Goal: more threads than there are rows, none of which closes; reads, walks and scans go on."""

    def work() -> None:
        for number in range(SESSIONS_MAX + 20):
            in_thread(partial(leave, store, f"s{number}", {b"%d" % number: b"v"}))

    with pytest.warns(ResourceWarning, match="dropped and not closed"):
        work()
    assert len(list(store.items())) == SESSIONS_MAX + 20
    assert len(list(store.scan())) == SESSIONS_MAX + 20
    assert set(store.serials().values()) == {1}
    assert store.checkpoint().serials == store.serials()


def test_a_dropped_session_is_given_back_at_its_last_serial(store: FasterKv) -> None:
    with pytest.warns(ResourceWarning, match=r"session 's' was dropped and not closed: .* at serial 2"):
        leave(store, "s", {b"a": b"1", b"b": b"2"})
    with store.session("s") as session:
        assert session.serial == 2
        session.upsert(b"c", b"3")
    assert store.close(checkpoint=False) == {"s": 3}


def test_what_a_dropped_session_has_begun_is_done_before_a_checkpoint(store: FasterKv) -> None:
    """Goal: an rmw that waits for the device when its handle is dropped is not lost; no checkpoint waits."""
    with store.session("fill") as fill:
        for number in range(60):
            fill.upsert(b"%04d" % number, b"v" * 60)

    def begin() -> Ticket:
        ticket = store.session("s").start_rmw(b"0000", lambda old: (old or b"") + b"+")
        gc.collect()
        return ticket

    with pytest.warns(ResourceWarning, match="'s' was dropped"):
        ticket = begin()
    assert not ticket.is_done
    point = store.checkpoint()
    assert point.serials["s"] == 1
    assert ticket.result() == b"v" * 60 + b"+"
    assert store.session("again").read(b"0000") == b"v" * 60 + b"+"


def test_counters_of_dropped_sessions_are_counted_once(store: FasterKv) -> None:
    for _ in range(5):
        with pytest.warns(ResourceWarning, match="is given back"):
            leave(store, "s", {b"k": b"v"})
    assert store.stats().appended + store.stats().in_place + store.stats().copied == 5
    with store.session("s") as session:
        session.upsert(b"k", b"v")
    assert store.stats().appended + store.stats().in_place + store.stats().copied == 6


def test_a_session_that_outlives_its_store_is_dropped_in_silence(recwarn: pytest.WarningsRecorder) -> None:
    store = FasterKv.open(MemoryDevice(), create=True, settings=SMALL, kernels="interpreted")
    session = store.session("s")
    session.upsert(b"k", b"v")
    store.close()
    del session, store
    gc.collect()
    assert [str(each.message) for each in recwarn if "given back" in str(each.message)] == []


# ---- threads that have ended


def test_a_name_whose_thread_has_ended_can_be_had_again_though_its_handle_is_held(store: FasterKv) -> None:
    def work() -> None:
        KEPT.append(store.session("s"))
        KEPT[0].upsert(b"k", b"1")

    in_thread(work)
    (info,) = store.sessions()
    assert (info.name, info.serial, info.durable, info.is_live, info.thread) == ("s", 1, 0, True, "worker")
    with pytest.warns(ResourceWarning, match="the thread that had it has ended"):
        session = store.session("s")
    assert session.serial == 1
    with pytest.raises(SessionError, match="live"):
        store.session("s")  # Its thread goes on.
    with pytest.raises(Exception, match="closed"):
        KEPT[0].upsert(b"k", b"2")
    session.close()


def test_a_handle_in_use_is_not_taken_from_whoever_uses_it(store: FasterKv) -> None:
    """Goal: opened by a thread that has ended, and in the midst of a call elsewhere."""
    in_thread(lambda: KEPT.append(store.session("s")))

    def ask(old: bytes | None) -> bytes:
        with pytest.raises(SessionError, match="live"):
            store.session("s")
        return b"new"

    assert KEPT[0].rmw(b"k", ask) == b"new"


def test_too_many_sessions_are_refused_with_those_whose_threads_have_ended(store: FasterKv) -> None:
    held = [store.session(f"s{number}") for number in range(SESSIONS_MAX - 1)]
    in_thread(lambda: KEPT.append(store.session("left")))
    with pytest.raises(SessionError, match=r"close one, as 'left', whose threads have ended"):
        store.session("more")
    KEPT[0].close()
    store.session("more").close()
    assert len(held) == SESSIONS_MAX - 1


@pytest.mark.parametrize(
    ("resting", "told"),
    [
        (
            SESSIONS_MAX,
            "one, as 's000', 's001', .* 's007' or one of 248 others, which have issued nothing since",
        ),
        (2, "one, as 's000', 's001', which have issued nothing since the newest checkpoint; sessions"),
        (0, r"one, as 's000', .* 's007' or one of 248 others; sessions\(\) lists them"),
    ],
)
def test_too_many_sessions_are_refused_with_those_that_are_best_closed(
    store: FasterKv, resting: int, told: str
) -> None:
    held = [store.session(f"s{number:03d}") for number in range(SESSIONS_MAX)]
    for session in held:
        session.upsert(b"k", b"v")
    store.checkpoint()
    for session in held[resting:]:
        session.read(b"k")
    with pytest.raises(SessionError, match=f"{SESSIONS_MAX} sessions are live: close {told}"):
        store.session("more")
    held[0].close()
    store.session("more").close()


def test_of_too_many_sessions_without_names_none_is_told(store: FasterKv) -> None:
    held = [store.session() for _ in range(SESSIONS_MAX)]
    with pytest.raises(SessionError, match=r"live: close one; sessions\(\) lists them"):
        store.session()
    assert len(held) == SESSIONS_MAX


# ---- sessions without a name


def test_a_session_without_a_name_leaves_no_name_behind(tmp_path: Path) -> None:
    with FasterKv.open(tmp_path / "s", create=True, settings=SMALL, kernels="interpreted") as store:
        with store.session() as session, store.session() as other:
            session.upsert(b"a", b"1")
            other.upsert(b"b", b"2")
            assert (session.name, session.serial) == ("", 1)
            assert [each[:4] for each in store.sessions()] == [("", 1, 0, True)] * 2
            assert store.checkpoint().serials == {}
            session.upsert(b"a", b"3")
        assert store.sessions() == []
        assert store.serials() == {}
    with FasterKv.open(tmp_path / "s", kernels="interpreted") as store:
        assert dict(store.items()) == {b"a": b"3", b"b": b"2"}  # The block took a checkpoint of the last.
        assert store.sessions() == []


def test_what_sessions_without_a_name_have_issued_is_counted_until_it_is_durable(store: FasterKv) -> None:
    """N1: of a session that issues an operation, and closes, in each phase of a checkpoint."""
    closed_in = 0
    while True:
        session = store.session()
        session.upsert(b"k", b"1")
        ticket = store.start_checkpoint()
        steps = 0
        while steps < closed_in and not ticket.is_done:
            ticket.advance()
            steps += 1
        phase_is_over = ticket.is_done
        session.upsert(b"k", b"2")
        session.close()
        ticket.result()
        later = store._parts.sessions.unsaved().get("", 0)
        assert later in (0, 1)
        assert store._parts.has_news is bool(later)
        assert session.wait_durable(1, timeout=0.0)
        assert session.wait_durable(2, timeout=0.0) is not bool(later)
        store.checkpoint()
        assert store._parts.sessions.unsaved() == {}
        assert session.wait_durable(2, timeout=0.0)
        if phase_is_over:
            assert later == 1
            break
        closed_in += 1
    assert closed_in > 3


def test_those_without_a_name_are_told_as_lost_together(store: FasterKv) -> None:
    with store.session() as one, store.session() as two, store.session("named") as named:
        for session in (one, two, named):
            session.upsert(b"k", b"v")
    assert store.close(checkpoint=False) == {"": 2, "named": 1}


def test_many_short_sessions_without_a_name_leave_nothing_in_memory(store: FasterKv) -> None:
    def work() -> None:
        for _ in range(300):
            with store.session() as session:
                session.upsert(b"k", b"v")

    work()
    nameless = store._parts.sessions._nameless
    store.stats()
    assert not list(nameless.live())
    assert len(nameless._known) == 0
    assert nameless.unsaved(store._parts.log.spaces.epochs) == 300
    store.checkpoint()
    assert nameless.unsaved(store._parts.log.spaces.epochs) == 0
