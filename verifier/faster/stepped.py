"""The stepped runtime: a Runtime without threads, a clock or chance.

Invariants
  1  nothing here reads a clock, a thread or an unseeded generator
  2  a call handed to `submit` runs when it is first waited for, so what the engine puts off is put
     off as long as the engine's own rules allow
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from threading import RLock

from powercut.engine.runtime import Ticket

__all__ = ["LateRuntime", "SteppedRuntime"]


class _Call:
    """A submitted call; runs once, when first waited for."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call: Callable[[], object] | None = call
        self._result: object = None
        self._error: BaseException | None = None

    def run(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            try:
                self._result = call()
            except Exception as error:  # noqa: BLE001 (handed to whoever asks for the result)
                self._error = error

    def done(self) -> bool:
        return self._call is None

    def result(self) -> object:
        if self._error is not None:
            raise self._error
        return self._result


class SteppedRuntime:
    """A Runtime without threads or a clock; entropy counts up."""

    is_parallel = False

    def __init__(self) -> None:
        self._entropy = 0
        self.seconds = 0.0  # The clock stands unless somebody moves it.
        self._lock = RLock()  # Never waited for; and in C, where a `nullcontext` is two calls of Python.

    def submit(self, call: Callable[[], object]) -> Ticket:
        return _Call(call)

    def wait(self, tickets: Iterable[Ticket], deadline: float | None = None) -> bool:
        for ticket in tickets:
            assert isinstance(ticket, _Call)
            ticket.run()
        return True

    def until(self, what: str, condition: Callable[[], bool], deadline: float | None = None) -> bool:
        """Check the condition: there is one task, so where it does not hold, time passes to the deadline."""
        if not condition():
            assert deadline is not None, f"waits for ever: {what}"
            self.seconds = max(self.seconds, deadline)
            return False
        return True

    def lock(self) -> AbstractContextManager[object]:
        return self._lock  # One for all: there is nobody who could hold another.

    def now(self) -> float:
        return self.seconds

    def turn(self, what: str) -> None:
        """Do nothing: there is one task, and none to take the turn."""

    def current(self) -> int:
        return 0

    def entropy(self, count: int) -> bytes:
        self._entropy += 1
        return self._entropy.to_bytes(count, "little")


class LateRuntime(SteppedRuntime):
    """The same; the answers of the device come when the harness says so, or when they are waited for.

    A wait with a deadline waits for nothing: the clock stands, and the device has not answered by then.
    """

    def __init__(self) -> None:
        super().__init__()
        self.submitted = 0
        self._last: _Call | None = None

    def submit(self, call: Callable[[], object]) -> Ticket:
        self.submitted += 1
        self._last = _Call(call)
        return self._last

    @property
    def last(self) -> Callable[[], None]:
        """Runs the call that was submitted last: its answer comes."""
        assert self._last is not None
        return self._last.run

    def wait(self, tickets: Iterable[Ticket], deadline: float | None = None) -> bool:
        given = list(tickets)
        return super().wait(given) if deadline is None else all(each.done() for each in given)
