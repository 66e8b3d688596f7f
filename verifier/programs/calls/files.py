"""Calls that change the bytes or the size of a file: writes, truncations, allocations."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable
from typing import Final

from powercut.faultfs import Event, EventKind

from ..hook.sitecustomize import SIGN
from ..stops import LOST, Script, Stop, Wish
from ..tracees import AT_FDCWD, MemoryGoneError
from ..tree import Kind, Node
from .told import tell

__all__ = [
    "fallocate",
    "ftruncate",
    "number_at",
    "put",
    "pwrite",
    "pwritev",
    "pwritev2",
    "read_back",
    "truncate",
    "write",
    "writev",
]

_DSYNC: Final = os.O_DSYNC  # O_SYNC has this bit too.
_RWF_DSYNC, _RWF_SYNC, _RWF_APPEND, _RWF_NOAPPEND, _RWF_ATOMIC = 0x2, 0x4, 0x10, 0x20, 0x40
_RWF_UNDERSTOOD: Final = 0xFF  # HIPRI, NOWAIT, ATOMIC and DONTCACHE change nothing that an event says.
_KEEP_SIZE, _PUNCH_HOLE, _ZERO_RANGE, _UNSHARE = 0x1, 0x2, 0x10, 0x40
_ENDS: Final = {0x8: "FALLOC_FL_COLLAPSE_RANGE", 0x20: "FALLOC_FL_INSERT_RANGE"}
_APPEND: Final = os.O_APPEND
_fcntl, _F_GETFL = fcntl.fcntl, fcntl.F_GETFL  # As plain globals: it is the most frequent call of all.
_WRITE: Final = EventKind.WRITE
_HERE: Final = -1  # At the place of the descriptor.

_Data = Callable[[int], bytes]  # The bytes that the call wrote, given how many.


def _signed(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def _through(node: Node, offset: int, size: int) -> tuple[Event, ...]:
    """The event of a write through to the disk."""
    return (Event(EventKind.WRITE_THROUGH, node.name, node.number, offset, size=size),)


def _write(stop: Stop, data: _Data, at: int, flags: int = 0) -> Script:
    """A write of a file of the tree, or of an output.

    Of one that was killed nobody knows how far it came: what the disk has in its range is what was written.
    """
    with stop.thread.descriptor(stop.arguments[0]) as taken:
        if taken < 0:
            return
        found = os.fstat(taken)
        node = stop.tree.find(found)
        if node is None:
            yield from tell(stop, taken, found, data)
            return
        stop.thread.process.elsewhere.discard(stop.arguments[0])
        yield Wish.ALONE
        opened = _fcntl(taken, _F_GETFL)
        if (opened & _APPEND and not flags & _RWF_NOAPPEND) or flags & _RWF_APPEND:
            offset = os.fstat(taken).st_size
        else:
            offset = os.lseek(taken, 0, os.SEEK_CUR) if at == _HERE else at
        size = _asked(stop) if stop.name[-1] in "v2" else stop.arguments[2]
        count = yield Wish.GO
        if count < 0:
            if count == LOST:
                put(stop, node, offset, read_back(taken, offset, size), is_through=False)
            return
        if flags & ~_RWF_UNDERSTOOD:
            stop.end(f"flags {flags:#x} of {stop.tree.path(node)}")
        is_through = bool(opened & _DSYNC or flags & (_RWF_DSYNC | _RWF_SYNC))
        try:
            wrote = data(count)
        except MemoryGoneError:
            wrote = read_back(taken, offset, count)
        put(stop, node, offset, wrote, is_through=is_through)


def _asked(stop: Stop) -> int:
    """The number of bytes that a write from several buffers is asked for."""
    table = stop.thread.process.read(stop.arguments[1], 16 * min(stop.arguments[2], 1024))
    return sum(length for _, length in struct.iter_unpack("QQ", table[: len(table) // 16 * 16]))


def put(stop: Stop, node: Node, offset: int, data: bytes, *, is_through: bool) -> None:
    """Record that bytes were written to a file."""
    count = len(data)
    entry = stop.begin()
    entry.text = f"{stop.name}({stop.tree.path(node)}, {count} bytes, at {offset})"
    if count:
        wrote = Event(_WRITE, node.name, node.number, offset, data, count)
        entry.events = (wrote, *_through(node, offset, count)) if is_through else (wrote,)
        if stop.context.mappings:
            stop.context.mappings.wrote(node, offset, data)


def write(stop: Stop) -> Script:
    """write(fd, buffer, count)."""
    return _write(stop, lambda count: stop.thread.process.exact(stop.arguments[1], count), _HERE)


def pwrite(stop: Stop) -> Script:
    """pwrite64(fd, buffer, count, offset)."""
    if stop.arguments[0] & 0xFFFFFFFF == SIGN & 0xFFFFFFFF:
        stop.thread.process.lines = stop.arguments[1]
    at = _signed(stop.arguments[3])
    return _write(stop, lambda count: stop.thread.process.exact(stop.arguments[1], count), max(at, 0))


def _gathered(stop: Stop) -> _Data:
    return lambda count: stop.thread.gathered(stop.arguments[1], stop.arguments[2], count)


def writev(stop: Stop) -> Script:
    """writev(fd, vectors, count)."""
    return _write(stop, _gathered(stop), _HERE)


def pwritev(stop: Stop) -> Script:
    """pwritev(fd, vectors, count, offset)."""
    return _write(stop, _gathered(stop), max(_signed(stop.arguments[3]), 0))


def pwritev2(stop: Stop) -> Script:
    """pwritev2(fd, vectors, count, offset, 0, flags); offset -1 is the place of the descriptor."""
    at = _signed(stop.arguments[3])
    return _write(stop, _gathered(stop), at, stop.arguments[5] & 0xFFFFFFFF)


def _resized(stop: Stop, node: Node, size: int) -> None:
    said = f"{stop.tree.path(node)}, {size}"
    stop.add(said, Event(EventKind.TRUNCATE, node.name, node.number, size=size))
    stop.context.mappings.resized(node, size)


def ftruncate(stop: Stop) -> Script:
    """ftruncate(fd, size)."""
    with stop.thread.descriptor(stop.arguments[0]) as taken:
        node = stop.tree.find(os.fstat(taken)) if taken >= 0 else None
        if node is None:
            return
        yield Wish.ALONE
        result = yield Wish.GO
        if result == 0 or (result == LOST and os.fstat(taken).st_size == stop.arguments[1]):
            _resized(stop, node, stop.arguments[1])


def truncate(stop: Stop) -> Script:
    """truncate(path, size)."""
    yield Wish.ALONE
    try:
        path = stop.thread.path(AT_FDCWD, stop.thread.text(stop.arguments[0]))
        node = stop.tree.find(os.stat(path))
    except OSError:
        node = None
    result = yield Wish.GO  # Alone in any case, as in `names`.
    if node is None:
        return
    if result == 0 or (result == LOST and os.stat(stop.tree.real(node.name)).st_size == stop.arguments[1]):
        _resized(stop, node, stop.arguments[1])


def fallocate(stop: Stop) -> Script:
    """fallocate(fd, mode, offset, size)."""
    mode, offset, size = stop.arguments[1] & 0xFFFFFFFF, stop.arguments[2], stop.arguments[3]
    with stop.thread.descriptor(stop.arguments[0]) as taken:
        node = stop.tree.find(os.fstat(taken)) if taken >= 0 else None
        if node is None or node.kind is not Kind.FILE:
            return
        yield Wish.ALONE
        before = os.fstat(taken).st_size
        result = yield Wish.GO
        if result == LOST and mode & (_PUNCH_HOLE | _ZERO_RANGE):
            put(stop, node, offset, read_back(taken, offset, size), is_through=False)
        elif result == LOST and os.fstat(taken).st_size != before:
            _resized(stop, node, os.fstat(taken).st_size)
        if result != 0:
            return
        if mode & ~(_KEEP_SIZE | _PUNCH_HOLE | _ZERO_RANGE | _UNSHARE):
            named = next((name for bit, name in _ENDS.items() if mode & bit), f"mode {mode:#x}")
            stop.end(f"{named} of {stop.tree.path(node)}")
        end = min(offset + size, before) if mode & _KEEP_SIZE else offset + size
        count = max(0, end - offset)
        said = f"{stop.tree.path(node)}, mode {mode:#x}, {size} bytes, at {offset}"
        if not count:
            stop.add(said)
        elif mode & (_PUNCH_HOLE | _ZERO_RANGE):
            stop.add(said, Event(EventKind.WRITE, node.name, node.number, offset, bytes(count), count))
            stop.context.mappings.wrote(node, offset, bytes(count))
        else:
            stop.add(said, Event(EventKind.ALLOCATE, node.name, node.number, offset, size=count))
            stop.context.mappings.resized(node, max(before, end))


def read_back(taken: int, offset: int, count: int) -> bytes:
    """Bytes of a file of the tree, after a call has put them there."""
    path = f"/proc/self/fd/{taken}"
    own = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(own, count, offset)
    finally:
        os.close(own)


def number_at(stop: Stop, address: int) -> int:
    """The 64 bits at an address, as a signed number."""
    value: int = struct.unpack("q", stop.thread.process.exact(address, 8))[0]
    return value
