"""The bell that wakes the flush worker: rung by anyone, a finalizer included, who never waits for it.

Invariant: of a `ring` after the last `hush`, the next `wait` knows.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable

from ..runtime import Event, Runtime

__all__ = ["Bell"]


class Bell:
    """Waits for rings: in a thread by an event, else by the Runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self.is_rung = False
        self._runtime = runtime
        self._event: Event | None = None

    def hang(self, event: Event) -> None:
        """Wait by this event from now on."""
        self._event = event

    def hush(self) -> None:
        """Forget that it was rung."""
        self.is_rung = False

    def ring(self) -> None:
        """Wake who waits."""
        self.is_rung = True
        event = self._event
        if event is not None:
            event.set()

    def wait(self, deadline: float | None, is_over: Callable[[], bool]) -> None:
        """Wait until `is_over`, which is asked again at each ring, or the deadline."""
        if self._event is None:
            self._runtime.until("work for the flush worker", is_over, deadline)
            return
        while not is_over():
            seconds = None if deadline is None else deadline - self._runtime.now()
            if seconds is not None and seconds <= 0:
                return
            self._event.wait(seconds)
