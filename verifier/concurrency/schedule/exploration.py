"""Exploration: a program under many schedules, until one fails or none is left.

A program is made afresh for each schedule, or it is `Repeated`: begun once, and put back before each run
as it was then. It is handed a scheduler, which is the Runtime of whatever it tests, says what its tasks
are, and judges what came of them.

Invariants
  1  a finding was replayed from its ints in a program made afresh: the same record, the same kind of
     violation; `is_exact` says so, and where it does not, the program has chance in it that the scheduler
     does not know
  2  `distinct` counts orders of dependent accesses, not schedules
  3  a program is given up where the share of its schedules whose order no other had is below `share`: so
     likely, about, is one more to have an order that is new (Good and Turing)
  4  a shrunk schedule is 1-minimal: without any one of its deviations the violation is gone

A schedule's weight is (deviations, sum of the ints, the ints); shrinking only ever lowers it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final, NamedTuple, Protocol

from ...rewinding import Snapshot
from ...verdict import OK, Unknown, Verdict, Violation
from .record import Deviations, Record, decode, encode
from .strategies import Blocks, Choices, Replay, Strategy
from .task import Call
from .tasks import STEPS_MAX, Scheduler

__all__ = [
    "Begun",
    "Exploration",
    "Finding",
    "Program",
    "Repeated",
    "explore",
    "replay_schedule",
    "shrink_switches",
]

SHARED_RUNS: Final = 25
SHRINK_RUNS: Final = 400  # Half a second of small programs over the store.


class Program(Protocol):
    """One run of something concurrent."""

    def setup(self, scheduler: Scheduler) -> Sequence[Call]:
        """Build it, share its spaces; its tasks."""

    def judge(self, record: Record) -> Verdict:
        """The oracles' verdict on a run whose tasks all ended."""


class Repeated:
    """A program that is begun once; all its runs start from there.

    begin   makes it and has it set up, whichever scheduler that takes
    spared  what outlasts a run: it is not put back
    """

    def __init__(self, make: Callable[[], Program], begin: Callable[[], Begun], spared: object) -> None:
        self._make = make
        self._begin = begin
        self._spared = spared
        self._begun: Begun | None = None
        self._snapshot: Snapshot | None = None
        self._runs = 0

    @property
    def afresh(self) -> Callable[[], Program]:
        """The maker of the program anew."""
        return self._make

    def __call__(self) -> Program:
        return self._make()

    def start(self, choices: Choices, steps_max: int) -> Begun:
        """The program as it was when it began, its scheduler with these choices."""
        self._runs += 1
        if self._snapshot is not None and self._begun is not None:
            self._snapshot.rewind()
        else:
            self._begun = self._begin()
            if self._runs > 1:  # A snapshot costs as much as a few rewinds: for one run there is none.
                self._snapshot = Snapshot(self._begun, [self._spared])
        self._begun.scheduler.restart(choices, steps_max=steps_max)
        return self._begun


class Begun(NamedTuple):
    """A program that is set up, and was not run."""

    program: Program
    scheduler: Scheduler
    calls: Sequence[Call]


@dataclass(frozen=True, slots=True)
class Finding:
    """A schedule under which the program fails."""

    switches: tuple[int, ...]
    verdict: Violation
    digest: str
    strategy: str
    schedule: int  # Which one it was, counted from 1.
    is_exact: bool

    @property
    def preemptions(self) -> int:
        """The number of times that it leaves the default."""
        return len(decode(self.switches))


@dataclass(slots=True)
class Exploration:
    """The schedules that were tried, and the first violation."""

    schedules: int = 0
    distinct: int = 0
    points: int = 0
    longest: int = 0  # Points of one schedule.
    preemptions: int = 0
    unknown: int = 0
    finding: Finding | None = None


def explore(
    make: Callable[[], Program],
    strategies: Sequence[Strategy],
    schedules: int,
    steps_max: int = STEPS_MAX,
    *,
    share: float = 0.0,
) -> Exploration:
    """Run up to `schedules` schedules, the strategies taking turns; ends with the first violation.

    share   ends it too (invariant 3), when SHARED_RUNS are done; 0.0: not before there are so many
    """
    found = Exploration()
    orders: set[bytes] = set()
    once: set[bytes] = set()  # Those that one schedule had.
    first: Record | None = None
    left = list(strategies)
    for strategy in cycle(strategies):
        if not left or found.schedules >= schedules:
            break
        choices = strategy.next() if strategy in left else None
        if choices is None:
            left = [each for each in left if each is not strategy]
            continue
        record, verdict = _run(make, choices, steps_max)
        strategy.learn(record)
        if found.schedules:
            order = record.order()
            (once.discard if order in orders else once.add)(order)
            orders.add(order)
        else:
            first = record
        found.points += len(record.points)
        found.longest = max(found.longest, len(record.points))
        found.preemptions += len(record.deviations)
        found.schedules += 1
        found.unknown += isinstance(verdict, Unknown)
        if isinstance(verdict, Violation):
            found.finding = _confirm(make, record, verdict, strategy.name, found.schedules, steps_max)
            break
        if found.schedules >= SHARED_RUNS and len(once) < share * found.schedules:
            break
    if first is not None:  # Alone it need not be hashed.
        found.distinct = len(orders | {first.order()}) if orders else 1
    return found


