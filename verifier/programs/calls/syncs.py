"""Calls that make something durable, or seem to."""

from __future__ import annotations

import os
import stat
from typing import Final

from powercut.faultfs import Event, EventKind

from ..stops import Script, Stop, Wish
from ..tree import Kind

__all__ = ["fdatasync", "fsync", "msync", "sync", "sync_file_range", "syncfs"]

_MS_SYNC: Final = 4


def _sync(stop: Stop, kind: EventKind) -> Script:
    with stop.thread.descriptor(stop.arguments[0]) as taken:
        if taken < 0:
            return
        found = os.fstat(taken)
        node = stop.tree.find(found)
        if node is None:
            if stat.S_ISREG(found.st_mode) and (yield Wish.GO) == 0:
                stop.context.synced(found)  # It may come in.
            return
        stop.thread.process.elsewhere.discard(stop.arguments[0])
        yield Wish.ALONE
        if (yield Wish.GO) == 0:
            if node.kind is Kind.FOLDER:
                event = Event(EventKind.SYNC_NAMES, inode=node.number)
            else:
                event = Event(kind, node.name, node.number)
            stop.add(stop.tree.path(node), event)


def fsync(stop: Stop) -> Script:
    """fsync(fd): of a folder, its names."""
    return _sync(stop, EventKind.SYNC)


def fdatasync(stop: Stop) -> Script:
    """fdatasync(fd): of a folder, its names."""
    return _sync(stop, EventKind.DATASYNC)


def sync(stop: Stop) -> Script:
    """sync(): everything."""
    yield Wish.ALONE
    yield Wish.GO
    stop.add("", Event(EventKind.SYNC_ALL))


def syncfs(stop: Stop) -> Script:
    """syncfs(fd): everything on the file system of a file."""
    with stop.thread.descriptor(stop.arguments[0]) as taken:
        if taken < 0 or os.fstat(taken).st_dev != stop.tree.device:
            return
        yield Wish.ALONE
        if (yield Wish.GO) == 0:
            stop.add("", Event(EventKind.SYNC_ALL))


def sync_file_range(stop: Stop) -> Script:
    """sync_file_range(fd, offset, size, flags): it asks for writes, and makes nothing durable."""
    with stop.thread.descriptor(stop.arguments[0]) as taken:
        node = stop.tree.find(os.fstat(taken)) if taken >= 0 else None
        if node is None:
            return
        yield Wish.ALONE
        if (yield Wish.GO) == 0:
            offset, size = stop.arguments[1:3]
            stop.add(f"{stop.tree.path(node)}, {size} bytes, at {offset}")


def msync(stop: Stop) -> Script:
    """msync(address, size, flags): with MS_SYNC the bytes of the range are durable, and no others."""
    if not stop.arguments[2] & _MS_SYNC or not stop.context.mappings:
        return
    yield Wish.ALONE
    ranges = stop.context.mappings.ranges(stop.thread, stop.arguments[0], stop.arguments[1])
    if ranges and (yield Wish.GO) == 0:
        events = [
            Event(EventKind.WRITE_THROUGH, node.name, node.number, offset, size=size)
            for node, offset, size in ranges
        ]
        said = ", ".join(
            f"{stop.tree.path(node)}, {size} bytes, at {offset}" for node, offset, size in ranges
        )
        stop.add(said, *events)
