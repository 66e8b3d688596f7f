"""Opening: descriptors and file objects over a FaultDevice, with the shape and the errors of Linux.

Threads: as the device.
"""

import errno
import fcntl
import io
import os as real
import re
import stat
from typing import TYPE_CHECKING, Any, Final

from .descriptors import Descriptor, Descriptors, RawFile
from .disk.arguments import refused
from .disk.device import FaultDevice
from .disk.living import Nameless
from .disk.tree import Item, Kind

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["OpenFiles", "Path", "text_of"]

_KNOWN: Final = (
    real.O_ACCMODE
    | real.O_CREAT
    | real.O_EXCL
    | real.O_TRUNC
    | real.O_APPEND
    | real.O_DIRECTORY
    | real.O_NOFOLLOW
    | real.O_DSYNC
    | real.O_SYNC
    | real.O_CLOEXEC
    | getattr(real, "O_NOATIME", 0)
)
_TMPFILE: Final = getattr(real, "O_TMPFILE", 0)  # It has the bit of O_DIRECTORY as well. 0: not of Linux.
_LINK_OF_OPEN: Final = re.compile(r"/proc/self/fd/([0-9]+)")
_MODES: Final = {
    Kind.FILE: stat.S_IFREG | 0o644,
    Kind.FOLDER: stat.S_IFDIR | 0o755,
    Kind.LINK: stat.S_IFLNK | 0o777,
}
_FLAGS: Final = {"r": real.O_RDONLY, "w": real.O_CREAT | real.O_TRUNC, "a": real.O_CREAT | real.O_APPEND}
_FLAGS["x"] = real.O_CREAT | real.O_EXCL
Path = Any  # str, bytes or os.PathLike.