def replay_schedule(
    make: Callable[[], Program], switches: Sequence[int], steps_max: int = STEPS_MAX
) -> tuple[Record, Verdict]:
    """Run the schedule that the ints stand for."""
    return _run(make, Replay(switches), steps_max)


def shrink_switches(
    make: Callable[[], Program],
    switches: Sequence[int],
    verdict: Violation,
    runs: int = SHRINK_RUNS,
    steps_max: int = STEPS_MAX,
) -> tuple[int, ...]:
    """The lightest schedule found under which the program fails in the same way (invariant 4).

    Out of `runs`, the lightest so far; a schedule that does not fail so comes back as it is.
    """
    descent = _Descent(make, decode(switches), verdict, runs, steps_max)
    before: Deviations | None = None
    while before != descent.best:
        before = descent.best
        descent.drop()
        descent.merge()
        while any(descent.takes(candidate) for candidate in _earlier(descent.best)):
            pass
    return encode(descent.best)


class _Descent:
    """One shrinking: the lightest schedule so far, and the runs that are left."""

    def __init__(
        self, make: Callable[[], Program], best: Deviations, verdict: Violation, runs: int, steps_max: int
    ) -> None:
        self.best = best
        self._make = make
        self._verdict = verdict
        self._runs = runs
        self._steps_max = steps_max
        self._tried = {best}

    def takes(self, candidate: Deviations) -> bool:
        """Take the candidate if it is lighter and fails in the same way."""
        if candidate in self._tried or _weight(candidate) >= _weight(self.best) or not self._runs:
            return False
        self._tried.add(candidate)
        self._runs -= 1
        return self._fails(Replay(encode(candidate)))

    def _fails(self, choices: Choices) -> bool:
        """Run it; take it if it is lighter as it went, and fails in the same way."""
        self._runs -= 1
        record, seen = _run(self._make, choices, self._steps_max)
        deviations = tuple(record.deviations)
        if not self._verdict.is_same_kind(seen) or _weight(deviations) >= _weight(self.best):
            return False
        self.best = deviations
        return True

    def drop(self) -> None:
        """Leave some out: all, half, a quarter, ..., one by one until none can be spared."""
        size = len(self.best)
        while size:
            start, is_spared = 0, False
            while start < len(self.best):
                if any(self.takes(candidate) for candidate in _without(self.best, start, size)):
                    is_spared = True
                else:
                    start += size
            if size > 1 or not is_spared:
                size //= 2

    def merge(self) -> None:
        """Let a task do at once what it did in two runs of points, early or late."""
        is_merged = True
        while is_merged and self._runs:
            record, _ = replay_schedule(self._make, encode(self.best), self._steps_max)
            blocks = [(task, end - start) for task, start, end in record.runs()]
            is_merged = any(self._runs and self._fails(Blocks(each)) for each in _merged(blocks))


def _run(make: Callable[[], Program], choices: Choices, steps_max: int) -> tuple[Record, Verdict]:
    if isinstance(make, Repeated):
        program, scheduler, calls = make.start(choices, steps_max)
    else:
        program, scheduler = make(), Scheduler(choices, steps_max=steps_max)
        calls = program.setup(scheduler)
    record = scheduler.run(calls)
    return record, record.verdict if record.verdict != OK else program.judge(record)


def _confirm(
    make: Callable[[], Program],
    record: Record,
    verdict: Violation,
    strategy: str,
    schedule: int,
    steps_max: int,
) -> Finding:
    """Replay a violation: only one that returns is a finding. Invariant 1."""
    digest = record.digest()
    again, seen = replay_schedule(
        make.afresh if isinstance(make, Repeated) else make, record.switches, steps_max
    )
    is_exact = again.digest() == digest and seen == verdict
    return Finding(record.switches, verdict, digest, strategy, schedule, is_exact)


def _weight(deviations: Deviations) -> tuple[int, int, Deviations]:
    return len(deviations), sum(encode(deviations)), deviations


def _without(deviations: Deviations, start: int, size: int) -> Iterator[Deviations]:
    """The deviations without those from number `start`; the later ones stay where they are, or move up."""
    before, left_out, after = deviations[:start], deviations[start : start + size], deviations[start + size :]
    yield before + after
    if after:
        back = left_out[-1][0] - (before[-1][0] if before else -1)
        yield before + tuple((point - back, which) for point, which in after)


def _merged(blocks: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    for first, (task, length) in enumerate(blocks):
        second = next((number for number in range(first + 1, len(blocks)) if blocks[number][0] == task), None)
        if second is not None:
            whole = [(task, length + blocks[second][1])]
            before, between, after = blocks[:first], blocks[first + 1 : second], blocks[second + 1 :]
            yield before + whole + between + after
            yield before + between + whole + after


def _earlier(deviations: Deviations) -> Iterator[Deviations]:
    """One gap smaller, alone or with all that follow; or a lower option."""
    for number, (point, which) in enumerate(deviations):
        before, after = deviations[:number], deviations[number + 1 :]
        floor = before[-1][0] + 1 if before else 0
        for target in sorted({floor, floor + (point - floor) // 2, point - 1} - {point}):
            if target >= floor:
                back = point - target
                yield (*before, (target, which), *((p - back, w) for p, w in after))
                yield (*before, (target, which), *after)
        yield from ((*before, (point, lower), *after) for lower in range(1, which))
