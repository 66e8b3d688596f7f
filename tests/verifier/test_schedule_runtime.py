"""The scheduler as a Runtime: locks, waits, submitted calls, a clock that jumps; deadlock and hang named."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from engine import InvariantError, atomics
from engine.runtime import Runtime, Ticket
from verifier.schedule import Pct, RandomWalk, Record, Replay, Scheduler
from verifier.schedule.lock import Lock
from verifier.verdict import OK, Breach, Violation

Call = Callable[[], object]


def words(count: int) -> memoryview:
    return memoryview(bytearray(8 * count)).cast("Q")


def broken(record: Record) -> tuple[str, Breach, str]:
    verdict = record.verdict
    assert isinstance(verdict, Violation)
    return verdict.oracle, verdict.breach, verdict.detail


def test_has_the_shape_of_a_runtime() -> None:
    runtime: Runtime = Scheduler()
    assert not runtime.is_parallel


def test_default_schedule_runs_one_task_after_the_other() -> None:
    scheduler = Scheduler()
    seen: list[tuple[int, int]] = []

    def go() -> int:
        for step in range(3):
            scheduler.turn("step")
            seen.append((scheduler.current(), step))
        return scheduler.current()

    record = scheduler.run([go, go])
    assert record.verdict == OK
    assert record.switches == ()
    assert record.results == [1, 2]
    assert seen == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]


def test_switches_say_after_how_many_points_who_goes_on() -> None:
    seen: list[int] = []

    def run(switches: tuple[int, ...]) -> str:
        seen.clear()
        scheduler = Scheduler(Replay(switches))

        def go(name: int) -> None:
            for _ in range(3):
                scheduler.turn("step")
                seen.append(name)

        scheduler.run([lambda: go(0), lambda: go(1), lambda: go(2)])
        return "".join(map(str, seen))

    assert run(()) == "000111222"
    assert run((0, 2)) == "222000111"  # At the start.
    assert run((2, 1)) == "011100222"  # Before task 0's second step.
    assert run((2, 2)) == "022200111"
    assert run((2, 9)) == "022200111"  # Clamped to the last there is.
    assert run((2, 1, 1, 2)) == "012220011"  # And before task 1's second step.


def test_only_shared_spaces_have_points() -> None:
    shared, private = words(4), words(4)
    scheduler = Scheduler()
    scheduler.share(shared, "shared")
    scheduler.share(shared, "again")

    def go() -> None:
        atomics.store(private, 0, 1)
        atomics.store(shared, 3, 1)
        atomics.load(shared, 0)

    record = scheduler.run([go])
    assert [record.describe(point) for point in record.points] == [
        "start",
        "write shared[3]",
        "read shared[0]",
        "end",
    ]
    atomics.store(shared, 1, 1)  # No hook is left behind.
    assert len(record.points) == 4


def test_access_announced_before_a_switch_is_carried_out_after_it() -> None:
    space = words(1)
    scheduler = Scheduler(Replay((1, 1)))
    scheduler.share(space, "cell")
    record = scheduler.run([lambda: atomics.store(space, 0, 1), lambda: atomics.store(space, 0, 2)])
    assert space[0] == 1
    assert [task for task, _ in record.accesses()] == [1, 0]


def test_lock_is_reentrant_and_keeps_others_out() -> None:
    for seed in range(50):
        scheduler = Scheduler(RandomWalk(Random(seed), 0.5).next())
        lock = scheduler.lock()
        inside: list[int] = []

        def go(scheduler: Scheduler = scheduler, lock: Lock = lock, inside: list[int] = inside) -> None:
            with lock, lock:
                inside.append(scheduler.current())
                scheduler.turn("inside")
                assert inside == [scheduler.current()]
                inside.clear()

        assert scheduler.run([go, go, go]).verdict == OK


def test_locks_in_opposite_order_are_a_deadlock_with_names() -> None:
    scheduler = Scheduler(Replay((2, 1)))
    first, second = scheduler.lock(), scheduler.lock()
    cleaned: list[int] = []

    def go(outer: Lock, inner: Lock) -> None:
        try:
            with outer, inner:
                pass
        finally:
            cleaned.append(scheduler.current())

    record = scheduler.run([lambda: go(first, second), lambda: go(second, first)])
    assert broken(record) == (
        "progress",
        Breach.DEADLOCK,
        "task 0 waits for lock 1 of task 1; task 1 waits for lock 0 of task 0",
    )
    assert cleaned == [1, 2]
    with first, second:  # Whoever was ended let go of what he held.
        pass


def test_task_that_never_ends_is_a_hang_with_its_last_points() -> None:
    space = words(2)
    scheduler = Scheduler(steps_max=500)
    scheduler.share(space, "log")

    def retry() -> None:
        while not atomics.cas(space, 1, 1, 2):
            scheduler.turn("retry")

    record = scheduler.run([retry, lambda: scheduler.until("a flush", lambda: space[0] == 1)])
    oracle, breach, detail = broken(record)
    assert (oracle, breach) == ("progress", Breach.HANG)
    assert detail.startswith("after 501 points; task 0 at ")
    assert "write log[1], retry" in detail
    assert detail.endswith("task 1 waits for a flush")
    assert len(record.points) == 501


@pytest.mark.parametrize("with_turn", [True, False])
def test_spinning_on_what_another_must_do_is_no_hang(with_turn: bool) -> None:
    space = words(1)
    scheduler = Scheduler()
    scheduler.share(space, "cells")

    def spin() -> None:
        while atomics.load(space, 0) == 0:
            if with_turn:
                scheduler.turn("another to let go")

    record = scheduler.run([spin, lambda: None, lambda: atomics.store(space, 0, 1)])
    assert record.verdict == OK
    assert record.switches == ()
    assert len(record.points) < (40 if with_turn else 2_100)


def test_priorities_do_not_starve_who_is_spun_for() -> None:
    for seed in range(40):
        space = words(1)
        scheduler = Scheduler(Pct(Random(seed), 1).next())
        scheduler.share(space, "cells")

        def spin(scheduler: Scheduler = scheduler, space: memoryview = space) -> None:
            while atomics.load(space, 0) == 0:
                scheduler.turn("another to let go")

        record = scheduler.run([spin, spin, partial(atomics.store, space, 0, 1)])
        assert record.verdict == OK


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
    """What a condition does on the way need not be announced; a chain of them, the last first."""
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


def test_error_of_a_task_ends_the_run_and_names_it() -> None:
    scheduler = Scheduler()
    ended: list[str] = []

    def fail() -> None:
        scheduler.turn("before")
        raise ValueError("wrong")

    def wait() -> None:
        try:
            scheduler.until("never", lambda: False)
        finally:
            ended.append("cleaned")
            scheduler.turn("never come to")
            ended.append("gone on")

    record = scheduler.run([wait, fail, lambda: ended.append("never begun")])
    assert broken(record) == ("model", Breach.ERROR, "task 1: ValueError: wrong")
    assert ended == ["cleaned"]

    def audit() -> None:
        raise InvariantError("H1", "two entries of one tag")

    assert broken(Scheduler().run([audit]))[:2] == ("structure", Breach.BROKEN_INVARIANT)


def test_interrupt_leaves_no_hook_and_no_task_behind() -> None:
    scheduler = Scheduler()
    space = words(1)
    scheduler.share(space, "cell")
    ended: list[int] = []

    def wait() -> None:
        try:
            scheduler.until("never", lambda: False)
        finally:
            ended.append(1)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scheduler.run([wait, interrupt])
    assert ended == [1]
    points = len(scheduler.record.points)
    atomics.load(space, 0)
    assert len(scheduler.record.points) == points
    assert Scheduler().run([lambda: 1, lambda: 2]).results == [1, 2]


def test_outside_a_run_there_is_one_task() -> None:
    scheduler = Scheduler()
    log: list[str] = []
    ticket = scheduler.submit(lambda: log.append("setup"))
    assert log == []
    assert scheduler.wait([ticket])
    scheduler.submit(lambda: log.append("left"))
    with scheduler.lock():
        assert not scheduler.until("never", lambda: False, 1.0)
    assert log == ["setup", "left"]
    scheduler.submit(lambda: log.append("run"))
    scheduler.run([lambda: log.append("task")])
    assert log == ["setup", "left", "task", "run"]
    assert scheduler.until("now", lambda: True)
    assert scheduler.entropy(8) != scheduler.entropy(8)


def test_priorities_let_who_waits_in_as_soon_as_the_lock_is_free() -> None:
    """Under PCT the highest that can go on does, also where it was let in by one below it."""
    orders = set()
    for seed in range(40):
        scheduler = Scheduler(Pct(Random(seed), 2).next())
        lock = scheduler.lock()
        order: list[str] = []

        def go(
            name: str, scheduler: Scheduler = scheduler, lock: Lock = lock, order: list[str] = order
        ) -> None:
            with lock:
                scheduler.turn("inside")
            for step in range(5):
                scheduler.turn(f"after {step}")
            order.append(name)

        record = scheduler.run([partial(go, "a"), partial(go, "b")])
        spans = [task for _, task in record.spans]
        if spans == [0, 1, 0, 1, 0] or spans == [1, 0, 1, 0, 1]:  # Held, waited for, let go, first again.
            orders.add("".join(order))
    assert orders == {"ab", "ba"}
