"""A checkpoint of nothing new: it is the newest one, of whatever kind, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from powercut.engine import CheckpointKind, FasterKv, Session, Settings
from powercut.engine.device.memory import MemoryDevice

KINDS = list(CheckpointKind)


class Counted(MemoryDevice):
    """A device that counts the calls that change it."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[str] = []

    def write(self, name: str, offset: int, data: bytes | bytearray | memoryview) -> int:
        self.changes.append(name)
        return super().write(name, offset, data)

    def sync(self, name: str) -> None:
        self.changes.append(name)
        super().sync(name)

    def sync_names(self) -> None:
        self.changes.append("names")
        super().sync_names()


def opened(device: MemoryDevice, tiny: Settings) -> FasterKv:
    return FasterKv.open(device, create=True, settings=tiny, kernels="interpreted")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", KINDS)
def test_where_nothing_is_new_the_newest_is_the_answer_and_nothing_is_written(
    first: CheckpointKind, kind: CheckpointKind, tiny: Settings
) -> None:
    device = Counted()
    with closing(opened(device, tiny)) as store:
        session = store.session("s")
        session.upsert(b"k", b"v")
        point = store.checkpoint(first)
        store._parts.roots.await_third()
        device.changes.clear()
        before = store.stats()
        for _ in range(3):
            assert store.checkpoint(kind) == point
        ticket = store.start_checkpoint(kind)
        assert ticket.is_done
        assert ticket.advance()
        assert ticket.result() == point
        assert store.stats() == before  # The log does not grow either.
        session.upsert(b"k", b"w")
        assert store.checkpoint(kind).kind is kind
    with closing(opened(device, tiny)) as store:
        store._parts.roots.await_third()
        device.changes.clear()
        newest = store.newest
        assert store.checkpoint(kind) == newest  # Of an earlier life.
        assert not device.changes


def test_an_empty_store_has_a_first_checkpoint(tiny: Settings) -> None:
    device = Counted()
    with closing(opened(device, tiny)) as store:
        assert store.newest is None
        point = store.checkpoint()
        assert store.checkpoint() == point


def _read(store: FasterKv, session: Session) -> None:
    session.read(b"k")


def _name(store: FasterKv, session: Session) -> None:
    store.session("another")


def _forget(store: FasterKv, session: Session) -> None:
    store.forget_session("idle")


def _replace(store: FasterKv, session: Session) -> None:
    store.forget_session("idle")
    store.session("idle").close()


def _truncate(store: FasterKv, session: Session) -> None:
    assert store.truncate_before(store.stats().head) >= store.stats().page_bytes


@pytest.mark.parametrize("change", [_read, _name, _forget, _replace, _truncate])
def test_a_serial_a_name_a_session_forgotten_and_a_truncation_are_news(
    change: Callable[[FasterKv, Session], None], tiny: Settings
) -> None:
    with closing(opened(MemoryDevice(), tiny)) as store:
        store.session("idle").close()
        session = store.session("s")
        for number in range(6):
            session.upsert(b"k%d" % number, b"v" * 400)
        point = store.checkpoint()
        assert store.checkpoint() == point
        change(store, session)
        newer = store.checkpoint()
        assert newer.version > point.version
        assert store.checkpoint() == newer


def test_what_comes_while_a_checkpoint_is_taken_is_news(tiny: Settings) -> None:
    with closing(opened(MemoryDevice(), tiny)) as store:
        session = store.session("s")
        session.upsert(b"k", b"v")
        ticket = store.start_checkpoint()
        for _ in range(3):
            ticket.advance()
        store.session("born").close()
        first = ticket.result()
        assert "born" not in first.serials
        second = store.checkpoint()
        assert second.serials["born"] == 0
        assert store.checkpoint() == second
