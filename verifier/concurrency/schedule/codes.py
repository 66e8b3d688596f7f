"""Codes: the number under which a schedule's record knows a mark, a lock, a word of a shared space.

    mark                 2 * how many were met before
    lock                 MARK_END + 2 * number + 1      to take it is to write its cell
    access to a word     first code of the space + 2 * word + is_write
    quiet access         QUIET + 2 * a hash of the thing + is_write: to what is no word, at which nobody is
                         asked to go on (a file, the end of a task); noted beside the points

Equal runs give equal codes; runs of one program give the same word the same code, as long as they
share the same spaces in the same order. Small numbers: a schedule adds up hundreds of them.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

__all__ = ["LOCK_END", "MARK_END", "QUIET", "Codes"]

MARK_END: Final = 1 << 12
LOCK_END: Final = 1 << 16
QUIET: Final = 1 << 48
_COMMON: Final = ("start", "end", "blocked", "submit", "wait", "look for an answer", "lock taken")


class Codes:
    """The codes of one run, and what they stand for."""

    def __init__(self) -> None:
        self.marks: dict[str, int] = {}
        self.bases: dict[int, int] = {}  # Identity of a space to its first code.
        self._spaces: list[tuple[int, str, memoryview]] = []
        self._next = LOCK_END

    def share(self, space: memoryview, name: str) -> None:
        """Give the words of this very object codes; other views of its memory have none."""
        if id(space) not in self.bases:
            self._spaces.append((self._next, name, space))  # Holding it keeps its id from being given away.
            self.bases[id(space)] = self._next
            self._next += 2 * len(space)

    def mark(self, what: str) -> int:
        """The code of a mark."""
        code = self.marks.setdefault(what, 2 * len(self.marks))
        assert code < MARK_END, "so many different turns are no names"
        return code

    def common(self) -> frozenset[int]:
        """The codes of the marks that are the scheduler's own: no turn of the program has their names."""
        return frozenset(self.marks[what] for what in _COMMON if what in self.marks)

    def quiet(self, thing: str, is_write: bool) -> int:
        """The code of an access to a thing that is no word; things of equal codes would be taken for one."""
        return QUIET + 2 * crc32(thing.encode()) + is_write

    def lock(self, number: int) -> int:
        """The code of taking lock `number`."""
        code = MARK_END + 2 * number + 1
        assert code < LOCK_END
        return code

    def describe(self, code: int) -> str:
        """The meaning of the code in words."""
        if code < MARK_END:
            return next(what for what, mark in self.marks.items() if mark == code)
        if code < LOCK_END:
            return f"lock {(code - MARK_END) >> 1}"
        base, name, _ = next(space for space in reversed(self._spaces) if space[0] <= code)
        return f"{'write' if code & 1 else 'read'} {name}[{(code - base) >> 1}]"
