"""Bounded preemption search: every schedule that leaves the default at most `bound` times.

    schedules of 0 deviations, then of 1, then of 2, ...; each once, so the first that fails has the
    fewest preemptions there are

A deviation is tried at marks (turns, starts, ends, waits) and before accesses to contended cells:
those that two tasks touch and one of them writes, in any schedule run so far; locks are cells, and
so is what is accessed quietly behind such a point: files, ends of calls. To leave the default before
another access gives an order of dependent accesses that is had anyway, by leaving it at the task's
next contended access or mark. That holds as long as the tasks share nothing else, or touch it right
behind a mark; what `until` asks in vain may be asked at other moments.

    candidates(0) = 1
    candidates(c) = sum over schedules S of c - 1 deviations that were run, over candidate points after
                    S's last one, of (options there - 1)
    candidates(c) = visited(c) + spared(c)

Spared is, of c = bound, a submitted call that goes on early and changes no order (`sliding`); and who would
be taken off at q instead of p, for the same task, where no access of his in [p, q) is dependent on what the
others did from p until he went on: that run, and each that goes on from it, has the order of one that is
visited, with as many deviations. It takes that every task could go on at p, so that
at q the same ones can, and that nothing but words is accessed in between: a lock or a mark ends the reach,
and is not in it. Who is taken off at a mark has done all before it: a call that returned there came before
whatever others begin now, and an oracle may ask for that though no access tells.

Invariants
  1  a schedule is run once
  2  a cell found contended late is tried in all schedules that were run before: `is_complete` says
     that none is left, of `bound` deviations or fewer
  3  the orders of dependent accesses are those of all schedules of `bound` deviations or fewer; each with
     every "ended before the other began" that such a schedule has

Source: iterative context bounding, Musuvathi and Qadeer, PLDI 2007; here a choice at an end counts. What is
spared is what sleep sets spare (Godefroid, 1996) where it costs no preemption more.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import deque
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from .codes import LOCK_END, MARK_END
from .contention import Contention
from .record import Deviations, Record, encode
from .sliding import Sliding
from .strategies import Replay

__all__ = ["LIMIT", "Bounded"]

LIMIT: Final = 100_000  # Schedules: what is kept to be expanded again fits in memory.


@dataclass(slots=True)
class _Expanded:
    """A schedule whose successors were queued, as far as contended cells were known."""

    deviations: Deviations
    points: array[int]
    spans: list[int]  # Where they start.
    sliding: Sliding
    known: int = 0  # Cells.
    reaches: dict[int, list[_Reach]] = field(default_factory=dict)  # By option: of successors that were run.


class _Reach(NamedTuple):
    """From `point` on, up to and with `end`, to leave the default gives the same order."""

    point: int
    end: int
    width: int


class _Successor(NamedTuple):
    """A schedule to run: an expanded one's, and one deviation more. None: the default schedule."""

    parent: _Expanded | None = None
    point: int = 0
    which: int = 0
    has_siblings: bool = False  # Others may be able to go on there: it tells how many.

    def deviations(self) -> Deviations:
        return () if self.parent is None else (*self.parent.deviations, (self.point, self.which))


