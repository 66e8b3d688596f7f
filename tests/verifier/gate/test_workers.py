"""Workers: the dearest chunks are begun first, results come in order, nothing is begun once it is over."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from powercut.verifier.gate import chunks as chunks_of_gate
from powercut.verifier.gate.chunks import Deadline, Result
from powercut.verifier.gate.workers import Workers


@dataclass(frozen=True)
class Costing:
    """A chunk that costs so much, and says which it is."""

    number: int
    cost: int

    def run(self, deadline: Deadline) -> Result:
        return Result(unknown=str(self.number))


class Late(Executor):
    """Begins what it is given at once, and notes the order."""

    def __init__(self) -> None:
        self.begun: list[int] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.begun.append(args[0].number)
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_dearest_chunks_are_begun_first_and_results_come_in_order() -> None:
    chunks = [Costing(number, cost) for number, cost in enumerate((0, 1, 0, 2, 1))]
    executor = Late()
    with Workers(2, executor) as workers:
        results = [result for _, result in workers.results(chunks)]
    assert executor.begun == [3, 1, 4, 0, 2]
    assert [result.unknown for result in results if isinstance(result, Result)] == ["0", "1", "2", "3", "4"]


def test_chunks_are_not_begun_once_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Late()
    monkeypatch.setattr(chunks_of_gate, "monotonic", lambda: len(executor.begun))
    with Workers(2, executor) as workers:
        chunks = [Costing(number, number) for number in range(5)]
        results = list(workers.results(chunks, deadline=2))
    assert [chunk for chunk, _ in results] == chunks[:2], "the cheapest"


def interrupted(times: int) -> list[str]:
    """The lines that are reached after so many interruptions."""
    reached: list[str] = []
    with suppress(KeyboardInterrupt), Workers(2) as workers:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
        reached.append("the lines after it")
        workers.call(abs, -1)
        reached.append("the result")
    return reached


def test_an_interruption_is_noted_and_raised_where_the_workers_are_waited_for() -> None:
    """Inside `concurrent.futures.wait` it could leave the lock of a future taken, and nothing would end."""
    assert interrupted(0) == ["the lines after it", "the result"]
    assert interrupted(1) == ["the lines after it"]
    assert interrupted(2) == []  # At once.
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
