"""Handles: the sessions of a store that are open, and what those that were closed have counted.

Threads: any, under the store's lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ..device import Disk
from ..log import HybridLog
from ..log.index import HashIndex
from ..shared.shared import Shared
from .driver import Driver
from .durable import Durability
from .registry import SessionRegistry, SessionState
from .session import Session

__all__ = ["COUNTERS", "Handles"]

# In the order of `words`, N_IN_PLACE to N_ABSENT, and one that the driver keeps.
COUNTERS: Final = (
    *("in_place", "copied", "appended", "left", "retries"),
    *("hits_mutable", "hits_frozen", "hits_cold", "absent", "device_reads"),
)


class Handles:
    """Makes sessions, and knows those that are live."""

    def __init__(
        self,
        registry: SessionRegistry,
        log: HybridLog,
        index: HashIndex,
        shared: Shared,
        disk: Disk,
        durability: Durability,
    ) -> None:
        self.live: dict[str, Session] = {}
        self._past = [0] * len(COUNTERS)
        self._registry = registry
        self._log = log
        self._index = index
        self._shared = shared
        self._disk = disk
        self._durability = durability

    def open(self, state: SessionState) -> Session:
        """A handle of that session."""
        for closed in [each for each in self.live.values() if each.is_closed]:
            self._past = _sums((self._past, closed.counters()))
            del self.live[closed.name]  # With its stages, which are large.
        shared, disk = self._shared, self._disk
        driver = Driver(state, self._registry, self._log, self._index, shared.epochs, disk.runtime)
        session = self.live[state.name] = Session(
            driver, shared.mode, disk.poison, self._durability.is_read_only, self._durability
        )
        return session

    @property
    def pending(self) -> int:
        """Operations that wait for the device. From any thread."""
        return sum(each.pending for each in list(self.live.values()))

    def counters(self) -> list[int]:
        """The sums of what all of them have counted, in the order of COUNTERS."""
        return _sums([self._past, *(each.counters() for each in self.live.values())])

    def check_at_rest(self) -> None:
        """Raises SessionError while a call of one is under way."""
        for session in self.live.values():
            session.check_at_rest()

    def close(self) -> None:
        """Close them all."""
        for session in self.live.values():
            session.close()


def _sums(each: Iterable[list[int]]) -> list[int]:
    return [sum(counters) for counters in zip(*each, strict=True)]
