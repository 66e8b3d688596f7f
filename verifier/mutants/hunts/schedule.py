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

from collections.abc import Hashable, Sequence
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from ...concurrency.ends import Kept, forget_recoveries
from ...concurrency.grounds import ground_of, prepare, repeated
from ...concurrency.programs import search_lanes
from ...concurrency.schedule import STEPS_MAX, Bounded, Replay, decode
from ...tapes.tape import Tape, encode_tape
from ...verdict import OK, Breach, Violation
from ..planted import Mutant
from ..reach import Watch
from .order import features, likely_first
from .preempt import SCHEDULES_MAX, count_beside, programs

__all__ = ["Scattered", "hunt_schedules", "survey_schedules"]

Answer = dict[str, Any]
_KERNELS: Final = "powercut.engine.kernels."


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
    hunt = _Hunt(wanted, request["seed"], request.get("survey"))
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


class Survey(msgspec.Struct, frozen=True):
    """The part in which one bug need not be looked for, of the programs under their default schedules.

    Told of the unchanged code, in which each of them is judged.
    """

    reaching: list[int]  # Programs that run what it edits.
    ends: dict[
        int, str
    ]  # Of these the ends, hashed, where an equal end need not be judged again: the edit is of
    # a kernel, which leaves nothing but words behind, and judging does not run it.


def survey_schedules(bugs: Sequence[Mutant]) -> dict[str, Survey]:
    """For each bug which programs it could show in, by their numbers.

    One that does not stand is left to be judged under every bug.
    """
    surveys = {bug.name: Survey([], {}) for bug in bugs}
    at_first: dict[Hashable, set[str]] = {}  # What runs before the sessions begin.
    with Watch(bugs) as watch:
        for number, tape in enumerate(programs(0, "")):
            ground = ground_of(tape)
            if ground not in at_first:
                watch.take()
                prepare(tape)
                at_first[ground] = watch.take()
            forget_recoveries()
            ends: set[bytes] = set()
            program, scheduler, calls = repeated(tape, Kept(ends=ends)).start(Replay(), STEPS_MAX)
            record = scheduler.run(calls)
            running = watch.take() | at_first[ground]
            is_ok = record.verdict == OK and program.judge(record) == OK
            judging = watch.take()
            for bug in bugs:
                if not is_ok or bug.name in running | judging:
                    survey = surveys[bug.name]
                    survey.reaching.append(number)
                    if bug.module.startswith(_KERNELS) and bug.name not in judging:
                        survey.ends.update((number, end.hex()) for end in ends)
    return surveys


class _Hunt:
    """The search for one kind of violation, and what it has seen."""

    def __init__(self, wanted: Violation, seed: int, survey: Answer | None) -> None:
        self._wanted = wanted
        self._random = Random(seed)
        self._survey = None if survey is None else msgspec.convert(survey, Survey, strict=False)
        self.others: dict[str, int] = {}
        self.programs = self.distinct = self.schedules = 0
        self.is_drawn = False  # Found where the seed chose which schedules are run.

    def go(self, most: int, around: list[str]) -> Tape | None:
        """Search with no preemption, then with at most so many."""
        return self._go_alone() or (self._go_around(most, around) if most else None)

    def _go_alone(self) -> Tape | None:
        survey = self._survey
        reaching = None if survey is None else frozenset(survey.reaching)
        for number, tape in enumerate(programs(0, self._wanted.oracle)):
            if survey is None or reaching is None:
                found = self._search(tape, 0)
            elif number in reaching:
                end = survey.ends.get(number)
                found = self._search(tape, 0, None if end is None else {bytes.fromhex(end)})
            else:
                self._count(1, 1)  # As without the bug: one schedule, and it stood.
                continue
            if found is not None:
                return found
        return None

    def _go_around(self, most: int, around: list[str]) -> Tape | None:
        for tape, _ in likely_first(programs(most, self._wanted.oracle), around, features):
            found = self._search(tape, most)
            if found is not None:
                return found
        return None

    def _count(self, schedules: int, distinct: int) -> None:
        self.programs += 1
        self.schedules += schedules
        self.distinct += distinct

    def _search(self, tape: Tape, preemptions: int, ends: set[bytes] | None = None) -> Tape | None:
        limit = SCHEDULES_MAX[preemptions]
        scattered = Scattered(preemptions, limit, self._random)
        seen = search_lanes(tape, [scattered], limit, ends)
        self._count(seen.exploration.schedules, seen.exploration.distinct)
        if seen.verdict is None:
            return None
        if self._wanted.is_same_kind(seen.verdict):
            self.is_drawn = not scattered.has_room
            return seen.tape
        kind = f"{seen.verdict.oracle}: {seen.verdict.breach.value}"
        self.others[kind] = self.others.get(kind, 0) + 1
        return None
