"""Leftovers: segments whose removal a fault has struck, and which the next checkpoint has to take away.

A removal that fails is no error of the store: nothing depends on the file, and it is tried again with the
next checkpoint. That is seen by the files that are there only.

Threads: one.
"""

from __future__ import annotations

from typing import Final

from powercut.engine import InvariantError
from powercut.engine.metadata.extents import segment_number
from powercut.faultfs import EventKind, FaultDevice

__all__ = ["Leftovers"]

_REMOVAL: Final = EventKind.REMOVE.name


class Leftovers:
    """The struck removals of one store on a device."""

    def __init__(self, device: FaultDevice) -> None:
        self._device = device
        self._at = len(device.trace)
        self._struck: set[str] = set()

    def look(self) -> bool:
        """Take in what happened on the device since; True if a fault fired."""
        trace = self._device.trace
        fired = [e for e in trace.events[self._at :] if e.kind is EventKind.FAULT]
        self._at = len(trace)
        self._struck |= {e.name for e in fired if e.target == _REMOVAL and segment_number(e.name) is not None}
        return bool(fired)

    def judge(self) -> None:
        """Judge a checkpoint that began after the last look, and has returned. Raises InvariantError."""
        before = sorted(self._struck)
        if self.look() or not before:
            return
        self._struck.clear()
        there = self._device.image().names
        if left := [name for name in before if name in there]:
            raise InvariantError("A7", f"{left[0]} is there, though a checkpoint has returned since")
