"""An operation or a checkpoint that broke off leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import numpy as np
import pytest

from powercut.engine import CheckpointError, FasterKv, MemoryDevice, OperationError, PoisonedError, Settings
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import Space, set_turn

KERNELS = ("interpreted", "compiled")
SMALL = Settings(page_bytes=1024, segment_bytes=4096, write_unit=512, extent_bytes=512, ring_pages=2)


@pytest.fixture(params=KERNELS)
def store(request: pytest.FixtureRequest) -> Iterator[FasterKv]:
    if request.param == "compiled":
        pytest.importorskip("numba")
    with FasterKv.open(MemoryDevice(), create=True, settings=SMALL, kernels=request.param) as opened:
        yield opened


def make_cold(store: FasterKv) -> None:
    session = store.session("filler")
    for number in range(12):
        session.upsert(b"filler-%d" % number, bytes(400))
    session.close()


def test_a_misfit_on_the_device_leaves_no_answer_for_the_next_operation(store: FasterKv) -> None:
    key = (7).to_bytes(8, "little")
    session = store.session("s")
    session.upsert(key, b"no counter at all")
    make_cold(store)
    with pytest.raises(OperationError):
        session.add_many([key], [1])
    assert session.read_many([key]) == [b"no counter at all"]
    assert session.read(key) == b"no counter at all"


def interrupt(*_: object) -> bool:
    raise KeyboardInterrupt


def test_sessions_stay_in_the_checkpoint_after_one_that_was_interrupted(
    store: FasterKv, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "z"):
        session = store.session(name)
        session.upsert(b"k", b"v")
        session.upsert(b"k", b"w")
    with monkeypatch.context() as patch:
        patch.setattr(store._parts.sessions, "shift_all", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.checkpoint()
    assert store.checkpoint().serials == {"a": 2, "z": 2}


def test_an_interrupted_checkpoint_stands_in_nobodys_way(
    store: FasterKv, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = store.session("s")
    session.upsert(b"k", b"v")
    with monkeypatch.context() as patch:
        patch.setattr(store._parts.log.segments, "sync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.checkpoint()
    assert store.phase.name == "REST"
    assert store.checkpoint().serials == {"s": 1}


def test_a_durable_checkpoint_is_told_to_every_holder_of_its_ticket(store: FasterKv) -> None:
    session = store.session("s")
    session.upsert(b"k", b"v")
    ticket = store.start_checkpoint()
    store._checkpointer.finish()
    assert ticket.is_done
    assert ticket.result().serials == {"s": 1}
    session.upsert(b"k", b"w")
    given_up = store.start_checkpoint()
    given_up.abandon()
    with pytest.raises(CheckpointError, match="aborted"):
        given_up.result()


def test_a_boundary_that_was_moved_and_not_deferred_becomes_safe_all_the_same(
    store: FasterKv, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, control = store._parts.log, store._parts.log.spaces.control
    session = store.session("s")
    session.upsert(b"k", b"v")
    with monkeypatch.context() as patch:
        patch.setattr(store._parts.shared.epochs, "defer", lambda action: interrupt())
        with pytest.raises(KeyboardInterrupt):
            log.ring.shift_read_only(control[w.TAIL])
    assert control[w.READ_ONLY] > control[w.SAFE_READ_ONLY]
    make_cold(store)
    assert store.checkpoint().serials == {"s": 1, "filler": 12}
    assert control[w.SAFE_HEAD] == control[w.HEAD]


def test_an_action_that_was_interrupted_runs_later_and_once(store: FasterKv) -> None:
    epochs = store._parts.shared.epochs
    ran: list[str] = []

    def first() -> None:
        if not ran:
            ran.append("interrupted")
            raise KeyboardInterrupt
        ran.append("first")

    with pytest.raises(KeyboardInterrupt):
        epochs.defer(first)
    epochs.drain("what is left")
    assert ran == ["interrupted", "first"]


def test_an_iterator_does_not_tell_half_of_what_froze_while_it_read() -> None:
    """Read-only passes the record, and becomes safe, between two words of the value that are read."""
    with FasterKv.open(MemoryDevice(), create=True, settings=SMALL, kernels="interpreted") as store:
        log = store._parts.log
        control = log.spaces.control
        session = store.session("s")
        session.upsert(b"k", b"A" * 16)
        at = (w.FIRST_ADDRESS >> 3) + w.RECORD_HEADER_WORDS + 1
        link = at - w.RECORD_HEADER_WORDS
        done: list[bool] = []

        def turn(space: Space, word: int, is_write: bool) -> None:
            if space is log.spaces.log and word == at + 1 and not done:
                done.append(True)
                set_turn(None)
                # A writer from before the freeze: the lock, half of its value, and then all is frozen.
                log.spaces.log[link] |= w.LOCK
                log.spaces.log[at] = log.spaces.log[at + 1] = int.from_bytes(b"B" * 8, "little")
                log.spaces.log[link] = (log.spaces.log[link] & ~w.LOCK) + w.SEQUENCE_UNIT
                control[w.READ_ONLY] = control[w.SAFE_READ_ONLY] = control[w.TAIL]

        set_turn(turn)
        try:
            told = dict(store.items())
        finally:
            set_turn(None)
        assert done
        assert told == {b"k": b"B" * 16}


def test_an_interpreted_batch_that_broke_off_poisons_and_lets_go() -> None:
    with closing(FasterKv.open(MemoryDevice(), create=True, settings=SMALL, kernels="interpreted")) as store:
        session = store.session("s")

        def turn(space: Space, word: int, is_write: bool) -> None:
            if space is store._parts.log.spaces.log:
                raise KeyboardInterrupt

        set_turn(turn)
        try:
            with pytest.raises(KeyboardInterrupt):
                session.upsert(b"k", b"v")
        finally:
            set_turn(None)
        calls: list[Callable[[], object]] = [
            store.checkpoint,
            lambda: session.read(b"k"),
            lambda: store.session("t"),
        ]
        for call in calls:
            with pytest.raises(PoisonedError, match="interrupted"):
                call()
        session.close()


def test_a_pending_read_holds_what_a_truncation_would_take(store: FasterKv) -> None:
    session = store.session("s")
    keys = np.arange(3, dtype=np.uint64)
    session.upsert_many(keys, keys)
    make_cold(store)
    ticket = session.start_read(keys[:1].tobytes())
    store.truncate_before(store.stats().head)
    store.checkpoint()
    assert session.complete_pending()
    assert ticket.result() == keys[:1].tobytes()
    assert session.read(keys[:1].tobytes()) is None
