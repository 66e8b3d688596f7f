"""A real folder under the bench: FileDevice where the world expects a fault device, and its content.

Invariants
  1  every call reaches the FileDevice, and what that answers is the answer: nothing is kept here
  2  a call that changes something is marked before it and after it; `trap` stands at both moments
  3  `read_folder` sees what a later process would: it opens the files anew
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from powercut.engine.device import Buffer, Device, FileDevice, read_exactly
from powercut.faultfs import FaultDevice, Image, Trace

from ...errors import SubjectError
from .marks import Marks

__all__ = ["FolderDevice", "MakeDevice", "Trap", "make_file_device", "no_trap", "read_folder", "write_folder"]

MakeDevice = Callable[[Path], Device]
T = TypeVar("T")
# Called with (number of the call, whether it is done, how many bytes it writes); what it returns is how many
# it may write.
Trap = Callable[[int, bool, int], int]


def make_file_device(folder: Path) -> Device:
    """The device that ships; the folder is made."""
    return FileDevice(folder, create=True)


def no_trap(number: int, is_done: bool, size: int) -> int:
    """Let everything pass."""
    return size


class NotOverFolderError(SubjectError, AttributeError):
    """A call of a fault device that a real folder on the bench has not; `hasattr` is False for it."""


class FolderDevice:
    """A folder as the world's device: locked by instance like a fault device, and opened again with it."""

    def __init__(
        self,
        folder: Path,
        marks: Marks | None = None,
        make_device: MakeDevice = make_file_device,
        trap: Trap = no_trap,
    ) -> None:
        self.trace = Trace()  # Stays empty: every index of this life is 0, and in order.
        self.calls_max = sys.maxsize  # For the same reason its calls have no bound.
        self.label: Callable[[], str] | str = ""
        self.calls_max = sys.maxsize  # Of an empty trace: nothing is bounded.
        self._folder = folder
        self._marks = marks
        self._make_device = make_device
        self._trap = trap
        self._device: Device | None = None
        self._owner: object = None
        self._is_closed = False

    def acquire(self, owner: object) -> bool:
        """Take it, and open the folder if it is not open. Raises what opening raises."""
        if self._owner is not None:
            return False
        if self._device is None:
            self._device = self._make_device(self._folder)
        self._owner, self._is_closed = owner, False
        return True

    def release(self, owner: object) -> None:
        if self._owner is owner:
            self._owner = None

    def die(self) -> None:
        """Do nothing: a life ends with its process."""

    def list(self) -> list[str]:
        return self._opened().list()

    def size(self, name: str) -> int:
        return self._opened().size(name)

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        return self._opened().read_into(name, offset, buffer)

    def read(self, name: str) -> bytes:
        """The whole file."""
        return read_exactly(self, name, 0, self.size(name))

    def create(self, name: str) -> None:
        self._change(lambda device, _: device.create(name))

    def remove(self, name: str) -> None:
        self._change(lambda device, _: device.remove(name))

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        data = memoryview(buffer)
        return self._change(lambda device, count: device.write(name, offset, data[:count]), len(data))

    def truncate(self, name: str, size: int) -> None:
        self._change(lambda device, _: device.truncate(name, size))

    def sync(self, name: str) -> None:
        self._change(lambda device, _: device.sync(name))

    def sync_names(self) -> None:
        self._change(lambda device, _: device.sync_names())

    # What only stores of one's own ask for; `Device` is the engine's seam, and a FileDevice has these too.

    def datasync(self, name: str) -> None:
        self._change(lambda device, _: cast(FileDevice, device).datasync(name))

    def rename(self, old: str, new: str) -> None:
        self._change(lambda device, _: cast(FileDevice, device).rename(old, new))

    def link(self, old: str, new: str) -> None:
        self._change(lambda device, _: cast(FileDevice, device).link(old, new))

    def allocate(self, name: str, offset: int, size: int) -> None:
        self._change(lambda device, _: cast(FileDevice, device).allocate(name, offset, size))

    def close(self) -> None:
        self._is_closed = True
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def __getattr__(self, name: str) -> Any:
        """Refuse what a fault device has and this has not: such a store is none for a kill, and no bug."""
        if hasattr(FaultDevice, name):
            told = f"over a real folder the device has no {name}(): leave out the kills of such a store"
            raise NotOverFolderError(told)
        raise AttributeError(name)

    def _opened(self) -> Device:
        if self._is_closed:
            raise OSError(errno.EBADF, "the device is closed", str(self._folder))
        if self._device is None:  # Of a store that acquires no device, and finds it open.
            self._device = self._make_device(self._folder)
        return self._device

    def _change(self, call: Callable[[Device, int], T], size: int = 0) -> T:
        """Carry out a call that changes something, announced before and after (invariant 2)."""
        device, marks = self._opened(), self._marks
        number = 0 if marks is None else marks.begin_call()
        result = call(device, self._trap(number, False, size))
        self._trap(number, True, size)
        if marks is not None:
            marks.end_call()
        return result


def read_folder(folder: Path) -> Image:
    """The files of the folder; a folder that does not exist holds none."""
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return Image({}, {})
    return Image.of({name: (folder / name).read_bytes() for name in names})


def write_folder(folder: Path, image: Image) -> None:
    """Make the folder hold the image and nothing else; an empty image is no folder at all."""
    shutil.rmtree(folder, ignore_errors=True)
    if image.names:
        FaultDevice(image).materialise(folder)
