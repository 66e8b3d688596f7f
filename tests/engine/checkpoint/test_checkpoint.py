"""Checkpoints: the prefix, aborted ones, long chains, version bits past their wrap, poison."""

from collections.abc import Callable
from contextlib import closing

import pytest

from powercut.engine import (
    CheckpointError,
    CheckpointTicket,
    FasterKv,
    MemoryDevice,
    Phase,
    PoisonedError,
    Settings,
    Version,
)
from powercut.engine.metadata.tables import CHAIN_BLOCKS_MAX

FailOnce = Callable[[str, str], object]


def test_the_cut_lies_where_each_session_meets_the_shift(device: MemoryDevice, tiny: Settings) -> None:
    with FasterKv.open(device, create=True, settings=tiny) as store:
        early, late = store.session("early"), store.session("late")
        late.upsert(b"late", b"1")
        ticket = store.start_checkpoint()
        assert store.phase.name == "PREPARE"
        early.upsert(b"early", b"1")
        ticket.advance()
        early.upsert(b"early", b"2")
        ticket.advance()
        assert store.phase.name == "IN_PROGRESS"
        early.upsert(b"early", b"of the next version")
        early.delete(b"late")
        assert ticket.result().serials == {"early": 2, "late": 1}
        assert store.close() == {"early": 2}
    with FasterKv.open(device, memory=1 << 20) as store:
        assert dict(store.items()) == {b"early": b"2", b"late": b"1"}
        store.check()


def test_an_rmw_whose_function_takes_a_checkpoint_is_not_in_it(device: MemoryDevice, tiny: Settings) -> None:
    with closing(FasterKv.open(device, create=True, settings=tiny)) as store, store.session("s") as s:
        s.upsert(b"k", b"1")

        def checkpoint(old: bytes | None) -> bytes:
            assert store.checkpoint().serials == {"s": 1}
            return (old or b"") + b"2"

        assert s.rmw(b"k", checkpoint) == b"12"
    with closing(FasterKv.open(device, memory=1 << 20)) as store:
        assert dict(store.items()) == {b"k": b"1"}
        assert store.serials() == {"s": 1}


def test_an_rmw_that_meets_a_record_of_the_next_version_is_not_in_the_checkpoint(
    device: MemoryDevice, tiny: Settings
) -> None:
    with closing(FasterKv.open(device, create=True, settings=tiny)) as store:
        s, other = store.session("s"), store.session("other")
        s.upsert(b"k", b"1")
        tickets: list[CheckpointTicket] = []

        def shift(old: bytes | None) -> bytes:
            if not tickets:
                tickets.append(store.start_checkpoint())
                tickets[0].advance()
                tickets[0].advance()
                other.upsert(b"k", b"next")
            return (old or b"") + b"!"

        assert s.rmw(b"k", shift) == b"next!"
        assert tickets[0].result().serials == {"other": 0, "s": 1}
    with closing(FasterKv.open(device, memory=1 << 20)) as store:
        assert dict(store.items()) == {b"k": b"1"}


def test_a_second_checkpoint_at_once_is_refused_and_the_first_goes_on(store: FasterKv) -> None:
    ticket = store.start_checkpoint()
    with pytest.raises(CheckpointError, match="PREPARE"):
        store.start_checkpoint()
    assert ticket.result().version == Version(1, 1)
    assert ticket.is_done


@pytest.mark.parametrize("file", ["segment", "tables"])
def test_a_failed_write_aborts_and_a_retry_succeeds_with_a_new_version(
    failing: MemoryDevice, tiny: Settings, fail_once: FailOnce, file: str
) -> None:
    with closing(FasterKv.open(failing, create=True, settings=tiny)) as store, store.session("s") as s:
        s.upsert(b"k", b"1")
        failing.fails = fail_once("write", file)  # type: ignore[attr-defined]
        with pytest.raises(CheckpointError, match="try again"):
            store.checkpoint()
        assert store.phase is Phase.REST
        assert store.newest is None
        s.upsert(b"k", b"2")
        assert store.checkpoint().version == Version(1, 2)
        s.upsert(b"k", b"3")
    with closing(FasterKv.open(failing, memory=1 << 20)) as store:
        assert dict(store.items()) == {b"k": b"2"}


