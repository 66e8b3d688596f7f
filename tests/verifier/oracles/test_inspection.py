"""The look at a closed store is held against what opening it says: every way to be wrong is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from powercut.faultfs import FaultDevice
from powercut.faultfs.faults.rot import Damage, How
from powercut.verifier.faster.foresight import foresee
from powercut.verifier.faster.geometries import make_faster
from powercut.verifier.finders.damage import Sweep
from powercut.verifier.finders.sites import MEDIA
from powercut.verifier.spec.spec import Foreseen, StoreMaker
from powercut.verifier.verdict import Breach, Violation

ROOT = Damage(How.ZERO, 0, 0)
SEGMENT = Damage(How.FLIP, 1, 3, 104)  # Of the first segment, a bit of a record.
SOUND = Foreseen()


def swept(damage: Damage, told: Callable[[Foreseen], Foreseen]) -> Violation | None:
    """The finding of one damage, where the look says what `told` makes of what it should."""
    faster = make_faster("tiny")
    spec = replace(faster.spec, foresee=lambda device: told(foresee(device)))
    sweep = Sweep(MEDIA["one checkpoint"], StoreMaker(faster.make, spec))
    finding = sweep.run([damage])
    return None if finding is None else finding.verdict


@pytest.mark.parametrize("damage", [ROOT, SEGMENT])
def test_what_is_told_as_it_is_stands(damage: Damage) -> None:
    assert swept(damage, lambda found: found) is None


def raising(found: Foreseen) -> Foreseen:
    raise ValueError("the look")


@pytest.mark.parametrize(
    ("damage", "told", "why"),
    [
        (SEGMENT, lambda _: SOUND, "sound, and an opening is refused"),
        (SEGMENT, lambda _: Foreseen(damaged=frozenset({"tables"})), "it names ['tables']"),
        (ROOT, lambda found: replace(found, mended=frozenset({"root-b"})), "it names ['root-b']"),
        (ROOT, lambda found: replace(found, damaged=found.mended), "damaged for good"),
        (ROOT, lambda found: replace(found, serials={0: 99}), "sound with {0: 99}"),
        (ROOT, lambda _: Foreseen(absent="MissingStoreError"), "MissingStoreError, and the store opens"),
        (ROOT, lambda found: replace(found, has_written=True), "it has written"),
        (ROOT, lambda found: replace(found, mended=frozenset({"root-a"})), "names again"),
        (ROOT, raising, "it raised ValueError"),
    ],
)
def test_what_is_told_otherwise_is_a_violation(
    damage: Damage, told: Callable[[Foreseen], Foreseen], why: str
) -> None:
    verdict = swept(damage, told)
    assert verdict is not None
    assert (verdict.oracle, verdict.breach) == ("inspection", Breach.WRONG_RESULT)
    assert why in verdict.detail


def test_a_look_leaves_the_device_as_it_was() -> None:
    device = FaultDevice(Sweep(MEDIA["one checkpoint"])._image)
    foresee(device)
    assert not device.trace.events
