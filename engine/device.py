"""Device: the seam for bytes. The contract, a real folder, and a folder in memory.

Contract (tests/contract runs one suite over every device)
  D1  `write` and `read_into` may be short; they say how many bytes they moved
  D2  a read sees every write that returned before it, synced or not
  D3  after `sync(name)` returned, the content and size of that file survive a power cut; its
      name may not
  D4  after `sync_names()` returned, the set of names survives; contents may not
  D5  nothing else is promised to survive, and nothing is promised to be lost
  D6  errors are OSError; FileNotFoundError and FileExistsError where they fit

Threads: every method may be called from any thread.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from .errors import DeviceError, EngineError, MissingStoreError, NotAStoreError, StoreLockedError

__all__ = [
    "Buffer",
    "Device",
    "FileDevice",
    "MemoryDevice",
    "claim",
    "read_exactly",
    "telling",
    "unclaim",
    "write_fully",
]

Buffer = bytes | bytearray | memoryview


class Device(Protocol):
    """A flat set of named files."""

    def list(self) -> list[str]:
        """The names, sorted."""

    def create(self, name: str) -> None:
        """Make an empty file. Raises FileExistsError."""

    def remove(self, name: str) -> None:
        """Take the name away. Raises FileNotFoundError."""

    def size(self, name: str) -> int:
        """Bytes in the file."""

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        """Fill `buffer` from `offset`; how many bytes were there to read, perhaps fewer."""

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        """Put `buffer` at `offset`, perhaps not all of it; how many bytes. A gap reads zeros."""

    def truncate(self, name: str, size: int) -> None:
        """Shorten or grow (with zeros) to `size` bytes."""

    def sync(self, name: str) -> None:
        """Make the file's bytes and size durable (D3)."""

    def sync_names(self) -> None:
        """Make all names durable (D4)."""

    def close(self) -> None:
        """Give everything back; later calls fail with EBADF. Idempotent."""


def claim(device: Device, owner: object) -> bool:
    """Take a device that locks by instance (`acquire`); whether it was free. Others lock themselves."""
    acquire = getattr(device, "acquire", None)
    return acquire is None or bool(acquire(owner))


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Turn an OSError inside, unless it is one of the engine's own errors, into DeviceError."""
    try:
        yield
    except EngineError:
        raise
    except OSError as error:
        raise DeviceError(error.errno, f"{what}: {error}") from error


def unclaim(device: Device, owner: object) -> None:
    """Give back what `claim` took."""
    release = getattr(device, "release", None)
    if release is not None:
        release(owner)


def read_exactly(device: Device, name: str, offset: int, length: int) -> bytes:
    """`length` bytes from `offset`, or fewer where the file ends; short reads are continued."""
    data = bytearray(length)
    at = device.read_into(name, offset, data) if length else 0
    while 0 < at < length:
        count = device.read_into(name, offset + at, memoryview(data)[at:])
        if count == 0:
            break
        at += count
    return bytes(data) if at == length else bytes(data[:at])


def write_fully(device: Device, name: str, offset: int, data: bytes) -> None:
    """All of `data`, continuing short writes. Raises OSError(EIO) if a write makes no progress."""
    at = device.write(name, offset, data)
    while at < len(data):
        count = device.write(name, offset + at, memoryview(data)[at:])
        if count == 0:
            raise OSError(errno.EIO, "a write made no progress", name)
        at += count