@pytest.mark.parametrize("call", ["segment", "tables", "names", "root"])
def test_a_failed_sync_poisons_every_entry_until_the_store_is_opened_again(
    failing: MemoryDevice, tiny: Settings, fail_once: FailOnce, call: str
) -> None:
    store = FasterKv.open(failing, create=True, settings=tiny)
    s = store.session("s")
    s.upsert(b"k", b"1")
    wanted = ("sync_names", "") if call == "names" else ("sync", call)
    failing.fails = fail_once(*wanted)  # type: ignore[attr-defined]
    with pytest.raises(PoisonedError):
        store.checkpoint()
    entries: list[Callable[[], object]] = [
        lambda: s.read(b"k"),
        lambda: s.upsert(b"k", b"2"),
        lambda: s.insert(b"k", b"2"),
        lambda: s.delete(b"k"),
        lambda: s.rmw(b"k", lambda old: old),
        lambda: store.session("other"),
        lambda: store.resume_session("s"),
        lambda: store.forget_session("s"),
        store.checkpoint,
        store.start_checkpoint,
        store.checkpoints,
        store.serials,
        lambda: list(store.items()),
        store.check,
    ]
    for entry in entries:
        with pytest.raises(PoisonedError, match="open it again"):
            entry()
    assert store.close() == {"s": 1}
    with FasterKv.open(failing, memory=1 << 20) as store:
        assert dict(store.items()) in ({}, {b"k": b"1"})
        store.session("s").upsert(b"k", b"2")


def test_a_failed_write_of_a_root_poisons(failing: MemoryDevice, tiny: Settings, fail_once: FailOnce) -> None:
    store = FasterKv.open(failing, create=True, settings=tiny)
    store._parts.roots.settle()  # The third copy would wait for room.
    failing.fails = fail_once("write", "root")  # type: ignore[attr-defined]
    with pytest.raises(PoisonedError):
        store.checkpoint()
    store.close()


def test_a_chain_of_more_blocks_than_one_opening_reads_is_rewritten_and_keeps_the_newest(
    device: MemoryDevice, tiny: Settings
) -> None:
    """Goal: full blocks bound what opening reads, and what is old goes with the tables that are rewritten."""
    count = 2 * CHAIN_BLOCKS_MAX + 10
    with closing(FasterKv.open(device, create=True, settings=tiny)) as store, store.session("s") as s:
        for number in range(count):
            s.upsert(b"n", b"%d" % number)
            store.checkpoint()
        s.upsert(b"n", b"lost")
    with closing(FasterKv.open(device, memory=1 << 20)) as store:
        store.check()
        assert dict(store.items()) == {b"n": b"%d" % (count - 1)}
        points = store.checkpoints()
        assert [point.version.counter for point in points] == list(range(count, 2 * CHAIN_BLOCKS_MAX - 1, -1))
        assert sum(finding.file == "tables" for finding in store.findings) <= CHAIN_BLOCKS_MAX
    for point in points[::3]:
        with closing(FasterKv.open(device, read_only=True, version=point.version, memory=1 << 20)) as old:
            assert dict(old.items()) == {b"n": b"%d" % (point.version.counter - 1)}


def test_version_bits_past_their_wrap_confuse_nobody(device: MemoryDevice, tiny: Settings) -> None:
    """Goal: records of versions 16 apart, whose bits are equal, are told apart. Method: leave void records of
    several versions, and records of the same bits, made by many checkpoints, above and below them."""
    expected: dict[bytes, bytes] = {}
    store = FasterKv.open(device, create=True, settings=tiny)
    for number in range(60):
        s = store.session("s")
        s.upsert(b"n", b"%d" % number)
        s.upsert(b"k-%d" % (number % 7), b"%d" % number)
        expected |= {b"n": b"%d" % number, b"k-%d" % (number % 7): b"%d" % number}
        if number % 13 != 3:
            store.checkpoint()
            s.close()
            continue
        ticket = store.start_checkpoint()
        ticket.advance()
        ticket.advance()
        s.upsert(b"n", b"void")
        s.upsert(b"void-%d" % number, b"void")
        s.delete(b"k-1")
        ticket.result()
        store.close()
        store = FasterKv.open(device, memory=1 << 20)
        store.check()
        assert dict(store.items()) == expected
    assert store.checkpoints()[0].version.counter > 48  # Three times around.
    store.close()
    with FasterKv.open(device, memory=1 << 20) as store:
        store.check()
        assert dict(store.items()) == expected
        assert len(store._parts.voids) >= 4
