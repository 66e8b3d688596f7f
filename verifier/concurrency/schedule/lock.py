"""A lock under the scheduler: reentrant; a task that finds it taken is blocked, and none is first in line."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .tasks import Scheduler

__all__ = ["Lock"]


class Lock:
    """A reentrant lock; a task that finds it taken is blocked."""

    __slots__ = ("_code", "_depth", "_in_vain", "_number", "_owner", "_scheduler")

    def __init__(self, scheduler: Scheduler, number: int, code: int, in_vain: int) -> None:
        self._scheduler = scheduler
        self._number = number
        self._code = code
        self._in_vain = in_vain
        self._owner: int | None = None
        self._depth = 0

    def _is_free(self) -> bool:
        return self._owner is None

    def __enter__(self) -> Lock:
        scheduler = self._scheduler
        if self._owner != scheduler.number:
            points = scheduler.record.points
            while True:
                at = len(points)
                scheduler.arrive(self._code)
                if self._owner is None:
                    break
                if at < len(points):
                    points[at] = self._in_vain  # It changed nothing: the order of what did is not about it.
                scheduler.block(self._is_free, f"lock {self._number} of task {self._owner}")
            self._owner = scheduler.number
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._depth == 1 and not self._scheduler.is_over:
                self._scheduler.arrive(self._code)  # Whoever stops here, or anywhere before, still holds it.
        finally:
            self._depth -= 1
            if not self._depth:
                self._owner = None
                self._scheduler.ask_soon()