class FileDevice:
    """One folder of a real file system: pread, pwrite, fdatasync, fsync of the folder, flock.

    The constructor takes the folder's lock (shared if `read_only`) and makes the folder if
    `create`, syncing its parent. Raises MissingStoreError, NotAStoreError (the path is a file),
    StoreLockedError, OSError.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, create: bool = False, read_only: bool = False
    ) -> None:
        self.path = Path(path)
        self._guard = threading.Lock()
        self._files: dict[str, int] = {}
        self._read_only = read_only
        if self.path.exists() and not self.path.is_dir():
            raise NotAStoreError(f"{self.path} is a file: expected a folder")
        if not self.path.exists():
            if not create:
                raise MissingStoreError(
                    f"{self.path} does not exist; open it with create=True to make a store"
                )
            self._make_folder()
        self._folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._folder, (fcntl.LOCK_SH if read_only else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._folder)
            raise StoreLockedError(f"{self.path} is open elsewhere; close that store first") from None

    def _make_folder(self) -> None:
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            # The new name lives in the parent: a power cut may take the folder with all that is in it.
            parent = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(parent)
            finally:
                os.close(parent)

    def list(self) -> list[str]:
        self._file_number("")
        return sorted(os.listdir(self._folder))

    def create(self, name: str) -> None:
        self._file_number("")
        number = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=self._folder)
        with self._guard:
            self._files[name] = number

    def remove(self, name: str) -> None:
        self._file_number("")
        os.unlink(name, dir_fd=self._folder)
        with self._guard:
            number = self._files.pop(name, None)
        if number is not None:
            os.close(number)

    def size(self, name: str) -> int:
        return os.fstat(self._file_number(name)).st_size

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        return os.preadv(self._file_number(name), [buffer], offset)

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        return os.pwrite(self._file_number(name), buffer, offset)

    def truncate(self, name: str, size: int) -> None:
        os.ftruncate(self._file_number(name), size)

    def sync(self, name: str) -> None:
        os.fdatasync(self._file_number(name))

    def sync_names(self) -> None:
        self._file_number("")
        os.fsync(self._folder)

    def close(self) -> None:
        with self._guard:
            files, self._files = self._files, {}
            folder, self._folder = self._folder, -1
        for number in files.values():
            os.close(number)
        if folder >= 0:
            os.close(folder)

    def _file_number(self, name: str) -> int:
        """The open file of `name`, opened on first use; "" only asks whether the device is open."""
        with self._guard:
            if self._folder < 0:
                raise OSError(errno.EBADF, "the device is closed", str(self.path))
            if not name:
                return self._folder
            number = self._files.get(name)
            if number is None:
                number = os.open(name, os.O_RDONLY if self._read_only else os.O_RDWR, dir_fd=self._folder)
                self._files[name] = number
            return number


class MemoryDevice:
    """A folder in memory that loses nothing; for tests and for stores that need not survive."""

    def __init__(self) -> None:
        self._guard = threading.RLock()
        self._files: dict[str, bytearray] = {}
        self._is_open = True
        self._owner: object = None

    def acquire(self, owner: object) -> bool:
        """Take the instance's lock, and open it again if it was closed; whether it was free."""
        with self._guard:
            if self._owner is not None:
                return False
            self._owner = owner
            self._is_open = True
            return True

    def release(self, owner: object) -> None:
        with self._guard:
            if self._owner is owner:
                self._owner = None

    def list(self) -> list[str]:
        with self._guard:
            self._check_open()
            return sorted(self._files)

    def create(self, name: str) -> None:
        with self._guard:
            self._check_open()
            if name in self._files:
                raise FileExistsError(errno.EEXIST, "the file exists", name)
            self._files[name] = bytearray()

    def remove(self, name: str) -> None:
        with self._guard:
            self._file(name)
            del self._files[name]

    def size(self, name: str) -> int:
        with self._guard:
            return len(self._file(name))

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        with self._guard:
            _check_offset(offset, name)
            data = self._file(name)[offset : offset + len(buffer)]
            buffer[: len(data)] = data
            return len(data)

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        with self._guard:
            file = self._file(name)
            _check_offset(offset, name)
            if not len(buffer):
                return 0
            if offset > len(file):
                file.extend(bytes(offset - len(file)))
            file[offset : offset + len(buffer)] = buffer
            return len(buffer)

    def truncate(self, name: str, size: int) -> None:
        with self._guard:
            file = self._file(name)
            _check_offset(size, name)
            del file[size:]
            file.extend(bytes(size - len(file)))

    def sync(self, name: str) -> None:
        with self._guard:
            self._file(name)

    def sync_names(self) -> None:
        self._check_open()

    def close(self) -> None:
        self._is_open = False

    def _check_open(self) -> None:
        if not self._is_open:
            raise OSError(errno.EBADF, "the device is closed")

    def _file(self, name: str) -> bytearray:
        self._check_open()
        try:
            return self._files[name]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "no such file", name) from None


def _check_offset(offset: int, name: str) -> None:
    if offset < 0:
        raise OSError(errno.EINVAL, "a negative offset or size", name)
