"""Handles: the sessions of a store that are open, and what those that were closed have counted.

A handle that is dropped comes here from its finalizer, whole, and is closed by whoever asks for a session
next, or for what is pending: a finalizer runs in the middle of anything, so it waits for nothing.
One whose thread has ended, and that something still holds, is closed when its name is asked for again.

Invariants
  D1  a session that is given back keeps its last serial, and what it had pending is completed first
  D2  no handle is closed while a call of it is under way

Threads: any. Dropped handles are looked for where the runtime has threads of its own; a harness drops them by
the thousand with the power.
"""

from __future__ import annotations

import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final
from weakref import ref

from ..device import Disk
from ..log import HybridLog
from ..log.index import HashIndex
from ..runtime import Owner, Owning
from ..shared.shared import Shared
from .driver import Driver
from .durable import Durability
from .registry import SessionRegistry, SessionState
from .session import Session

__all__ = ["COUNTERS", "Handles"]

# In the order of `words`, N_IN_PLACE to N_MISSED, and one that the driver keeps.
COUNTERS: Final = (
    *("in_place", "copied", "appended", "left", "retries"),
    *("hits_mutable", "hits_frozen", "hits_cold", "absent", "cache_hits", "cache_misses", "device_reads"),
)

_Live = tuple[Callable[[], Session | None], Owner | None]  # A handle, and the thread that has opened it.


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
        self._live: dict[int, _Live] = {}  # By their order.
        self._made = 0
        self._dropped: deque[Session] = deque()
        self._past = [0] * len(COUNTERS)
        self._lock = disk.runtime.lock()
        self._registry = registry
        self._log = log
        self._index = index
        self._shared = shared
        self._disk = disk
        self._durability = durability
        home = registry.handles = ref(self)
        self._owner = disk.runtime.owner if isinstance(disk.runtime, Owning) else None
        self._on_drop = lambda dropped: _take_in(home(), dropped)

    def open(self, state: SessionState) -> Session:
        """A handle of that session."""
        for closed in [each for each in self.live() if each.is_closed]:
            self._forget(closed)  # With its stages, which are large.
        shared, disk = self._shared, self._disk
        driver = Driver(state, self._registry, self._log, self._index, shared.epochs, disk.runtime)
        session = Session(driver, shared.mode, disk.poison, self._durability.is_read_only, self._durability)
        session.order = self._made = self._made + 1
        if self._owner is not None:
            session.on_drop = self._on_drop
            self._live[session.order] = ref(session), self._owner()
        else:
            self._live[session.order] = (lambda: session), None
        return session

    def live(self) -> list[Session]:
        """The handles that are open, and those closed since the last was opened."""
        found = [get() for get, _ in list(self._live.values())]
        return [session for session in found if session is not None]

    def threads(self) -> dict[int, str]:
        """Names of the threads that have opened the live ones, by number of the session."""
        found = ((get(), owner) for get, owner in list(self._live.values()))
        return {each.number: owner.name for each, owner in found if each and owner and not each.is_closed}

    # -- those that nobody closes ------------------------------------------------------------------

    def drop(self, session: Session) -> None:
        """Take in a handle that its user has dropped. From a finalizer: it is closed, and counted, later."""
        if not self._disk.poison.is_forked:
            self._dropped.append(session)
            if not session.is_closed:
                _warn(session, "was dropped and not closed")

    def collect(self, name: str) -> None:
        """Close those that were dropped, and the one of this name if its thread has ended (D1, D2)."""
        while self._dropped:
            try:
                session = self._dropped.popleft()
            except IndexError:  # Another thread was faster.
                return
            session.close()
            self._forget(session)
        if not name:
            return
        for session in self.live():
            if session.name == name and self._is_orphan(session):
                _warn(session, "is asked for again, and the thread that had it has ended")
                session.close()

    def orphans(self) -> list[str]:
        """Names of live sessions whose threads have ended, in order; those without a name are left out."""
        return sorted(each.name for each in self.live() if each.name and self._is_orphan(each))

    def _is_orphan(self, session: Session) -> bool:
        _, owner = self._live.get(session.order, (None, None))
        return owner is not None and not (session.is_closed or session.is_busy or owner.is_alive())

    def _forget(self, session: Session) -> None:
        with self._lock:
            if self._live.pop(session.order, None) is not None:
                self._past = _sums((self._past, session.counters()))

    # -- all of them -------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """Operations that wait for the device. From any thread."""
        return sum(each.pending for each in (*self.live(), *list(self._dropped)))

    def counters(self) -> list[int]:
        """The sums of what all of them have counted, in the order of COUNTERS."""
        self.collect("")
        with self._lock:
            return _sums([self._past, *(each.counters() for each in self.live())])

    def check_at_rest(self) -> None:
        """Raises SessionError while a call of one is under way."""
        for session in self.live():
            session.check_at_rest()

    def close(self) -> None:
        """Close them all."""
        self.collect("")
        for session in self.live():
            session.close()


def _take_in(home: Handles | None, session: Session) -> None:
    if home is not None and not sys.is_finalizing():
        home.drop(session)


def _warn(session: Session, why: str) -> None:
    name = f"session {session.name!r}" if session.name else "a session without a name"
    warnings.warn(
        f"{name} {why}: it is given back at serial {session.serial}; close it, or use `with`",
        ResourceWarning,
        stacklevel=2,
    )


def _sums(each: Iterable[list[int]]) -> list[int]:
    return [sum(counters) for counters in zip(*each, strict=True)]
