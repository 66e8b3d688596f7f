"""Calls that no event can say: where one of them changes the tree, the recording ends with its name."""

from __future__ import annotations

import os
import struct
from typing import Final

from ..stops import Script, Stop, Wish

__all__ = ["io_submit", "never"]

_WRITES: Final = frozenset({1, 2, 3, 8})  # IOCB_CMD_PWRITE, FSYNC, FDSYNC, PWRITEV.


def never(stop: Stop) -> Script:
    """A call after which paths mean something else."""
    yield Wish.ALONE
    if (yield Wish.GO) == 0:
        stop.end("paths mean something else after it")


def io_submit(stop: Stop) -> Script:
    """io_submit(context, count, requests): a write or sync of a file of the tree."""
    yield from ()
    count = stop.arguments[1]
    for (address,) in struct.iter_unpack("Q", stop.thread.process.read(stop.arguments[2], 8 * count)):
        code, _, number = struct.unpack_from("HhI", stop.thread.process.exact(address, 24), 16)
        with stop.thread.descriptor(number) as taken:
            if code in _WRITES and taken >= 0 and stop.tree.find(os.fstat(taken)) is not None:
                stop.end("writes that end later")
