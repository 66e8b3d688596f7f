"""Submitted calls that could as well run earlier: against the runs in which they do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from random import Random

import pytest

from powercut.engine.kernels import atomics
from powercut.faultfs import EventKind
from powercut.verifier.concurrency.ends import Kept
from powercut.verifier.concurrency.grounds import repeated
from powercut.verifier.concurrency.programs import small_tapes
from powercut.verifier.concurrency.schedule import (
    Bounded,
    Record,
    Repeated,
    Replay,
    Scheduler,
    encode,
    explore,
    replay_schedule,
)
from powercut.verifier.concurrency.schedule.sliding import Sliding
from powercut.verifier.verdict import OK, Verdict

Step = tuple[str, int]  # What to do, and to which cell or thing.
Fates = set[tuple[bytes, tuple[tuple[int, ...], ...]]]  # Orders of words, and who came to each thing in turn.
THINGS = 3


class Submitting:
    """Tasks given as steps; a step `submit` hands in a call of such steps, `wait` waits for all so far."""

    def __init__(self, tasks: Sequence[Sequence[Step]], jobs: Sequence[Sequence[Step]], fates: Fates) -> None:
        self._tasks = tasks
        self._jobs = jobs
        self._fates = fates

    def setup(self, scheduler: Scheduler) -> Sequence[Callable[[], object]]:
        self._scheduler = scheduler
        self._space = memoryview(bytearray(8 * 16)).cast("Q")
        self._things: list[list[int]] = [[] for _ in range(THINGS)]
        self._turned: list[int] = []  # Who came to what is behind turns.
        self._tickets = [scheduler.submit(partial(self._go, self._jobs[0]))]
        scheduler.share(self._space, "cells")
        return [partial(self._go, steps) for steps in self._tasks]

    def _go(self, steps: Sequence[Step]) -> None:
        scheduler = self._scheduler
        for what, which in steps:
            if what == "load":
                atomics.load(self._space, which)
            elif what == "store":
                atomics.store(self._space, which, 1)
            elif what == "touch":
                scheduler.touch(f"thing {which}", True)
                self._things[which].append(scheduler.current())
            elif what == "turn":
                scheduler.turn(f"turn {which}")
                self._turned.append(scheduler.current())
            elif what == "submit":
                self._tickets.append(scheduler.submit(partial(self._go, self._jobs[which])))
            else:
                scheduler.wait(list(self._tickets))

    def judge(self, record: Record) -> Verdict:
        self._fates.add((record.order(), tuple(map(tuple, [*self._things, self._turned]))))
        return OK


def _every_fate(tasks: Sequence[Sequence[Step]], jobs: Sequence[Sequence[Step]], bound: int) -> Fates:
    """Those of all schedules of up to `bound` deviations."""
    fates: Fates = set()
    level: list[tuple[tuple[int, int], ...]] = [()]
    for _ in range(bound + 1):
        following = []
        for deviations in level:
            record, _ = replay_schedule(lambda: Submitting(tasks, jobs, fates), encode(deviations))
            if tuple(record.deviations) == deviations:
                first = deviations[-1][0] + 1 if deviations else 0
                points = range(first, len(record.points))
                following += [(*deviations, (at, which)) for at in points for which in range(1, record.tasks)]
        level = following
    return fates


def _search(
    tasks: Sequence[Sequence[Step]], jobs: Sequence[Sequence[Step]], bound: int
) -> tuple[Fates, Bounded]:
    fates: Fates = set()
    bounded = Bounded(bound)
    assert explore(lambda: Submitting(tasks, jobs, fates), [bounded], 100_000).finding is None
    assert bounded.is_complete
    return fates, bounded


def test_a_call_that_nobody_depends_on_is_tried_nowhere_else() -> None:
    tasks: list[list[Step]] = [[("store", 0)] * 4, [("store", 0)] * 4]
    independent, contended = [[("touch", 0)]], [[("store", 0)]]
    fates, bounded = _search(tasks, independent, 1)
    assert fates == _every_fate(tasks, independent, 1)
    assert bounded.visited[1] < _search(tasks, contended, 1)[1].visited[1]


@pytest.mark.parametrize("other", [[("store", 1)], [("load", 1)], [("touch", 1)], [("turn", 1)]])
def test_a_call_that_another_depends_on_is_tried_before_and_after(other: list[Step]) -> None:
    """By a word, a thing, what is behind a turn with a name of its own."""
    jobs: list[list[Step]] = [[("store", 1), ("touch", 1), ("turn", 1)]]
    tasks = [[*other, ("load", 2)], [("load", 2)]]
    fates, _ = _search(tasks, jobs, 1)
    assert fates == _every_fate(tasks, jobs, 1)
    assert len(fates) > 1


def test_random_programs_that_submit_calls_keep_every_fate() -> None:
    spared = 0
    for seed in (*range(0, 60, 2), 118, 210):
        random = Random(seed)
        jobs = [_steps(random, (*("load", "store", "touch", "touch") * 3, "turn"), 3) for _ in range(3)]
        kinds = (*("load", "store", "store", "touch", "submit", "wait") * 3, "turn")
        tasks = [_steps(random, kinds, 4) for _ in range(random.choice((1, 2)))]
        bound = random.choice((1, 2))
        fates, bounded = _search(tasks, jobs, bound)
        assert fates == _every_fate(tasks, jobs, bound), (tasks, jobs)
        spared += sum(bounded.spared)
    assert spared > 60  # Of every second seed.


@pytest.mark.parametrize(
    ("tasks", "jobs", "bound"),
    [
        # Who waits for the call goes on as it ends: earlier, that would be before another's store.
        (
            [[("wait", 0), ("store", 1)], [("load", 1), ("touch", 0)], [("store", 1)]],
            [[("load", 0)]],
            1,
        ),
        # Calls that are submitted have numbers in the order in which they are.
        ([[("submit", 1), ("touch", 0)]], [[("submit", 2)], [("touch", 1)], [("touch", 0), ("touch", 1)]], 1),
    ],
)
def test_a_call_that_would_go_on_earlier_and_move_others_is_tried_there(
    tasks: list[list[Step]], jobs: list[list[Step]], bound: int
) -> None:
    fates, _ = _search(tasks, jobs, bound)
    assert fates == _every_fate(tasks, jobs, bound)


def _steps(random: Random, kinds: Sequence[str], most: int) -> list[Step]:
    return [(random.choice(kinds), random.randrange(THINGS)) for _ in range(random.randrange(1, most + 1))]


def _played(make: Repeated, deviations: tuple[tuple[int, int], ...]) -> tuple[Record, tuple[object, ...]]:
    """The record of a schedule, and what came of it: words, results in their order, each file's calls."""
    program, scheduler, calls = make.start(Replay(encode(deviations)), 8_000)
    record = scheduler.run(calls)
    assert record.verdict == OK
    assert program.judge(record) == OK
    end = program._end()  # type: ignore[attr-defined]
    files: dict[str, list[tuple[object, ...]]] = {}
    for event in end.events:
        if event.kind is EventKind.READ:
            continue  # Some are the judge's.
        files.setdefault(event.name, []).append((event.kind, event.offset, event.data))
    return record, (record.order(), end.words, end.told, end.serials, end.acked, files)


def test_sessions_of_the_store_come_to_the_same_end_where_a_call_is_said_to_slide() -> None:
    slid = told = 0
    for tape in islice(small_tapes("narrow"), 11, None, 79):
        make = repeated(tape, Kept())
        record, end = _played(make, ())
        sliding = Sliding(record, -1)
        for point in range(0, len(record.points), 3):
            options = sliding.options(point)
            if options is None:
                continue
            for which, task in enumerate(options[1:], 1):
                is_same = sliding.is_same(point, task)
                if not is_same and point % 4:
                    continue
                other, other_end = _played(make, ((point, which),))
                assert (other.deviations, other.widths) == ([(point, which)], [len(options)])
                assert (point + 1, task) in other.spans
                told += 1
                if is_same:
                    assert other_end == end, (tape, point, task)
                    slid += 1
    assert slid > 300
    assert told > slid + 50
