"""Stopping: a search of schedules that a deadline ends."""

from __future__ import annotations

from ..concurrency.schedule import Bounded
from ..concurrency.schedule.strategies import Replay
from .chunks import Deadline

__all__ = ["Stopping"]


class Stopping(Bounded):
    """Every schedule of few preemptions, as far as the deadline lets them come."""

    def __init__(self, preemptions: int, limit: int, deadline: Deadline) -> None:
        super().__init__(preemptions, limit)
        self._deadline = deadline

    def next(self) -> Replay | None:
        return None if self._deadline.is_over() else super().next()
