"""The recorder: a FUSE file system of one file, which is a disk, and a log of all that was done to it.

    file system ─ loop device ─ this file ─ request ─▶ carried out ─▶ logged ─▶ counted ─▶ answered

The mount point is the file itself. A loop device stands on it; what the block layer sends there arrives as
requests: a write as WRITE, a flush as FSYNC, a discard or zeroing as FALLOCATE.

Invariants
  1  a request is answered after it was carried out and logged, and requests are taken one at a time: so
     whoever reads `count` before and after a call knows which requests stood between the two
  2  no request is cached, put together or put off by FUSE: the file is opened with FOPEN_DIRECT_IO, and
     the kernel is granted no write-back cache
  3  the server ends with the process that started it

Threads: the server is a process of its own, with one thread.
Source: linux/fuse.h, protocol 7.31, of which this speaks what one file needs.
"""

import errno
import mmap
import os
import signal
import struct
from enum import IntEnum
from typing import Final

from . import kernel
from .epochs import BLOCK_BYTES, Record, is_data

_IN: Final = struct.Struct("=IIQQIIIHH")
_OUT: Final = struct.Struct("=IiQ")
_RECORD: Final = struct.Struct("=cxxxIQ")
RECORDED: Final = "ground-disk"  # The source that its mount names.
# How many requests are logged, the delay of data in milliseconds, and if data are refused.
_SHARED: Final = struct.Struct("=QQQ")
_ATTRIBUTES: Final = struct.Struct("=QIIQQQQQQIIIIIIIIII")
_MAX_WRITE: Final = 1 << 20
_BUFFER_BYTES: Final = _MAX_WRITE + 8192
_BIG_WRITES, _MAX_PAGES = 1 << 5, 1 << 22
_DIRECT_IO: Final = 1
_PUNCH_HOLE, _ZERO_RANGE = 2, 16


class Operation(IntEnum):
    """The messages that are answered, or that want no answer."""

    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    OPEN = 14
    READ = 15
    WRITE = 16
    STATFS = 17
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    INTERRUPT = 36
    DESTROY = 38
    BATCH_FORGET = 42
    FALLOCATE = 43