class OpenFiles:
    """The functions of `os` that take or give a descriptor, `flock`, and the built-in `open`."""

    def __init__(self, device: FaultDevice) -> None:
        self.device = device
        self._descriptors = Descriptors(device)

    # Open files.

    def open(self, path: Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """A descriptor of a file or folder. Flags that are not known here raise NotImplementedError."""
        if flags & ~(_KNOWN | _TMPFILE):
            raise NotImplementedError(f"flags {flags & ~_KNOWN:o}")
        if flags & _TMPFILE & ~real.O_DIRECTORY:
            return self._open_unnamed(path, flags, dir_fd)
        creates = flags & real.O_CREAT
        if creates and flags & real.O_DIRECTORY:
            raise refused(errno.EINVAL, path)
        is_own = flags & real.O_NOFOLLOW or (creates and flags & real.O_EXCL)
        known, item = self._find(path, follows=not is_own, dir_fd=dir_fd)
        if item is not None and creates and flags & real.O_EXCL:
            raise refused(errno.EEXIST, path)
        if item is None:
            if not creates:
                raise refused(errno.ENOENT, path)
            if text_of(path).endswith("/"):
                raise refused(errno.EISDIR, path)
            self.device.create(known)
            item = self._find(path, dir_fd=dir_fd)[1]
            assert item is not None
        elif item.kind is Kind.LINK:
            raise refused(errno.ENOTDIR if flags & real.O_DIRECTORY else errno.ELOOP, path)
        elif item.kind is Kind.FOLDER:
            if creates or flags & (real.O_ACCMODE | real.O_TRUNC):
                raise refused(errno.EISDIR, path)
        elif flags & real.O_DIRECTORY:
            raise refused(errno.ENOTDIR, path)
        elif flags & real.O_TRUNC:
            self.device.truncate(known, 0)
        return self._descriptors.add(Descriptor(item.inode, known, flags, item.kind is Kind.FOLDER))

    def _open_unnamed(self, path: Path, flags: int, dir_fd: int | None) -> int:
        """A file without a name: in no folder, though one is named."""
        writes = flags & real.O_ACCMODE in (real.O_WRONLY, real.O_RDWR)
        if flags & _TMPFILE != _TMPFILE or flags & real.O_CREAT or not writes:
            raise refused(errno.EINVAL, path)
        _, item = self._there(path, dir_fd=dir_fd)
        if item.kind is not Kind.FOLDER:
            raise refused(errno.ENOTDIR, path)
        made = self.device.make_unnamed(is_linkable=not flags & real.O_EXCL)
        return self._descriptors.add(Descriptor(made.inode, "", flags, is_folder=False))

    def close(self, fd: int) -> None:
        """Gives the descriptor back, and its lock."""
        self._descriptors.close(fd)

    def read(self, fd: int, count: int) -> bytes:
        """At most so many bytes from the offset on, which moves."""
        return self._descriptors.read(fd, count)

    def pread(self, fd: int, count: int, offset: int) -> bytes:
        """At most so many bytes from this offset on."""
        return self._descriptors.read(fd, count, offset)

    def write(self, fd: int, data: "ReadableBuffer") -> int:
        """Writes at the offset, which moves; gives how many bytes were taken."""
        return self._descriptors.write(fd, data)

    def pwrite(self, fd: int, data: "ReadableBuffer", offset: int) -> int:
        """Writes at this offset."""
        return self._descriptors.write(fd, data, offset)

    def lseek(self, fd: int, offset: int, whence: int) -> int:
        """Moves the offset; gives it."""
        return self._descriptors.seek(fd, offset, whence)

    def ftruncate(self, fd: int, size: int) -> None:
        """Makes an open file so long."""
        self._descriptors.truncate(fd, size)

    def truncate(self, path: Path, size: int) -> None:
        """Makes a file so long."""
        if isinstance(path, int):
            self.ftruncate(path, size)
            return
        if size < 0:
            raise refused(errno.EINVAL, path)
        known, item = self._there(path)
        if item.kind is Kind.FOLDER:
            raise refused(errno.EISDIR, path)
        self.device.truncate(known, size)

    def fsync(self, fd: int) -> None:
        """Makes an open file durable, or the names in an open folder."""
        opened = self._descriptors.get(fd)
        name = self._descriptors.name(opened)
        if not opened.is_folder:
            self.device.sync(name)
        elif type(name) is not Nameless:
            self.device.sync_names(name)

    def fdatasync(self, fd: int) -> None:
        """Makes the bytes of an open file durable; of a folder, as `fsync`."""
        opened = self._descriptors.get(fd)
        if opened.is_folder:
            self.fsync(fd)
        else:
            self.device.datasync(self._descriptors.name(opened))

    def sync(self) -> None:
        """Makes everything durable."""
        self.device.sync_all()

    def posix_fallocate(self, fd: int, offset: int, size: int) -> None:
        """Reserves room for these bytes."""
        opened = self._descriptors.get(fd)
        if not opened.writes:
            raise OSError(errno.EBADF, real.strerror(errno.EBADF))
        self.device.allocate(self._descriptors.name(opened), offset, size)

    def flock(self, fd: int, operation: int) -> None:
        """A lock of fcntl on an open file. To wait where nobody else runs would be for ever: EDEADLK."""
        opened = self._descriptors.get(fd)
        wanted = operation & ~fcntl.LOCK_NB
        if wanted not in (fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN):
            raise OSError(errno.EINVAL, real.strerror(errno.EINVAL))
        locks = [each.lock for each in self._descriptors.others(opened)]
        if (wanted == fcntl.LOCK_EX and any(locks)) or (wanted == fcntl.LOCK_SH and fcntl.LOCK_EX in locks):
            opened.lock = 0 if operation & fcntl.LOCK_NB else opened.lock
            code = errno.EWOULDBLOCK if operation & fcntl.LOCK_NB else errno.EDEADLK
            raise OSError(code, real.strerror(code))
        opened.lock = 0 if wanted == fcntl.LOCK_UN else wanted

    def fstat(self, fd: int) -> real.stat_result:
        """The status of an open file."""
        opened = self._descriptors.get(fd)
        size = 0 if opened.is_folder else self._descriptors.size(opened)
        return self._status(opened.inode, Kind.FOLDER if opened.is_folder else Kind.FILE, size)

    # File objects.

    def open_file(
        self,
        file: Path,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """A file object, as the built-in `open` gives it."""
        kinds = [each for each in mode if each in _FLAGS]
        if (
            len(kinds) != 1
            or len(set(mode)) != len(mode)
            or set(mode) - set("rwxabt+")
            or {"b", "t"} <= set(mode)
        ):
            raise ValueError(f"invalid mode: {mode!r}")
        if "b" in mode and (encoding is not None or errors is not None or newline is not None):
            raise ValueError("binary mode takes no encoding, errors or newline argument")
        if buffering == 0 and "b" not in mode:
            raise ValueError("can't have unbuffered text I/O")
        access = real.O_RDWR if "+" in mode else real.O_RDONLY if kinds == ["r"] else real.O_WRONLY
        number = file if isinstance(file, int) else self.open(file, _FLAGS[kinds[0]] | access)
        if self._descriptors.get(number).is_folder:
            self.close(number)
            raise refused(errno.EISDIR, file)
        raw = RawFile(self._descriptors, number, file, mode)
        if kinds == ["a"]:
            raw.seek(0, real.SEEK_END)
        if buffering == 0:
            return raw
        size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
        kind = (
            io.BufferedRandom if "+" in mode else io.BufferedReader if kinds == ["r"] else io.BufferedWriter
        )
        buffered = kind(raw, size)
        if "b" in mode:
            return buffered
        text = io.TextIOWrapper(buffered, encoding, errors, newline, line_buffering=buffering == 1)
        text.mode = mode  # type: ignore[misc]
        return text

    # Within.

    def _find(
        self, path: Path, *, follows: bool = True, dir_fd: int | None = None
    ) -> tuple[str, Item | None]:
        try:
            return self.device.resolve(self._from(text_of(path), dir_fd), follows=follows)
        except OSError as error:
            raise refused(error.errno or errno.EIO, path) from None

    def _from(self, path: str, dir_fd: int | None) -> str:
        """A path from the folder of a descriptor, as one from the root."""
        if dir_fd is None or not path or path.startswith("/"):
            return path
        opened = self._descriptors.get(dir_fd)
        if not opened.is_folder:
            raise refused(errno.ENOTDIR, path)
        folder = self._descriptors.name(opened)
        if type(folder) is Nameless:
            raise refused(errno.ENOENT, path)
        return f"/{folder}/{path}"

    def _find_open(self, path: Path) -> tuple[str, Item] | None:
        """The open file that a link of /proc/self/fd leads to; None for any other path."""
        found = _LINK_OF_OPEN.fullmatch(text_of(path))
        if found is None:
            return None
        try:
            opened = self._descriptors.get(int(found[1]))
        except OSError:
            raise refused(errno.ENOENT, path) from None
        kind = Kind.FOLDER if opened.is_folder else Kind.FILE
        return self._descriptors.name(opened), Item(kind, opened.inode)

    def _there(self, path: Path, *, follows: bool = True, dir_fd: int | None = None) -> tuple[str, Item]:
        known, item = self._find(path, follows=follows, dir_fd=dir_fd)
        if item is None:
            raise refused(errno.ENOENT, path)
        return known, item

    def _status(self, inode: int, kind: Kind, size: int) -> real.stat_result:
        count = 2 if kind is Kind.FOLDER else self.device.links_of(inode)
        return real.stat_result((_MODES[kind], inode, 0, count, 0, 0, size, 0, 0, 0))


def text_of(path: Path) -> str:
    """A path as text; TypeError for what is none."""
    return real.fsdecode(path)
