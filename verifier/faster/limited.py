"""Limited: stores with a budget of disk, and the oracle of it: what the files have is never more.

Threads: none.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from powercut.engine import EngineError, FasterKv, InvariantError
from powercut.faultfs import FaultDevice

from .listening import Listener

__all__ = ["DISKS", "Limited"]

# Of the geometries that have one: 32 segments, the least that there can be.
DISKS: Final = dict.fromkeys(("bounded", "brimming"), 32 * 512)


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
        used = sum(self._device.size(name) for name in self._device.list())
        if used > self.disk:
            raise InvariantError("M1", f"{used} bytes of files, and {self.disk} are allowed")
