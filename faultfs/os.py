"""os: an object with the shape of the modules `os` and `fcntl`, and of `open`, over a FaultDevice.

    fake = filesystem(FaultDevice())
    engine = Engine("data", os=fake, open=fake.open_file)    # instead of the real ones

An engine that is handed its `os` runs so on the bench: every call is recorded by the device, a power cut can
be chosen afterwards, and faults may be planned. Errors are those of Linux, with its numbers. Paths go from
the root of the device, which is the working folder too; modes, owners and times are not kept.

Invariants
  1  contents, answers and errnos are those of `os` on a folder of Linux, of the functions that are here
     (tests/faultfs/test_os.py plays both)
  2  a function, flag or argument that is not here raises AttributeError or NotImplementedError: nothing is
     passed to the real system

Threads: as the device.
"""

import errno
import fcntl
import os as real
import posixpath
from contextlib import suppress
from types import SimpleNamespace

from .disk.arguments import refused
from .disk.device import FaultDevice
from .disk.living import Nameless
from .disk.tree import Item, Kind
from .opening import OpenFiles, Path, text_of

__all__ = ["FileSystem", "filesystem"]


class FileSystem(OpenFiles):
    """The functions of `os` over one device; constants, and what is pure, are those of `os` itself."""

    error = OSError
    name, sep, linesep, curdir, pardir = real.name, real.sep, real.linesep, real.curdir, real.pardir
    fspath, fsencode = staticmethod(real.fspath), staticmethod(real.fsencode)
    fsdecode, strerror = staticmethod(real.fsdecode), staticmethod(real.strerror)
    SEEK_SET, SEEK_CUR, SEEK_END = real.SEEK_SET, real.SEEK_CUR, real.SEEK_END
    O_RDONLY, O_WRONLY, O_RDWR, O_ACCMODE = real.O_RDONLY, real.O_WRONLY, real.O_RDWR, real.O_ACCMODE
    O_CREAT, O_EXCL, O_TRUNC, O_APPEND = real.O_CREAT, real.O_EXCL, real.O_TRUNC, real.O_APPEND
    O_DIRECTORY, O_NOFOLLOW, O_CLOEXEC = real.O_DIRECTORY, real.O_NOFOLLOW, real.O_CLOEXEC
    O_DSYNC, O_SYNC, O_TMPFILE = real.O_DSYNC, real.O_SYNC, getattr(real, "O_TMPFILE", 0)
    LOCK_SH, LOCK_EX, LOCK_NB, LOCK_UN = fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_NB, fcntl.LOCK_UN

    def __init__(self, device: FaultDevice) -> None:
        super().__init__(device)
        self.path = SimpleNamespace(
            **{
                each: getattr(posixpath, each)
                for each in ("join", "split", "basename", "dirname", "splitext")
            },
            sep="/",
            exists=self._exists,
            lexists=lambda path: self._exists(path, follows=False),
            isfile=lambda path: self._is(path, Kind.FILE),
            isdir=lambda path: self._is(path, Kind.FOLDER),
            islink=lambda path: self._is(path, Kind.LINK, follows=False),
            getsize=lambda path: self.stat(path).st_size,
        )
        self.supports_dir_fd = {
            *(self.open, self.rename, self.replace, self.link, self.symlink, self.readlink, self.unlink),
            *(self.remove, self.mkdir, self.rmdir, self.stat, self.lstat),
        }

    # Names.

    def rename(
        self, old: Path, new: Path, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None
    ) -> None:
        """Moves a name."""
        before, item = self._end_of(old, src_dir_fd)
        after, _ = self._end_of(new, dst_dir_fd)
        # Folders are looked for first, of both; then the names in them.
        if before is not None and item is None:
            raise refused(errno.ENOENT, old)
        if before is None or after is None:
            raise refused(errno.ENAMETOOLONG, old)
        if not before or not after:
            raise refused(errno.EBUSY, old)
        assert item is not None
        if item.kind is not Kind.FOLDER and (text_of(old).endswith("/") or text_of(new).endswith("/")):
            raise refused(errno.ENOTDIR, old)
        self.device.rename(before, after)

    replace = rename

    def link(
        self,
        old: Path,
        new: Path,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
        follow_symlinks: bool = True,
    ) -> None:
        """A second name for a file; the first one for what O_TMPFILE made, by /proc/self/fd. A link at the
        end of `old` is followed, as by Python on Linux, where a descriptor of a folder is given."""
        follows = follow_symlinks and not (src_dir_fd is None and dst_dir_fd is None)
        found = self._find_open(old) if follows else None
        before, item = found or self._find(old, follows=follows, dir_fd=src_dir_fd)
        if item is None:
            raise refused(errno.ENOENT, old)
        after, there = self._find(new, follows=False, dir_fd=dst_dir_fd)
        if there is not None:
            raise refused(errno.EEXIST, old)
        if text_of(new).endswith("/"):
            raise refused(errno.ENOENT, old)
        if item.kind is Kind.FOLDER:
            raise refused(errno.EPERM, old)
        self.device.link(before, after)

    def symlink(self, target: Path, path: Path, *, dir_fd: int | None = None) -> None:
        """A symbolic link."""
        if not text_of(target):
            raise refused(errno.ENOENT, target)
        known, there = self._find(path, follows=False, dir_fd=dir_fd)
        if there is not None:
            raise refused(errno.EEXIST, target)
        if text_of(path).endswith("/"):
            raise refused(errno.ENOENT, target)
        self.device.symlink(text_of(target), known)

    def readlink(self, path: Path, *, dir_fd: int | None = None) -> str:
        """The target of a symbolic link."""
        known, item = self._there(path, follows=False, dir_fd=dir_fd)
        if item.kind is not Kind.LINK:
            raise refused(errno.EINVAL, path)
        return self.device.target(known)

    def unlink(self, path: Path, *, dir_fd: int | None = None) -> None:
        """Takes the name of a file away."""
        known, item = self._there(path, follows=False, dir_fd=dir_fd)
        if item.kind is Kind.FOLDER:
            raise refused(errno.EISDIR, path)
        self.device.remove(known)

    remove = unlink

    def mkdir(self, path: Path, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        """A new folder."""
        known, item = self._find(path, follows=False, dir_fd=dir_fd)
        if item is not None:
            raise refused(errno.EEXIST, path)
        self.device.make_folder(known)

    def makedirs(self, path: Path, mode: int = 0o777, exist_ok: bool = False) -> None:
        """A new folder, and those above it that are missing."""
        head, tail = posixpath.split(text_of(path))
        if not tail:
            head, tail = posixpath.split(head)
        if head and tail and not self._exists(head):
            with suppress(FileExistsError):
                self.makedirs(head, exist_ok=exist_ok)
            if tail == ".":
                return
        try:
            self.mkdir(path)
        except OSError:
            if not (exist_ok and self._is(path, Kind.FOLDER)):
                raise

    def rmdir(self, path: Path, *, dir_fd: int | None = None) -> None:
        """Takes the name of an empty folder away."""
        known, item = self._there(path, follows=False, dir_fd=dir_fd)
        last = text_of(path).rstrip("/").rpartition("/")[2]
        if item.kind is not Kind.FOLDER:
            raise refused(errno.ENOTDIR, path)
        if last in (".", ".."):
            raise refused(errno.EINVAL if last == "." else errno.ENOTEMPTY, path)
        if not known:
            raise refused(errno.EBUSY, path)
        self.device.remove_folder(known)

    def listdir(self, path: Path = ".") -> list[str]:
        """The names in a folder."""
        if isinstance(path, int):
            opened = self._descriptors.get(path)
            if not opened.is_folder:
                raise refused(errno.ENOTDIR, path)
            name = self._descriptors.name(opened)
            return [] if type(name) is Nameless else self.device.list(name)
        known, item = self._there(path)
        if item.kind is not Kind.FOLDER:
            raise refused(errno.ENOTDIR, path)
        return self.device.list(known)

    def stat(
        self, path: Path, *, dir_fd: int | None = None, follow_symlinks: bool = True
    ) -> real.stat_result:
        """The status of a name: kind, inode, number of names, size."""
        if isinstance(path, int):
            return self.fstat(path)
        known, item = self._there(path, follows=follow_symlinks, dir_fd=dir_fd)
        size = len(item.data) if item.kind is not Kind.FILE else self.device.size(known)
        return self._status(item.inode, item.kind, size)

    def lstat(self, path: Path, *, dir_fd: int | None = None) -> real.stat_result:
        """The same, of a symbolic link itself."""
        return self.stat(path, dir_fd=dir_fd, follow_symlinks=False)

    def _end_of(self, path: Path, dir_fd: int | None) -> tuple[str | None, Item | None]:
        """As `_find`; without a path where the name at the end is too long."""
        try:
            return self._find(path, follows=False, dir_fd=dir_fd)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            return None, None

    def _exists(self, path: Path, *, follows: bool = True) -> bool:
        try:
            return self._find(path, follows=follows)[1] is not None
        except (OSError, ValueError):
            return False

    def _is(self, path: Path, kind: Kind, *, follows: bool = True) -> bool:
        try:
            item = self._find(path, follows=follows)[1]
        except (OSError, ValueError):
            return False
        return item is not None and item.kind is kind


def filesystem(device: FaultDevice) -> FileSystem:
    """The functions of `os`, and `open_file` for the built-in `open`, over a device. Close it yourself."""
    return FileSystem(device)
