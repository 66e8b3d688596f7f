"""Live bytes that compactions have found: so many bytes of log, by where they wrote them anew.

    a run [start, end)   the log that was written while a compaction moved so many bytes, its own and what
                         sessions wrote beside it
    above(begin)         of each run what it moved, or what is left of it from `begin` on, if that is less

Invariants
  F1  0 <= above(begin) <= tail - begin, for each begin that the log has had since the last run
  F2  nothing is known of a run that a compaction has gone over: what is still live of it is in a later one

Threads: any; a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Found"]


class _Run(NamedTuple):
    start: int
    end: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Found:
    """The runs that are in the log, oldest first."""

    runs: tuple[_Run, ...] = ()

    def above(self, begin: int) -> int:
        """Bytes that were found live and are in the log from `begin` on. O(runs)."""
        return sum(max(min(run.bytes, run.end - max(run.start, begin)), 0) for run in self.runs)

    def after(self, begin: int, start: int, end: int, moved: int) -> Found:
        """These after a compaction that moved so many bytes into [start, end), and made this begin."""
        kept = tuple(run for run in self.runs if run.end > begin)
        return Found((*kept, _Run(start, end, moved)))
