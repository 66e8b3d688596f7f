"""Refusing: a device whose reads of the log fail while it is told so.

Threads: none.
"""

from __future__ import annotations

from errno import EIO
from typing import Final

from powercut.faultfs import EventKind, FaultDevice

__all__ = ["SEGMENT", "RefusingDevice"]

SEGMENT: Final = "segment-"
_LOOKS: Final = frozenset((EventKind.READ, EventKind.SIZE, EventKind.LIST))


class RefusingDevice(FaultDevice):
    """A device that can be told to answer no read of the log; `refused` counts those."""

    is_refusing = False
    refused = 0

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        if self.is_refusing and name.startswith(SEGMENT):
            self.refused += 1
            raise OSError(EIO, "refused", name)
        return super().read_into(name, offset, buffer)

    def was_changed_since(self, index: int) -> bool:
        """True if a call since `index` of the trace was more than a look."""
        return any(event.kind not in _LOOKS for event in self.trace.events[index:])
