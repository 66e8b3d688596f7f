"""A device that one owner has: a path is opened, a Device of the caller's is claimed.

Invariants
  1  no two owners have one device: a folder is locked, a device that locks by instance (`acquire`) is asked
  2  nothing is asked of a device that was given back, closing included

Threads: one.
"""

from __future__ import annotations

import os

from ..arguments import AnyPath
from ..errors import StoreLockedError
from .file import FileDevice
from .seam import Device

__all__ = ["Lease"]


class Lease:
    """Takes the device; raises what FileDevice raises, and StoreLockedError where another owner has it."""

    def __init__(self, where: AnyPath | Device, *, create: bool = False, read_only: bool = False) -> None:
        self._opened: FileDevice | None = None
        if isinstance(where, str | bytes | os.PathLike):
            self._opened = FileDevice(where, create=create, read_only=read_only)
            self.device: Device = self._opened
        else:
            self.device = where
        acquire = getattr(self.device, "acquire", None)
        if acquire is not None and not acquire(self):
            raise StoreLockedError("the device is in use by another open store; close that first")

    def release(self) -> None:
        """Give it back: a path is closed, a device of the caller's is as it was."""
        release = getattr(self.device, "release", None)
        if release is not None:
            release(self)
        if self._opened is not None:
            self._opened.close()

    def close(self) -> None:
        """Give it back closed, whoever's it is."""
        try:
            self.device.close()  # First: once it is given back, another owner may have opened it.
        finally:
            self.release()

    def undo(self) -> None:
        """Give it back as if it had not been taken: folders that were made for it go, if they are empty."""
        if self._opened is not None:
            self._opened.unmake()
        self.release()
