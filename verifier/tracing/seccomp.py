"""A filter of system calls: those that are traced, those that are answered with an error; others run.

    Traced(number)                          every call of that number
    Traced(number, place, mask)             where an argument has one of these bits
    Traced(number, place, mask, values)     where the argument & mask is one of these

The filter looks at the low 32 bits of an argument. It costs about one comparison for each row of it.
Source: seccomp(2), the kernel's linux/filter.h.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["ARCH_X86_64", "FOREIGN", "Filter", "Traced"]

FOREIGN: Final = 0xFFFF  # The message of a call that is made in another way than that of x86-64.

ARCH_X86_64: Final = 0xC000003E
_X32: Final = 0x40000000
_LOAD, _JUMP_IF, _JUMP_IF_ANY, _JUMP_FROM, _AND, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x54, 0x06
_ALLOW, _TRACE, _REFUSE = 0x7FFF0000, 0x7FF00000, 0x00050000
_CALL_AT, _ARCH_AT, _ARGUMENTS_AT = 0, 4, 16  # Offsets in struct seccomp_data.

_Line = tuple[int, int, int, int]


class Traced(NamedTuple):
    """A call that stops its thread, or some calls of its number."""

    number: int
    place: int = -1
    mask: int = 0
    values: tuple[int, ...] = ()


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("code", ctypes.c_char_p))


class Filter:
    """The code of a filter, at an address that a child which was forked has too."""

    def __init__(
        self, traced: Iterable[Traced], refused: dict[int, int] | None = None, *, is_strict: bool = False
    ) -> None:
        """`refused`: numbers and the errno of each; strict: calls of other kinds than x86-64 are traced."""
        foreign = _TRACE | FOREIGN if is_strict else _ALLOW
        code: list[_Line] = [(_LOAD, 0, 0, _ARCH_AT), (_JUMP_IF, 1, 0, ARCH_X86_64), (_RETURN, 0, 0, foreign)]
        code.append((_LOAD, 0, 0, _CALL_AT))
        if is_strict:
            code += [(_JUMP_FROM, 0, 1, _X32), (_RETURN, 0, 0, foreign)]
        for number, error in (refused or {}).items():
            code += [(_JUMP_IF, 0, 1, number), (_RETURN, 0, 0, _REFUSE | error)]
        for row in traced:
            body = _body(row)
            code += [(_JUMP_IF, 0, len(body), row.number), *body]
        code.append((_RETURN, 0, 0, _ALLOW))
        self._code = b"".join(struct.pack("HBBI", *line) for line in code)
        self._program = _Program(len(self._code) // 8, self._code)
        self.address = ctypes.addressof(self._program)


def _body(row: Traced) -> list[_Line]:
    trace = (_RETURN, 0, 0, _TRACE | row.number)
    if row.place < 0:
        return [trace]
    load = (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * row.place)
    if not row.values:
        return [load, (_JUMP_IF_ANY, 0, 1, row.mask), trace, (_RETURN, 0, 0, _ALLOW)]
    last = len(row.values) - 1
    tests = [(_JUMP_IF, last - at + 1, 0, value) for at, value in enumerate(row.values)]
    return [load, (_AND, 0, 0, row.mask), *tests, (_RETURN, 0, 0, _ALLOW), trace]
