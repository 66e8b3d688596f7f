"""Calls that copy between files in the kernel; what arrived in a file of the tree is read back from it."""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from collections.abc import Callable
from typing import Final

from ..stops import LOST, Script, Stop, Wish
from .files import number_at, put, read_back
from .told import tell

__all__ = ["copy_file_range", "ioctl", "sendfile", "splice"]

_FICLONE, _FICLONERANGE, _FIDEDUPERANGE = 0x40049409, 0x4020940D, 0xC0189436
_READ_ONLY: Final = 2  # Of the two highest bits: the kernel writes to the program, and hears nothing.
_HARMLESS: Final = frozenset({0xC020660B, _FIDEDUPERANGE, 0x00009409, 0x5000940F})  # FS_IOC_FIEMAP, ...


def _copy(stop: Stop, source: int, target: int, offset_at: int, from_at: int) -> Script:
    """A copy to descriptor `target`, at the offset at that address, or at its own place where that is 0."""
    with stop.thread.descriptor(target) as taken, stop.thread.descriptor(source) as read:
        if taken < 0 or read < 0:
            return
        found = os.fstat(taken)
        node = stop.tree.find(found)
        if node is None:
            yield from tell(stop, taken, found, _sent(stop, read, from_at))
            return
        yield Wish.ALONE
        opened = fcntl.fcntl(taken, fcntl.F_GETFL)
        if offset_at:
            offset = number_at(stop, offset_at)
        elif opened & os.O_APPEND:
            offset = os.fstat(taken).st_size
        else:
            offset = os.lseek(taken, 0, os.SEEK_CUR)
        count = yield Wish.GO
        if count == LOST:
            count = os.fstat(taken).st_size - offset  # It may have copied all that follows.
        if count >= 0:
            data = read_back(taken, offset, count)
            put(stop, node, offset, data, is_through=bool(opened & os.O_DSYNC))


def _sent(stop: Stop, read: int, from_at: int) -> Callable[[int], bytes]:
    """The bytes that go from a file to an output: they are read before, at the place where it stands."""
    if not stat.S_ISREG(os.fstat(read).st_mode):
        return lambda count: stop.end("from a pipe or a socket to the output")
    offset = number_at(stop, from_at) if from_at else os.lseek(read, 0, os.SEEK_CUR)
    return lambda count: read_back(read, offset, count)


def sendfile(stop: Stop) -> Script:
    """sendfile(out, in, offset of in, count)."""
    return _copy(stop, stop.arguments[1], stop.arguments[0], 0, stop.arguments[2])


def splice(stop: Stop) -> Script:
    """splice(in, offset, out, offset, count, flags)."""
    return _copy(stop, stop.arguments[0], stop.arguments[2], stop.arguments[3], stop.arguments[1])


def copy_file_range(stop: Stop) -> Script:
    """copy_file_range(in, offset, out, offset, count, flags)."""
    return _copy(stop, stop.arguments[0], stop.arguments[2], stop.arguments[3], stop.arguments[1])


def ioctl(stop: Stop) -> Script:
    """ioctl(fd, request, argument): clones of ranges; others that may change a file end the recording."""
    request = stop.arguments[1] & 0xFFFFFFFF
    if request >> 30 == _READ_ONLY or request in _HARMLESS:
        return
    with stop.thread.descriptor(stop.arguments[0]) as taken:
        node = stop.tree.find(os.fstat(taken)) if taken >= 0 else None
        if node is None:
            return
        yield Wish.ALONE
        if request == _FICLONE:
            source, start, size, offset = stop.arguments[2], 0, 0, 0
        elif request == _FICLONERANGE:
            source, start, size, offset = struct.unpack(
                "qQQQ", stop.thread.process.exact(stop.arguments[2], 32)
            )
        else:
            source = start = size = offset = -1
        if (yield Wish.GO) != 0:
            return
        if source < 0:
            stop.end(f"request {request:#x} of {stop.tree.path(node)}")
        if not size:
            with stop.thread.descriptor(source) as read:
                size = os.fstat(read).st_size - start
        put(stop, node, offset, read_back(taken, offset, size), is_through=False)
