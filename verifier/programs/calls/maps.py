"""Calls after which a file can be changed by storing into memory."""

from __future__ import annotations

import os
from typing import Final

from ..mappings import is_writable
from ..stops import Script, Stop, Wish

__all__ = ["mmap", "mprotect"]

_PROT_WRITE: Final = 2


def mmap(stop: Stop) -> Script:
    """mmap(address, size, protection, flags, fd, offset), shared."""
    with stop.thread.descriptor(stop.arguments[4]) as taken:
        node = stop.tree.find(os.fstat(taken)) if taken >= 0 else None
        if node is None or not is_writable(taken):
            return
        yield Wish.ALONE
        stop.context.mappings.add(node, taken, is_written=bool(stop.arguments[2] & _PROT_WRITE))


def mprotect(stop: Stop) -> Script:
    """mprotect(address, size, protection), which lets it be written."""
    yield Wish.ALONE
    stop.context.mappings.allow(stop.thread, *stop.arguments[:2])
