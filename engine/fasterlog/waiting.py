"""Waiting for commits: calls that are made once an address is durable, or can no longer become so.

Threads: any; the calls are made by whoever committed, with no lock of the log held.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from ..runtime import Runtime

if TYPE_CHECKING:
    from asyncio import Future

__all__ = ["Call", "Waiters", "future_of", "pause"]

Call = Callable[[BaseException | None], None]


class Waiters:
    """The calls that wait, each for an address."""

    def __init__(self, runtime: Runtime) -> None:
        self._lock = runtime.lock()
        self._calls: list[tuple[int, Call]] = []

    def add(self, address: int, call: Call) -> None:
        """Make the call once what stands at `address` is durable."""
        with self._lock:
            self._calls.append((address, call))

    def tell(self, end: int, error: BaseException | None = None) -> None:
        """Make the calls for what is below `end`; with an error, all others too."""
        if not self._calls:
            return
        with self._lock:
            due = [each for each in self._calls if error is not None or each[0] < end]
            self._calls = [each for each in self._calls if each not in due]
        for address, call in due:
            call(error if address >= end else None)


def future_of(waiters: Waiters, address: int) -> tuple[Future[None], Call]:
    """A future of the running loop that ends with the wait for `address`, and the call that ends it."""
    import asyncio  # With the first call: a log that no coroutine waits for needs no event loop.

    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def end(error: BaseException | None) -> None:
        if future.done():
            return  # Given up.
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

    def call(error: BaseException | None) -> None:
        with suppress(RuntimeError):  # The loop is closed, and nobody waits any more.
            loop.call_soon_threadsafe(end, error)

    waiters.add(address, call)
    return future, call


async def pause(seconds: float) -> None:
    """Let the others of the running loop go on."""
    import asyncio

    await asyncio.sleep(seconds)
