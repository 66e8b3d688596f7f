"""Marks: the commit points of sessions, as a table block lists them.

Threads: functions of values.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import NamedTuple

from ..errors import CorruptionError, SerialError

__all__ = ["SessionMark", "decode_marks", "encode_mark"]

_SESSION = struct.Struct("<QQH")


class SessionMark(NamedTuple):
    """A session's commit point: the recovered store holds exactly its operations 1..serial."""

    name: str
    number: int
    serial: int


_mark = partial(tuple.__new__, SessionMark)  # As the class does, four times as fast.


def encode_mark(mark: SessionMark) -> bytes:
    """The mark's bytes."""
    name = mark.name.encode()
    return _SESSION.pack(mark.number, mark.serial, len(name)) + name


def decode_marks(data: bytes, at: int, count: int, place: tuple[str, int]) -> tuple[list[SessionMark], int]:
    """So many marks from byte `at` on, and where they end. Raises CorruptionError, SerialError at `place`."""
    file, offset = place
    sessions = []
    names, numbers = set(), set()
    for _ in range(count):
        if at + _SESSION.size > len(data):
            raise CorruptionError(file, offset, "a cut session list", f"{count} sessions")
        number, serial, length = _SESSION.unpack_from(data, at)
        at += _SESSION.size
        try:
            name = data[at : at + length].decode()
        except UnicodeDecodeError:
            raise CorruptionError(file, offset, "a session name that is not UTF-8", "UTF-8") from None
        at += length
        names.add(name)
        numbers.add(number)
        sessions.append(_mark((name, number, serial)))
    if at > len(data):
        raise CorruptionError(file, offset, "a cut session list", f"{count} sessions")
    for what in (names, numbers):
        if len(what) != count:
            raise SerialError(file, offset, "one session twice", "each session once")
    for mark in sessions:
        if mark.serial >> 63:
            raise SerialError(file, offset, f"serial {mark.serial} of {mark.name!r}", "a serial below 2**63")
    return sessions, at
