"""Sliding: of a record, who could have gone on at each point, and for whom that would have changed nothing.

A submitted call that runs to its end, where the default lets it, can as well run earlier: at any point from
which on nothing that the others did depends on it, nor it on them. A schedule that lets it go on there, and
then follows the default, has the order of the schedule that was run.

    X   accesses of the call from where it goes on to its end: to words, locks, files; its end is a write
    Y   accesses of the others from the point on until then, those among them that were announced before

Invariants
  1  `options` is what the strategy is shown at the point, or None where the record does not tell: a task
     waits for something else than tasks
  2  `is_same(point, task)` implies that X and Y are independent, that at every choice in between the default
     is who it was, and that no turn with a name of its own is in Y. What two tasks share besides words, locks
     and files is touched behind such a turn only

Calls of sessions are not slid: which of them ended before another began is part of what is judged.
Source: the swap of independent neighbours is Mazurkiewicz's; what is left out here sleep sets leave out
(Godefroid, 1996).
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from .codes import MARK_END
from .record import Record
from .tasks import PATIENCE

__all__ = ["Sliding"]

_NOWHERE: Final[frozenset[int]] = frozenset()


class Sliding:
    """The choices that a record left out. `after` is its last deviation: only later points are asked for."""

    def __init__(self, record: Record, after: int) -> None:
        self._record = record
        self._after = after
        self._starts = [start for start, _ in record.spans]
        self._forced = frozenset(record.forced)
        self._blocked: dict[int, list[int]] = {}  # By task: points at which it was blocked.
        for point in record.waits:
            self._blocked.setdefault(self._runner(point), []).append(point)
        self._quiet: dict[int, list[int]] = {}
        for before, code in record.quiet:
            self._quiet.setdefault(before, []).append(code)
        self._same: dict[int, frozenset[int]] = {}

    def options(self, point: int) -> list[int] | None:
        """The tasks that could go on at the point, the default first. Invariant 1."""
        record, runner = self._record, self._runner(point)
        options = []
        for task, born in enumerate(record.born):
            if born <= point < record.over.get(task, point + 1):
                is_ready = self._is_ready(task, point)
                if is_ready is None:
                    return None
                if is_ready:
                    options.append(task)
        if point not in self._forced:
            if runner not in options:
                return None
            options.remove(runner)
            options.insert(0, runner)
        return options

    def quiet(self, point: int) -> list[int]:
        """Codes of the accesses to what is no word between the point and the next."""
        return self._quiet.get(point + 1, [])

    def is_same(self, point: int, task: int) -> bool:
        """True if to let `task` go on at the point is known to change no order. Invariant 2."""
        if task not in self._same:
            self._same[task] = self._slide(task)
        return point in self._same[task]

    def _runner(self, point: int) -> int:
        return self._record.spans[bisect_right(self._starts, point) - 1][1] if point else -1

    def _is_ready(self, task: int, point: int) -> bool | None:
        """None: it waits for something of which the record does not tell when it is there."""
        blocked = self._blocked.get(task)
        if blocked is None:
            return True
        place = bisect_right(blocked, point)
        if not place:
            return True
        at = blocked[place - 1]
        first = bisect_right(self._starts, at)
        last = bisect_right(self._starts, point)
        if any(self._record.spans[span][1] == task for span in range(first, last)):
            return True  # It went on since.
        awaited = self._record.waits[at]
        if awaited is None:
            return None
        return all(self._record.over.get(each, point + 1) <= point for each in awaited)

    def _awaits(self, waiting: int, task: int, point: int) -> bool:
        """True if a task that was blocked by then, and did not go on since, waits for `task` among others."""
        blocked = self._blocked.get(waiting, [])
        place = bisect_right(blocked, point)
        if not place:
            return False
        at = blocked[place - 1]
        first, last = bisect_right(self._starts, at), bisect_right(self._starts, point)
        return not any(self._record.spans[span][1] == waiting for span in range(first, last)) and (
            task in (self._record.waits[at] or ())
        )

    def _slide(self, task: int) -> frozenset[int]:
        """The points at which it could go on with its last run instead."""
        record = self._record
        points, over = record.points, record.over.get(task)
        if task < record.own or over is None or len(points) >= PATIENCE:
            return _NOWHERE
        span = bisect_right(self._starts, over - 1) - 1
        start = self._starts[span]
        if record.spans[span][1] != task or start - 1 not in self._forced or start - 1 <= self._after:
            return _NOWHERE  # It was not the default that let it go on.
        if any(start < born <= over for born in record.born):
            return _NOWHERE  # Tasks are numbered in the order in which they are submitted.
        touched, written = self._accesses(task, span)
        blocker = self._runner(start - 1)
        if any(self._awaits(each, task, start - 2) for each in range(len(record.born)) if each != blocker):
            return _NOWHERE  # Who waits for it all the while would go on earlier, and before others.
        awaited = record.waits.get(start - 1, _NOWHERE)
        if awaited is None:
            return _NOWHERE
        if task in awaited and record.spans[span + 1][1] != blocker:
            return _NOWHERE  # Who waits for it would not have been blocked, and would have gone on.
        found = set()
        for point in range(start - 1, max(self._after, record.born[task] - 1), -1):
            if not self._is_apart(point, touched, written) or self._runner(point) == task:
                break
            if point < start - 1 and (point in record.waits and task in (record.waits[point] or {task})):
                break
            options = self.options(point)
            if options is None or task not in options:
                break
            if not self._is_switch_told(point):
                break
            others = [each for each in options if each != task]
            if point in self._forced or not others or min(others) == options[0]:
                found.add(point)
        return frozenset(found)

    def _accesses(self, task: int, span: int) -> tuple[set[int], set[int]]:
        """(cells touched, cells written) in the span, the access with which it goes on among them."""
        record = self._record
        start, over = self._starts[span], record.over[task]
        codes = record.points[start:over]
        codes += self._held(span)
        for at in range(start, over + 1):
            codes += self.quiet(at - 1)
        codes = [code for code in codes if code >= MARK_END]
        touched = {code >> 1 for code in codes}
        written = {code >> 1 for code in codes if code & 1}
        return touched, written

    def _held(self, span: int) -> list[int]:
        """The point at which the task of a span was taken off: announced there, done as the span begins."""
        spans = self._record.spans
        before = next((each for each in range(span - 1, -1, -1) if spans[each][1] == spans[span][1]), None)
        return [] if before is None else [self._record.points[spans[before + 1][0] - 1]]

    def _is_apart(self, point: int, touched: set[int], written: set[int]) -> bool:
        """True if what is done between the point and the next one is independent of these accesses."""
        code = self._record.points[point]
        if code < MARK_END and code not in self._record.common:
            return False
        place = bisect_right(self._starts, point + 1) - 1
        held = self._held(place) if self._starts[place] == point + 1 else ()
        for each in (code, *held, *self.quiet(point)):
            if each >= MARK_END and each >> 1 in (touched if each & 1 else written):
                return False
        return True

    def _is_switch_told(self, point: int) -> bool:
        """False if the task gave way here, and not by the strategy's choice."""
        place = bisect_right(self._starts, point + 1) - 1
        return self._starts[place] != point + 1 or point in self._forced
