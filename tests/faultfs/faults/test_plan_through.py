"""Faults of the sync that a write through a file opened with O_DSYNC ends with."""

import errno
from collections.abc import Callable
from itertools import product

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


def test_f34_a_content_that_goes_back_is_that_of_a_whole_file_and_passes_by_a_sync_of_some_bytes() -> None:
    device = planned(Fault(Effect.REVERTED, EventKind.DATASYNC, sticky=True))
    device.write_through("a", 0, NEW)
    assert kinds(device) == [EventKind.WRITE, EventKind.WRITE_THROUGH]
    assert device.plan.reached == {"write": 1, "datasync": 1}


@pytest.mark.parametrize("effect", [Effect.KEPT, Effect.EXT4, Effect.XFS, Effect.BTRFS])
def test_f33_a_write_through_of_no_byte_syncs_nothing_that_could_fail(effect: Effect) -> None:
    device = planned(Fault(effect, EventKind.DATASYNC, sticky=True))
    device.write("a", 0, NEW)
    assert device.write_through("a", 0, b"") == 0
    assert EventKind.SYNC_FAILED not in kinds(device)


@pytest.mark.parametrize("effect", [Effect.KEPT, Effect.LATE])
def test_f33_a_write_through_whose_sync_keeps_leaves_its_pages_clean(effect: Effect, legal: Legal) -> None:
    device = PlannedDevice(Image.of({"a": bytes(4608)}), plan=Plan(Fault(effect, EventKind.DATASYNC)))
    device.write("a", 512, NEW)  # Of the same page,
    device.write("a", 4096, NEW)  # and of the next one.
    if effect is Effect.KEPT:
        with pytest.raises(OSError, match="Input/output error"):
            device.write_through("a", 0, NEW)
    else:
        assert device.write_through("a", 0, NEW) == len(NEW)
        with pytest.raises(OSError, match="Input/output error"):
            device.sync("a")  # It tells of the one before.
    device.sync("a")  # Of its page nothing is dirty: no later sync writes it, and the next page is written.
    device.mark("now")
    late = effect is Effect.LATE  # That one failed too, for the whole file.
    found = {(content["a"][:512], content["a"][512:1024], content["a"][4096:]) for content in legal(device)}
    assert found == set(product((OLD, NEW), (OLD, NEW), (OLD, NEW) if late else (NEW,)))
    device.write("a", 0, NEW + NEW)
    device.write("a", 4096, NEW)
    device.sync("a")
    device.mark("now")
    assert {content["a"] for content in legal(device)} == {NEW + NEW + bytes(3072) + NEW}
