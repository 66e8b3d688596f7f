"""FaultDevice: a disk in memory that records every call, so that a crash can be chosen afterwards.

It has the shape of a Device (list, create, remove, size, read_into, write, truncate, sync, sync_names,
close), and rename, link, datasync, allocate and write_through besides. Its errors are OSError. What is
written is visible at once to every reader, as in a page cache; what of it survives a power cut is the law's
business, not the device's.

Invariants
  1  the live content is the initial image with the trace's events applied in order
  2  every call that is recorded passes `_event`, before it takes effect: the one place where a fault will
     strike
  3  a file of the initial image is shared until it is first written

Threads: any thread, any call; one lock per device makes each call one moment.
"""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from ..errors import RunawayError
from .arguments import check_name, check_offset, check_span, flat, refused
from .events import Event, EventKind
from .image import Image
from .trace import SECTOR_BYTES, Trace

# The kinds of frequent calls, as plain globals: looking a member up in its class costs as much as a lock.
_CREATE, _REMOVE, _WRITE, _TRUNCATE = EventKind.CREATE, EventKind.REMOVE, EventKind.WRITE, EventKind.TRUNCATE
_SYNC, _SYNC_NAMES, _READ, _SIZE = EventKind.SYNC, EventKind.SYNC_NAMES, EventKind.READ, EventKind.SIZE


