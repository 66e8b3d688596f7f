"""Segments whose removal was struck: told where the next checkpoint leaves them."""

from contextlib import suppress

import pytest

from powercut.engine import InvariantError
from powercut.faultfs import Effect, EventKind, Fault, Image, Plan, PlannedDevice
from powercut.verifier.faster.leftovers import Leftovers

SEGMENT = "segment-00000000"


def struck(name: str = SEGMENT) -> tuple[PlannedDevice, Leftovers]:
    """A device on which a removal has failed, which was seen."""
    device = PlannedDevice(Image.of({name: b"x"}), plan=Plan(Fault(Effect.ERROR, EventKind.REMOVE)))
    leftovers = Leftovers(device)
    with suppress(OSError):
        device.remove(name)
    assert leftovers.look()
    return device, leftovers


def test_segment_that_stays_after_a_checkpoint_is_told() -> None:
    _, leftovers = struck()
    with pytest.raises(InvariantError, match=SEGMENT):
        leftovers.judge()


def test_segment_that_is_removed_with_the_next_checkpoint_is_none() -> None:
    device, leftovers = struck()
    device.remove(SEGMENT)
    leftovers.judge()


def test_what_is_no_segment_is_none() -> None:
    _, leftovers = struck("root-a")
    leftovers.judge()


def test_a_checkpoint_in_which_a_fault_fired_is_not_judged_and_the_next_one_is() -> None:
    device, leftovers = struck()
    device.plan = Plan(Fault(Effect.ERROR, EventKind.SYNC))
    with suppress(OSError):
        device.sync(SEGMENT)
    leftovers.judge()
    with pytest.raises(InvariantError, match=SEGMENT):
        leftovers.judge()
