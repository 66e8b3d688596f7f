"""Faults of the sync that a write through a file opened with O_DSYNC ends with."""

import errno

import pytest

from powercut.faultfs import Effect, EventKind, Fault, Image, Plan, PlannedDevice

NEW = b"n" * 512


def planned(*faults: Fault) -> PlannedDevice:
    return PlannedDevice(Image.of({"a": bytes(1024)}), plan=Plan(*faults))


def kinds(device: PlannedDevice) -> list[EventKind]:
    return [event.kind for event in device.trace.events]


THROUGH: dict[Fault, list[EventKind]] = {
    Fault(Effect.ERROR, EventKind.WRITE_THROUGH): [EventKind.WRITE, EventKind.FAULT],
    Fault(Effect.ERROR, EventKind.WRITE_THROUGH, after=True): [
        *(EventKind.WRITE, EventKind.WRITE_THROUGH, EventKind.FAULT),
    ],
    Fault(Effect.LYING, EventKind.WRITE_THROUGH): [EventKind.WRITE, EventKind.FAULT],
    Fault(Effect.DELAYED, EventKind.WRITE_THROUGH): [
        *(EventKind.WRITE, EventKind.FAULT, EventKind.WRITE_THROUGH),
    ],
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
    device = planned(Fault(Effect.ERROR, EventKind.WRITE_THROUGH))
    with pytest.raises(FileNotFoundError):
        device.write_through("x", 0, NEW)
    assert device.plan.reached == {}
