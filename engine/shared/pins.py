"""Pins: parts of the log that a truncation must not take away.

A pin is the log's begin at the moment at which a read started: it may look at anything from there up.

Invariants
  N1  for every pin, `least` at any moment after the pin's start is at most the begin that the pin gave

Begin only grows, and whoever takes files away raises it first and asks for `least` then. So a pin set
without a lock, in two steps, is enough: first it holds everything, then from begin up. Asked before the
first step, `least` does not know of the pin, but then the pin sees the begin that was raised before.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..kernels import words as w
from ..kernels.atomics import Space, load

__all__ = ["Pins"]


class Pins:
    """All pins of one store."""

    def __init__(self, control: Space) -> None:
        self._control = control
        self._begins: dict[object, int] = {}

    @contextmanager
    def hold(self) -> Iterator[int]:
        """Pin the log from its begin up until this ends; that begin."""
        pin = object()
        self._begins[pin] = 0
        try:
            begin = self._begins[pin] = load(self._control, w.BEGIN)
            yield begin
        finally:
            del self._begins[pin]

    def least(self, address: int) -> int:
        """`address`, or the lowest pin where one is lower."""
        return min((address, *tuple(self._begins.values())))
