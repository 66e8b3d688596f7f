"""Contention: the cells that two tasks touch and one of them writes, in any run of a program so far.

Locks are cells, and so is what is accessed quietly behind a point: files, ends of calls.

Invariant: a cell that is contended stays so, in the place at which it was found.
"""

from __future__ import annotations

from typing import Final

from .codes import MARK_END
from .record import Record

__all__ = ["Contention"]

_MANY: Final = -1


class Contention:
    """Learns from one record after another. `cells`: each to its place in the order of finding."""

    def __init__(self) -> None:
        self.cells: dict[int, int] = {}
        self._toucher: dict[int, int] = {}  # Cell to its only task so far, _MANY once there are more.
        self._written: set[int] = set()
        self._met: dict[int, set[int]] = {}  # Task to all the codes that were learned from it.

    def learn(self, record: Record) -> None:
        """Take in the accesses of a run. O(points)."""
        toucher, written, quiet, last = self._toucher, self._written, record.quiet, 0
        own: dict[int, list[int]] = {}
        for task, start, end in record.runs():
            codes = own.setdefault(task, [])
            codes += record.points[start:end]
            while last < len(quiet) and quiet[last][0] < end:
                codes.append(quiet[last][1])
                last += 1
        for task, codes in own.items():
            met = self._met.setdefault(task, set())
            fresh = set(codes) - met
            met |= fresh
            for code in fresh:
                if code < MARK_END:
                    continue
                cell = code >> 1
                if code & 1:
                    written.add(cell)
                if toucher.setdefault(cell, task) != task:
                    toucher[cell] = _MANY
                if toucher[cell] == _MANY and cell in written:
                    self.cells.setdefault(cell, len(self.cells))
