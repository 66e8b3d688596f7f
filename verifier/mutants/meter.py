"""The meter: how often loops of a package went round in this process, and which of its lines were run.

A bug that goes round for ever is told by its work: a clock would tell it on a slow machine and not on a fast
one. Loops are counted at their jumps back, by the interpreter's monitor, in files of the package alone.

Invariants
  1  equal runs, equal counts
  2  past the limit every further jump raises, until whoever asked has been reached
  3  without a monitor (before Python 3.12) nothing is counted or seen, and nothing raises

Threads: any; a count of one that is lost between two threads matters to nobody.
"""

from __future__ import annotations

import sys
from types import CodeType
from typing import Final

__all__ = ["Meter", "SpentError"]

IS_WATCHING: Final = sys.version_info >= (3, 12)
_TOOL: Final = 3  # Beside that of `reach`.


class SpentError(BaseException):
    """More work than the limit: nobody but whoever set it may take this for an answer."""


class Meter:
    """Counts, while it is entered, in files whose path starts with `folder`.

    limit    of jumps, after which each raises SpentError
    is_seen  also notes lines, by file
    """

    def __init__(self, folder: str, limit: int, *, is_seen: bool = False) -> None:
        self.jumps = 0
        self.lines: dict[str, set[int]] = {}
        self._folder = folder
        self._limit = limit
        self._is_seen = is_seen

    def __enter__(self) -> Meter:
        if IS_WATCHING:
            monitoring = sys.monitoring
            monitoring.use_tool_id(_TOOL, "powercut")
            monitoring.register_callback(_TOOL, monitoring.events.JUMP, self._jump)
            monitoring.register_callback(_TOOL, monitoring.events.LINE, self._line)
            monitoring.set_events(
                _TOOL, monitoring.events.JUMP | (monitoring.events.LINE if self._is_seen else 0)
            )
            monitoring.restart_events()
        return self

    def __exit__(self, *_: object) -> None:
        if IS_WATCHING:
            sys.monitoring.set_events(_TOOL, 0)
            sys.monitoring.free_tool_id(_TOOL)

    def _jump(self, code: CodeType, source: int, target: int) -> object:
        if target > source or not code.co_filename.startswith(self._folder):
            return sys.monitoring.DISABLE
        self.jumps += 1
        if self.jumps > self._limit:
            raise SpentError(f"more than {self._limit:,} rounds of loops in {self._folder}")
        return None

    def _line(self, code: CodeType, line: int) -> object:
        if code.co_filename.startswith(self._folder):
            self.lines.setdefault(code.co_filename, set()).add(line)
        return sys.monitoring.DISABLE
