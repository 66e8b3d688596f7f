"""The scheduler as a Runtime: points, locks, errors; deadlock and hang named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

import pytest

from powercut.engine import InvariantError
from powercut.engine.kernels import atomics
from powercut.engine.runtime import Runtime
from powercut.verifier.concurrency.schedule import (
    Bounded,
    Pos,
    RandomWalk,
    Record,
    Replay,
    Scheduler,
    explore,
)
from powercut.verifier.concurrency.schedule.lock import Lock
from powercut.verifier.verdict import OK, Breach, Verdict, Violation

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
    (cell,) = {code for code in record.points if record.describe(code) == "write cell[0]"}
    assert [task for task, codes in record.accesses() if cell in codes] == [1, 0]


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


def test_who_asks_in_vain_leaves_the_turn_to_another_who_asks_and_not_to_the_spinner() -> None:
    """Task 1 asks anew after each move of the spinner, and comes before task 2 by number."""
    space, has_ended = words(2), [False]
    scheduler = Scheduler()
    scheduler.share(space, "cells")

    def spin() -> None:
        while atomics.load(space, 0) == 0:
            atomics.store(space, 1, atomics.load(space, 1) + 1)
            scheduler.turn("another to let go")
        has_ended[0] = True

    def let_go() -> None:
        scheduler.until("moves of the spinner", lambda: atomics.load(space, 1) > 20)
        atomics.store(space, 0, 1)

    record = scheduler.run([spin, lambda: scheduler.until("its end", lambda: has_ended[0]), let_go])
    assert record.verdict == OK


def test_priorities_do_not_starve_who_is_spun_for() -> None:
    for seed in range(40):
        space = words(1)
        scheduler = Scheduler(Pos(Random(seed)).next())
        scheduler.share(space, "cells")

        def spin(scheduler: Scheduler = scheduler, space: memoryview = space) -> None:
            while atomics.load(space, 0) == 0:
                scheduler.turn("another to let go")

        record = scheduler.run([spin, spin, partial(atomics.store, space, 0, 1)])
        assert record.verdict == OK


def test_one_who_polls_and_one_who_asks_in_vain_leave_a_turn_to_a_third() -> None:
    """The third is taken off wherever it can be: neither of the two others is who it waits for."""

    class Polling:
        def setup(self, scheduler: Scheduler) -> Sequence[Callable[[], object]]:
            space = words(3)
            scheduler.share(space, "cells")

            def poll() -> None:
                while atomics.load(space, 0) == 0:
                    atomics.store(space, 1, 1)  # A move: whoever asks, asks again.
                    scheduler.turn("another to let go")

            def ask() -> None:
                scheduler.until("the third", lambda: atomics.load(space, 0) == 1)

            def third() -> None:
                atomics.load(space, 2)
                atomics.store(space, 0, 1)

            return [poll, ask, third]

        def judge(self, record: Record) -> Verdict:
            return OK

    assert explore(Polling, [Bounded(2)], 2_000).finding is None


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
    """Under POS the highest that can go on does, also where it was let in by one below it."""
    orders = set()
    for seed in range(40):
        scheduler = Scheduler(Pos(Random(seed)).next())
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
