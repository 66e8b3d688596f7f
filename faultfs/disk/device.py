"""FaultDevice: a disk in memory that records every call, so that a crash can be chosen afterwards.

It has the shape of a Device (list, create, remove, size, read_into, write, truncate, sync, sync_names,
close), and the rest of a file system besides: rename, link, datasync, allocate, write_through; folders and
symbolic links. Its errors are OSError, with the numbers of Linux. What is written is visible at once to every
reader, as in a page cache; what of it survives a power cut is the law's business, not the device's.

A name is a path: `a/b` is the name b in the folder a, which `make_folder` has made (`lookup`). Whoever makes
no folder has a flat disk.

Invariants: those of `living`.

Threads: any thread, any call; one lock per device makes each call one moment.
"""

import errno
import os

from .arguments import check_offset, check_span, flat, refused
from .events import Event, EventKind
from .living import Living, Nameless
from .places import split
from .tree import Kind

# The kinds of frequent calls, as plain globals: looking a member up in its class costs as much as a lock.
_CREATE, _REMOVE, _WRITE, _TRUNCATE = EventKind.CREATE, EventKind.REMOVE, EventKind.WRITE, EventKind.TRUNCATE
_SYNC, _SYNC_NAMES, _READ, _SIZE = EventKind.SYNC, EventKind.SYNC_NAMES, EventKind.READ, EventKind.SIZE


