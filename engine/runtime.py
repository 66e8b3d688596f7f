"""Runtime: the seam for time, threads, locks, asynchronous calls and turns.

The engine asks its Runtime for everything that makes a run nondeterministic, and nothing else in
the engine imports `time`, `threading` or `random`. `ThreadRuntime` is the real one; a test or a
scheduler hands in its own by shape.

Threads: every method may be called from any thread.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_futures
from contextlib import AbstractContextManager, suppress
from queue import Empty, SimpleQueue
from typing import Final, Protocol, runtime_checkable

from .errors import SettingsError

__all__ = ["Event", "Runtime", "Spawning", "ThreadRuntime", "Ticket", "Woken"]

_PAUSE_LEAST: Final = 20e-6  # Seconds. A batch takes about as long.
_PAUSE_MOST: Final = 1e-3


class Ticket(Protocol):
    """A call handed to `submit`."""

    def done(self) -> bool:
        """True if the call has ended."""

    def result(self) -> object:
        """The value that the call returned; raises what it raised. Only after `wait`."""


class Runtime(Protocol):
    """The engine's seam to the world besides bytes.

    is_parallel  whether two threads may be in the engine at once, other than at a turn or a wait
    """

    @property
    def is_parallel(self) -> bool: ...

    def submit(self, call: Callable[[], object]) -> Ticket:
        """Run `call` some time from now, before a `wait` for its ticket returns."""

    def wait(self, tickets: Iterable[Ticket], deadline: float | None = None) -> bool:
        """Wait until all have ended or `now()` reaches `deadline`; whether all have."""

    def until(self, what: str, condition: Callable[[], bool], deadline: float | None = None) -> bool:
        """Wait until others have made `condition` hold, or `now()` reaches `deadline`; whether it holds.

        `what` names what is waited for. The caller holds no row of the epoch table.
        """

    def lock(self) -> AbstractContextManager[object]:
        """A new reentrant lock, free."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    def turn(self, what: str) -> None:
        """Let others go on here; the arguments name what is about to happen."""

    def current(self) -> int:
        """The identity of the calling thread or task."""

    def entropy(self, count: int) -> bytes:
        """`count` bytes that no other store has."""


class Event(Protocol):
    """A call that one thread waits for and any may make, a finalizer included."""

    def set(self) -> None:
        """Let the next `wait`, or the one under way, return."""

    def wait(self, seconds: float | None) -> None:
        """Wait for a `set` since the last `wait` returned, or so long; None: for ever."""


@runtime_checkable
class Spawning(Protocol):
    """A Runtime that has threads to give for work without an end."""

    def spawn(self, name: str, call: Callable[[], object]) -> Ticket:
        """Run `call` in a thread of its own, for which the end of the process does not wait."""

    def event(self) -> Event:
        """A new event."""


class Owner(Protocol):
    """A thread, as one who asks whether it still runs sees it."""

    @property
    def name(self) -> str: ...

    def is_alive(self) -> bool:
        """True until it has ended."""


@runtime_checkable
class Owning(Protocol):
    """A Runtime whose callers are threads that come and go."""

    def owner(self) -> Owner:
        """The thread that calls."""


class _Queued:
    """An Event; its queue takes a `put` even in the middle of another."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        self._calls.put(None)

    def wait(self, seconds: float | None) -> None:
        try:
            self._calls.get(timeout=None if seconds is None else min(seconds, threading.TIMEOUT_MAX))
            while True:
                self._calls.get_nowait()
        except Empty:
            return


class Woken:
    """A call that a coroutine of asyncio waits for, and any thread may make."""

    def __init__(self) -> None:
        import asyncio  # Who has no loop does without.

        self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()

    def set(self) -> None:
        """Let the next `wait`, or the one under way, return."""
        with suppress(RuntimeError):  # The loop is closed, so nobody waits in it.
            self._loop.call_soon_threadsafe(self._event.set)

    async def wait(self) -> None:
        """Wait for a `set` since the last `wait` returned."""
        await self._event.wait()
        self._event.clear()


class ThreadRuntime:
    """Real threads, the real clock. The pool starts with the first `submit`, not before.

    workers   threads of the pool, at least 1. Raises SettingsError for anything else
    """

    is_parallel = True

    def __init__(self, workers: int = 2) -> None:
        if type(workers) is not int or workers < 1:
            raise SettingsError(f"workers is {workers!r}: expected a number of threads, at least 1")
        self._workers = workers
        self._guard = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def submit(self, call: Callable[[], object]) -> Future[object]:
        with self._guard:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="powercut")
            return self._pool.submit(call)

    def spawn(self, name: str, call: Callable[[], object]) -> Future[object]:
        future: Future[object] = Future()

        def run() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 (handed to whoever asks for the result)
                future.set_exception(error)

        threading.Thread(target=run, name=name, daemon=True).start()
        return future

    def event(self) -> Event:
        return _Queued()

    def owner(self) -> Owner:
        return threading.current_thread()

    def wait(self, tickets: Iterable[Ticket], deadline: float | None = None) -> bool:
        futures = [ticket for ticket in tickets if isinstance(ticket, Future)]
        # Longer than the system can wait is for ever, as good as.
        timeout = None if deadline is None else min(max(0.0, deadline - self.now()), threading.TIMEOUT_MAX)
        return not wait_futures(futures, timeout).not_done

    def until(self, what: str, condition: Callable[[], bool], deadline: float | None = None) -> bool:
        pause = _PAUSE_LEAST
        while not condition():
            if deadline is not None and self.now() >= deadline:
                return False
            time.sleep(pause)
            pause = min(2 * pause, _PAUSE_MOST)
        return True

    def lock(self) -> AbstractContextManager[object]:
        return threading.RLock()

    def now(self) -> float:
        return time.monotonic()

    def turn(self, what: str) -> None:
        time.sleep(0)

    def current(self) -> int:
        return threading.get_ident()

    def entropy(self, count: int) -> bytes:
        return os.urandom(count)
