"""Coroutines of a log without an event loop: one that waits for a commit, run by a task.

It is handed futures by a loop that has nothing else to do, and goes on where one of them has ended.

Threads: those of the log's Runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final, cast

from powercut.engine import FasterLog

__all__ = ["wait_in_coroutine"]


class _Future:
    """A future that a task waits for."""

    def __init__(self) -> None:
        self._is_done = False
        self._error: BaseException | None = None

    def done(self) -> bool:
        return self._is_done

    def set_result(self, result: object) -> None:
        self._is_done = True

    def set_exception(self, error: BaseException) -> None:
        self._is_done, self._error = True, error

    def __await__(self) -> Generator[_Future, None, None]:
        while not self._is_done:
            yield self
        if self._error is not None:
            raise self._error


class _Loop:
    """A loop that makes futures, and carries out at once what it is called for."""

    def create_future(self) -> _Future:
        return _Future()

    def call_soon_threadsafe(self, call: Callable[..., object], *given: object) -> None:
        call(*given)


class _Running:
    """The loop, running as long as any task is in a coroutine: tasks take turns in one thread."""

    def __init__(self) -> None:
        self._loop = _Loop()
        self._tasks = 0

    def __enter__(self) -> None:
        from asyncio import _set_running_loop  # Where nobody awaits, no event loop is imported.

        self._tasks += 1
        _set_running_loop(cast(Any, self._loop))

    def __exit__(self, *ended: object) -> None:
        from asyncio import _set_running_loop

        self._tasks -= 1
        if not self._tasks:
            _set_running_loop(None)


_RUNNING: Final = _Running()


def wait_in_coroutine(log: FasterLog, address: int, seconds: float) -> bool:
    """`log.wait_async(address)` in the caller's task; whether it ended in so many seconds."""
    runtime = log._source.runtime
    coroutine = log.wait_async(address).__await__()
    while True:
        try:
            with _RUNNING:
                future = cast(_Future, next(coroutine))
        except StopIteration:
            return True
        if not runtime.until("a future", future.done, runtime.now() + seconds):
            coroutine.close()
            return False