class Recorder:
    """A recorded disk of `size` bytes at the path `disk`, which is made; its server runs until `close`."""

    def __init__(self, disk: str, backing: str, log: str, size: int) -> None:
        self.disk = disk
        self._shared = mmap.mmap(-1, _SHARED.size)
        self._log = os.open(log, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        self.backing = os.open(backing, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        os.ftruncate(self.backing, size)
        os.close(os.open(disk, os.O_WRONLY | os.O_CREAT, 0o600))
        channel = os.open("/dev/fuse", os.O_RDWR)
        kernel.mount(RECORDED, disk, "fuse", f"fd={channel},rootmode=100600,user_id=0,group_id=0")
        parent = os.getpid()
        self._server = os.fork()
        if self._server == 0:
            code = 1
            try:
                kernel.end_with_parent(signal.SIGKILL)
                if os.getppid() != parent:  # It has ended before the kernel was asked.
                    os._exit(code)
                # What is on recorded disks is not mounted here: who is killed unmounts before he lets go of
                # the channel, and would wait for his own answer.
                kernel.enter_namespace()
                kernel.leave_mounts("/dev/loop", RECORDED)
                _Server(channel, self.backing, self._log, self._shared, size).serve()
                code = 0
            finally:
                os._exit(code)
        os.close(channel)

    @property
    def count(self) -> int:
        """The number of requests that were carried out and logged. Invariant 1."""
        return int(_SHARED.unpack_from(self._shared)[0])

    def slow_down(self, milliseconds: int) -> None:
        """Makes each later write of data of a program, runs of one letter, take that long more."""
        struct.pack_into("=Q", self._shared, 8, milliseconds)

    def refuse(self, *, is_on: bool) -> None:
        """Answers each write of data of a program with EIO, from now on or no longer."""
        struct.pack_into("=Q", self._shared, 16, is_on)

    def records(self) -> list[Record]:
        """All that was logged since the last `forget`."""
        return read_log(os.pread(self._log, os.fstat(self._log).st_size, 0))

    def forget(self) -> None:
        """Empties the log. Nothing may be under way."""
        os.ftruncate(self._log, 0)
        _SHARED.pack_into(self._shared, 0, 0, 0, 0)

    def close(self) -> None:
        """Unmounts, and ends the server."""
        kernel.unmount(self.disk)
        os.waitpid(self._server, 0)
        for descriptor in (self.backing, self._log):
            os.close(descriptor)


def read_log(raw: bytes) -> list[Record]:
    """The records of a log's bytes."""
    found = []
    at = 0
    while at < len(raw):
        kind, size, offset = _RECORD.unpack_from(raw, at)
        at += _RECORD.size
        data = raw[at : at + size] if kind == b"W" else b""
        at += len(data)
        found.append(Record(kind.decode(), offset, size, data))
    return found


_UNANSWERED: Final = (Operation.FORGET, Operation.BATCH_FORGET, Operation.INTERRUPT)


class _Server:
    def __init__(self, channel: int, backing: int, log: int, shared: mmap.mmap, size: int) -> None:
        self._channel = channel
        self._backing = backing
        self._log = log
        self._shared = shared
        self._attributes = _ATTRIBUTES.pack(
            0, 0, 0, 1, size, size // 512, 0, 0, 0, 0, 0, 0, 0o100600, 1, 0, 0, 0, 4096, 0
        )

    def serve(self) -> None:
        """Answers requests until the mount is gone."""
        buffer = bytearray(_BUFFER_BYTES)
        view = memoryview(buffer)
        while True:
            try:
                count = os.readv(self._channel, [buffer])
            except InterruptedError:
                continue
            except OSError as error:
                if error.errno == errno.ENODEV:  # Unmounted.
                    return
                if error.errno == errno.ENOENT:  # A request was taken back before it could be read.
                    continue
                raise
            _, operation, unique, *_ = _IN.unpack_from(buffer)
            if operation == Operation.DESTROY:
                self._answer(unique, 0)
                return
            if operation in _UNANSWERED:
                continue
            try:
                answer, code = self._carry_out(operation, view[_IN.size : count]), 0
            except OSError as error:
                answer, code = b"", -(error.errno or errno.EIO)
            self._answer(unique, code, answer)

    def _carry_out(self, operation: int, body: memoryview) -> bytes:
        match operation:
            case Operation.WRITE:
                _, offset, size = struct.unpack_from("=QQI", body)
                return self._write(offset, body[40 : 40 + size])
            case Operation.READ:
                _, offset, size = struct.unpack_from("=QQI", body)
                return os.pread(self._backing, size, offset)
            case Operation.FSYNC:
                self._note(b"F", 0, 0)
                return b""
            case Operation.FALLOCATE:
                _, offset, size, mode = struct.unpack_from("=QQQI", body)
                if not mode & (_PUNCH_HOLE | _ZERO_RANGE):
                    raise OSError(errno.EOPNOTSUPP, "")
                kernel.punch(self._backing, offset, size)
                self._note(b"D", offset, size)
                return b""
            case Operation.INIT:
                _, _, ahead, flags = struct.unpack_from("=IIII", body)
                granted = flags & (_BIG_WRITES | _MAX_PAGES)
                pages = _MAX_WRITE // 4096
                return struct.pack(
                    "=IIIIHHIIHHII24x", 7, 31, ahead, granted, 16, 12, _MAX_WRITE, 1, pages, 0, 0, 0
                )
            case Operation.GETATTR | Operation.SETATTR:
                return self._attributes
            case Operation.OPEN:
                return struct.pack("=QIi", 0, _DIRECT_IO, 0)
            case Operation.STATFS:  # Without this the loop device takes no discards.
                return struct.pack("=QQQQQIII28x", 0, 0, 0, 0, 0, BLOCK_BYTES, 255, BLOCK_BYTES)
            case Operation.RELEASE | Operation.FLUSH:
                return b""
        raise OSError(errno.ENOSYS, "")

    def _write(self, offset: int, data: memoryview) -> bytes:
        _, delay, is_refused = _SHARED.unpack_from(self._shared)
        if (delay or is_refused) and any(
            is_data(data[at : at + 64]) for at in range(0, len(data), BLOCK_BYTES)
        ):
            if is_refused:
                raise OSError(errno.EIO, "")
            signal.sigtimedwait([], delay / 1000)
        done = 0
        while done < len(data):
            done += os.pwrite(self._backing, data[done:], offset + done)
        self._note(b"W", offset, len(data), data)
        return struct.pack("=II", len(data), 0)

    def _note(self, kind: bytes, offset: int, size: int, data: memoryview | bytes = b"") -> None:
        os.writev(self._log, [_RECORD.pack(kind, size, offset), data])
        struct.pack_into("=Q", self._shared, 0, _SHARED.unpack_from(self._shared)[0] + 1)

    def _answer(self, unique: int, code: int, body: bytes = b"") -> None:
        os.writev(self._channel, [_OUT.pack(_OUT.size + len(body), code, unique), body])
