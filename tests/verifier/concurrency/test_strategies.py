"""Partial order sampling: which orders of dependent accesses come up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest

from powercut.engine.kernels import atomics
from powercut.verifier.concurrency.schedule import Pos, Record, Replay, Scheduler, explore
from powercut.verifier.concurrency.schedule.contention import Contention
from powercut.verifier.concurrency.schedule.exploration import SHARED_RUNS
from powercut.verifier.verdict import OK, Verdict

Pick = Callable[[int, Sequence[int]], int]


def test_no_order_of_two_dependent_accesses_is_rare() -> None:
    """One stands at the end of its task and the other at the beginning: by walks they hardly ever meet."""
    seen = {True: 0, False: 0}

    class Apart:
        def setup(self, scheduler: Scheduler) -> Sequence[Callable[[], object]]:
            space = memoryview(bytearray(8 * 4)).cast("Q")
            scheduler.share(space, "cells")
            order: list[str] = []

            def late() -> None:
                for _ in range(12):
                    atomics.store(space, 1, 1)
                atomics.store(space, 0, 1)
                order.append("late")

            def early() -> None:
                atomics.store(space, 0, 2)
                order.append("early")
                for _ in range(12):
                    atomics.store(space, 2, 1)

            self.order = order
            return [late, early]

        def judge(self, record: Record) -> Verdict:
            seen[self.order == ["late", "early"]] += 1
            return OK

    assert explore(Apart, [Pos(Random(3))], 300).finding is None
    assert min(seen.values()) > 20


def test_from_the_second_run_on_a_choice_is_made_before_what_two_tasks_contend_for_and_nowhere_else() -> None:
    cells = 20
    asked: list[int] = []
    strategy = Pos(Random(5))

    def work(own: int) -> None:
        for cell in range(1, cells):
            atomics.store(space, cell + own * cells, 1)
        atomics.store(space, 0, own)

    for _ in range(3):
        space = memoryview(bytearray(8 * 3 * cells)).cast("Q")
        choices = strategy.next()
        scheduler = Scheduler(choices)
        scheduler.share(space, "cells")
        count = 0
        pick = choices.pick

        def counted(at: int, options: Sequence[int], pick: Pick = pick) -> int:
            nonlocal count
            count += 1
            return pick(at, options)

        choices.pick = counted  # type: ignore[method-assign]
        strategy.learn(scheduler.run([lambda: work(0), lambda: work(1)]))
        asked.append(count)
    first, *others = asked
    assert first > cells  # Nothing is known yet.
    assert all(0 < count <= 4 for count in others)  # A start, the one cell of both, an end.


def test_what_one_task_alone_touches_is_not_contended_and_what_two_only_read_is_not() -> None:
    contention = Contention()
    space = memoryview(bytearray(8 * 4)).cast("Q")
    both = Scheduler(Replay())

    def reads_and_writes_its_own(own: int) -> None:
        atomics.load(space, 0)
        atomics.store(space, 1 + own, 1)

    both.share(space, "cells")
    contention.learn(both.run([lambda: reads_and_writes_its_own(0), lambda: reads_and_writes_its_own(1)]))
    assert contention.cells == {}
    again = Scheduler(Replay())
    again.share(space, "cells")
    contention.learn(again.run([lambda: atomics.store(space, 0, 1), lambda: atomics.load(space, 3)]))
    (cell,) = contention.cells  # It was read by two, and is written now.
    assert again.record.describe(2 * cell) == "read cells[0]"


@pytest.mark.parametrize(("share", "schedules"), [(0.0, 60), (0.1, SHARED_RUNS)])
def test_a_program_whose_schedules_are_all_alike_is_left(share: float, schedules: int) -> None:
    class Aside:
        def setup(self, scheduler: Scheduler) -> Sequence[Callable[[], object]]:
            space = memoryview(bytearray(8 * 2)).cast("Q")
            scheduler.share(space, "cells")
            return [lambda: atomics.store(space, 0, 1), lambda: atomics.store(space, 1, 1)]

        def judge(self, record: Record) -> Verdict:
            return OK

    found = explore(Aside, [Pos(Random(2))], 60, share=share)
    assert (found.schedules, found.distinct) == (schedules, 1)
