"""Bad devices: a full disk at every write, a disk that cannot be read; nothing acknowledged is lost."""

import errno
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from powercut.engine import (
    CheckpointError,
    DeviceError,
    EngineError,
    FasterKv,
    MemoryDevice,
    PoisonedError,
    Settings,
)
from powercut.engine.device import Buffer, write_fully
from powercut.faultfs import Effect, EventKind, Fault, FaultDevice, Plan, PlannedDevice, crash_states
from powercut.verifier.faster.stepped import SteppedRuntime

Push = Callable[[FasterKv], None]
Call = Callable[..., Any]


class FullDevice(MemoryDevice):
    """A device without space at the writes that `is_full` picks, after half of each."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.found_full = ""  # The file that was written last when it was.
        self.is_full: Callable[[int, str], bool] = lambda number, name: False

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        self.writes += 1
        if self.is_full(self.writes, name):
            super().write(name, offset, memoryview(buffer)[: len(buffer) // 2])
            self.found_full = name
            raise OSError(errno.ENOSPC, "no space left on the device", name)
        return super().write(name, offset, buffer)


def never(number: int, name: str) -> bool:
    return False


Model = dict[bytes, bytes]


def program(
    store: FasterKv, refusals: list[EngineError], states: dict[int, Model], rounds: int = 12
) -> Model:
    """Writes over many pages and checkpoints, what is refused once more; the acknowledged state, and in
    `states` that after each serial.
    """
    model: Model = {}

    def tried(call: Callable[[], Any]) -> Any:
        for is_last in (False, True):
            try:
                return call()
            except PoisonedError:
                raise
            except (DeviceError, CheckpointError) as error:
                refusals.append(error)
                states[s.serial] = dict(model)
                # Not happened: what is there is what was acknowledged.
                assert dict(store.items()) == model
                assert not is_last

    s = store.resume_session("s") if "s" in store.serials() else store.session("s")
    model.update(store.items())
    for number in range(rounds):
        key, value = b"key-%d" % (number % 5), b"%d" % number * 150
        tried(lambda key=key, value=value: s.upsert(key, value))  # type: ignore[misc]
        model[key] = value
        states[s.serial] = dict(model)
        model[b"n"] = tried(lambda: s.rmw(b"n", lambda old: (old or b"") + b"+" * 30))
        states[s.serial] = dict(model)
        if number % 4 == 1:
            tried(lambda key=key: s.delete(key))  # type: ignore[misc]
            del model[key]
            states[s.serial] = dict(model)
        if number % 5 == 3:
            assert tried(store.checkpoint).serials == {"s": s.serial}
    s.close()
    return model


def test_no_space_at_any_one_write_is_told_and_passes(tiny: Settings, kernels: str) -> None:
    """Goal: a full disk loses nothing and stops nothing once there is space. Method: the same program with
    every single write of it failing once, reopened at its end. Stepped, for writes are told by their number,
    and the third root follows a checkpoint on a thread of its own."""
    quiet = FullDevice()
    stepped = SteppedRuntime()
    with FasterKv.open(quiet, create=True, settings=tiny, kernels=kernels, runtime=stepped) as store:
        opened = quiet.writes
        model = program(store, [], {})
        total = quiet.writes
    outcomes = {"DeviceError": 0, "CheckpointError": 0, "PoisonedError": 0, "": 0}
    for wanted in range(opened + 1, total + 1):
        device = FullDevice()
        runtime = SteppedRuntime()
        store = FasterKv.open(device, create=True, settings=tiny, kernels=kernels, runtime=runtime)
        device.is_full = lambda number, name, wanted=wanted: number == wanted  # type: ignore[misc]
        refusals: list[EngineError] = []
        states: dict[int, Model] = {0: {}}
        try:
            assert program(store, refusals, states) == model
            if not refusals:  # The third copy of a root waits for room.
                assert device.found_full.startswith("root-")
                outcomes[""] += 1
            else:
                (refusal,) = refusals
                outcomes[type(refusal).__name__] += 1
                assert errno.errorcode[errno.ENOSPC] in repr(refusal) or "no space" in str(refusal)
            store.check()
            acknowledged = store.checkpoint().serials
            store.close()
        except PoisonedError:  # A root was on its way: which one holds is seen at the next opening.
            outcomes["PoisonedError"] += 1
            acknowledged = store.newest.serials if store.newest else {}
            store.close()
        with FasterKv.open(device, settings=tiny, kernels=kernels) as store:
            recovered = store.serials().get("s", 0)
            assert recovered >= acknowledged.get("s", 0)
            assert recovered == acknowledged.get("s") or not refusals
            store.check()
            assert dict(store.items()) == states[recovered]
            program(store, [], {}, 4)
            store.check()
    assert sum(outcomes.values()) == total - opened > 15
    assert min(outcomes.values()) > 0, outcomes


@pytest.mark.parametrize("file", ["segment", "tables"])
def test_a_disk_that_stays_full_is_told_each_time_until_it_is_not(
    tiny: Settings, kernels: str, file: str
) -> None:
    device = FullDevice()
    roomy = replace(tiny, page_bytes=8192, segment_bytes=8192)  # Each attempt rounds the tail up.
    with FasterKv.open(device, create=True, settings=roomy, kernels=kernels) as store:
        s = store.session("s")
        s.upsert(b"before", b"kept")
        device.is_full = lambda number, name: name.startswith(file)
        version = store.stats().version
        for _ in range(3):
            with pytest.raises(CheckpointError, match="no space"):
                store.checkpoint()
            assert s.read(b"before") == b"kept"
            s.upsert(b"between", b"also")  # What memory takes is taken.
            assert store.stats().phase == "REST"
        device.is_full = never
        point = store.checkpoint()
        assert point.serials == {"s": s.serial} == {"s": 7}
        assert point.version.counter >= version
        store.check()
    with FasterKv.open(device, settings=roomy, kernels=kernels) as store:
        assert dict(store.items()) == {b"before": b"kept", b"between": b"also"}
        assert store.serials() == {"s": 7}


def test_a_page_that_cannot_be_made_free_keeps_what_is_acknowledged_and_reads_go_on(
    tiny: Settings, kernels: str
) -> None:
    device = FullDevice()
    with FasterKv.open(device, create=True, settings=tiny, kernels=kernels) as store:
        s = store.session("s")
        device.is_full = lambda number, name: name.startswith("segment")
        model: Model = {}
        numbers: set[int | None] = set()
        for number in range(10):
            try:
                s.upsert(b"%d" % number, bytes(400))
                model[b"%d" % number] = bytes(400)
            except DeviceError as error:
                numbers.add(error.errno)
            assert s.serial == number + 1  # Its arguments were valid.
        assert numbers == {errno.ENOSPC}
        assert 2 <= len(model) < 10
        assert dict(store.items()) == model
        assert [s.read(key) for key in model] == list(model.values())
        device.is_full = never
        s.upsert(b"after", bytes(400))
        store.check()
        assert store.checkpoint().serials == {"s": s.serial}
    with FasterKv.open(device, settings=tiny, kernels=kernels) as store:
        assert dict(store.items()) == model | {b"after": bytes(400)}


# -- what cannot be read -----------------------------------------------------------------------------------


def started(ticket: Any, session: Any) -> Any:
    assert session.complete_pending()
    return ticket.result()


# What needs the device's answer for a cold key, and what it answers when it gets one.
COLD: dict[str, tuple[Call, object, bytes | None]] = {
    "read": (lambda s, key: s.read(key), bytes(8), bytes(8)),
    "start_read": (lambda s, key: started(s.start_read(key), s), bytes(8), bytes(8)),
    "read_many": (lambda s, key: s.read_many([b"warm", key]), [b"w", bytes(8)], bytes(8)),
    "read_many of an array": (
        lambda s, key: s.read_many(np.frombuffer(key, np.uint64), "<u8")[0].tolist(),
        [0],
        bytes(8),
    ),
    "insert": (lambda s, key: s.insert(key, b"i"), False, bytes(8)),
    "delete": (lambda s, key: s.delete(key), True, None),
    "rmw": (lambda s, key: s.rmw(key, lambda old: (old or b"") + b"+"), bytes(8) + b"+", bytes(8) + b"+"),
    "start_rmw": (
        lambda s, key: started(s.start_rmw(key, lambda old: (old or b"") + b"+"), s),
        bytes(8) + b"+",
        bytes(8) + b"+",
    ),
    "add_many": (lambda s, key: s.add_many([key], 1), None, (1).to_bytes(8, "little")),
    "add_many of an array": (
        lambda s, key: s.add_many(np.frombuffer(key, np.uint64), 1),
        None,
        (1).to_bytes(8, "little"),
    ),
}


@pytest.mark.parametrize("what", list(COLD))
def test_a_cold_record_that_cannot_be_read_is_told_and_nothing_has_happened(
    failing: Any, tiny: Settings, kernels: str, push_out: Push, what: str
) -> None:
    """A single one takes its serial; of many, those that are done have theirs."""
    call, answer, left = COLD[what]
    key = b"cold-key"
    with FasterKv.open(failing, create=True, settings=tiny, kernels=kernels) as store:
        s = store.session("s")
        s.upsert(key, bytes(8))
        push_out(store)
        s.upsert(b"warm", b"w")
        model = dict(store.items())
        for _ in range(2):
            before = s.serial
            failing.fails = lambda call, name: call == "read" and name.startswith("segment")
            with pytest.raises(DeviceError) as caught:
                call(s, key)
            failing.fails = lambda call, name: False
            assert caught.value.errno == errno.EIO
            assert s.serial == before + (1 if caught.value.done is None else caught.value.done)
            assert dict(store.items()) == model
            assert s.pending == 0
            store.check()
        assert store.checkpoint().serials["s"] == s.serial
        assert call(s, key) == answer
        assert s.read(key) == left
        store.check()
        point = store.checkpoint()
        assert point.serials["s"] == s.serial
        model = dict(store.items())
    with FasterKv.open(failing, settings=tiny, kernels=kernels) as store:
        assert dict(store.items()) == model


def test_blind_writes_do_not_ask_a_device_that_cannot_answer(
    failing: Any, tiny: Settings, kernels: str, push_out: Push
) -> None:
    with FasterKv.open(failing, create=True, settings=tiny, kernels=kernels) as store:
        s = store.session("s")
        s.upsert(b"k", b"v")
        push_out(store)
        failing.fails = lambda call, name: call == "read"
        s.upsert(b"k", b"new")
        s.upsert_many([b"k"], [b"newer"])
        assert s.read(b"k") == b"newer"
        failing.fails = lambda call, name: False
        store.check()


# -- opening -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [EventKind.LIST, EventKind.READ])
def test_an_opening_that_the_device_fails_says_so_in_the_engines_words(
    tiny: Settings, kernels: str, call: EventKind
) -> None:
    device = PlannedDevice(plan=Plan())
    FasterKv.open(device, create=True, settings=tiny, kernels=kernels).close()
    bad = PlannedDevice(device.image(), plan=Plan(Fault(Effect.ERROR, call)))
    with pytest.raises(DeviceError, match="opening") as caught:
        FasterKv.open(bad, settings=tiny, kernels=kernels)
    assert caught.value.errno == errno.EIO
    FasterKv.open(bad, settings=tiny, kernels=kernels).close()


def test_checkpoints_that_cannot_be_read_say_so_in_the_engines_words(
    failing: Any, tiny: Settings, kernels: str
) -> None:
    with FasterKv.open(failing, create=True, settings=tiny, kernels=kernels) as store:
        store.session("s").upsert(b"k", b"v")
        point = store.checkpoint()
    with FasterKv.open(failing, settings=tiny, kernels=kernels) as store:
        failing.fails = lambda what, name: (what, name) == ("read", "tables")
        with pytest.raises(DeviceError, match="tables"):
            store.checkpoints()
        failing.fails = lambda what, name: False
        assert [each.version for each in store.checkpoints()] == [point.version]


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("effect", [Effect.KEPT, Effect.REVERTED])
def test_a_creation_whose_sync_failed_is_taken_up_again_whenever_the_power_goes(
    tiny: Settings, kernels: str, effect: Effect, number: int
) -> None:
    """Goal: what a failed sync left of a root reads well, and may not be on the disk. Method: each sync of a
    creation fails once; the store is opened again at once, and after every power cut from there on."""
    device = PlannedDevice(plan=Plan(Fault(effect, EventKind.SYNC, number)))
    with pytest.raises(PoisonedError):
        FasterKv.open(device, create=True, settings=tiny, kernels=kernels)
    failed = len(device.trace)
    FasterKv.open(device, create=True, settings=tiny, kernels=kernels).close()
    checked = 0
    for state in crash_states(device.trace, "posix", start=failed):
        with FasterKv.open(FaultDevice(state.image), create=True, settings=tiny, kernels=kernels) as store:
            assert dict(store.items()) == {}
        checked += 1
    assert checked > 2


def test_a_write_that_takes_no_byte_is_an_error_and_not_tried_for_ever() -> None:
    class Idle(MemoryDevice):
        def write(self, name: str, offset: int, buffer: Buffer) -> int:
            return 0

    device = Idle()
    device.create("a")
    with pytest.raises(OSError, match="made no progress") as caught:
        write_fully(device, "a", 0, b"bytes")
    assert caught.value.errno == errno.EIO
