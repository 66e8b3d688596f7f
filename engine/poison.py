"""Poison: after a failed sync nobody knows what is durable, so the store takes no more.

Invariants
  1  once poisoned, for ever poisoned: only a new open, which reads the device, gives trust back
  2  every entry of the store asks `check` first

Threads: any; the flag is set once and only read after.
"""

from __future__ import annotations

import os
from types import TracebackType
from weakref import ref

from .errors import PoisonedError

__all__ = ["Poison"]


_all: set[ref[Poison]] = set()  # A WeakSet does the same in Python, at ten times the price.


def _poison_child() -> None:
    """After a fork two processes would write one store: it stays the parent's."""
    for poison in [each() for each in _all]:
        if poison is not None:
            poison.is_forked = True
            poison.set("the store was opened by the process that this one was forked from")


os.register_at_fork(after_in_child=_poison_child)


class Poison:
    """The flag, and what set it."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.is_forked = False
        _all.add(ref(self, _all.discard))

    def check(self) -> None:
        """Raises PoisonedError if set."""
        if self.reason is not None:
            raise PoisonedError(f"{self.reason}; close the store and open it again to see what survived")

    def set(self, reason: str) -> None:
        """Set the flag; the first reason stays."""
        if self.reason is None:
            self.reason = reason

    def guard(self, what: str) -> _Guard:
        """A context: an OSError inside sets the flag and becomes PoisonedError."""
        return _Guard(self, what)


class _Guard:
    def __init__(self, poison: Poison, what: str) -> None:
        self._poison = poison
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            self._poison.set(f"{self._what} failed: {error}")
            raise PoisonedError(f"{self._poison.reason}; what is durable is unknown") from error
