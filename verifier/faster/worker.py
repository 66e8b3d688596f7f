"""The reference of the flush worker: what each round comes to, from the documented rules and nothing of it.

For one task that drives the worker and is alone with it: how far a round freezes, whether it flushes, what
pressure it tells, how long it waits before the next one, and all that `metrics` says afterwards.

Invariant: no word of the log is changed, and the worker is asked nothing but its metrics.

Source: the docstrings of `flush.settings` and of `flush.pressure` (Q1), and W1 to W6 of `flush.worker`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final, NamedTuple

from powercut.engine import BehindTail, FlushMetrics, OlderThan
from powercut.engine.kernels import words as w

__all__ = ["DEFAULTS", "Boundaries", "WorkerReference", "told_of"]

# What FlushSettings promises where nothing else is said; of those that a reference needs.
DEFAULTS: Final[dict[str, Any]] = {
    "threshold_bytes": 8 * 1024 * 1024,
    "threshold_pages": 4,
    "threshold_seconds": 1.0,
    "interval": 0.1,
    "elevated": 0.70,
    "high": 0.85,
    "critical": 0.95,
    "hysteresis": 0.05,
    "retry_least": 0.05,
    "retry_most": 5.0,
}
_NAMES: Final = ("NORMAL", "ELEVATED", "HIGH", "CRITICAL")
_LAG_QUARTERS: Final = (4, 4, 3, 2)  # Of the mutable region, by level, that stay so.
_MUTABLE_TENTHS: Final = 9
_DURATIONS: Final = 11  # Kinds of durations: ten bounds, and more.


class Boundaries(NamedTuple):
    """Those words of the log that a worker looks at."""

    page_end: int
    flushed: int
    read_only: int
    tail: int

    @classmethod
    def of(cls, control: Any) -> Boundaries:
        return cls(control[w.PAGE_END], control[w.FLUSHED], control[w.READ_ONLY], control[w.TAIL])


class WorkerReference:
    """The worker of one opening.

    given  what its settings were given; the rest is as promised
    """

    def __init__(self, given: dict[str, Any], page_bytes: int, ring_bytes: int) -> None:
        self._settings: dict[str, Any] = DEFAULTS | given
        self._target = given.get("target")
        self._page = page_bytes
        self._mutable = max(1, ring_bytes // page_bytes * _MUTABLE_TENTHS // 10) * page_bytes
        self._room = ring_bytes - self._mutable
        self._level = 0
        self._looks: list[tuple[float, int]] = []  # When the tail was seen where.
        self._waiting_since: float | None = None
        self._rounds = self._flushes = self._bytes = self._last_bytes = 0
        self._failures = self._in_a_row = 0
        self._last_at = 0.0
        self._log = Boundaries(0, 0, 0, 0)
        self.seconds = 0.0  # On the clock of whoever drives.

    def drive(self, log: Boundaries, seconds: float, rounds: int) -> Boundaries:
        """The log after so many rounds, which begin at `seconds`."""
        self._log, self.seconds = log, seconds
        for left in reversed(range(rounds)):
            self._round()
            if left:
                halves = 2 if self._level >= 2 else 1
                self.seconds += self._settings["interval"] / halves
        return self._log

    def stop(self, log: Boundaries, seconds: float, *, final: bool) -> Boundaries:
        """The log after the worker was stopped: all whole frozen pages are written, if that is asked for."""
        self._log, self.seconds = log, seconds
        if final:
            self._write(self._frozen())
        return self._log

    def fail(self, log: Boundaries, seconds: float, rounds: int) -> Boundaries:
        """The log after so many rounds in each of which the device refused the first write."""
        self._log, self.seconds = log, seconds
        for left in reversed(range(rounds)):
            self._look()
            self._failures += 1
            self._in_a_row += 1
            if left:
                least, most = self._settings["retry_least"], self._settings["retry_most"]
                self.seconds += min(least * 2.0 ** (self._in_a_row - 1), most)
        return self._log

    def metrics(self, log: Boundaries, state: str) -> dict[str, object]:
        """All that the worker says of itself, but the text of an error."""
        durations = [self._flushes, *[0] * (_DURATIONS - 1)]  # The clock stands while it flushes.
        return {
            "state": state,
            "level": _NAMES[self._level],
            "used": self._used(log),
            "rounds": self._rounds,
            "flushes": self._flushes,
            "bytes": self._bytes,
            "seconds": 0.0,
            "failures": self._failures,
            "in_a_row": self._in_a_row,
            "last_bytes": self._last_bytes,
            "last_seconds": 0.0,
            "last_at": self._last_at,
            "durations": tuple(durations),
            "slowed": 0,
            "slowed_seconds": 0.0,
            "held": 0,
            "held_seconds": 0.0,
        }

    # -- one round ---------------------------------------------------------------------------------

    def _round(self) -> None:
        until = self._look()
        if until is not None:
            self._write(until)

    def _look(self) -> int | None:
        """Freeze what is to be frozen; how far to flush, None: that is not due."""
        self._rounds += 1
        self._level = self._measured()
        goal = self._goal() // self._page * self._page
        if goal > self._log.read_only:
            self._log = self._log._replace(read_only=goal)
        until = self._frozen()
        return until if self._is_due(until) else None

    def _used(self, log: Boundaries) -> float:
        return max(0, log.page_end - log.flushed - self._mutable) / self._room

    def _measured(self) -> int:
        used, settings = self._used(self._log), self._settings
        steps = (0.0, settings["elevated"], settings["high"], settings["critical"])
        return max(
            level
            for level, step in enumerate(steps)
            if used >= step or (self._level >= level and used >= step - settings["hysteresis"])
        )

    def _goal(self) -> int:
        tail, goal = self._log.tail, 0
        if isinstance(self._target, BehindTail):
            goal = tail - min(self._target.lag_bytes, self._mutable)
        elif isinstance(self._target, OlderThan):
            self._looks.append((self.seconds, tail))
            stood = self.seconds - self._target.seconds
            goal = max((seen for at, seen in self._looks if at <= stood), default=0)
        if self._level >= 2:
            goal = max(goal, tail - self._mutable * _LAG_QUARTERS[self._level] // 4)
        return max(goal, 0)

    def _frozen(self) -> int:
        return self._log.read_only // self._page * self._page

    def _is_due(self, until: int) -> bool:
        waiting, settings = until - self._log.flushed, self._settings
        if waiting <= 0:
            self._waiting_since = None
            return False
        if self._waiting_since is None:
            self._waiting_since = self.seconds
        reasons = (
            self._level >= 1,
            waiting >= settings["threshold_bytes"],
            waiting >= settings["threshold_pages"] * self._page,
            self.seconds - self._waiting_since >= settings["threshold_seconds"],
        )
        return any(reasons)

    def _write(self, until: int) -> None:
        flushed = self._log.flushed
        if until <= flushed:
            return
        # The first page is written from its start on, where no address is.
        count = until - (0 if flushed == w.FIRST_ADDRESS else flushed)
        self._flushes += 1
        self._bytes += count
        self._last_bytes, self._last_at, self._in_a_row = count, self.seconds, 0
        self._waiting_since = None
        self._log = self._log._replace(flushed=until)


def told_of(metrics: FlushMetrics) -> dict[str, object]:
    """The same of a worker's own words."""
    told = asdict(metrics)
    del told["last_error"]
    return told
