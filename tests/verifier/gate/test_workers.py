"""Workers: the dearest chunks are begun first, results come in order, nothing is begun once it is over."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
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
