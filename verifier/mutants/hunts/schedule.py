"""The hunt among schedules: the preemptions and the sessions that a planted bug takes.

    0   every small program under its default schedule, one session alone first
    k   programs of `preempt` under all schedules of at most k preemptions, those first that touch what
        the bug touches

The bank says which k is tried after 0. Schedules of one program come by the number of their preemptions;
those of k in turns the one whose last two preemptions are nearest to each other, and one that is drawn. In
the order in which they are thought of, neighbours differ by an access that seldom matters: what shows a bug
lies in a few clusters, and those that take long are in narrow windows between two tasks.

Invariants
  1  what is found with k preemptions was not found with fewer in the program that shows it, and not with
     none in any program
  2  equal requests, equal answers: chance is of the seed
"""

from __future__ import annotations

from heapq import heappop, heappush
from random import Random
from typing import Any

from msgspec.structs import replace

from ...concurrency.programs import search_lanes
from ...concurrency.schedule import Bounded, Replay, decode
from ...tapes.tape import Tape, encode_tape
from ...verdict import Breach, Violation
from .order import likely_first
from .preempt import SCHEDULES_MAX, count_beside, programs

__all__ = ["Scattered", "chase_schedules"]

Answer = dict[str, Any]


class Scattered(Bounded):
    """Every schedule of at most `bound` deviations; those of `bound` by turns the nearest and any."""

    def __init__(self, bound: int, limit: int, random: Random) -> None:
        super().__init__(bound, limit)
        self._random = random
        self._near: list[tuple[int, int]] = []  # A heap: (points between the last two deviations, number).
        self._any: list[int] = []
        self._left: dict[int, Any] = {}  # By number: what the deepest queue held.
        self._taken_in = 0

    @property
    def is_complete(self) -> bool:
        return not self._left and super().is_complete

    def next(self) -> Replay | None:
        *shallower, deepest = self._queues
        while True:
            if any(shallower):
                return super().next()
            self._take_in()
            if self._left:
                deepest.append(self._left.pop(self._choose()))
            choices = super().next()
            if choices is not None or not self._left:
                return choices

    def _take_in(self) -> None:
        deepest = self._queues[-1]
        while deepest:
            successor = deepest.popleft()
            *_, before, last = (0, 0, *(point for point, _ in successor.deviations()))
            heappush(self._near, (last - before, self._taken_in))
            self._any.append(self._taken_in)
            self._left[self._taken_in] = successor
            self._taken_in += 1

    def _choose(self) -> int:
        """By turns, so that neither is ever far behind the better of the two."""
        is_nearest = sum(self.visited) % 2 == 0
        while True:
            number = heappop(self._near)[1] if is_nearest else self._draw()
            if number in self._left:
                return number

    def _draw(self) -> int:
        place = self._random.randrange(len(self._any))
        self._any[place], self._any[-1] = self._any[-1], self._any[place]
        return self._any.pop()


def chase_schedules(request: Answer) -> Answer:
    """Look for the wanted kind of violation; the place where it was found, and other finds."""
    chase = _Chase(Violation(request["oracle"], Breach[request["breach"]], ""), request["seed"])
    found = chase.go(request["preemptions"], request["around"])
    counts: Answer = {
        "others": chase.others,
        "programs": chase.programs,
        "distinct": chase.distinct,
        "checked": chase.schedules,
    }
    if found is None:
        return {"tape": "", "operations": 0, **counts}
    operations, sessions = count_beside(found)
    return {
        "tape": encode_tape(replace(found, bug=request["bug"])).decode(),
        "operations": operations,
        "sessions": sessions,
        "preemptions": len(decode(found.eras[-1].switches)),
        **counts,
    }


class _Chase:
    """The search for one kind of violation, and what it has seen."""

    def __init__(self, wanted: Violation, seed: int) -> None:
        self._wanted = wanted
        self._random = Random(seed)
        self.others: dict[str, int] = {}
        self.programs = self.distinct = self.schedules = 0

    def go(self, most: int, around: list[str]) -> Tape | None:
        """Search with no preemption, then with at most so many."""
        for preemptions in sorted({0, most}):
            tapes = likely_first(programs(preemptions, self._wanted.oracle), around if preemptions else ())
            for tape, _ in tapes:
                found = self._search(tape, preemptions)
                if found is not None:
                    return found
        return None

    def _search(self, tape: Tape, preemptions: int) -> Tape | None:
        limit = SCHEDULES_MAX[preemptions]
        seen = search_lanes(tape, [Scattered(preemptions, limit, self._random)], limit)
        self.programs += 1
        self.schedules += seen.exploration.schedules
        self.distinct += seen.exploration.distinct
        if seen.verdict is None:
            return None
        if self._wanted.is_same_kind(seen.verdict):
            return seen.tape
        kind = f"{seen.verdict.oracle}: {seen.verdict.breach.value}"
        self.others[kind] = self.others.get(kind, 0) + 1
        return None
