"""The hunt among schedules: the preemptions and the sessions that a planted bug takes.

    0   one of so many small programs under its default schedule, one session alone first
    k   programs of `preempt` under all schedules of at most k preemptions, those first that touch what
        the bug touches
    0   the others under their default schedule

The bank says which k it takes. What shows without a preemption shows in many programs, and who is in the
bank takes one: so few programs tell whether that is true, and the others are left for a bug that no
preemption shows. Schedules of one program come by the number of their preemptions; those of k in turns the
one whose last two preemptions are nearest to each other, and one that is drawn. In the
order in which they are thought of, neighbours differ by an access that seldom matters: what shows a bug lies
in a few clusters, and those that take long are in narrow windows between two tasks.

Invariants
  1  what is found with k preemptions was not found with fewer in the program that shows it, and not with
     none in the few that come first
  2  equal requests, equal answers: chance is of the seed
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

from msgspec.structs import replace

from ...concurrency.programs import search_lanes
from ...concurrency.schedule import Bounded, Replay, decode
from ...tapes.tape import Tape, encode_tape
from ...verdict import Breach, Violation
from .order import features, likely_first
from .preempt import SCHEDULES_MAX, count_beside, programs

__all__ = ["Scattered", "hunt_schedules"]

Answer = dict[str, Any]
FEW: Final = 12  # One of so many programs is searched without a preemption before those with one.


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

    @property
    def has_room(self) -> bool:
        """True if the limit leaves room for all schedules that are known of: then no seed passes one over."""
        return sum(self.visited) + sum(map(len, self._queues)) + len(self._left) <= self._limit

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


def hunt_schedules(request: Answer) -> Answer:
    """Look for the wanted kind of violation; the place where it was found, and other finds."""
    wanted = Violation(request["oracle"], Breach[request["breach"]], "")
    hunt = _Hunt(wanted, request["seed"])
    found = hunt.go(request["preemptions"], request["around"])
    counts: Answer = {
        "others": hunt.others,
        "programs": hunt.programs,
        "distinct": hunt.distinct,
        "checked": hunt.schedules,
    }
    if found is None:
        return {"tape": "", "operations": 0, **counts}
    operations, sessions = count_beside(found)
    return {
        "tape": encode_tape(replace(found, bug=request["bug"])).decode(),
        "operations": operations,
        "sessions": sessions,
        "preemptions": len(decode(found.eras[-1].switches)),
        "drawn": hunt.is_drawn,
        **counts,
    }


class _Hunt:
    """The search for one kind of violation, and what it has seen."""

    def __init__(self, wanted: Violation, seed: int) -> None:
        self._wanted = wanted
        self._random = Random(seed)
        self.others: dict[str, int] = {}
        self.programs = self.distinct = self.schedules = 0
        self.is_drawn = False  # Found where the seed chose which schedules are run.

    def go(self, most: int, around: list[str]) -> Tape | None:
        """Search a few programs without a preemption, all with at most so many, the others without."""
        alone = list(programs(0, self._wanted.oracle))
        if not most:
            return self._first_of(alone, 0)
        likely = (tape for tape, _ in likely_first(programs(most, self._wanted.oracle), around, features))
        found = self._first_of(alone[::FEW], 0) or self._first_of(likely, most)
        del alone[::FEW]
        return found or self._first_of(alone, 0)

    def _first_of(self, tapes: Iterable[Tape], preemptions: int) -> Tape | None:
        return next(filter(None, (self._search(tape, preemptions) for tape in tapes)), None)

    def _search(self, tape: Tape, preemptions: int) -> Tape | None:
        limit = SCHEDULES_MAX[preemptions]
        scattered = Scattered(preemptions, limit, self._random)
        seen = search_lanes(tape, [scattered], limit)
        self.programs += 1
        self.schedules += seen.exploration.schedules
        self.distinct += seen.exploration.distinct
        if seen.verdict is None:
            return None
        if self._wanted.is_same_kind(seen.verdict):
            self.is_drawn = not scattered.has_room
            return seen.tape
        kind = f"{seen.verdict.oracle}: {seen.verdict.breach.value}"
        self.others[kind] = self.others.get(kind, 0) + 1
        return None
