"""Aims: how far the flush worker freezes the log, how far it flushes, and when that is worth it.

Invariants
  1  `goal` is a page's start below the tail: no page that is being filled is frozen
  2  `frozen` is at most safe_read_only

Threads: whoever drives the worker; `wanted` is raised from anywhere.
"""

from __future__ import annotations

from ..kernels import words as w
from ..kernels.atomics import load
from ..log import HybridLog
from ..runtime import Runtime
from .pressure import Level, Pressure
from .settings import BehindTail, FlushSettings, OlderThan

__all__ = ["Aims"]


class Aims:
    """The decisions of one worker.

    wanted          a writer waits for everything below
    waiting_since   since then something frozen is not flushed; None: nothing is
    """

    def __init__(self, log: HybridLog, runtime: Runtime, settings: FlushSettings, pressure: Pressure) -> None:
        self.wanted = 0
        self.waiting_since: float | None = None
        self._log = log
        self._control = log.spaces.control
        self._runtime = runtime
        self._settings = settings
        self._pressure = pressure
        self._page = log.settings.page_bytes
        self._tails: list[tuple[float, int]] = []  # When the tail was seen where, for OlderThan.

    def goal(self, tail: int, level: Level) -> int:
        """The page start up to which to freeze."""
        target, goal = self._settings.target, 0
        if isinstance(target, BehindTail):
            goal = tail - min(target.lag_bytes, self._log.ring.mutable_bytes)
        elif isinstance(target, OlderThan):
            now = self._runtime.now()
            if not self._tails or self._tails[-1][1] != tail:
                self._tails.append((now, tail))
            while self._tails and self._tails[0][0] <= now - target.seconds:
                goal = self._tails.pop(0)[1]
        if level >= Level.HIGH:
            goal = max(goal, tail - self._pressure.lag_bytes(level))
        return max(0, goal) // self._page * self._page

    def frozen(self) -> int:
        """The page start up to which everything is frozen, or what a writer waits for if that is more."""
        safe = load(self._control, w.SAFE_READ_ONLY)
        return max(safe // self._page * self._page, min(safe, self.wanted))

    def is_due(self, until: int, level: Level) -> bool:
        """True if what is frozen below `until` and not flushed is worth a flush."""
        flushed = self._log.flushing.flushed
        waiting = until - flushed
        if waiting <= 0:
            self.waiting_since = None
            return False
        now = self._runtime.now()
        if self.waiting_since is None:
            self.waiting_since = now
        settings = self._settings
        return (
            level >= Level.ELEVATED
            or flushed < self.wanted
            or waiting >= settings.threshold_bytes
            or waiting >= settings.threshold_pages * self._page
            or now - self.waiting_since >= settings.threshold_seconds
        )
