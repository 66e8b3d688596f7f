"""The disk of sessions side by side: it tells their scheduler which file a call is about.

A call is no point, for what stands before it is: a turn that is named, a task's start, a lock. That it was
made, and to which file, says which orders of tasks are one. The return of a sync is a point where that was
asked for: what others wrote meanwhile is not durable, and whoever has synced is yet to take in what is.

    names       of all files: to list them reads, to make or take away one and to sync them writes
    a file      its size and a read of it read; all else writes
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final

from powercut.faultfs import EventKind, FaultDevice, Image
from powercut.faultfs.disk.tree import Item

__all__ = ["AnnouncedDevice"]

_NAMES: Final = "names"
_LOOKS: Final = frozenset((EventKind.LIST, EventKind.READ, EventKind.SIZE))


class AnnouncedDevice(FaultDevice):
    """A FaultDevice that calls `touch` with (file or names, writes) at each call.

    turn     called as a sync returns; None: nothing is
    failing  WRITE or SYNC: the next such call fails, and has done nothing
    """

    __slots__ = ("_touch", "failing", "has_failed", "turn")

    def __init__(self, image: Image | None, touch: Callable[[str, bool], None]) -> None:
        self._touch = touch
        self.turn: Callable[[str], None] | None = None
        self.failing: EventKind | None = None
        self.has_failed = False
        super().__init__(image)

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        self._fail_if(EventKind.WRITE, name)
        return super().write(name, offset, buffer)

    def _fail_if(self, kind: EventKind, name: str) -> None:
        if self.failing is kind:
            self.failing, self.has_failed = None, True
            raise OSError(errno.EIO, "the device has failed", name)

    def sync(self, name: str) -> None:
        self._fail_if(EventKind.SYNC, name)
        super().sync(name)
        self._return()

    def sync_names(self, folder: str = "") -> None:
        super().sync_names(folder)
        self._return()

    def _return(self) -> None:
        if self.turn is not None:
            self.turn("a sync returns")

    def _before(self, kind: EventKind, name: str, target: str) -> None:
        is_write = kind not in _LOOKS
        if kind is not EventKind.WRITE and kind is not EventKind.SYNC and kind is not EventKind.READ:
            self._touch(_NAMES, is_write)
        if is_write and name:
            self._touch(name, True)

    def _inode(self, name: str, probe: EventKind | None = None) -> tuple[str, int]:
        self._touch(name, False)  # A call that fails stands in no trace.
        return super()._inode(name, probe)

    def resolve(self, path: str, *, follows: bool = True) -> tuple[str, Item | None]:
        self._touch(_NAMES, False)
        return super().resolve(path, follows=follows)

    def _bound(self, name: str) -> tuple[str, int]:
        self._touch(name, False)
        return super()._bound(name)
