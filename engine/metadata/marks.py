"""Marks: the commit points of sessions, as a table block lists them.

Threads: functions of values.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from ..errors import CorruptionError, SerialError

__all__ = ["SessionMark", "decode_marks", "encode_marks"]

_SESSION = struct.Struct("<QQH")
_FORGOTTEN: Final = 1 << 63  # Of the word of the serial.


class SessionMark(NamedTuple):
    """A session's commit point: the recovered store holds exactly its operations 1..serial."""

    name: str
    number: int
    serial: int


_mark = partial(tuple.__new__, SessionMark)  # As the class does, four times as fast.


def encode_marks(sessions: Sequence[SessionMark], forgotten: Sequence[SessionMark]) -> bytes:
    """The bytes of these marks in one list, by name."""
    if forgotten:
        gone = [mark._replace(serial=mark.serial | _FORGOTTEN) for mark in forgotten]
        sessions = sorted([*sessions, *gone])
    parts = []
    for name, number, serial in sessions:
        data = name.encode()
        parts += [_SESSION.pack(number, serial, len(data)), data]
    return b"".join(parts)


def decode_marks(
    data: bytes, at: int, count: int, place: tuple[str, int], *, may_forget: bool
) -> tuple[list[SessionMark], Sequence[SessionMark], int]:
    """So many marks from byte `at` on: those of sessions, those of forgotten ones, and where they end.

    Raises CorruptionError, SerialError at `place`.
    """
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
    forgotten = [mark for mark in sessions if mark.serial & _FORGOTTEN]
    if not forgotten:
        return sessions, (), at
    if not may_forget:
        mark = forgotten[0]
        raise SerialError(file, offset, f"serial {mark.serial} of {mark.name!r}", "a serial below 2**63")
    gone = [mark._replace(serial=mark.serial ^ _FORGOTTEN) for mark in forgotten]
    return [mark for mark in sessions if not mark.serial & _FORGOTTEN], gone, at
