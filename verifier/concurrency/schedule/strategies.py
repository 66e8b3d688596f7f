"""Strategies: each chooses the next schedule to run.

    Replay        one schedule, given by its ints
    Blocks        one schedule, given as runs of points
    RandomWalk    at every point, with a fixed probability, any other task goes on
    Pos           a random priority for each access, a new one for those that an access contends with: of all
                  orders of dependent accesses the likeliest is not much likelier than the others. An access
                  is one to a cell that was contended in a run before; of the first run each is
    (Bounded      every schedule of few preemptions; in a module of its own)

A strategy hands out `Choices`, one for each run, and learns from each run's record. At a point the
scheduler shows the options, tasks by number, the default first: whoever is running goes on; where
he cannot, the lowest-numbered one that can.

Chance comes only from the generators handed in.
Source: POS, partial order sampling, is from Yuan, Yang and Gu, CAV 2018.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log, log1p
from random import Random
from typing import Final, Protocol

from .codes import MARK_END
from .contention import Contention
from .record import Record, decode

__all__ = ["NEVER", "Blocks", "Choices", "Pos", "RandomWalk", "Replay", "Sampled", "Strategy"]

NEVER: Final = 1 << 62


class Choices(Protocol):
    """The choices of one run."""

    def due(self, at: int) -> int:
        """The first point from `at` on where it wants to be asked even if the running task can go on."""

    def pick(self, at: int, options: Sequence[int]) -> int:
        """Index of the option that goes on from point `at`."""

    def gave_way(self, task: int) -> None:
        """Take in that `task` has spun, so the default is another; a strategy of its own must let it be."""


class Strategy(Protocol):
    """A source of schedules."""

    @property
    def name(self) -> str: ...

    def next(self) -> Choices | None:
        """The choices of the next run; None where there is nothing more to try."""

    def learn(self, record: Record) -> None:
        """Take in the record of the run that was handed out last."""


class Replay:
    """One schedule. A choice that no longer exists becomes the last that does."""

    def __init__(self, switches: Iterable[int] = ()) -> None:
        deviations = decode(switches)
        self._which = dict(deviations)
        self._points = sorted(self._which, reverse=True)

    def due(self, at: int) -> int:
        points = self._points
        while points and points[-1] < at:
            points.pop()
        return points[-1] if points else NEVER

    def pick(self, at: int, options: Sequence[int]) -> int:
        return min(self._which.get(at, 0), len(options) - 1)

    def gave_way(self, task: int) -> None:
        """Nothing to do: the schedule is relative to the default."""


class Blocks:
    """Some points of one task, then some of another, as far as they can go on; then the default."""

    def __init__(self, blocks: Iterable[tuple[int, int]]) -> None:
        self._left = list(blocks)[::-1]
        self._task = -1
        self._last = -1  # Point at which the block ends.

    def due(self, at: int) -> int:
        return max(at, self._last) if self._left else NEVER

    def pick(self, at: int, options: Sequence[int]) -> int:
        if at < self._last and options[0] == self._task:
            return 0
        while self._left:
            self._task, length = self._left.pop()
            if self._task in options:
                self._last = at + length
                return options.index(self._task)
        return 0

    def gave_way(self, task: int) -> None:
        """Nothing to do: the blocks have an end."""


class RandomWalk:
    """Any other task, with probability `probability` at each point; any at all where one must be chosen."""

    def __init__(self, random: Random, probability: float = 0.1) -> None:
        assert 0 < probability < 1
        self.name = f"random {probability:g}"
        self._random = random
        self._scale = 1 / log1p(-probability)

    def next(self) -> Choices:
        return _Walk(self._random, self._scale)

    def learn(self, record: Record) -> None:
        """Learn nothing: the choices are random."""


class _Walk:
    def __init__(self, random: Random, scale: float) -> None:
        self._random = random.random
        self._scale = scale
        self._next = -1

    def due(self, at: int) -> int:
        if self._next < at:  # The gap to the next success of a coin, drawn at once.
            self._next = at + int(log(1 - self._random()) * self._scale)
        return self._next

    def pick(self, at: int, options: Sequence[int]) -> int:
        if at == self._next and len(options) > 1:
            return 1 + int(self._random() * (len(options) - 1))
        return int(self._random() * len(options))

    def gave_way(self, task: int) -> None:
        """Nothing to do: chance is fair."""


class Pos:
    """Partial order sampling."""

    def __init__(self, random: Random) -> None:
        self.name = "pos"
        self._random = random
        self._contention = Contention()
        self._asked: frozenset[int] | None = None

    def next(self) -> Choices:
        return Sampled(self._random, self._asked)

    def learn(self, record: Record) -> None:
        cells, known = self._contention.cells, len(self._contention.cells)
        self._contention.learn(record)
        if self._asked is None or known < len(cells):
            codes = [2 * cell + is_write for cell in cells for is_write in (0, 1)]
            # What is done quietly is done behind another point: there it has to be asked.
            points = [record.points[at - 1] for at, code in record.quiet if at and code >> 1 in cells]
            self._asked = frozenset((*(self._asked or ()), *codes, *points))


class Sampled:
    """The choices of one run of `Pos`; it is shown the points as they are recorded.

    asked   the codes of points at which it chooses, besides marks; None: it does at all
    """

    def __init__(self, random: Random, asked: frozenset[int] | None = None) -> None:
        self._asked = frozenset[int]() if asked is None else asked
        self._is_asked_always = asked is None
        self._random = random.random
        self._points: Sequence[int] = ()
        self._went_on = self._spun = -1  # The task that was chosen last; one that has spun.
        self._priority: dict[int, float] = {}
        self._pending: dict[int, int] = {}  # By task: the code at which it stands.

    def see(self, points: Sequence[int]) -> frozenset[int]:
        """Be shown the points of the run as they come; the codes at which to be asked."""
        self._points = points
        return self._asked

    def due(self, at: int) -> int:
        return at if self._is_asked_always else NEVER

    def pick(self, at: int, options: Sequence[int]) -> int:
        random, priority, pending, went_on = self._random, self._priority, self._pending, self._went_on
        priority[went_on] = -1.0 if self._spun == went_on else random()
        pending[went_on] = self._points[at]
        self._spun = -1
        best, highest = -1, -2.0
        for task in options:
            height = priority.get(task)
            if height is None:
                height = priority[task] = random()
            if height > highest:
                best, highest = task, height
        code = pending.get(best, 0)
        if code >= MARK_END:
            cell = code >> 1
            for task, other in pending.items():
                if other >> 1 == cell and task != best and (other | code) & 1:
                    priority[task] = random()
        self._went_on = best
        return options.index(best)

    def gave_way(self, task: int) -> None:
        self._spun = task
