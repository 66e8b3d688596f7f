"""Calls that open files: what they make, and what they empty. What is only read is not stopped at."""

from __future__ import annotations

import os
import stat
import struct
from typing import Final

from powercut.faultfs import Event, EventKind

from ..found import walk
from ..stops import LOST, Script, Stop, Wish
from ..tracees import Place
from ..tree import Kind, Node
from .names import made

__all__ = ["creat", "open_", "openat", "openat2"]

_GONE: Final = " (deleted)"


def _open(stop: Stop, flags: int) -> Script:
    if not flags & (os.O_CREAT | os.O_TRUNC) and flags & os.O_TMPFILE != os.O_TMPFILE:
        return
    yield Wish.ALONE
    result = yield Wish.GO
    if result < 0:
        if result == LOST:
            _look_for_it(stop, flags)
        return
    with stop.thread.descriptor(result) as taken:
        if taken < 0:
            _look_for_it(stop, flags)
            return
        found = os.fstat(taken)
        if not stat.S_ISREG(found.st_mode):
            return
        path = os.readlink(f"/proc/self/fd/{taken}")
        node = stop.tree.find(found)
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            _unnamed(stop, path, found)
            return
        if node is None:
            name = os.path.basename(path)
            folder = None if not found.st_nlink else stop.tree.folder(os.path.dirname(path))
            if folder is not None and stop.tree.key(folder, name) not in stop.tree.names:
                made(stop, Place(folder, name, path), EventKind.CREATE)
                return
        if node is not None and flags & os.O_TRUNC:
            _emptied(stop, node)


def _emptied(stop: Stop, node: Node) -> None:
    stop.add(f"{stop.tree.path(node)}, O_TRUNC", Event(EventKind.TRUNCATE, node.name, node.number))
    stop.context.mappings.resized(node, 0)


def _look_for_it(stop: Stop, flags: int) -> None:
    """The thread was killed, or the file is closed already.

    A file that nobody knows yet is what it made; of those that are empty one may be what it emptied, and
    nothing is said of the others by saying it of all.
    """
    for found in walk(stop.tree.path_on_disk):
        node = stop.tree.find(found.stat)
        if node is not None and flags & os.O_TRUNC and found.kind is Kind.FILE and not found.stat.st_size:
            _emptied(stop, node)
        folder = stop.tree.folder(os.path.dirname(found.path))
        if folder is not None and stop.tree.key(folder, found.name) not in stop.tree.names:
            made(stop, Place(folder, found.name, found.path), EventKind.CREATE)


def _unnamed(stop: Stop, path: str, found: os.stat_result) -> None:
    folder = stop.tree.folder(os.path.dirname(path))
    if folder is not None:
        node = stop.tree.make(Kind.FILE, found)
        event = Event(EventKind.UNNAMED, inode=node.number)
        stop.add(f"{stop.tree.path(folder)}, O_TMPFILE", *stop.with_mode(event, node, found.st_mode))


def open_(stop: Stop) -> Script:
    """open(path, flags, mode)."""
    return _open(stop, stop.arguments[1])


def openat(stop: Stop) -> Script:
    """openat(folder, path, flags, mode)."""
    return _open(stop, stop.arguments[2])


def creat(stop: Stop) -> Script:
    """creat(path, mode)."""
    return _open(stop, os.O_CREAT | os.O_TRUNC)


def openat2(stop: Stop) -> Script:
    """openat2(folder, path, how, size): the flags are the first word of `how`."""
    return _open(stop, struct.unpack("Q", stop.thread.process.exact(stop.arguments[2], 8))[0])
