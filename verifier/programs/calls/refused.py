"""Calls that no event can say: where one of them changes the tree, the recording ends with its name."""

from __future__ import annotations

import os
import stat
import struct
from typing import Final

from powercut.faultfs import Event, EventKind

from ..stops import Script, Stop, Wish
from ..tracees import AT_FDCWD
from ..tree import Node

__all__ = ["attribute", "attribute_of_descriptor", "io_submit", "never"]

_ACCESS_LIST: Final = "system.posix_acl_access"
_PLAIN_BYTES: Final = 28  # A header, and the entries of owner, group and others.
_SETS: Final = frozenset({"setxattr", "lsetxattr", "fsetxattr"})
_WRITES: Final = frozenset({1, 2, 3, 8})  # IOCB_CMD_PWRITE, FSYNC, FDSYNC, PWRITEV.


def never(stop: Stop) -> Script:
    """A call after which paths mean something else."""
    yield Wish.ALONE
    if (yield Wish.GO) == 0:
        stop.end("paths mean something else after it")


def attribute(stop: Stop) -> Script:
    """setxattr and its like, of a path."""
    folder, text = (stop.arguments[0], 1) if stop.name.endswith("at") else (AT_FDCWD, 0)
    path = stop.thread.path(folder, stop.thread.text(stop.arguments[text]))
    yield Wish.ALONE
    try:
        node = stop.tree.find(os.lstat(path)) or stop.tree.find(os.stat(path))
    except OSError:
        return
    if node is not None and (yield Wish.GO) == 0:
        _attributed(stop, node, 3 if text else 1, os.lstat(path))


def attribute_of_descriptor(stop: Stop) -> Script:
    """fsetxattr and fremovexattr."""
    with stop.thread.descriptor(stop.arguments[0]) as taken:
        node = stop.tree.find(os.fstat(taken)) if taken >= 0 else None
        if node is not None:
            yield Wish.ALONE
            if (yield Wish.GO) == 0:
                _attributed(stop, node, 1, os.fstat(taken))


def _attributed(stop: Stop, node: Node, name_at: int, found: os.stat_result) -> None:
    """An access list that says no more than permission bits do (`cp -p` writes it) is recorded as these."""
    name = stop.thread.text(stop.arguments[name_at])
    if name != _ACCESS_LIST or stop.name not in _SETS or stop.arguments[name_at + 2] > _PLAIN_BYTES:
        stop.end(f"extended attribute {name} of {stop.tree.path(node)}")
    mode = stat.S_IMODE(found.st_mode)
    said = f"{stop.tree.path(node)}, {name}, {mode:o}"
    stop.add(said, Event(EventKind.MODE, node.name, node.number, size=mode))


def io_submit(stop: Stop) -> Script:
    """io_submit(context, count, requests): a write or sync of a file of the tree."""
    yield from ()
    count = stop.arguments[1]
    for (address,) in struct.iter_unpack("Q", stop.thread.process.read(stop.arguments[2], 8 * count)):
        code, _, number = struct.unpack_from("HhI", stop.thread.process.exact(address, 24), 16)
        with stop.thread.descriptor(number) as taken:
            if code in _WRITES and taken >= 0 and stop.tree.find(os.fstat(taken)) is not None:
                stop.end("writes that end later")
