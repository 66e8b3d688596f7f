"""Bounded preemption search against every schedule there is, leaving the default at any point at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

from powercut.engine.kernels import atomics
from powercut.verifier.concurrency.schedule import (
    Bounded,
    Record,
    Scheduler,
    decode,
    encode,
    explore,
    replay_schedule,
)
from powercut.verifier.verdict import OK, Verdict

Step = tuple[str, int, int]  # What to do, to which cell, and which value to store or to look for.


class Straight:
    """Tasks given as steps; `if` skips the next step unless the cell holds the value."""

    def __init__(self, tasks: Sequence[Sequence[Step]], orders: set[bytes]) -> None:
        self._tasks = tasks
        self._orders = orders

    def setup(self, scheduler: Scheduler) -> Sequence[Callable[[], object]]:
        self._space = memoryview(bytearray(8 * 16)).cast("Q")
        self._lock = scheduler.lock()
        scheduler.share(self._space, "cells")
        return [partial(self._go, steps) for steps in self._tasks]

    def _go(self, steps: Sequence[Step]) -> None:
        is_skipped = False
        for what, cell, value in steps:
            if is_skipped:
                is_skipped = False
            elif what == "load":
                atomics.load(self._space, cell)
            elif what == "store":
                atomics.store(self._space, cell, value)
            elif what == "if":
                is_skipped = atomics.load(self._space, cell) != value
            else:
                with self._lock:
                    atomics.fetch_add(self._space, cell, 1)

    def judge(self, record: Record) -> Verdict:
        self._orders.add(record.order())
        return OK


def _all_orders(tasks: Sequence[Sequence[Step]], bound: int) -> tuple[set[bytes], list[int]]:
    """The orders of every schedule of up to `bound` deviations, and how many schedules of each number."""
    orders: set[bytes] = set()
    visited = [0] * (bound + 1)
    level: list[tuple[tuple[int, int], ...]] = [()]
    for depth in range(bound + 1):
        following = []
        for deviations in level:
            record, _ = replay_schedule(lambda: Straight(tasks, orders), encode(deviations))
            if tuple(record.deviations) != deviations:
                continue
            visited[depth] += 1
            first = deviations[-1][0] + 1 if deviations else 0
            following += [
                (*deviations, (point, which))
                for point in range(first, len(record.points))
                for which in range(1, len(tasks))
            ]
        level = following
    return orders, visited


def _search(tasks: Sequence[Sequence[Step]], bound: int) -> tuple[set[bytes], Bounded]:
    orders: set[bytes] = set()
    bounded = Bounded(bound)
    assert explore(lambda: Straight(tasks, orders), [bounded], 100_000).finding is None
    assert bounded.is_complete
    return orders, bounded


def test_where_all_accesses_conflict_it_visits_every_schedule_once() -> None:
    tasks = [[("store", 0, number)] * 3 for number in (1, 2, 3)]
    orders, bounded = _search(tasks, 2)
    expected, visited = _all_orders(tasks, 2)
    assert bounded.visited == visited
    assert visited[0] == 1
    assert orders == expected


def test_accesses_that_do_not_conflict_are_left_out_and_no_order_is_missed() -> None:
    tasks: list[list[Step]] = [
        [("store", own, 1), ("store", own, 2), ("load", 1, 0), ("store", 0, own), ("load", own, 0)]
        for own in (8, 9)
    ]
    orders, bounded = _search(tasks, 2)
    expected, visited = _all_orders(tasks, 2)
    assert orders == expected
    assert 2 * bounded.visited[1] < visited[1] + 4
    assert bounded.visited[2] < visited[2]


def test_a_task_taken_off_later_before_what_does_not_matter_is_spared() -> None:
    """The two cells are contended, but not between the two runs: task 1 reads cell 0 before it is written."""
    tasks: list[list[Step]] = [
        [("load", 0, 0), ("load", 1, 0), ("load", 0, 0), ("store", 2, 1)],
        [("load", 2, 0), ("if", 2, 1), ("store", 0, 1), ("if", 2, 1), ("store", 1, 1)],
    ]
    orders, bounded = _search(tasks, 1)
    expected, visited = _all_orders(tasks, 1)
    assert orders == expected
    assert bounded.spared[1] > 0
    assert sum(bounded.visited) + sum(bounded.spared) <= sum(visited)


def test_what_a_third_task_would_meet_is_not_spared_for() -> None:
    """Task 0, taken off before its loads or between, is equal for task 1, and not for task 2 within that."""
    tasks: list[list[Step]] = [
        [("load", 1, 0), ("load", 1, 0), ("store", 0, 2)],
        [("store", 9, 1), ("store", 0, 1), ("load", 0, 1)],
        [("store", 10, 2), ("store", 1, 1), ("load", 0, 1)],
    ]
    orders, bounded = _search(tasks, 2)
    assert orders == _all_orders(tasks, 2)[0]
    assert bounded.spared[2] > 0


def test_cell_found_contended_late_is_tried_in_schedules_run_before() -> None:
    """Task 1 touches cell 5 only after a preemption, and by then task 0's accesses to it were passed over."""
    tasks: list[list[Step]] = [
        [
            ("store", 5, 1),
            ("store", 5, 2),
            ("store", 0, 1),
            ("store", 0, 0),
            ("store", 5, 3),
            ("store", 5, 4),
        ],
        [("if", 0, 1), ("load", 5, 0)],
    ]
    orders, _ = _search(tasks, 2)
    assert orders == _all_orders(tasks, 2)[0]


