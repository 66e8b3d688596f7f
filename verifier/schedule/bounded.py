"""Bounded preemption search: every schedule that leaves the default at most `bound` times.

    schedules of 0 deviations, then of 1, then of 2, ...; each once, so the first that fails has the
    fewest preemptions there are

A deviation is tried at marks (turns, starts, ends, waits) and before accesses to contended cells:
those that two tasks touch and one of them writes, in any schedule run so far; locks are cells. To
leave the default before another access gives an order of dependent accesses that is had anyway, by
leaving it at the task's next contended access or mark. That holds as long as the tasks share
nothing that is not announced; what `until` asks in vain may be asked at other moments.

    visited(0) = 1
    visited(c) = sum over schedules S of c - 1 deviations, over candidate points after S's last one,
                 of (options there - 1)

Invariants
  1  a schedule is run once
  2  a cell found contended late is tried in all schedules that were run before: `is_complete` says
     that none is left, of `bound` deviations or fewer

Source: iterative context bounding, Musuvathi and Qadeer, PLDI 2007; here a choice at an end counts.
"""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass
from typing import Final

from .codes import MARK_END
from .record import Deviations, Record, encode
from .strategies import Replay

__all__ = ["LIMIT", "Bounded"]

LIMIT: Final = 100_000  # Schedules: what is kept to be expanded again fits in memory.


@dataclass(slots=True)
class _Expanded:
    """A schedule whose successors were queued, as far as contended cells were known."""

    deviations: Deviations
    points: array[int]
    known: int  # Cells.


class Bounded:
    """All schedules of at most `bound` deviations; `limit` of them at most."""

    def __init__(self, bound: int = 2, limit: int = LIMIT) -> None:
        self.name = f"bounded {bound}"
        self.visited = [0] * (bound + 1)  # Schedules run, by number of deviations.
        self._bound = bound
        self._limit = limit
        self._queues: list[deque[Deviations]] = [deque() for _ in range(bound + 1)]
        self._queues[0].append(())
        self._expanded: list[_Expanded] = []
        self._toucher: dict[int, int] = {}  # Cell to its only task so far, _MANY once there are more.
        self._written: set[int] = set()
        self._contended: dict[int, int] = {}  # Cell to its place in the order of finding.
        self._running: Deviations = ()

    @property
    def is_complete(self) -> bool:
        """Whether no schedule within the bound is left to run."""
        return not any(self._queues) and not self._is_behind()

    def next(self) -> Replay | None:
        if sum(self.visited) >= self._limit:
            return None
        queue = next((queue for queue in self._queues if queue), None)
        if queue is None:
            self._catch_up()
            queue = next((queue for queue in self._queues if queue), None)
            if queue is None:
                return None
        self._running = queue.popleft()
        return Replay(encode(self._running))

    def learn(self, record: Record) -> None:
        deviations = tuple(record.deviations)
        self._learn_cells(record)
        if deviations != self._running:
            return  # Nobody else could go on there: this was the schedule it came from.
        level = len(deviations)
        self.visited[level] += 1
        if level and deviations[-1][1] == 1:  # The first option tells how many there are.
            point = deviations[-1][0]
            siblings = range(2, record.widths[-1])
            self._queues[level].extend((*deviations[:-1], (point, which)) for which in siblings)
        if level < self._bound:
            end = min(record.alone, len(record.points))
            expanded = _Expanded(deviations, array("Q", record.points[:end]), 0)
            self._expanded.append(expanded)
            self._expand(expanded, with_marks=True)

    def _learn_cells(self, record: Record) -> None:
        toucher, written = self._toucher, self._written
        for task, start, end in record.runs():
            for code in set(record.points[start:end]):
                if code < MARK_END:
                    continue
                cell = code >> 1
                if code & 1:
                    written.add(cell)
                if toucher.setdefault(cell, task) != task:
                    toucher[cell] = _MANY
                if toucher[cell] == _MANY and cell in written:
                    self._contended.setdefault(cell, len(self._contended))

    def _expand(self, expanded: _Expanded, with_marks: bool) -> None:
        """Queue the successors at marks, and at cells found contended since it was last done."""
        contended, known = self._contended, expanded.known
        first = expanded.deviations[-1][0] + 1 if expanded.deviations else 0
        points = expanded.points
        queue = self._queues[len(expanded.deviations) + 1]
        for point in range(first, len(points)):
            code = points[point]
            if with_marks if code < MARK_END else contended.get(code >> 1, -1) >= known:
                queue.append((*expanded.deviations, (point, 1)))
        expanded.known = len(contended)

    def _is_behind(self) -> bool:
        return any(expanded.known < len(self._contended) for expanded in self._expanded)

    def _catch_up(self) -> None:
        """Invariant 2."""
        for expanded in self._expanded:
            if expanded.known < len(self._contended):
                self._expand(expanded, with_marks=False)


_MANY: Final = -1
