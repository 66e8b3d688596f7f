"""Pressure: how much of the ring's room for frozen pages is taken by bytes that are nowhere else.

The newest pages, the mutable region, are in memory to be changed there; the room that is left is for pages on
their way to the device. With `R` the ring's bytes, `M` those of the mutable region, `P` the end of the page
that is filled:

    used = max(0, P - flushed - M) / (R - M)

At 1 the next page to be opened has no clean victim: whoever opens it has to wait. What is on the device
counts for nothing, so pressure falls as soon as something was flushed.

Invariants, with `u` = used and `h` = hysteresis
  Q1  the level is the highest i with u >= T(i), or with u >= T(i) - h where the level was i or above
"""

from __future__ import annotations

from enum import IntEnum

from .settings import FlushSettings

__all__ = ["Level", "Pressure"]


class Level(IntEnum):
    """A level, and the reaction to it, on top of that to the one before.

    NORMAL      flush what a threshold asks for
    ELEVATED    flush all that is frozen, at once
    HIGH        look twice as often, and freeze a quarter of the mutable region
    CRITICAL    freeze half of it; writers are slowed, and held back where the ring is full
    """

    NORMAL = 0
    ELEVATED = 1
    HIGH = 2
    CRITICAL = 3


class Pressure:
    """The level, moved by what is measured."""

    def __init__(self, settings: FlushSettings, ring_bytes: int, mutable_bytes: int) -> None:
        self._steps = (0.0, settings.elevated, settings.high, settings.critical)
        self._hysteresis = settings.hysteresis
        self._room = ring_bytes - mutable_bytes
        self._mutable_bytes = mutable_bytes
        self.level = Level.NORMAL

    def used(self, page_end: int, flushed: int) -> float:
        """The share of the room that is taken."""
        return max(0, page_end - flushed - self._mutable_bytes) / self._room

    def measure(self, page_end: int, flushed: int) -> Level:
        """Move the level (Q1); the level."""
        used = self.used(page_end, flushed)
        for level in reversed(Level):
            margin = self._hysteresis if level <= self.level else 0.0
            if used >= self._steps[level] - margin:
                self.level = level
                break
        return self.level

    def lag_bytes(self, level: Level) -> int:
        """The bytes behind the tail that stay mutable at this level."""
        return self._mutable_bytes * (4, 4, 3, 2)[level] // 4
