"""A folder in memory as a device; it loses nothing.

Threads: every method may be called from any thread.
"""

from __future__ import annotations

import errno
import threading

from .seam import NO_ARGUMENT, Buffer, check_name, check_offset, invalid

__all__ = ["MemoryDevice"]


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
            check_name(name)
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
            check_offset(offset, name)
            file = self._file(name)
            try:
                view = memoryview(buffer).cast("B")
                data = file[offset : offset + len(view)]
                view[: len(data)] = data
            except NO_ARGUMENT as error:
                raise invalid(error, name) from None
            return len(data)

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        with self._guard:
            file = self._file(name)
            check_offset(offset, name)
            try:
                view = memoryview(buffer).cast("B")
                if not len(view):
                    return 0
                if offset > len(file):
                    file.extend(bytes(offset - len(file)))
                file[offset : offset + len(view)] = view
            except NO_ARGUMENT as error:
                raise invalid(error, name) from None
            return len(view)

    def truncate(self, name: str, size: int) -> None:
        with self._guard:
            file = self._file(name)
            check_offset(size, name)
            try:
                file.extend(bytes(max(0, size - len(file))))
            except NO_ARGUMENT as error:
                raise invalid(error, name) from None
            del file[size:]

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
        check_name(name)
        try:
            return self._files[name]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "no such file", name) from None
