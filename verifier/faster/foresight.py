"""Foresight: what inspecting a store's files says of the next opening, as the oracles ask it.

The files are inspected on a copy of the device, so that what opening then reads and writes is its own.

Threads: none.
"""

from __future__ import annotations

from typing import Final

from powercut.engine import MissingStoreError, NotAStoreError
from powercut.engine.inspection import inspect_store
from powercut.faultfs import EventKind, FaultDevice

from ..reach.collector import anew
from ..spec.spec import Foreseen

__all__ = ["READING", "foresee"]

READING: Final = frozenset({EventKind.READ, EventKind.LIST, EventKind.SIZE})


def foresee(device: FaultDevice) -> Foreseen:
    """Inspect what is on the device. Raises what inspecting must not."""
    anew("inspected")
    copy = FaultDevice(device.image())
    try:
        found = inspect_store(copy)
    except (MissingStoreError, NotAStoreError) as error:
        return Foreseen(absent=type(error).__name__, has_written=_has_written(copy))
    damaged = frozenset(each.file for each in found.damage if not (each.is_mended or each.is_spare))
    mended = frozenset(each.file for each in found.damage if each.is_mended)
    if found.is_sound != (not damaged) or (found.verdict == "sound") != (not found.damage):
        raise AssertionError(f"is_sound is {found.is_sound}, the verdict {found.verdict!r}: {found.damage}")
    serials = {int(mark.name[1:]): mark.serial for mark in found.sessions}
    return Foreseen("", damaged, mended, None if damaged else serials, _has_written(copy))


def _has_written(device: FaultDevice) -> bool:
    return any(event.kind not in READING for event in device.trace.events)