class FaultDevice:
    """A disk that starts as `image` (empty if None) and keeps the trace of everything since."""

    __slots__ = (
        "_append",
        "_closed",
        "_files",
        "_lock",
        "_names",
        "_next_inode",
        "_reads",
        "calls_max",
        "is_dead",
        "label",
        "lock_owner",
        "trace",
    )

    def __init__(
        self,
        image: Image | None = None,
        *,
        sector_bytes: int = SECTOR_BYTES,
        record_reads: bool = True,
    ) -> None:
        self.trace = Trace(image, sector_bytes=sector_bytes)
        self._append = self.trace.events.append
        self._names = dict(self.trace.initial.names)
        self._files: dict[int, bytes | bytearray] = dict(self.trace.initial.files)
        self._next_inode = max(self._files, default=0) + 1
        self._reads = record_reads
        self._lock = Lock()
        self._closed = False
        self.label: Callable[[], str] | str = ""  # Stamped on each event: who called, in the caller's words.
        self.lock_owner: object | None = None
        self.calls_max = sys.maxsize  # Events of the trace; the call after the last of them is RunawayError.
        self.is_dead = False

    # The shape of a Device.

    def list(self) -> list[str]:
        """The names, sorted."""
        with self._lock:
            self._check_open()
            if self._reads:
                self._event(EventKind.LIST)
            return sorted(self._names)

    def create(self, name: str) -> None:
        """A new empty file; FileExistsError if the name is taken."""
        with self._lock:
            self._check_open()
            check_name(name)
            if name in self._names:
                raise refused(errno.EEXIST, name)
            inode = self._next_inode
            self._event(_CREATE, name, inode)
            self._next_inode = inode + 1
            self._names[name] = inode
            self._files[inode] = b""

    def remove(self, name: str) -> None:
        """Takes the name away; FileNotFoundError if there is none."""
        with self._lock:
            inode = self._inode(name)
            self._event(_REMOVE, name, inode)
            del self._names[name]
            self._forget(inode)

    def size(self, name: str) -> int:
        """The length of the file in bytes."""
        with self._lock:
            inode = self._inode(name, _SIZE)
            size = len(self._files[inode])
            if self._reads:
                self._event(_SIZE, name, inode, 0, b"", size)
            return size

    def read_into(self, name: str, offset: int, buffer: bytearray | memoryview) -> int:
        """Fills the buffer from the file; gives how many bytes there were, 0 at the end of the file or past
        it."""
        target = flat(buffer, name, is_target=True)
        with self._lock:
            inode = self._inode(name, _READ)
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
            inode = self._inode(name)
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
            inode = self._inode(name)
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
            self._event(_SYNC, name, self._inode(name))

    def sync_names(self) -> None:
        """Makes all names durable; not what the files hold."""
        with self._lock:
            self._check_open()
            self._event(_SYNC_NAMES)

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
        """Moves the name; a file that bore the new name loses it. Nothing happens if both are names of one
        file."""
        with self._lock:
            inode = self._inode(old)
            check_name(new)
            self._event(EventKind.RENAME, old, inode, 0, b"", 0, new)
            replaced = self._names.get(new)
            if replaced != inode:
                del self._names[old]
                self._names[new] = inode
                if replaced is not None:
                    self._forget(replaced)

    def link(self, old: str, new: str) -> None:
        """A second name for the file; FileExistsError if it is taken."""
        with self._lock:
            inode = self._inode(old)
            check_name(new)
            if new in self._names:
                raise refused(errno.EEXIST, new)
            self._event(EventKind.LINK, old, inode, 0, b"", 0, new)
            self._names[new] = inode

    def datasync(self, name: str) -> None:
        """Makes this file's bytes durable, and of its size what they need to be read (fdatasync)."""
        with self._lock:
            self._event(EventKind.DATASYNC, name, self._inode(name))

    def allocate(self, name: str, offset: int, size: int) -> None:
        """Reserves room for these bytes (fallocate): what is there stays, what is new reads zeros."""
        with self._lock:
            inode = self._inode(name)
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
            self._event(EventKind.WRITE_THROUGH, name, self._inode(name), offset, b"", count)

    # What only the bench asks for.

    def mark(self, label: str, payload: bytes = b"") -> None:
        """Puts a remark into the trace; it changes nothing on the disk."""
        with self._lock:
            self._append(Event(EventKind.MARK, data=payload, label=label))

    def image(self) -> Image:
        """The live content, as it would be after a clean shutdown."""
        with self._lock:
            names = {name: self._names[name] for name in sorted(self._names)}
            return Image(names, {inode: bytes(self._files[inode]) for inode in sorted(set(names.values()))})

    def materialise(self, folder: str | os.PathLike[str]) -> None:
        """Writes the live content into a real folder, which is made if it is missing; links stay links."""
        root = Path(folder)
        root.mkdir(parents=True, exist_ok=True)
        image = self.image()
        for inode, (first, *others) in image.groups().items():
            (root / first).write_bytes(image.files[inode])
            for other in others:
                os.link(root / first, root / other)

    def acquire(self, owner: object) -> bool:
        """Takes the device for one owner, False if it is taken. A closed device is open again.

        The new owner is a new process on a machine that stayed on: what was not synced is still not synced.
        """
        with self._lock:
            if self.is_dead:
                raise refused(errno.EBADF, "")
            if self.lock_owner is not None:
                return False
            self.lock_owner = owner
            self._closed = False
            return True

    def release(self, owner: object) -> None:
        """Gives the device back; nothing happens if the owner does not have it."""
        with self._lock:
            if self.lock_owner is owner:
                self.lock_owner = None

    # Under the lock.

    def _before(self, kind: EventKind, name: str, target: str) -> None:
        """Hears of a call that is about to take effect; for devices that watch what is done to them."""

    def _event(
        self,
        kind: EventKind,
        name: str = "",
        inode: int = 0,
        offset: int = 0,
        data: bytes = b"",
        size: int = 0,
        target: str = "",
    ) -> None:
        """Records a call that is about to take effect. Invariant 2."""
        self._before(kind, name, target)
        if len(self.trace.events) >= self.calls_max:
            raise RunawayError(f"{self.calls_max:,} calls on the device")
        label = self.label
        if not isinstance(label, str):
            label = label()
        self._append(Event(kind, name, inode, offset, data, size, target, label))

    def _inode(self, name: str, probe: EventKind | None = None) -> int:
        if self._closed:
            raise refused(errno.EBADF, name)
        inode = self._names.get(name) if type(name) is str else None
        if inode is None:
            check_name(name)
            if probe is not None and self._reads:
                self._event(probe, name)
            raise refused(errno.ENOENT, name)
        return inode

    def _check_open(self) -> None:
        if self._closed:
            raise refused(errno.EBADF, "")

    def _writable(self, inode: int) -> bytearray:
        live = self._files[inode]
        if isinstance(live, bytearray):
            return live
        copy = self._files[inode] = bytearray(live)  # Invariant 3.
        return copy

    def _forget(self, inode: int) -> None:
        """Drops the bytes of a file without a name: no call can reach them, and the trace has them still."""
        if inode not in self._names.values():
            del self._files[inode]
