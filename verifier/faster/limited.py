"""Limited: what geometries have besides sizes; a budget of disk among it, which the files may never pass, and
a share of dead log.

The rules hold until a device damages what it was given, or says that it has not removed a file. From then
on a store may have files that it cannot give up; it says so where it refuses a write, and checkpoints of its
user's add to them. Any other fault excuses nothing but the call that it struck: the next makes room again.

Threads: none.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from powercut.engine import EngineError, FasterKv, InvariantError
from powercut.engine.kernels import words as w
from powercut.faultfs import Effect, EventKind, FaultDevice, PlannedDevice

from ..tapes.tape import KEYS_MAX
from .listening import Listener

__all__ = ["CACHES", "DISKS", "FORGETS", "SHARES", "Limited"]

# Of the geometries that have one: 32 segments, the least that there can be.
DISKS: Final = dict.fromkeys(("bounded", "brimming"), 32 * 512)
CACHES: Final = dict.fromkeys(("kept", "shared"), 1024)  # Of those that have a read cache: the least.
# Of those that give dead log back: the share at which they do.
SHARES: Final = {"thinned": 0.5}
# Pages of such a log, and of its segments besides: twice as many as there are keys, each large, and what is
# not frozen yet; once it has grown by more than a segment. It begins with half as many again, of tombstones.
THIN_PAGES: Final = 2 * KEYS_MAX + 6
THIN_GROWN: Final = 6
FORGETS: Final = {"forgetful": 2, "fleeting": 1}  # Of those that forget names: after how many checkpoints.


_DAMAGING: Final = frozenset({Effect.ROT, Effect.LOST, Effect.MISDIRECTED, Effect.STALE})


class Limited:
    """The files of one store on the bench."""

    def __init__(self, device: FaultDevice, geometry: str) -> None:
        self.disk, self.share = DISKS.get(geometry), SHARES.get(geometry)
        self._device = device
        self._opened: int | None = None  # The tail then.

    @property
    def is_by_itself(self) -> bool:
        """True if the store raises its begin, and takes checkpoints, where nobody asks for it."""
        return not (self.disk is None and self.share is None)

    def look(self, store: FasterKv, listener: Listener) -> None:
        """Before an operation: what the store has made durable by itself till then nobody was told.

        Raises InvariantError where the files, or the log, have passed what they may have.
        """
        if not self.is_by_itself:
            return
        if store.newest is not None:
            with suppress(EngineError):  # Of a store that takes no more.
                listener.told(store.newest.serials)
        listener.told_at()
        if self.disk is not None and (used := self._used("")) > self.disk and not self._is_excused():
            raise InvariantError("M1", f"{used} bytes of files, and {self.disk} are allowed")
        if self.share is not None:
            self._look_thin(store)

    def _look_thin(self, store: FasterKv) -> None:
        page, control = store.settings.page_bytes, store.spaces[0]
        tail, begin = control[w.TAIL], control[w.BEGIN]
        if self._opened is None:
            self._opened = tail
        if tail - self._opened < THIN_GROWN * page or self._is_excused():
            return
        if tail - begin > THIN_PAGES * page:
            raise InvariantError("D1", f"{tail - begin} bytes of log, and nearly all may be dead")
        if (used := self._used("segment-")) > THIN_PAGES * page + store.settings.segment_bytes:
            raise InvariantError("D1", f"{used} bytes of segments, and {tail - begin} of log")

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

    def _is_excused(self) -> bool:
        return any(
            event.kind is EventKind.FAULT
            and (Effect(event.size) in _DAMAGING or event.target == EventKind.REMOVE.name)
            for event in self._device.trace.events
        )
