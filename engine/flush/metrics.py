"""Metrics of the flush worker: what it did, how long it took, and whom it held back, as one value.

Threads: `Recorder` is written to by the worker and by sessions that it holds back, under a lock; a snapshot
is taken from anywhere.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final

from ..runtime import Runtime

__all__ = ["BOUNDS", "FlushMetrics", "Recorder"]

BOUNDS: Final = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # Seconds, upper ones.


@dataclass(frozen=True, slots=True)
class FlushMetrics:
    """A snapshot; times in seconds.

    state             off, idle (not needed so far), running, failed, or stopped
    level             of pressure: NORMAL, ELEVATED, HIGH or CRITICAL; used: the share that it is made of
    rounds            looks that it took
    flushes, bytes, seconds     rounds in which it wrote something; what; and how long they took
    failures          rounds that failed, and in_a_row those since the last that did not
    last_bytes, last_seconds, last_at   the last flush: what, how long, and when on the Runtime's clock
    last_error        the last failure in words; "" for none
    durations         flushes by duration: of at most BOUNDS[i] seconds, and at the end of more
    slowed, slowed_seconds      writers that waited at critical pressure, and how long in all
    held, held_seconds          writers that waited because the ring was full, and how long in all
    """

    state: str
    level: str
    used: float
    rounds: int
    flushes: int
    bytes: int
    seconds: float
    failures: int
    in_a_row: int
    last_bytes: int
    last_seconds: float
    last_at: float
    last_error: str
    durations: tuple[int, ...]
    slowed: int
    slowed_seconds: float
    held: int
    held_seconds: float

    @property
    def mean_bytes(self) -> float:
        """Bytes a flush; 0 before the first."""
        return self.bytes / self.flushes if self.flushes else 0.0

    @property
    def mean_seconds(self) -> float:
        """Seconds a flush; 0 before the first."""
        return self.seconds / self.flushes if self.flushes else 0.0


class Recorder:
    """Counts what happens."""

    def __init__(self, runtime: Runtime) -> None:
        self._lock = runtime.lock()
        self.rounds = self.flushes = self.bytes = self.failures = self.in_a_row = self.last_bytes = 0
        self.seconds = self.last_seconds = self.last_at = 0.0
        self.last_error = ""
        self.durations = [0] * (len(BOUNDS) + 1)
        self.slowed = self.held = 0
        self.slowed_seconds = self.held_seconds = 0.0

    def flushed(self, count: int, seconds: float, at: float) -> None:
        """Take in a flush of so many bytes that ended `at`."""
        with self._lock:
            self.flushes += 1
            self.bytes += count
            self.seconds += seconds
            self.last_bytes, self.last_seconds, self.last_at = count, seconds, at
            self.durations[bisect_left(BOUNDS, seconds)] += 1
            self.in_a_row = 0

    def failed(self, error: BaseException) -> None:
        """Take in a round that failed."""
        with self._lock:
            self.failures += 1
            self.in_a_row += 1
            self.last_error = f"{type(error).__name__}: {error}"

    def waited(self, seconds: float, *, is_held: bool) -> None:
        """Take in a writer that was held back or slowed so long."""
        with self._lock:
            if is_held:
                self.held += 1
                self.held_seconds += seconds
            else:
                self.slowed += 1
                self.slowed_seconds += seconds

    def snapshot(self, state: str, level: str, used: float) -> FlushMetrics:
        """All of it at one moment."""
        with self._lock:
            return FlushMetrics(
                *(state, level, used, self.rounds, self.flushes, self.bytes, self.seconds),
                *(self.failures, self.in_a_row, self.last_bytes, self.last_seconds, self.last_at),
                *(self.last_error, tuple(self.durations)),
                *(self.slowed, self.slowed_seconds, self.held, self.held_seconds),
            )
