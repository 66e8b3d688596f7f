"""The part of a scheduler that knows no points: what counts up, and the calls that wait while no task runs.

Outside `run` there is one task, the caller: calls that are submitted run when they are waited for.
"""

from __future__ import annotations

from collections.abc import Callable

from .task import Call, Task, carry_out

__all__ = ["Outside"]


class Outside:
    """A Runtime without tasks: numbers where another has a clock or chance, and a queue."""

    def __init__(self) -> None:
        self._clock = 0.0
        self._entropy = self._ticks = 0
        self._queued: list[tuple[Task, Call]] = []  # Submitted while no task ran, oldest first.

    def tick(self) -> int:
        """A number greater than all before: stamps what a history orders. Not a point."""
        self._ticks += 1
        return self._ticks

    def now(self) -> float:
        return self._clock

    def entropy(self, count: int) -> bytes:
        self._entropy += 1
        return self._entropy.to_bytes(count, "little")

    def _submit_outside(self, call: Call) -> Task:
        """A task for the call; it runs when something is waited for, or in the next run."""
        self._queued.append((Task(), call))
        return self._queued[-1][0]

    def _until_outside(self, what: str, condition: Callable[[], bool], deadline: float | None) -> bool:
        """Run one after the other until the condition holds; False where that is none of their doing."""
        while not condition():
            if not self._queued:
                assert deadline is not None, f"nobody is left who could bring about: {what}"
                self._clock = max(self._clock, deadline)
                return False
            carry_out(*self._queued.pop(0))
        return True

    def _take_queued(self) -> list[tuple[Task, Call]]:
        """All that are queued; none is left."""
        taken = self._queued[:]
        self._queued.clear()
        return taken
