"""Closing gives the device to its next owner whole: nothing of the closed store reaches it later."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest

from powercut.engine import (
    CheckpointError,
    CorruptionError,
    FasterKv,
    MemoryDevice,
    NotAStoreError,
    OperationError,
    PoisonedError,
    Settings,
)
from powercut.engine.metadata.roots import ROOT_FILES, read_roots
from powercut.verifier.faster.stepped import SteppedRuntime


def test_ticket_of_a_closed_store_is_aborted(tiny: Settings) -> None:
    device = MemoryDevice()
    store = FasterKv.open(device, create=True, settings=tiny)
    store.session("a").upsert(b"k", b"1")
    ticket = store.start_checkpoint()
    store.close()
    with FasterKv.open(device, settings=tiny) as heir:
        heir.session("b").upsert(b"k", b"2")
        heir.checkpoint()
        with pytest.raises(CheckpointError, match="aborted"):
            ticket.result()
    with FasterKv.open(device, settings=tiny) as heir:
        assert heir.serials() == {"b": 1}


def test_root_owed_by_a_poisoned_store_is_written_before_the_device_is_free(tiny: Settings) -> None:
    class Failing(MemoryDevice):
        is_failing = False

        def sync(self, name: str) -> None:
            if self.is_failing and name.startswith("segment"):
                raise OSError(5, "planted", name)
            super().sync(name)

    device = Failing()
    store = FasterKv.open(device, create=True, settings=tiny, runtime=SteppedRuntime())
    store.session("a").upsert(b"k", b"1")
    store.checkpoint()
    store.session("b").upsert(b"k", b"2")
    device.is_failing = True
    with pytest.raises(PoisonedError):
        store.checkpoint()
    store.close()
    device.is_failing = False
    device.acquire(device)
    sequences = read_roots(device, device.list(), []).sequences
    device.release(device)
    assert len({sequence >> 32 for sequence in sequences.values()}) == 1


def test_operation_that_meets_an_evicted_record_of_the_next_version_belongs_to_it(tiny: Settings) -> None:
    device = MemoryDevice()
    store = FasterKv.open(device, create=True, settings=tiny)
    first, second = store.session("first"), store.session("second")
    first.upsert(b"k", b"before")
    ticket = store.start_checkpoint()

    def meddle(_: bytes | None) -> bytes:
        if second.serial == 0:
            while store.phase.name != "IN_PROGRESS":
                ticket.advance()
            second.upsert(b"k", b"after the cut")
            for number in range(8):
                second.upsert(b"filler-%d" % number, b"x" * 400)
        return b"first"

    first.rmw(b"k", meddle)
    point = ticket.result()
    store.close()
    assert point.serials == {"first": 1, "second": 0}
    with FasterKv.open(device, settings=tiny) as store:
        assert store.session("reader").read(b"k") == b"before"


def test_a_longer_file_that_is_named_as_a_root_is_somebodys_and_left_alone(tiny: Settings) -> None:
    device = MemoryDevice()
    device.create("root-a")
    device.write("root-a", 0, b"x" * 1800)
    with pytest.raises(NotAStoreError, match="longer than a root"):
        FasterKv.open(device, create=True, settings=tiny)
    assert device.list() == ["root-a"]
    assert device.size("root-a") == 1800


def test_an_interrupted_creation_beside_files_of_others_is_taken_up_and_they_are_left_alone(
    tiny: Settings,
) -> None:
    device = MemoryDevice()
    device.create("root-a")
    device.create("thesis.txt")
    device.write("thesis.txt", 0, b"chapter one")
    FasterKv.open(device, create=True, settings=tiny).close()
    assert device.acquire(None)
    data = bytearray(11)
    assert device.read_into("thesis.txt", 0, data) == device.size("thesis.txt") == 11
    assert data == b"chapter one"


def test_tables_without_a_valid_root_are_never_an_empty_store(tiny: Settings) -> None:
    device = MemoryDevice()
    for name in (*ROOT_FILES, "tables"):
        device.create(name)
    with pytest.raises(CorruptionError, match="tables"):
        FasterKv.open(device, create=True, settings=tiny)


def test_wrong_kind_of_checkpoint_is_refused_and_the_next_one_goes_on(tiny: Settings) -> None:
    store = FasterKv.open(MemoryDevice(), create=True, settings=tiny)
    with pytest.raises(CheckpointError, match="no kind"):
        store.checkpoint("x")  # type: ignore[arg-type]
    store.checkpoint()


def test_close_with_checkpoint_takes_a_running_one_to_its_end_first(tiny: Settings) -> None:
    device = MemoryDevice()
    store = FasterKv.open(device, create=True, settings=tiny)
    session = store.session("a")
    session.upsert(b"k", b"1")
    ticket = store.start_checkpoint()
    while store.phase.name != "IN_PROGRESS":
        ticket.advance()
    session.upsert(b"k", b"2")
    assert store.close(checkpoint=True) == {}
    with FasterKv.open(device, settings=tiny) as store:
        assert dict(store.items()) == {b"k": b"2"}


def test_the_closing_checkpoint_has_an_image_of_the_index_where_one_is_asked_for(tiny: Settings) -> None:
    device = MemoryDevice()
    store = FasterKv.open(device, create=True, settings=tiny)
    store.session("a").upsert(b"k", b"1")
    with pytest.raises(OperationError, match="checkpoint=True"):
        store.close(index=True)
    store.session("b").upsert(b"k", b"2")  # It is open still.
    assert store.close(checkpoint=True, index=True) == {}
    with FasterKv.open(device, settings=tiny) as store:
        assert store.newest is not None
        assert store.newest.index == store.newest.version
        assert store.serials() == {"a": 1, "b": 1}
        assert {each.verdict for each in store.findings if each.file.startswith("index-")} == {"accepted"}


@pytest.mark.parametrize("role", ["segment", "tables", "root"])
def test_interrupt_inside_a_checkpoint_leaves_a_store_that_goes_on_or_says_why_not(
    tiny: Settings, role: str
) -> None:
    class Interrupting(MemoryDevice):
        is_armed = False

        def sync(self, name: str) -> None:
            if self.is_armed and name.startswith(role):
                self.is_armed = False
                raise KeyboardInterrupt
            super().sync(name)

    device = Interrupting()
    store = FasterKv.open(device, create=True, settings=tiny)
    store.session("a").upsert(b"k", b"1")
    device.is_armed = True
    with pytest.raises(KeyboardInterrupt):
        store.checkpoint()
    if role == "segment":
        assert store.checkpoint().serials == {"a": 1}
    else:
        with pytest.raises(PoisonedError, match="interrupted"):
            store.checkpoint()
    store.close()
    with FasterKv.open(device, settings=tiny) as store:
        assert store.serials() in ({}, {"a": 1})


def test_what_is_no_function_is_refused_before_a_serial_is_taken(tiny: Settings) -> None:
    session = FasterKv.open(MemoryDevice(), create=True, settings=tiny).session("a")
    with pytest.raises(OperationError):
        session.rmw(b"k", None)  # type: ignore[arg-type]
    assert session.serial == 0


def test_memory_of_a_closed_store_goes_with_its_last_name(tmp_path: Path) -> None:
    """Not when the collector comes by: ring and index are most of what a process has."""
    gc.disable()
    try:
        store = FasterKv.open(tmp_path / "s", create=True, kernels="interpreted")
        assert store.flusher.settings.enabled
        store.session("s").upsert(b"k", b"v")
        store.checkpoint()
        spaces = weakref.ref(store._parts.log.spaces)
        store.close()
        assert spaces() is not None
        del store
        assert spaces() is None
    finally:
        gc.enable()


def test_a_closed_store_leaves_nothing_to_the_collector(tiny: Settings) -> None:
    """Over a device in memory too, of which a search closes thousands."""
    gc.collect()
    gc.disable()
    try:
        store = FasterKv.open(MemoryDevice(), create=True, settings=tiny)
        session = store.session("s")
        session.upsert(b"k", b"v")
        store.checkpoint()
        store.on_durable(lambda name, serial: None)
        alive = weakref.ref(store._runtime)
        store.close()
        del store, session
        assert alive() is None
    finally:
        gc.enable()
