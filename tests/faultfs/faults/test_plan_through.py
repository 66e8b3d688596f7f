"""Faults of the sync that a write through a file opened with O_DSYNC ends with."""

import errno
from collections.abc import Callable

import pytest

from powercut.faultfs import Effect, EventKind, Fault, Image, Plan, PlannedDevice

OLD, NEW = bytes(512), b"n" * 512
Legal = Callable[..., list[dict[str, bytes]]]


def planned(*faults: Fault) -> PlannedDevice:
    return PlannedDevice(Image.of({"a": bytes(1024)}), plan=Plan(*faults))


def kinds(device: PlannedDevice) -> list[EventKind]:
    return [event.kind for event in device.trace.events]


THROUGH: dict[Fault, list[EventKind]] = {
    Fault(Effect.ERROR, EventKind.DATASYNC): [EventKind.WRITE, EventKind.FAULT],
    Fault(Effect.ERROR, EventKind.DATASYNC, after=True): [
        *(EventKind.WRITE, EventKind.WRITE_THROUGH, EventKind.FAULT),
    ],
    Fault(Effect.LYING, EventKind.DATASYNC): [EventKind.WRITE, EventKind.FAULT],
    Fault(Effect.DELAYED, EventKind.DATASYNC): [EventKind.WRITE, EventKind.FAULT, EventKind.WRITE_THROUGH],
}


@pytest.mark.parametrize("fault", list(THROUGH), ids=lambda fault: fault.name)
def test_f35_the_sync_within_a_write_through_can_be_struck(fault: Fault) -> None:
    device = planned(fault)
    if fault.effect is Effect.ERROR:
        with pytest.raises(OSError) as caught:
            device.write_through("a", 0, NEW)
        assert caught.value.errno == errno.EIO
    else:
        assert device.write_through("a", 0, NEW) == len(NEW)
    assert kinds(device) == THROUGH[fault]
    assert device.plan.fired == {fault.name: 1}
    buffer = bytearray(len(NEW))
    device.read_into("a", 0, buffer)
    assert buffer == NEW  # Its write has been carried out.
    assert device.write_through("a", 0, NEW) == len(NEW)  # Once only.
    assert kinds(device)[-2:] == [EventKind.WRITE, EventKind.WRITE_THROUGH]


def test_f38_a_write_through_that_a_good_disk_would_refuse_is_neither_counted_nor_struck() -> None:
    device = planned(Fault(Effect.ERROR, EventKind.DATASYNC))
    with pytest.raises(FileNotFoundError):
        device.write_through("x", 0, NEW)
    assert device.plan.reached == {}


@pytest.mark.parametrize("effect", [Effect.REVERTED, Effect.EXT4, Effect.XFS, Effect.BTRFS])
def test_f33_what_a_failed_sync_leaves_of_a_whole_file_passes_by_a_sync_of_some_bytes(effect: Effect) -> None:
    device = planned(Fault(effect, EventKind.DATASYNC, sticky=True))
    device.write_through("a", 0, NEW)
    assert kinds(device) == [EventKind.WRITE, EventKind.WRITE_THROUGH]
    assert device.plan.reached == {"write": 1, "datasync": 1}


@pytest.mark.parametrize("effect", [Effect.KEPT, Effect.LATE])
def test_f33_a_write_through_whose_sync_keeps_leaves_its_bytes_clean(effect: Effect, legal: Legal) -> None:
    device = planned(Fault(effect, EventKind.DATASYNC))
    device.write("a", 512, NEW)
    if effect is Effect.KEPT:
        with pytest.raises(OSError, match="Input/output error"):
            device.write_through("a", 0, NEW)
    else:
        assert device.write_through("a", 0, NEW) == len(NEW)
        with pytest.raises(OSError, match="Input/output error"):
            device.sync("a")  # It tells of the one before.
    assert device.image().content() == {"a": NEW + NEW}
    device.sync("a")  # Of its bytes nothing is dirty: no later sync writes them, and the others are written.
    device.mark("now")
    late = effect is Effect.LATE  # That one failed too, for the whole file.
    expected = {OLD + NEW, NEW + NEW} | ({OLD + OLD, NEW + OLD} if late else set())
    assert {content["a"] for content in legal(device)} == expected
    device.write("a", 0, NEW + NEW)
    device.sync("a")
    device.mark("now")
    assert {content["a"] for content in legal(device)} == {NEW + NEW}
