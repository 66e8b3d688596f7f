"""Pins: parts of the log that a truncation must not take away.

A pin is the log's begin at the moment at which a read started: it may look at anything from there up.

Invariants
  N1  for every pin, `least` at any moment after the pin's start is at most the begin that the pin gave

Who needs more than what the log still holds, namely what a checkpoint does, pins everything.

Begin only grows, and whoever takes files away raises it first and asks for `least` then. So a pin set
without a lock, in two steps, is enough: first it holds everything, then from begin up. Asked before the
first step, `least` does not know of the pin, but then the pin sees the begin that was raised before.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from ..kernels import words as w
from ..kernels.atomics import Space, load

__all__ = ["Pins"]


class Pins:
    """All pins of one store."""

    def __init__(self, control: Space, has_readers: Callable[[], bool] = bool) -> None:
        self._control = control
        self._has_readers = has_readers  # In other processes, of any checkpoint.
        self._begins: dict[object, int] = {}

    def hold(self) -> _Pin:
        """A context that pins the log from its begin up until it ends, and gives that begin."""
        return _Pin(self._control, self._begins)

    @contextmanager
    def hold_all(self) -> Iterator[None]:
        """A context in which no segment goes."""
        pin = object()
        self._begins[pin] = 0
        try:
            yield
        finally:
            del self._begins[pin]

    @property
    def holds_all(self) -> bool:
        """True while somebody needs what a checkpoint before the newest has."""
        return 0 in tuple(self._begins.values()) or self._has_readers()

    def least(self, address: int) -> int:
        """`address`, or the lowest pin where one is lower; 0 where others read."""
        least = min((address, *tuple(self._begins.values())))
        return 0 if least and self._has_readers() else least


class _Pin:
    def __init__(self, control: Space, begins: dict[object, int]) -> None:
        self._control = control
        self._begins = begins

    def __enter__(self) -> int:
        self._begins[self] = 0
        try:
            begin = self._begins[self] = load(self._control, w.BEGIN)
        except BaseException:
            del self._begins[self]
            raise
        return begin

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self._begins[self]