def test_cell_that_all_only_read_is_not_contended() -> None:
    reads = [[("load", 0, 0)] * 4] * 2
    private: list[list[Step]] = [[("load", 8 + number, 0)] * 4 for number in (0, 1)]
    assert _search(reads, 2)[1].visited == _search(private, 2)[1].visited


def _order(tasks: Sequence[Sequence[Step]], switches: Sequence[int]) -> bytes:
    record, verdict = replay_schedule(lambda: Straight(tasks, set()), switches)
    assert verdict == OK
    assert record.switches == tuple(switches)
    return record.order()


def test_order_is_that_of_dependent_accesses() -> None:
    reads: list[list[Step]] = [[("load", 0, 0)], [("load", 0, 0)], [("store", 0, 1)]]
    assert _order(reads, ()) == _order(reads, (0, 1))  # Task 1 reads before task 0.
    assert _order(reads, ()) != _order(reads, (0, 2))  # Task 2 writes first.
    assert _order(reads, (2, 1)) != _order(reads, (0, 2))  # Between the two reads.
    first: list[list[Step]] = [[("store", 0, 1)], [("load", 0, 0)], [("load", 0, 0)]]
    assert _order(first, ()) == _order(first, (2, 1))  # At the end of task 0: task 2 before task 1.


def test_lock_tried_in_vain_changes_no_order() -> None:
    """Task 1 finds the lock taken, or does not look before it is free."""
    tasks: list[list[Step]] = [[("lock", 8, 0)], [("lock", 9, 0)]]
    assert _order(tasks, ()) == _order(tasks, (2, 1))
    assert _order(tasks, ()) != _order(tasks, (0, 1))


def test_ints_and_deviations_are_one_schedule() -> None:
    random = Random(2)
    for _ in range(200):
        points = sorted(random.sample(range(50), random.randrange(6)))
        deviations = tuple((point, random.randrange(1, 4)) for point in points)
        assert decode(encode(deviations)) == deviations
    assert decode(()) == ()
    assert decode((5,)) == ()
    assert decode((-3, 1)) == ((0, 1),)
    assert decode((2, 0, 1, 1)) == ((4, 1),)


def test_search_that_hits_its_limit_is_not_complete() -> None:
    tasks = [[("store", 0, number)] * 3 for number in (1, 2)]
    bounded = Bounded(2, limit=5)
    assert explore(lambda: Straight(tasks, set()), [bounded], 100).schedules == 5
    assert not bounded.is_complete


Told = set[tuple[bytes, frozenset[tuple[int, int]]]]


class Timed(Straight):
    """Tells of each schedule its order, and which task ended before which began."""

    def __init__(self, tasks: Sequence[Sequence[Step]], told: Told) -> None:
        super().__init__(tasks, set())
        self._told = told

    def setup(self, scheduler: Scheduler) -> Sequence[Callable[[], object]]:
        self._edges: list[tuple[int, bool]] = []
        return [partial(self._time, number, task) for number, task in enumerate(super().setup(scheduler))]

    def _time(self, number: int, task: Callable[[], object]) -> None:
        self._edges.append((number, True))
        task()
        self._edges.append((number, False))

    def judge(self, record: Record) -> Verdict:
        ended: list[int] = []
        before: set[tuple[int, int]] = set()
        for number, is_begin in self._edges:
            if is_begin:
                before |= {(each, number) for each in ended}
            else:
                ended.append(number)
        self._told.add((record.order(), frozenset(before)))
        return OK


def test_a_task_that_ends_before_another_begins_does_so_in_a_schedule_that_is_run() -> None:
    """Task 1 ends, then all of task 2 runs inside task 0: what task 1 does last depends on nobody."""
    tasks: list[list[Step]] = [
        [("load", 0, 0), ("load", 1, 0)],
        [("store", 0, 1), ("store", 9, 1), ("store", 9, 2)],
        [("store", 1, 1), ("store", 10, 1)],
    ]
    every: Told = set()
    level: list[tuple[tuple[int, int], ...]] = [()]
    for _ in range(3):
        following = []
        for deviations in level:
            record, _ = replay_schedule(lambda: Timed(tasks, every), encode(deviations))
            if tuple(record.deviations) == deviations:
                first = deviations[-1][0] + 1 if deviations else 0
                points = range(first, len(record.points))
                following += [(*deviations, (point, which)) for point in points for which in (1, 2)]
        level = following
    told: Told = set()
    bounded = Bounded(2)
    assert explore(lambda: Timed(tasks, told), [bounded], 100_000).finding is None
    assert bounded.is_complete
    assert bounded.spared[2] > 0
    missed = [
        (order, before)
        for order, before in every
        if not any(order == other and before <= wider for other, wider in told)
    ]
    assert missed == []


def test_random_programs_keep_every_order_that_any_schedule_has() -> None:
    passed_over = spared = 0
    for seed in range(0, 60, 2):
        random = Random(seed)
        tasks = [
            [
                (random.choice(("load", "store", "store", "if", "lock")), cell, random.randrange(1, 3))
                for cell in random.choices((0, 1, 8 + number), k=random.randrange(2, 6))
            ]
            for number in range(random.choice((2, 2, 3)))
        ]
        orders, bounded = _search(tasks, 2)
        expected, visited = _all_orders(tasks, 2)
        assert orders == expected, tasks
        assert all(some <= every for some, every in zip(bounded.visited, visited, strict=True))
        passed_over += sum(visited) - sum(bounded.visited)
        spared += sum(bounded.spared)
    assert passed_over > spared > 0
