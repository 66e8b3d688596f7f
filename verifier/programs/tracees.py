"""Processes and threads that are recorded: their memory, their descriptors, and what their paths mean.

Nothing of a process is simulated: its descriptors, its current folder and the places in its files are asked
of the kernel when it has stopped. A descriptor of ours for a file of its own shares the offset and the flags.
"""

from __future__ import annotations

import os
import struct
from typing import Final, NamedTuple

from ..tracing.requests import take_descriptor
from .hook import sitecustomize as hook
from .tree import Node, NotRecordedError, Tree

__all__ = ["AT_FDCWD", "MemoryGoneError", "Place", "Running", "Thread"]

AT_FDCWD: Final = -100
_PATH_BYTES: Final = 4096
_SHORT_BYTES: Final = 128  # Enough for most.
_VECTORS_MAX: Final = 1024
_SELF: Final = ("/proc/self/", "/proc/thread-self/")


class MemoryGoneError(NotRecordedError):
    """The memory of a process is not there: it was killed, if the kernel could read it before."""


class Place(NamedTuple):
    """A name in a folder, as a path of a process says it."""

    folder: Node | None  # None outside of the tree.
    name: str
    path: str  # As the recorder reaches it.


class Running:
    """A process while it runs."""

    def __init__(self, pid: int, place: int) -> None:
        self.pid = pid
        self.place = place  # In Recording.processes.
        self.started = 0  # Threads so far.
        self.lines = 0  # The address at which it keeps its lines (hook), where it does.
        self.elsewhere: set[int] = set()  # Descriptors that led to no file of the tree when last looked at.
        self.handle = -1  # A pidfd of it, when it is known.
        self._memory = -1

    def read(self, address: int, count: int) -> bytes:
        """Bytes of its memory; fewer where there are no more."""
        try:
            if self._memory < 0:
                self._memory = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
            return os.pread(self._memory, count, address)
        except (OSError, OverflowError):
            return b""

    def exact(self, address: int, count: int) -> bytes:
        """So many bytes of its memory. Raises MemoryGoneError where they cannot be read."""
        data = self.read(address, count)
        while len(data) < count:
            more = self.read(address + len(data), count - len(data))
            if not more:
                raise MemoryGoneError(f"{count} bytes of the memory of process {self.pid} cannot be read")
            data += more
        return data

    def take(self, number: int) -> int:
        """A descriptor of ours for one of its; -1 where it has none. The caller closes it."""
        if self.handle < 0:
            self.handle = os.pidfd_open(self.pid)
        return take_descriptor(self.handle, number)

    def executed(self) -> None:
        """Its memory is another."""
        self.lines = 0
        if self._memory >= 0:
            os.close(self._memory)
            self._memory = -1

    def close(self) -> None:
        """Let go of it: it has ended."""
        self.executed()
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1


class Taken:
    """A descriptor of ours while it is held."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        self._number = number

    def __enter__(self) -> int:
        return self._number

    def __exit__(self, *_: object) -> None:
        if self._number >= 0:
            os.close(self._number)


class Thread:
    """A thread of a process."""

    __slots__ = ("number", "process", "tid")

    def __init__(self, tid: int, process: Running) -> None:
        self.tid = tid
        self.process = process
        self.number = process.started
        process.started += 1

    def descriptor(self, number: int) -> Taken:
        """A descriptor of ours for one of its, -1 where it has none; given back at the end of a `with`."""
        number = _signed(number)
        taken = self.process.take(number)
        if taken < 0 and os.path.lexists(f"/proc/{self.tid}/fd/{number}"):
            taken = self._own(number)
        return Taken(taken)

    def _own(self, number: int) -> int:
        """As `Running.take`, where the first thread of the process has ended before this one."""
        try:
            handle = os.pidfd_open(self.tid, os.O_EXCL)  # PIDFD_THREAD, since Linux 6.9.
        except OSError as error:
            raise NotRecordedError(f"the first thread of process {self.process.pid} has ended") from error
        try:
            return take_descriptor(handle, number)
        finally:
            os.close(handle)

    def site(self) -> str:
        """The line of the user's code at which it is, where it is known."""
        if not self.process.lines:
            return ""
        at = self.process.lines + self.tid % hook.SLOTS * hook.SLOT_BYTES
        slot = self.process.read(at, hook.SLOT_BYTES)
        thread, length = hook.HEAD.unpack_from(slot) if len(slot) == hook.SLOT_BYTES else (0, 0)
        return slot[hook.HEAD.size :][:length].decode(errors="replace") if thread == self.tid else ""

    def text(self, address: int) -> str:
        """The zero-terminated text at an address; "" where there is none."""
        for count in (_SHORT_BYTES, _PATH_BYTES):
            data = self.process.read(address, count)
            end = data.find(b"\0")
            if end >= 0:
                return os.fsdecode(data[:end])
        return ""

    def gathered(self, vectors: int, count: int, size: int) -> bytes:
        """The first `size` bytes of so many buffers (struct iovec)."""
        table = self.process.exact(vectors, 16 * min(count, _VECTORS_MAX))
        parts = []
        for base, length in struct.iter_unpack("QQ", table):
            part = self.process.exact(base, min(length, size))
            parts.append(part)
            size -= len(part)
            if not size:
                break
        return b"".join(parts)

    def path(self, folder: int, text: str) -> str:
        """A path of the process as the recorder reaches it; `folder` is a descriptor or AT_FDCWD."""
        for own in _SELF:
            if text.startswith(own):
                return f"/proc/{self.tid}/{text[len(own) :]}"
        if text.startswith("/dev/fd/"):
            return f"/proc/{self.tid}/fd/{text[8:]}"
        if text.startswith("/"):
            return text
        folder = _signed(folder)
        start = "cwd" if folder == AT_FDCWD else f"fd/{folder}"
        return f"/proc/{self.tid}/{start}/{text}".rstrip("/")

    def place(self, tree: Tree, folder: int, address: int) -> Place:
        """The place that a path means whose last part is not followed."""
        path = self.path(folder, self.text(address)).rstrip("/")
        parent, _, name = path.rpartition("/")
        if name in ("", ".", ".."):
            return Place(None, name, path)
        return Place(tree.folder(parent or "/"), name, path)


def _signed(number: int) -> int:
    """A descriptor as the kernel takes it: an int of 32 bits."""
    number &= 0xFFFFFFFF
    return number - (1 << 32) if number >> 31 else number
