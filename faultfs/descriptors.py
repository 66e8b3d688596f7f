"""Descriptors: open files and folders over a FaultDevice, and file objects over them.

Invariants
  1  a file that is open keeps its bytes, whatever becomes of its names; with its last name gone what is
     written to it stands in the trace, and no power cut shows it
  2  every transfer is one call on the device, by a name that the file has at that time

Threads: as the device; an offset is of whoever moves it last.
"""

import errno
import io
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .disk.device import FaultDevice

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["Descriptor", "Descriptors", "RawFile"]


@dataclass(slots=True)
class Descriptor:
    """One file or folder that is open."""

    inode: int
    path: str
    flags: int
    is_folder: bool
    offset: int = 0
    lock: int = field(default=0)  # LOCK_SH, LOCK_EX or none.

    @property
    def reads(self) -> bool:
        """True if it was opened to be read."""
        return self.flags & os.O_ACCMODE in (os.O_RDONLY, os.O_RDWR)

    @property
    def writes(self) -> bool:
        """True if it was opened to be written."""
        return self.flags & os.O_ACCMODE in (os.O_WRONLY, os.O_RDWR)


class Descriptors:
    """The open files of one program, by number."""

    def __init__(self, device: FaultDevice) -> None:
        self.device = device
        self._open: dict[int, Descriptor] = {}

    def add(self, opened: Descriptor) -> int:
        """Gives it the lowest number that is free, from 3 on."""
        number = next(each for each in range(3, len(self._open) + 4) if each not in self._open)
        self._open[number] = opened
        self.device.hold(opened.inode)
        return number

    def get(self, number: object) -> Descriptor:
        """The open file of this number; OSError (EBADF) if there is none."""
        if not isinstance(number, int):
            raise TypeError(f"an integer is required, not {type(number).__name__}")
        if number not in self._open:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._open[number]

    def close(self, number: int) -> None:
        """Gives the number back."""
        opened = self.get(number)
        del self._open[number]
        self.device.let_go(opened.inode)

    def others(self, opened: Descriptor) -> list[Descriptor]:
        """All others that are of the same file."""
        return [each for each in self._open.values() if each.inode == opened.inode and each is not opened]

    def read(self, number: int, count: int, offset: int | None = None) -> bytes:
        """Bytes from the offset of the file, which moves, or from a place of one's own."""
        if offset is not None and offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        opened = self.get(number)
        if not opened.reads:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if opened.is_folder:
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        start = opened.offset if offset is None else offset
        if count < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        buffer = bytearray(min(count, max(0, self.size(opened) - start)))
        moved = self.device.read_into(self.name(opened), start, buffer) if buffer else 0
        opened.offset += moved if offset is None else 0
        return bytes(buffer[:moved])

    def write(self, number: int, data: "ReadableBuffer", offset: int | None = None) -> int:
        """Writes at the offset of the file, which moves, or at a place of one's own; at the end with
        O_APPEND, as Linux does wherever it is meant to go."""
        if offset is not None and offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        opened = self.get(number)
        if not opened.writes:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        start = opened.offset if offset is None else offset
        content = bytes(memoryview(data).cast("B"))
        if opened.flags & os.O_APPEND and content:
            start = self.size(opened)
        if not content:
            return 0
        call = self.device.write_through if opened.flags & os.O_DSYNC else self.device.write
        moved = call(self.name(opened), start, content)
        if offset is None:
            opened.offset = start + moved
        return moved

    def seek(self, number: int, offset: int, whence: int) -> int:
        """Moves the offset; gives it."""
        opened = self.get(number)
        base = {os.SEEK_SET: 0, os.SEEK_CUR: opened.offset}.get(whence)
        if base is None and whence == os.SEEK_END:
            base = 0 if opened.is_folder else self.size(opened)
        if base is None or base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        opened.offset = base + offset
        return opened.offset

    def truncate(self, number: int, size: int) -> None:
        """Makes the file so long."""
        opened = self.get(number)
        if not opened.writes or size < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self.device.truncate(self.name(opened), size)

    def size(self, opened: Descriptor) -> int:
        """The length of an open file in bytes."""
        return self.device.size(self.name(opened))

    def name(self, opened: Descriptor) -> str:
        """A name by which the device knows the file now; what it was opened by, while that is one."""
        try:
            known, item = self.device.resolve(opened.path or "/", follows=False)
        except OSError as error:
            if error.errno == errno.EBADF:
                raise
            known, item = "", None
        if item is None or item.inode != opened.inode:
            known = opened.path = self.device.name_of(opened.inode)
        return known


class RawFile(io.RawIOBase):
    """A file object without a buffer, as io.FileIO is one."""

    def __init__(self, descriptors: Descriptors, number: int, name: Any, mode: str) -> None:
        super().__init__()
        self._descriptors = descriptors
        self._number = number
        self.name = name
        self.mode = mode

    def fileno(self) -> int:
        """The descriptor, for the functions of the same file system."""
        self._check()
        return self._number

    def readable(self) -> bool:
        self._check()
        return self._descriptors.get(self._number).reads

    def writable(self) -> bool:
        self._check()
        return self._descriptors.get(self._number).writes

    def seekable(self) -> bool:
        self._check()
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._check(reads=True)
        view = memoryview(buffer).cast("B")
        data = self._descriptors.read(self._number, len(view))
        view[: len(data)] = data
        return len(data)

    def write(self, data: "ReadableBuffer") -> int:
        self._check(writes=True)
        return self._descriptors.write(self._number, data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._check()
        return self._descriptors.seek(self._number, offset, whence)

    def truncate(self, size: int | None = None) -> int:
        self._check(writes=True)
        size = self.tell() if size is None else size
        self._descriptors.truncate(self._number, size)
        return size

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._descriptors.close(self._number)

    def _check(self, *, reads: bool = False, writes: bool = False) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        opened = self._descriptors.get(self._number)
        if (reads and not opened.reads) or (writes and not opened.writes):
            raise io.UnsupportedOperation(f"File not open for {'reading' if reads else 'writing'}")
