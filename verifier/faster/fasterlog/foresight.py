"""Foresight: what inspecting a log's files says of the next opening, as the oracles ask it.

Threads: none.
"""

from __future__ import annotations

from powercut.engine import MissingStoreError, NotAStoreError
from powercut.faultfs import FaultDevice

from ...spec.spec import Foreseen
from ..foresight import READING
from .inspection import encode_log, inspect_log, is_log, tell_log

__all__ = ["foresee_log"]


def foresee_log(device: FaultDevice) -> Foreseen:
    """Inspect what is on the device. Raises what inspecting must not."""
    copy = FaultDevice(device.image())
    try:
        found = inspect_log(copy, verify=True)
    except (MissingStoreError, NotAStoreError) as error:
        return Foreseen(absent=type(error).__name__, has_written=_has_written(copy))
    damaged = frozenset(each.file for each in found.damage if not each.is_mended)
    mended = frozenset(each.file for each in found.damage if each.is_mended)
    if found.is_sound != (not damaged) or (found.verdict == "sound") != (not found.damage):
        raise AssertionError(f"is_sound is {found.is_sound}, the verdict {found.verdict!r}: {found.damage}")
    if not damaged and (not is_log(copy) or not tell_log(found) or not encode_log(found)):
        raise AssertionError("a sound log is taken for none")
    serials = {0: int(found.cookie)} if found.cookie else {}
    return Foreseen("", damaged, mended, None if damaged else serials, _has_written(copy))


def _has_written(device: FaultDevice) -> bool:
    return any(event.kind not in READING for event in device.trace.events)
