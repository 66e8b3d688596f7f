"""A copy beside truncations, and cut off by the power at any moment, is whole or no store.

Method: copies are cut at every crash state, and run beside a truncation whose checkpoint would take the
source's files away; a copier that leaves out a sync, or the pin, is told.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from powercut.engine import (
    CheckpointError,
    EngineError,
    FasterKv,
    MemoryDevice,
    Settings,
    ThreadRuntime,
    Version,
)
from powercut.engine.checkpoint.backup import copy_checkpoints
from powercut.engine.metadata.extents import segment_name
from powercut.engine.metadata.layout import Pointer
from powercut.engine.metadata.roots import ROOT_FILES
from powercut.engine.shared.pins import Pins
from powercut.faultfs import FaultDevice, Law, crash_states
from powercut.verifier.faster.stepped import SteppedRuntime

Content = dict[bytes, bytes]


# -- beside a truncation -----------------------------------------------------------------------------


class Meanwhile(MemoryDevice):
    """Runs a call just before write number `at`."""

    def __init__(self, at: int, call: Callable[[], None]) -> None:
        super().__init__()
        self.left = at
        self.call = call

    def create(self, name: str) -> None:
        self.left -= 1
        if self.left == -1:
            self.call()
        super().create(name)


def copy_beside_truncations(tiny: Settings) -> int:
    """Copies, at each of whose new files the source is truncated and checkpointed; how many there were.

    Raises what a copy raises, and AssertionError where one holds anything but a checkpoint.
    """
    copies = 0
    while True:
        with FasterKv.open(MemoryDevice(), create=True, settings=tiny, runtime=SteppedRuntime()) as store:
            session = store.session("s")
            for number in range(40):
                session.upsert(b"k%d" % number, bytes([number]) * 100)
            held = {store.checkpoint().version: dict(store.items())}

            def truncate(store: FasterKv = store, held: dict[Version, Content] = held) -> None:
                store.truncate_before(store.stats().tail)
                for _ in range(2):
                    held[store.checkpoint().version] = dict(store.items())

            target = Meanwhile(copies, truncate)
            point = store.backup(target)
            is_over = target.left >= 0
        with FasterKv.open(target, runtime=SteppedRuntime()) as copy:
            assert dict(copy.items()) == held[point.version]
        if is_over:
            return copies
        copies += 1


def test_what_a_copy_needs_is_not_taken_away_meanwhile(tiny: Settings) -> None:
    assert copy_beside_truncations(tiny) > 6


def test_without_the_pin_it_would_be(tiny: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pins, "hold_all", lambda self: nullcontext())
    with pytest.raises(EngineError, match="no file"):
        copy_beside_truncations(tiny)


def test_a_pin_that_has_ended_holds_nothing(tiny: Settings) -> None:
    source = MemoryDevice()
    with FasterKv.open(source, create=True, settings=tiny) as store:
        session = store.session("s")
        for number in range(40):
            session.upsert(b"k%d" % number, bytes(100))
        store.checkpoint()
        store.backup(MemoryDevice())
        assert segment_name(0) in source.list()
        store.truncate_before(store.stats().tail)
        for _ in range(2):
            store.checkpoint()
        assert segment_name(0) not in source.list()


# -- every crash state -------------------------------------------------------------------------------


class Careless(FaultDevice):
    """Leaves out the syncs of some files."""

    careless_of = "segment"

    def sync(self, name: str) -> None:
        if not name.startswith(self.careless_of):
            super().sync(name)


class Nameless(FaultDevice):
    """Leaves out the sync of the names."""

    def sync_names(self, folder: str = "") -> None:
        pass


class CarelessOfTables(Careless):
    careless_of = "tables"


def crashes(filled: Any, device: FaultDevice) -> tuple[int, int, str]:
    """The crash states of a copy that are refused, those that are whole, and the first that is neither."""
    root = filled.store._parts.root._replace(head=filled.store._parts.tables.head)
    copy_checkpoints(filled.store._parts.disk.device, root, device, SteppedRuntime())
    returned = len(device.trace)
    refused = whole = 0
    states = crash_states(device.trace, Law.POSIX, limit=1 << 14)
    for state in states:
        try:
            found = filled.seen_in(FaultDevice(state.image))
        except EngineError as error:
            if state.last == returned:
                return refused, whole, f"refused after it returned: {error}"
            if getattr(error, "file", ROOT_FILES[0]) != ROOT_FILES[0]:
                return refused, whole, f"a root, and not what it names: {error}"
            refused += 1
            continue
        if found != filled.held:
            return refused, whole, f"{found}"
        whole += 1
    return refused, whole, ""


@pytest.mark.parametrize("filled", [2], indirect=True)
def test_every_crash_state_of_a_copy_is_refused_or_whole(filled: Any) -> None:
    refused, whole, complaint = crashes(filled, FaultDevice())
    assert complaint == ""
    assert refused > 20
    assert whole > 2


@pytest.mark.parametrize("filled", [2], indirect=True)
@pytest.mark.parametrize("kind", [Careless, CarelessOfTables, Nameless])
def test_a_copier_that_leaves_out_a_sync_is_told(filled: Any, kind: type[FaultDevice]) -> None:
    assert crashes(filled, kind())[2]


def test_a_root_that_names_nothing_is_no_source(filled: Any) -> None:
    root = filled.store._parts.root._replace(head=Pointer(0, 0, 0))
    with pytest.raises(CheckpointError):
        copy_checkpoints(MemoryDevice(), root, MemoryDevice(), ThreadRuntime())
