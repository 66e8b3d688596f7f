"""The meter: how often loops of a package went round in this process, and which of its lines were run.

A bug that goes round for ever is told by its work: a clock would tell it on a slow machine and not on a fast
one. Loops are counted at their jumps back, by the interpreter's monitor, in files of the package alone.

Invariants
  1  equal runs, equal counts; each call of a method that is named as a beginning begins anew
  2  past the limit every further jump raises, until whoever asked has been reached
  3  without a monitor (before Python 3.12) nothing is counted or seen, and nothing raises

A function of the caller's that a loop calls begins nothing: only what is named, and no function inside it.

Threads: any; a count of one that is lost between two threads matters to nobody.
"""

from __future__ import annotations

import sys
from types import CodeType

from ..reach.monitor import IS_WATCHING, METER, Monitor

__all__ = ["Meter", "SpentError"]


class SpentError(BaseException):
    """More work than the limit: nobody but whoever set it may take this for an answer."""


class Meter:
    """Counts, while it is entered, in files whose path starts with `folder`.

    limit    of jumps since a beginning, after which each raises SpentError
    begins   (file, prefix) of the functions with which one begins: `Class.` for the methods of a class
    is_seen  also notes lines, by file
    """

    def __init__(
        self, folder: str, limit: float, begins: tuple[str, str] = ("", ""), *, is_seen: bool = False
    ) -> None:
        self.most = 0  # Jumps between two beginnings.
        self._jumps = 0
        self._begins = begins
        self.lines: dict[str, set[int]] = {}
        self._folder = folder
        self._limit = limit
        line = self._line if is_seen else None
        self._monitor = Monitor(line=line, jump=self._jump, start=self._start, tool=METER)

    def __enter__(self) -> Meter:
        if IS_WATCHING:
            self._monitor.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if IS_WATCHING:
            self._monitor.__exit__()

    def _jump(self, code: CodeType, source: int, target: int) -> object:
        if target > source or not code.co_filename.startswith(self._folder):
            return sys.monitoring.DISABLE
        self._jumps += 1
        self.most = max(self.most, self._jumps)
        if self._jumps > self._limit:
            raise SpentError(f"loops went round more than {self._limit:,} times in one operation")
        return None

    def _start(self, code: CodeType, offset: int) -> object:
        file, prefix = self._begins
        if code.co_filename != file or not code.co_qualname.startswith(prefix) or "<" in code.co_qualname:
            return sys.monitoring.DISABLE
        self._jumps = 0
        return None

    def _line(self, code: CodeType, line: int) -> object:
        if code.co_filename.startswith(self._folder):
            self.lines.setdefault(code.co_filename, set()).add(line)
        return sys.monitoring.DISABLE
