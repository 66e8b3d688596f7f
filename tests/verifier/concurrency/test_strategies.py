"""Partial order sampling: which orders of dependent accesses come up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from powercut.engine.kernels import atomics
from powercut.verifier.concurrency.schedule import Pos, Record, Scheduler, explore
from powercut.verifier.verdict import OK, Verdict


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
