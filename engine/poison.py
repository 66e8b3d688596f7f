"""Poison: after a failed sync it is unknown what is durable, so the store accepts nothing more.

Invariants
  1  once poisoned, for ever poisoned: only a new open, which reads the device, gives trust back
  2  every entry of the store asks `check` first

Threads: any; the flag is set once and only read after.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakSet

from .errors import PoisonedError

__all__ = ["Poison"]


_all: WeakSet[Poison] = WeakSet()


def _poison_child() -> None:
    """Poison the store in a child after a fork: two processes would write it, and it stays the parent's."""
    for poison in list(_all):
        poison.is_forked = True
        poison.set("the store was opened by the process that this one was forked from")


os.register_at_fork(after_in_child=_poison_child)


class Poison:
    """The flag, and the reason it was set for."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.is_forked = False
        _all.add(self)

    def check(self) -> None:
        """Raises PoisonedError if set."""
        if self.reason is not None:
            raise PoisonedError(f"{self.reason}; close the store and open it again to see what survived")

    def set(self, reason: str) -> None:
        """Set the flag; the first reason stays."""
        if self.reason is None:
            self.reason = reason

    @contextmanager
    def guard(self, what: str) -> Iterator[None]:
        """Set the flag on an OSError inside, and turn it into PoisonedError."""
        try:
            yield
        except OSError as error:
            self.set(f"{what} failed: {error}")
            raise PoisonedError(f"{self.reason}; what is durable is unknown") from error
