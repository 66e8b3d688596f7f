"""A folder of a real file system as a device.

Invariants
  1  a constructor that raises leaves no folder behind that it made, and no file open; it takes none away
     that another has locked
  2  names of folders, and files of other names than the store's, are listed and otherwise left alone

Threads: every method may be called from any thread.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final
from weakref import ref

from ..arguments import AnyPath, check_flag, path_of
from ..errors import MissingStoreError, NotAStoreError, SettingsError, StoreLockedError
from .seam import NO_ARGUMENT, Buffer, check_name, check_offset, check_span, invalid, read_exactly, telling

__all__ = ["FileDevice"]

LEASE_FILE: Final = "root-a"  # Locked by readers beside a writer; always there, and never another file.

_PUNCH_HOLE: Final = 3  # FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
_punch = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
if _punch is not None:
    _punch.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)

_all: set[ref[FileDevice]] = set()


def _leave_all() -> None:
    devices = [each() for each in _all]
    for device in devices:
        if device is not None:
            device.leave()


os.register_at_fork(after_in_child=_leave_all)


class FileDevice:
    """One folder of a real file system: pread, pwrite, fsync of a file and of the folder, flock.

    Beyond the seam it has what a store of one's own may want of a disk: datasync, rename, link, allocate,
    punch and write_through. FaultDevice has the same calls, with the same answers and the same refusals
    (tests/contract). `sync` is fsync and not fdatasync: what was searched with `sync` is what the disk gets.

    is_beside   read-only, and somebody else has the store open for writing

    The constructor takes the folder's lock (shared if `read_only`; where a writer has it, a lease beside him,
    of which `has_readers` tells him, and which ends with the process) and makes the folder if `create`,
    syncing its parent; where it raises it leaves no folder behind. Raises SettingsError (no path),
    MissingStoreError, NotAStoreError (the path is a file), StoreLockedError, DeviceError.
    """

    def __init__(self, path: AnyPath, *, create: bool = False, read_only: bool = False) -> None:
        self.path = Path(path_of(path))
        check_flag("create", create, SettingsError)
        check_flag("read_only", read_only, SettingsError)
        self._guard = threading.Lock()
        self._files: dict[str, int] = {}
        self._read_only = read_only
        self._made: list[Path] = []
        self._folder = -1
        self._process = os.getpid()
        self.is_beside = False
        _all.add(ref(self, _all.discard))
        try:
            with telling(f"opening {self.path}"):
                self._open(create)
        except BaseException:
            self.unmake()  # First: once it is unlocked, the folder may be another's.
            self.close()
            raise

    def _open(self, create: bool) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise NotAStoreError(f"{self.path} is a file: expected a folder")
        if not self.path.exists():
            if not create:
                raise MissingStoreError(
                    f"{self.path} does not exist; opened to write, create=True makes a store"
                )
            self._make_folder()
        self._folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._folder, (fcntl.LOCK_SH if self._read_only else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            self._made.clear()  # Who was faster has it.
            if not self._read_only or not self._lease():
                raise StoreLockedError(f"{self.path} is open elsewhere; close that store first") from None

    def _lease(self) -> bool:
        """Read beside the one who writes; whether there is a file yet to tell him by."""
        with suppress(FileNotFoundError):
            # He holds it for a moment only, to see whether somebody reads. It ends with this process.
            fcntl.flock(self._file_number(LEASE_FILE), fcntl.LOCK_SH)
            self.is_beside = True
        return self.is_beside

    def has_readers(self) -> bool:
        """True while somebody reads beside the one who writes here: nothing that he may need may go."""
        number = self._file_number(LEASE_FILE)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(number, fcntl.LOCK_UN)
        return False

    def _make_folder(self) -> None:
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            self._made.append(folder)
            # The new name lives in the parent: a power cut may take the folder with all that is in it.
            parent = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(parent)
            finally:
                os.close(parent)

    def unmake(self) -> None:
        """Take away the folders that the constructor made, those that are empty still."""
        with suppress(OSError):
            while self._made:
                self._made.pop().rmdir()

    def list(self) -> list[str]:
        self._check_open()
        return sorted(os.listdir(self._folder))

    def create(self, name: str) -> None:
        self._check_open()
        check_name(name)
        number = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=self._folder)
        with self._guard:
            self._files[name] = number

    def remove(self, name: str) -> None:
        self._check_open()
        check_name(name)
        os.unlink(name, dir_fd=self._folder)
        with self._guard:
            number = self._files.pop(name, None)
        if number is not None:
            os.close(number)

    def size(self, name: str) -> int:
        return os.fstat(self._file_number(name)).st_size

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        number = self._file_number(name)
        check_offset(offset, name)
        try:
            return os.preadv(number, [buffer], offset)
        except NO_ARGUMENT as error:
            raise invalid(error, name) from None

    def read(self, name: str) -> bytes:
        """The whole file, of as many bytes as it says it has."""
        return read_exactly(self, name, 0, self.size(name))

    def write(self, name: str, offset: int, buffer: Buffer) -> int:
        number = self._file_number(name)
        check_offset(offset, name)
        try:
            return os.pwrite(number, buffer, offset)
        except NO_ARGUMENT as error:
            raise invalid(error, name) from None

    def truncate(self, name: str, size: int) -> None:
        number = self._file_number(name)
        check_offset(size, name)
        os.ftruncate(number, size)

    def punch(self, name: str, offset: int, size: int) -> None:
        """Give the room of these bytes back: they read zeros, and the file is as long as before.

        Raises OSError, EOPNOTSUPP where the file system cannot.
        """
        number = self._file_number(name)
        check_span(offset, size, name)
        if _punch is None or _punch(number, _PUNCH_HOLE, offset, size):
            code = ctypes.get_errno() or errno.EOPNOTSUPP
            raise OSError(code, os.strerror(code), name)

    def sync(self, name: str) -> None:
        os.fsync(self._file_number(name))

    def sync_names(self) -> None:
        self._check_open()
        os.fsync(self._folder)

    def datasync(self, name: str) -> None:
        """Make the file's bytes durable, and of its size what they need to be read (fdatasync)."""
        os.fdatasync(self._file_number(name))

    def write_through(self, name: str, offset: int, buffer: Buffer) -> int:
        """Put `buffer` at `offset` and make what was taken of it durable (O_DSYNC); how many bytes."""
        number = self._file_number(name)
        check_offset(offset, name)
        try:
            return os.pwritev(number, [buffer], offset, os.RWF_DSYNC)
        except NO_ARGUMENT as error:
            raise invalid(error, name) from None

    def allocate(self, name: str, offset: int, size: int) -> None:
        """Reserve room for these bytes (fallocate): what is there stays, what is new reads zeros."""
        number = self._file_number(name)
        check_span(offset, size, name)
        os.posix_fallocate(number, offset, size)

    def rename(self, old: str, new: str) -> None:
        """Move the name; a file that bore the new name loses it. Two names of one file: nothing happens."""
        self._check_open()
        check_name(old)
        check_name(new)
        with self._guard:
            if self._is_one_file(old, new):
                return
            os.rename(old, new, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            moved, replaced = self._files.pop(old, None), self._files.pop(new, None)
            if moved is not None:
                self._files[new] = moved
        if replaced is not None:
            os.close(replaced)

    def link(self, old: str, new: str) -> None:
        """Give the file a second name. Raises FileExistsError if it is taken."""
        self._check_open()
        check_name(old)
        check_name(new)
        os.link(old, new, src_dir_fd=self._folder, dst_dir_fd=self._folder, follow_symlinks=False)

    def close(self) -> None:
        with self._guard:
            files, self._files = self._files, {}
            folder, self._folder = self._folder, -1
        for number in files.values():
            os.close(number)
        if folder >= 0:
            # A process that was forked without Python's knowing has the folder open, and so the lock, still.
            if self._process == os.getpid():
                with suppress(OSError):
                    fcntl.flock(folder, fcntl.LOCK_UN)
            os.close(folder)

    def leave(self) -> None:
        """In a forked child: let go of the folder, whose lock is the parent's, so that it ends with that."""
        folder, self._folder = self._folder, -1
        if folder >= 0:
            os.close(folder)

    def _is_one_file(self, old: str, new: str) -> bool:
        """True if both are names of one file. Raises FileNotFoundError if there is no old one."""
        found = os.stat(old, dir_fd=self._folder, follow_symlinks=False)
        with suppress(FileNotFoundError):
            return os.path.samestat(found, os.stat(new, dir_fd=self._folder, follow_symlinks=False))
        return False

    def _check_open(self) -> None:
        if self._folder < 0:
            raise OSError(errno.EBADF, "the device is closed", str(self.path))

    def _file_number(self, name: str) -> int:
        """The open file of `name`, opened on first use."""
        if type(name) is str and self._folder >= 0 and (known := self._files.get(name)) is not None:
            return known
        check_name(name)
        with self._guard:
            self._check_open()
            number = self._files.get(name)
            if number is None:
                number = os.open(name, os.O_RDONLY if self._read_only else os.O_RDWR, dir_fd=self._folder)
                self._files[name] = number
            return number
