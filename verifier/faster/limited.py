"""Limited: what geometries have besides sizes; a budget of disk among it, which the files may never pass.

The rule holds until a device damages what it was given, or says that it has not removed a file. From then
on a store may have files that it cannot give up; it says so where it refuses a write, and checkpoints of its
user's add to them. Any other fault excuses nothing but the call that it struck: the next makes room again.

Threads: none.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from powercut.engine import EngineError, FasterKv, InvariantError
from powercut.faultfs import Effect, EventKind, FaultDevice, PlannedDevice

from .listening import Listener

__all__ = ["CACHES", "DISKS", "FORGETS", "Limited"]

# Of the geometries that have one: 32 segments, the least that there can be.
DISKS: Final = dict.fromkeys(("bounded", "brimming"), 32 * 512)
CACHES: Final = dict.fromkeys(("kept", "shared"), 1024)  # Of those that have a read cache: the least.
FORGETS: Final = {"forgetful": 2, "fleeting": 1}  # Of those that forget names: after how many checkpoints.


_DAMAGING: Final = frozenset({Effect.ROT, Effect.LOST, Effect.MISDIRECTED, Effect.STALE})


class Limited:
    """The files of one store on the bench."""

    def __init__(self, device: FaultDevice, geometry: str) -> None:
        self.disk = DISKS.get(geometry)
        self._device = device

    def look(self, store: FasterKv, listener: Listener) -> None:
        """Before an operation: what the store has made durable by itself till then nobody was told.

        Raises InvariantError where the files have passed what they may have.
        """
        if self.disk is None:
            return
        if store.newest is not None:
            with suppress(EngineError):  # Of a store that takes no more.
                listener.told(store.newest.serials)
        listener.told_at()
        used = self._used()
        if used > self.disk and not self._is_excused():
            raise InvariantError("M1", f"{used} bytes of files, and {self.disk} are allowed")

    def _used(self) -> int:
        """Bytes of files; no fault strikes who looks."""
        if not isinstance(self._device, PlannedDevice):
            return sum(self._device.size(name) for name in self._device.list())
        plan = self._device.plan
        plan.is_on, before = False, plan.is_on
        try:
            return sum(self._device.size(name) for name in self._device.list())
        finally:
            plan.is_on = before

    def _is_excused(self) -> bool:
        return any(
            event.kind is EventKind.FAULT
            and (Effect(event.size) in _DAMAGING or event.target == EventKind.REMOVE.name)
            for event in self._device.trace.events
        )
