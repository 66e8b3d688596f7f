"""The bell that wakes one who waits: rung by anyone, a finalizer included, who never waits for him.

Invariant: of a `ring` after the last `hush`, the next `wait` knows.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable

from ..runtime import Event, Runtime, Spawning

__all__ = ["Bell"]


class Bell:
    """Waits for rings: in a thread by an event, else by the Runtime."""

    def __init__(self, runtime: Runtime, what: str) -> None:
        self.is_rung = False
        self._what = what
        self._runtime = runtime
        self._event: Event | None = None

    def hang(self) -> None:
        """Wait by an event from now on, where the Runtime has threads to wait in."""
        if isinstance(self._runtime, Spawning):
            self._event = self._runtime.event()

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
            self._runtime.until(self._what, is_over, deadline)
            return
        while not is_over():
            seconds = None if deadline is None else deadline - self._runtime.now()
            if seconds is not None and seconds <= 0:
                return
            self._event.wait(seconds)