class Bounded:
    """All schedules of at most `bound` deviations; `limit` of them at most."""

    def __init__(self, bound: int = 2, limit: int = LIMIT) -> None:
        self.name = f"bounded {bound}"
        self.visited = [0] * (bound + 1)  # Schedules run, by number of deviations.
        self.spared = [0] * (bound + 1)  # Schedules not run: another of as many has their order.
        self._bound = bound
        self._limit = limit
        self._queues: list[deque[_Successor]] = [deque() for _ in range(bound + 1)]
        self._queues[0].append(_Successor())
        self._expanded: list[_Expanded] = []
        self._contention = Contention()
        self._contended: Final = self._contention.cells
        self._running = _Successor()

    @property
    def is_complete(self) -> bool:
        """True if no schedule within the bound is left to run."""
        self._spare()
        return not any(self._queues) and not self._is_behind()

    def next(self) -> Replay | None:
        if sum(self.visited) >= self._limit:
            return None
        self._spare()
        if not any(self._queues):
            self._catch_up()
            self._spare()
        queue = next((queue for queue in self._queues if queue), None)
        if queue is None:
            return None
        self._running = queue.popleft()
        return Replay(encode(self._running.deviations()))

    def learn(self, record: Record) -> None:
        if self._bound:
            self._contention.learn(record)
        running = self._running
        deviations = tuple(record.deviations)
        if deviations != running.deviations():
            return  # Nobody else could go on there: this was the schedule it came from.
        level = len(deviations)
        self.visited[level] += 1
        if running.parent is not None:
            if level == self._bound or _are_two(record):
                # Else, a further deviation may let others run before the task goes on than those that did.
                # Calls that touch no word do not matter: in between nothing else is accessed.
                reaches = running.parent.reaches.setdefault(running.which, [])
                insort(reaches, _reach(running.parent, running.point, record))
            self._queue_siblings(running, record.widths[-1])
        if level < self._bound:
            end = min(record.alone, len(record.points))
            starts = [start for start, _ in record.spans]
            sliding = Sliding(record, deviations[-1][0] if deviations else -1)
            expanded = _Expanded(deviations, array("Q", record.points[:end]), starts, sliding)
            self._expanded.append(expanded)
            self._expand(expanded, with_marks=True)

    def _queue_siblings(self, first: _Successor, width: int) -> None:
        """The other options at that point; the first one told how many there are."""
        assert first.parent is not None
        if first.has_siblings:
            queue = self._queues[len(first.parent.deviations) + 1]
            queue.extend(_Successor(first.parent, first.point, which) for which in range(2, width))

    def _spare(self) -> None:
        """Take what need not be run away from the front of the shallowest queue."""
        while (queue := next((queue for queue in self._queues if queue), None)) is not None:
            first = queue[0]
            if first.parent is None:
                return
            reaches = first.parent.reaches.get(first.which, [])
            place = bisect_left(reaches, (first.point,))
            if not place or (reach := reaches[place - 1]).end < first.point:
                return
            queue.popleft()
            self.spared[len(first.parent.deviations) + 1] += 1
            self._queue_siblings(first, reach.width)

    def _expand(self, expanded: _Expanded, with_marks: bool) -> None:
        """Queue the successors at marks, and at cells found contended since it was last done."""
        contended, known = self._contended, expanded.known
        first = expanded.deviations[-1][0] + 1 if expanded.deviations else 0
        points, quiet = expanded.points, expanded.sliding.quiet
        for point in range(first, len(points)):
            code = points[point]
            if (
                with_marks
                if code < MARK_END
                else contended.get(code >> 1, -1) >= known
                or any(contended.get(each >> 1, -1) >= known for each in quiet(point))
            ):
                self._queue_at(expanded, point)
        expanded.known = len(contended)

    def _queue_at(self, expanded: _Expanded, point: int) -> None:
        """Queue who else could go on at the point, unless that is known to change no order."""
        level = len(expanded.deviations) + 1
        sliding = expanded.sliding
        options = sliding.options(point)
        if options is None:
            self._queues[level].append(_Successor(expanded, point, 1, has_siblings=True))
            return
        for which, task in enumerate(options[1:], 1):
            if level == self._bound and sliding.is_same(point, task):
                self.spared[level] += 1
            else:
                self._queues[level].append(_Successor(expanded, point, which))

    def _is_behind(self) -> bool:
        return any(expanded.known < len(self._contended) for expanded in self._expanded)

    def _catch_up(self) -> None:
        """Try cells found contended late in all schedules run before. Invariant 2."""
        for expanded in self._expanded:
            if expanded.known < len(self._contended):
                self._expand(expanded, with_marks=False)


def _are_two(record: Record) -> bool:
    """True if no more than two tasks accessed words and locks. All tasks have
    ended."""
    points = record.points
    touching = {task for task, start, end in record.runs() if max(points[start:end], default=0) >= MARK_END}
    return len(touching) <= 2 and len(record.over) == record.tasks


def _reach(parent: _Expanded, point: int, record: Record) -> _Reach:
    """The distance behind `point` at which the same task could be taken off, after the same order."""
    width = record.widths[-1]
    nowhere = _Reach(point, point, width)
    points = parent.points
    if width != record.living[-1]:
        return nowhere
    others = _others(record, point)
    if others is None:
        return nowhere
    written = {code >> 1 for code in others if code & 1}
    touched = {code >> 1 for code in others}
    span = bisect_right(parent.spans, point)
    limit = min(len(points), parent.spans[span] if span < len(parent.spans) else len(points))
    end = point
    while end < limit - 1:
        code = points[end]
        if code < LOCK_END or code >> 1 in (touched if code & 1 else written) or parent.sliding.quiet(end):
            break
        end += 1
    return _Reach(point, end - (end > point and points[end] < LOCK_END), width)


def _others(record: Record, point: int) -> set[int] | None:
    """The others' accesses from the deviation at `point` until its task goes on; None: it never does."""
    starts = [start for start, _ in record.spans]
    span = bisect_right(starts, point) - 1
    task = record.spans[span][1]
    codes: set[int] = set()
    held: dict[int, int] = {}
    for number, (runner, start, end) in enumerate(record.runs()):
        if number > span:
            if runner == task:
                return codes
            codes.update(record.points[start:end])
            codes.update(code for before, code in record.quiet if start <= before < end)
            codes.add(held.get(runner, 0))
        if end > start:
            held[runner] = record.points[end - 1]  # Announced before it was taken off, and done after.
    return None
