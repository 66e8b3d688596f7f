"""Limited: what geometries have besides sizes; a budget of disk among it, which the files may never pass, and
a share of dead log.

The rule of the disk holds until a device damages what it was given, or says that it has not removed a file.
From then on a store may have files that it cannot give up; it says so where it refuses a write, and
checkpoints of its user's add to them. Any other fault excuses nothing but the call that it struck: the next
makes room again. Of a share of dead log any fault excuses all: what one stopped waits for more of the log.

Threads: none.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from powercut.engine import EngineError, FasterKv, InvariantError
from powercut.engine.checkpoint.parts import KEEP_DEFAULT
from powercut.faultfs import Effect, EventKind, FaultDevice, PlannedDevice

from .listening import Listener
from .thin import SHARES, Thin

__all__ = ["CACHES", "DISKS", "FORGETS", "Limited"]

# Of the geometries that have one: 32 segments, the least that there can be.
DISKS: Final = dict.fromkeys(("bounded", "brimming"), 32 * 512)
CACHES: Final = dict.fromkeys(("kept", "shared"), 1024)  # Of those that have a read cache: the least.
FORGETS: Final = {"forgetful": 2, "fleeting": 1}  # Of those that forget names: after how many checkpoints.


_DAMAGING: Final = frozenset({Effect.ROT, Effect.LOST, Effect.MISDIRECTED, Effect.STALE})


class Limited:
    """The files of one store on the bench."""

    def __init__(self, device: FaultDevice, geometry: str) -> None:
        disk, share, after = DISKS.get(geometry), SHARES.get(geometry), FORGETS.get(geometry)
        self.options: Final[dict[str, Any]] = {  # Of `FasterKv.open`.
            "disk": disk,
            "compact_at": share,
            "read_cache": CACHES.get(geometry, 0),
            "forget_after": after,
            "keep": min(after or KEEP_DEFAULT, KEEP_DEFAULT),
        }
        self._device, self._disk, self._has_looked = device, disk, False
        self._thin = None if share is None else Thin(share)

    @property
    def is_by_itself(self) -> bool:
        """True if the store raises its begin, and takes checkpoints, where nobody asks for it."""
        return not (self._disk is None and self._thin is None)

    def uses(self, *keys: bytes) -> None:
        """Take in that there are these keys, or may be."""
        if self._thin is not None:
            self._thin.uses(*keys)

    def look_back(self, store: FasterKv, listener: Listener) -> None:
        """Look once more, unless nothing was done: an opening that is judged reads no more than it needs."""
        if self._has_looked:
            self.look(store, listener)

    def look(self, store: FasterKv, listener: Listener) -> None:
        """Before an operation, and after the last: what the store has made durable by itself till then nobody
        was told.

        Raises InvariantError where the files, or the log, have passed what they may have.
        """
        if not self.is_by_itself:
            return
        self._has_looked = True
        if store.newest is not None:
            with suppress(EngineError):  # Of a store that takes no more.
                listener.told(store.newest.serials)
        listener.told_at()
        if self._disk is not None and (used := self._used("")) > self._disk and not self._is_excused():
            raise InvariantError("M1", f"{used} bytes of files, and {self._disk} are allowed")
        if self._thin is not None and not self._has_fault():  # A pass that one stopped waits for more log.
            self._thin.judge(store, self._used("segment-"))

    def _used(self, prefix: str) -> int:
        """Bytes of files of such names; no fault strikes who looks."""
        if not isinstance(self._device, PlannedDevice):
            return self._sum(prefix)
        plan = self._device.plan
        plan.is_on, before = False, plan.is_on
        try:
            return self._sum(prefix)
        finally:
            plan.is_on = before

    def _sum(self, prefix: str) -> int:
        return sum(self._device.size(name) for name in self._device.list() if name.startswith(prefix))

    def _has_fault(self) -> bool:
        return any(event.kind is EventKind.FAULT for event in self._device.trace.events)

    def _is_excused(self) -> bool:
        return any(
            event.kind is EventKind.FAULT
            and (Effect(event.size) in _DAMAGING or event.target == EventKind.REMOVE.name)
            for event in self._device.trace.events
        )
