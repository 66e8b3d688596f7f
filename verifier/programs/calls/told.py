"""Calls that tell the world something: on the output, to sockets, terminals and named pipes."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Callable
from typing import Final

from powercut.faultfs import Event, EventKind

from ..stops import Script, Stop, Wish
from ..tracees import MemoryGoneError

__all__ = ["sendmmsg", "sendmsg", "sendto", "tell"]

_TERMINALS: Final = frozenset({4, 5, *range(136, 144)})  # Major numbers of devices.
_HEADER_BYTES, _MESSAGE_BYTES = 56, 64  # struct msghdr, struct mmsghdr.

_Data = Callable[[int], bytes]


def _label(stop: Stop, taken: int, found: os.stat_result) -> str:
    """The label of what is told there; "" where nobody outside can hear it."""
    own = stop.context.label(found)
    if own:
        return own
    if stat.S_ISSOCK(found.st_mode):
        return "sent" if _is_heard(taken) else ""
    if stat.S_ISFIFO(found.st_mode):
        # A pipe without a name was made by a program that is recorded: nothing else is handed to them.
        return "" if os.readlink(f"/proc/self/fd/{taken}").startswith("pipe:") else "sent"
    is_terminal = stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) in _TERMINALS
    return "sent" if is_terminal else ""


def _is_heard(taken: int) -> bool:
    """False for a pair of sockets, which only programs that are recorded have, and for the kernel's."""
    with socket.socket(fileno=os.dup(taken)) as own:
        if own.family in (socket.AF_INET, socket.AF_INET6):
            return True
        if own.family != socket.AF_UNIX:
            return False
        try:
            return bool(own.getsockname() or own.getpeername())
        except OSError:
            return True  # Not connected: it names whom it sends to.


def tell(stop: Stop, taken: int, found: os.stat_result, data: _Data) -> Script:
    """A write to something that is no file of the tree; its place is where it begins (entries, 1)."""
    label = _label(stop, taken, found)
    if not label:
        stop.context.wrote(found)
        return
    entry = stop.begin()
    count = yield Wish.GO
    if count > 0:
        try:
            payload = data(count)
        except MemoryGoneError:
            return  # It was killed: nobody knows what it told.
        entry.events = (Event(EventKind.MARK, data=payload, label=label),)
        entry.text = f"{stop.name}({label}, {len(payload)} bytes)"


def _sent(stop: Stop, data: _Data) -> Script:
    with stop.thread.descriptor(stop.arguments[0]) as taken:
        if taken >= 0:
            yield from tell(stop, taken, os.fstat(taken), data)


def sendto(stop: Stop) -> Script:
    """sendto(socket, buffer, count, ...)."""
    return _sent(stop, lambda count: stop.thread.process.exact(stop.arguments[1], count))


def _message(stop: Stop, address: int, count: int) -> bytes:
    vectors, length = struct.unpack_from("QQ", stop.thread.process.exact(address, _HEADER_BYTES), 16)
    return stop.thread.gathered(vectors, length, count)


def sendmsg(stop: Stop) -> Script:
    """sendmsg(socket, message, flags)."""
    return _sent(stop, lambda count: _message(stop, stop.arguments[1], count))


def sendmmsg(stop: Stop) -> Script:
    """sendmmsg(socket, messages, count, flags)."""

    def sent(count: int) -> bytes:
        parts = []
        for number in range(count):
            address = stop.arguments[1] + number * _MESSAGE_BYTES
            size = struct.unpack("I", stop.thread.process.exact(address + _HEADER_BYTES, 4))[0]
            parts.append(_message(stop, address, size))
        return b"".join(parts)

    return _sent(stop, sent)
