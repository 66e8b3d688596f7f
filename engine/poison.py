"""Poison: after a failed sync it is unknown what is durable, so the store accepts nothing more.

Invariants
  1  once poisoned, for ever poisoned: only a new open, which reads the device, gives trust back
  2  every entry of the store asks `check` first

Threads: any; the flag is set once and only read after.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from weakref import ref

from .errors import PoisonedError

__all__ = ["Poison"]


_all: set[ref[Poison]] = set()  # A WeakSet does the same in Python, at ten times the price.


def _poison_child() -> None:
    """Poison the store in a child after a fork: two processes would write it, and it stays the parent's."""
    for poison in [each() for each in _all]:
        if poison is not None:
            poison.is_forked = True
            poison.watchers = set()  # Those are the parent's threads.
            poison.set("the store was opened by the process that this one was forked from")


os.register_at_fork(after_in_child=_poison_child)


class Poison:
    """The flag, and the reason it was set for."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.is_forked = False
        self.watchers: set[Callable[[], None]] = set()  # Called once it is set; they wait for nothing.
        _all.add(ref(self, _all.discard))

    def check(self) -> None:
        """Raises PoisonedError if set."""
        if self.reason is not None:
            raise PoisonedError(f"{self.reason}; close the store and open it again to see what survived")

    def set(self, reason: str) -> None:
        """Set the flag; the first reason stays."""
        if self.reason is None:
            self.reason = reason
            for watcher in list(self.watchers):
                watcher()

    def failed(self, what: str, error: OSError) -> PoisonedError:
        """Set the flag for a call of the device that failed; the error to raise."""
        self.set(f"{what} failed: {error}")
        return PoisonedError(f"{self.reason}; what is durable is unknown")
