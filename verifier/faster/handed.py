"""Handles that nobody closes, and sessions without a name: a script over each, held against arithmetic.

An operation belongs to the version that the store is in when it is issued, and a checkpoint of that version
holds it. So of a session without a name, which no checkpoint names, what is unsaved and how far one may wait
follow from the versions alone; of one that was dropped, so do its serial and what it had begun.

Threads: one that is ended before anything goes on. Nothing depends on when the collector runs: a handle is
dropped by its last reference.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from typing import Any, Final

from powercut.engine import EngineError, FasterKv, MemoryDevice, Session, SessionError, Settings

from .stepped import SteppedRuntime

__all__ = ["asked_sessions"]

Asked = tuple[list[object], list[object]]  # What was expected, and what was found.
_SMALL: Final = Settings(
    page_bytes=1024, segment_bytes=4096, write_unit=512, extent_bytes=512, ring_pages=2, index_buckets=64
)
_COLD: Final = 40  # Records behind which the first is on the device.
_MANY: Final = 260  # More sessions than there are rows.


def asked_sessions() -> Asked:
    """All scripts. A handle that is dropped warns, and nobody is to see it here."""
    expected, found = list[object](), list[object]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for script in (_nameless, _dropped, _left, _crowded):
            with _opened() as store:
                try:
                    for one, other in script(store):
                        expected.append(one)
                        found.append(other)
                except EngineError as error:
                    expected.append("no error")
                    found.append(type(error).__name__)
    return expected, found


class _Owned(SteppedRuntime):
    """A runtime without threads of its own whose callers come and go."""

    def owner(self) -> threading.Thread:
        return threading.current_thread()


def _opened() -> FasterKv:
    return FasterKv.open(
        MemoryDevice(), create=True, settings=_SMALL, kernels="interpreted", runtime=_Owned()
    )


def _counts(store: FasterKv) -> int:
    """Writes that sessions have counted, however they were done."""
    stats = store.stats()
    return stats.in_place + stats.copied + stats.appended


def _nameless(store: FasterKv) -> Iterator[tuple[object, object]]:
    """An operation, a checkpoint taken some steps on, an operation, the session's end, the checkpoint's."""
    unsaved = store._parts.sessions.unsaved
    for steps in range(12):
        session = store.session()
        session.upsert(b"k", b"1")
        ticket = store.start_checkpoint()
        for _ in range(steps):
            if ticket.is_done:
                break
            ticket.advance()
        version = store.stats().version
        session.upsert(b"k", b"2")
        yield [("", 2, True)], [(each.name, each.serial, each.is_live) for each in store.sessions()]
        if steps % 2:
            session.close()
        late = int(version != ticket.result().version.counter)
        yield ({"": late} if late else {}), unsaved()
        yield bool(late), store._parts.has_news
        yield (True, not late), (session.wait_durable(1, timeout=0.0), session.wait_durable(2, timeout=0.0))
        session.close()
        yield [], store.sessions()
        store.checkpoint()
        yield ({}, True), (unsaved(), session.wait_durable(2, timeout=0.0))


def _dropped(store: FasterKv) -> Iterator[tuple[object, object]]:
    """Handles dropped in the middle: with writes, and with an rmw that waits for the device."""
    for number in range(3):
        store.session("s").upsert(b"k", b"v")
        yield number + 1, _counts(store)
        yield {"s": number + 1}, store.serials()
    closed = store.session("s")
    closed.upsert(b"k", b"v")
    closed.close()
    store.session("s").close()
    del closed  # After the next of its name was opened, and counted.
    yield 4, _counts(store)
    with store.session("fill") as session:
        for number in range(_COLD):
            session.upsert(b"%04d" % number, b"v" * 60)
    ticket = store.session("s").start_rmw(b"0000", lambda old: (old or b"") + b"+")
    yield 5, store.checkpoint().serials["s"]
    yield (True, b"v" * 60 + b"+"), (ticket.is_done, ticket.result())
    session = store.session("s")
    yield (5, b"v" * 60 + b"+"), (session.serial, session.read(b"0000"))
    session.close()


def _left(store: FasterKv) -> Iterator[tuple[object, object]]:
    """A handle that is held, of a thread that has ended; it is taken from nobody else, nor in a call."""
    held: list[Session] = []

    def work() -> None:
        held.append(store.session("s"))
        held[0].upsert(b"k", b"1")

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    thread.join()
    yield [("s", 1, 0, True, "worker")], [tuple(each) for each in store.sessions()]
    yield b"refused", held[0].rmw(b"k", lambda old: b"refused" if _is_refused(store, "s") else b"given")
    with store.session("s") as session:
        yield (2, True, True), (session.serial, held[0].is_closed, _is_refused(store, "s"))


def _crowded(store: FasterKv) -> Iterator[tuple[object, object]]:
    """More sessions than rows, each dropped; then as many as there are, and walks beside them."""
    for _ in range(_MANY):
        store.session().upsert(b"k", b"v")
    yield _MANY, _counts(store)
    held: list[Any] = []
    while not _is_refused(store, f"s{len(held)}"):
        held.append(store.session(f"s{len(held)}"))
    yield [(b"k", b"v")] * 2, [next(store.items()), next(store.items())]
    for session in held:
        session.close()
    yield 0, store._parts.sessions.live


def _is_refused(store: FasterKv, name: str) -> bool:
    try:
        store.session(name).close()
    except SessionError:
        return True
    return False
