"""The scheduler as a Runtime: conditions, deadlines, a clock that jumps, submitted calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from powercut.engine.kernels import atomics
from powercut.engine.runtime import Ticket
from powercut.verifier.concurrency.schedule import RandomWalk, Record, Replay, Scheduler
from powercut.verifier.verdict import OK, Breach, Violation

Call = Callable[[], object]


def words(count: int) -> memoryview:
    return memoryview(bytearray(8 * count)).cast("Q")


def broken(record: Record) -> tuple[str, Breach, str]:
    verdict = record.verdict
    assert isinstance(verdict, Violation)
    return verdict.oracle, verdict.breach, verdict.detail


def test_until_is_asked_again_only_when_others_moved() -> None:
    space = words(1)
    asked: list[int] = []
    scheduler = Scheduler()
    scheduler.share(space, "cell")

    def is_set() -> bool:
        asked.append(scheduler.current())
        return atomics.load(space, 0) == 2

    def go() -> None:
        for value in (1, 2):
            atomics.store(space, 0, value)

    results = scheduler.run([lambda: scheduler.until("two", is_set), go]).results
    assert results[0] is True
    assert asked == [1, 1]


def test_access_carried_out_after_the_question_is_news() -> None:
    """Task 0 is taken off before its only write: task 1 asks in vain, and asks again before task 2 goes."""
    space = memoryview(bytearray(8)).cast("Q")
    scheduler = Scheduler(Replay((1, 1)))
    scheduler.share(space, "cell")
    record = scheduler.run(
        [
            lambda: atomics.store(space, 0, 1),
            lambda: scheduler.until("the cell", lambda: atomics.load(space, 0) == 1),
            lambda: scheduler.turn("whatever"),
        ]
    )
    assert record.verdict == OK
    assert [task for task, _, _ in record.runs()] == [0, 1, 0, 1, 2]


def test_condition_may_be_interleaved() -> None:
    """A condition of two reads sees one write between them."""
    space = words(2)
    seen: set[tuple[int, int]] = set()
    for seed in range(60):
        space[0] = space[1] = 0
        scheduler = Scheduler(RandomWalk(Random(seed), 0.4).next())
        scheduler.share(space, "cells")

        def both() -> bool:
            found = atomics.load(space, 0), atomics.load(space, 1)
            seen.add(found)
            return found == (1, 1)

        def write() -> None:
            atomics.store(space, 0, 1)
            atomics.store(space, 1, 1)

        record = scheduler.run([partial(scheduler.until, "both", both), write])
        assert record.verdict == OK
    assert seen == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_two_that_wait_for_each_other_are_a_deadlock() -> None:
    scheduler = Scheduler()
    space = words(2)
    scheduler.share(space, "cells")

    def wait(own: int, other: int) -> None:
        scheduler.until(f"cell {other}", lambda: atomics.load(space, other) == 1)
        atomics.store(space, own, 1)

    record = scheduler.run([lambda: wait(0, 1), lambda: wait(1, 0)])
    assert broken(record)[1:] == (
        Breach.DEADLOCK,
        "task 0 waits for cell 1; task 1 waits for cell 0",
    )
    assert len(record.points) < 60
    assert record.alone > len(record.points)


def test_two_that_wait_and_take_a_lock_to_ask_are_a_deadlock() -> None:
    scheduler = Scheduler()
    lock = scheduler.lock()

    def holds() -> bool:
        with lock:
            return False

    record = scheduler.run([lambda: scheduler.until("a", holds), lambda: scheduler.until("b", holds)])
    assert broken(record)[1:] == (Breach.DEADLOCK, "task 0 waits for a; task 1 waits for b")


def test_condition_that_drains_for_another_is_no_deadlock() -> None:
    """Actions of a condition need not be announced; a chain of them, the last first."""
    scheduler = Scheduler()
    drained = [False] * 4

    def asked(number: int) -> bool:
        if number == 3 or drained[number + 1]:
            drained[number] = True
        return drained[0]

    tasks = [partial(scheduler.until, f"drain {n}", partial(asked, n)) for n in range(4)]
    assert scheduler.run(tasks).verdict == OK


def test_condition_that_takes_a_lock_and_writes_starves_nobody() -> None:
    scheduler = Scheduler()
    lock = scheduler.lock()
    space = words(2)
    scheduler.share(space, "cells")

    def drains() -> bool:
        with lock:
            atomics.fetch_add(space, 0, 1)
        return space[1] == 1

    waits = [lambda: scheduler.until("the third", drains)] * 2
    assert scheduler.run([*waits, lambda: atomics.store(space, 1, 1)]).verdict == OK


def test_clock_jumps_to_the_nearest_deadline_when_nobody_can_go_on() -> None:
    scheduler = Scheduler()
    times: list[tuple[int, float, bool]] = []

    def wait(deadline: float) -> None:
        is_met = scheduler.until("never", lambda: False, deadline)
        times.append((scheduler.current(), scheduler.now(), is_met))

    def work() -> None:
        for _ in range(50):
            scheduler.turn("work")
        times.append((scheduler.current(), scheduler.now(), True))

    record = scheduler.run([lambda: wait(9.0), lambda: wait(2.5), work])
    assert record.verdict == OK
    assert times == [(3, 0.0, True), (2, 2.5, False), (1, 9.0, False)]


def test_deadline_that_has_passed_is_not_waited_for() -> None:
    scheduler = Scheduler()
    ticket: list[Ticket] = []

    def go() -> tuple[bool, bool, bool]:
        late = scheduler.until("never", lambda: False, 0.0)
        ticket.append(scheduler.submit(lambda: scheduler.until("never", lambda: False, 50.0)))
        return late, scheduler.wait(ticket, 10.0), ticket[0].done()

    record = scheduler.run([go])
    assert record.results == [(False, False, False)]
    assert ticket[0].done()
    assert scheduler.now() == 50.0


def test_submitted_call_runs_at_a_moment_that_is_chosen() -> None:
    seen: set[str] = set()
    for seed in range(100):
        scheduler = Scheduler(RandomWalk(Random(seed), 0.3).next())
        log: list[str] = []

        def go(scheduler: Scheduler = scheduler, log: list[str] = log) -> object:
            ticket = scheduler.submit(lambda: log.append("io"))
            scheduler.turn("a")
            log.append("a")
            scheduler.turn("b")
            log.append("b")
            assert scheduler.wait([ticket])
            log.append("waited")
            return ticket.done()

        assert scheduler.run([go]).results == [True]
        seen.add(" ".join(log))
    assert seen == {"a b io waited", "a io b waited", "io a b waited"}


def test_submitted_call_is_put_off_by_default_and_tells_its_error_to_who_asks() -> None:
    scheduler = Scheduler()
    log: list[str] = []

    def fail() -> None:
        log.append("io")
        raise OSError(5, "no")

    def go() -> None:
        ticket = scheduler.submit(fail)
        for _ in range(3):
            scheduler.turn("busy")
        log.append("busy")
        scheduler.wait([ticket])
        with pytest.raises(OSError, match="no"):
            ticket.result()

    assert scheduler.run([go]).verdict == OK
    assert log == ["busy", "io"]