class FaultDevice(Living):
    """A disk that starts as `image` (empty if None) and keeps the trace of everything since."""

    __slots__ = ()

    # The shape of a Device.

    def list(self, folder: str = "") -> list[str]:
        """The names in a folder, sorted; in the root if none is said. Raises OSError."""
        with self._lock:
            self._check_open()
            inode = self._lookup.folder(folder)
            if self._reads:
                self._event(EventKind.LIST, "", inode)
            return list(self._lookup.children(inode)) if self._lookup.folders else sorted(self._names)

    def create(self, name: str) -> None:
        """A new empty file; FileExistsError if the name is taken."""
        with self._lock:
            self._files[self._made(_CREATE, self._free(name))] = b""

    def remove(self, name: str) -> None:
        """Takes the name of a file, or of a symbolic link, away; FileNotFoundError if there is none."""
        with self._lock:
            key, inode = self._bound(name)
            if inode in self._lookup.folders:
                raise refused(errno.EISDIR, name)
            self._event(_REMOVE, key, inode)
            del self._names[key]
            self._forget(inode)

    def size(self, name: str) -> int:
        """The length of the file in bytes."""
        with self._lock:
            name, inode = self._inode(name, _SIZE)
            size = len(self._files[inode])
            if self._reads:
                self._event(_SIZE, name, inode, 0, b"", size)
            return size

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        """Fills the buffer from the file; gives how many bytes there were, 0 at the end of the file or past
        it."""
        target = flat(buffer, name, is_target=True)
        with self._lock:
            name, inode = self._inode(name, _READ)
            check_offset(offset, name)
            data = self._files[inode][offset : offset + len(target)]
            count = len(data)
            if self._reads:
                self._event(_READ, name, inode, offset, b"", count)
            target[:count] = data
            return count

    def read(self, name: str) -> bytes:
        """The whole file, of as many bytes as it says it has: `size`, then `read_into`."""
        buffer = bytearray(self.size(name))
        return bytes(buffer[: self.read_into(name, 0, buffer)])

    def write(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        """Writes the buffer at the offset, growing the file; a gap reads zeros. Gives how many bytes were
        taken."""
        data = buffer if type(buffer) is bytes else flat(buffer, name).tobytes()
        with self._lock:
            name, inode = self._inode(name)
            check_offset(offset, name)
            count = len(data)
            self._event(_WRITE, name, inode, offset, data, count)
            if count:
                live = self._writable(inode)
                if offset > len(live):
                    live.extend(bytes(offset - len(live)))
                live[offset : offset + count] = data
            return count

    def truncate(self, name: str, size: int) -> None:
        """Makes the file this long: shortened, or grown by zeros."""
        with self._lock:
            name, inode = self._inode(name)
            check_offset(size, name)
            self._event(_TRUNCATE, name, inode, 0, b"", size)
            live = self._writable(inode)
            if size < len(live):
                del live[size:]
            else:
                live.extend(bytes(size - len(live)))

    def sync(self, name: str) -> None:
        """Makes this file's bytes and size durable; not its name."""
        with self._lock:
            self._event(_SYNC, *self._inode(name))

    def sync_names(self, folder: str = "") -> None:
        """Makes all names in a folder durable, in the root if none is said; not what the files hold, and not
        the folder's own name. Raises OSError."""
        with self._lock:
            self._check_open()
            self._event(_SYNC_NAMES, "", self._lookup.folder(folder))

    def close(self) -> None:
        """From now on every call is EBADF, until someone acquires the device. The trace can still be read."""
        with self._lock:
            self._closed = True

    def die(self) -> None:
        """The power is gone: every call from now on is EBADF, whoever still holds the device."""
        with self._lock:
            self._closed = self.is_dead = True

    # The rest of a file system.

    def rename(self, old: str, new: str) -> None:
        """Moves the name of a file, link or folder; what bore the new name loses it, which for a folder must
        be an empty one. Nothing happens if both are names of one file."""
        with self._lock:
            key, inode = self._bound(old)
            target = self._lookup.key(new, follows=False)
            replaced = self._names.get(target)
            self._check_move(inode, target, new)
            if replaced not in (None, inode):
                self._check_replaced(inode, replaced, new)
            self._event(EventKind.RENAME, key, inode, 0, b"", 0, target)
            if replaced != inode:
                del self._names[key]
                self._names[target] = inode
                if replaced is not None:
                    self._forget(replaced)

    def exchange(self, old: str, new: str) -> None:
        """Lets two names change places (renameat2, RENAME_EXCHANGE), whatever they are bound to."""
        with self._lock:
            (key, inode), (target, other) = self._bound(old), self._bound(new)
            self._check_move(inode, target, new)
            self._check_move(other, key, old)
            self._event(EventKind.EXCHANGE, key, inode, 0, b"", 0, target)
            self._names[key], self._names[target] = other, inode

    def link(self, old: str, new: str) -> None:
        """A second name for the file, or symbolic link; the first one for what `make_unnamed` made.
        FileExistsError if it is taken; FileNotFoundError for a file that has lost its last name."""
        with self._lock:
            is_unnamed = type(old) is Nameless
            key, inode = self._inode(old) if is_unnamed else self._bound(old)
            target = self._free(new)
            if inode in self._lookup.folders:
                raise refused(errno.EPERM, old)
            if is_unnamed and inode not in self._linkable:
                raise refused(errno.ENOENT, old)
            self._event(EventKind.LINK, key, inode, 0, b"", 0, target)
            self._names[target] = inode
            self._linkable.discard(inode)

    def make_unnamed(self, *, is_linkable: bool = True) -> Nameless:
        """A new empty file without a name (O_TMPFILE), for the one who holds it; `link` may give it one."""
        with self._lock:
            self._check_open()
            inode = self._made(EventKind.UNNAMED, "")
            self._files[inode] = b""
            if is_linkable:
                self._linkable.add(inode)
            return Nameless.of(inode)

    def symlink(self, target: str, name: str) -> None:
        """A symbolic link to a path, which need not be there."""
        with self._lock:
            key = self._free(name)
            if type(target) is not str or not target or "\0" in target:
                raise refused(errno.ENOENT if target == "" else errno.EINVAL, target)
            self._lookup.links[self._made(EventKind.SYMLINK, key, target)] = target

    def make_folder(self, name: str) -> None:
        """A new empty folder; FileExistsError if the name is taken."""
        with self._lock:
            self._lookup.folders.add(self._made(EventKind.FOLDER, self._free(name)))

    def remove_folder(self, name: str) -> None:
        """Takes the name of an empty folder away."""
        with self._lock:
            key, inode = self._bound(name)
            if inode not in self._lookup.folders:
                raise refused(errno.ENOTDIR, name)
            if self._lookup.children(inode):
                raise refused(errno.ENOTEMPTY, name)
            self._event(_REMOVE, key, inode)
            del self._names[key]
            self._forget(inode)

    def sync_all(self) -> None:
        """Makes everything durable, of all files and folders (sync, syncfs)."""
        with self._lock:
            self._check_open()
            self._event(EventKind.SYNC_ALL)

    def kind(self, name: str) -> Kind:
        """The kind of what the name is bound to; a symbolic link is not followed."""
        with self._lock:
            return self._lookup.item(self._bound(name)[1]).kind

    def target(self, name: str) -> str:
        """The path that a symbolic link leads to; OSError (EINVAL) for anything else."""
        with self._lock:
            inode = self._bound(name)[1]
            if inode not in self._lookup.links:
                raise refused(errno.EINVAL, name)
            return self._lookup.links[inode]

    def _check_move(self, inode: int, target: str, name: str) -> None:
        """A folder does not go below itself."""
        if inode in self._lookup.folders and self._lookup.is_below(split(target)[0], inode):
            raise refused(errno.EINVAL, name)

    def _check_replaced(self, inode: int, replaced: int, name: str) -> None:
        is_folder, was_folder = inode in self._lookup.folders, replaced in self._lookup.folders
        if was_folder and self._lookup.holds(replaced, inode):
            raise refused(errno.ENOTEMPTY, name)
        if is_folder != was_folder:
            raise refused(errno.ENOTDIR if is_folder else errno.EISDIR, name)
        if was_folder and self._lookup.children(replaced):
            raise refused(errno.ENOTEMPTY, name)

    def datasync(self, name: str) -> None:
        """Makes this file's bytes durable, and of its size what they need to be read (fdatasync)."""
        with self._lock:
            self._event(EventKind.DATASYNC, *self._inode(name))

    def allocate(self, name: str, offset: int, size: int) -> None:
        """Reserves room for these bytes (fallocate): what is there stays, what is new reads zeros."""
        with self._lock:
            name, inode = self._inode(name)
            check_span(offset, size, name)
            self._event(EventKind.ALLOCATE, name, inode, offset, b"", size)
            live = self._writable(inode)
            live.extend(bytes(max(0, offset + size - len(live))))

    def punch(self, name: str, offset: int, size: int) -> None:
        """Gives the room of these bytes back (fallocate, FALLOC_FL_PUNCH_HOLE): they read zeros, and the file
        is as long as before. In the trace it is a write of zeros, so a crash may leave a part of it."""
        check_span(offset, size, name)
        held = max(0, min(size, self.size(name) - offset))
        self.write(name, offset, bytes(held))

    def write_through(self, name: str, offset: int, buffer: bytes | bytearray | memoryview) -> int:
        """Writes as through a file opened with O_DSYNC: on return these bytes are durable.

        Two events, for it is two moments: a WRITE that a crash may tear, then WRITE_THROUGH, when it is done.
        """
        count = self.write(name, offset, buffer)
        self._end_write_through(name, offset, count)
        return count

    def _end_write_through(self, name: str, offset: int, count: int) -> None:
        with self._lock:
            self._event(EventKind.WRITE_THROUGH, *self._inode(name), offset, b"", count)

    # What only the bench asks for.

    def mark(self, label: str, payload: bytes = b"") -> None:
        """Puts a remark into the trace; it changes nothing on the disk."""
        with self._lock:
            self._append(Event(EventKind.MARK, data=payload, label=label))

    def materialise(self, folder: str | os.PathLike[str]) -> None:
        """Writes the live content into a real folder, which is made if it is missing; links stay links."""
        self.image().materialise(folder)
