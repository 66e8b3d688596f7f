"""Listening: one who waits until operations are durable, asked at every moment at which he would look again.

Invariants
  1  `told_at` is the length of the trace when an operation was first said to be durable that was not before
  2  nothing that the store knows holds the listener: a ring of both would wait for the collector
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from weakref import ref

from powercut.engine import EngineError, FasterKv, Session
from powercut.faultfs import FaultDevice

__all__ = ["Listener"]


class Listener:
    """Listens to the sessions of one store, those that are open now and later."""

    def __init__(self, store: FasterKv, device: FaultDevice, sessions: Mapping[int, Session]) -> None:
        self._device = device
        self._sessions = sessions
        self._durable = dict(store.serials())  # By session, what it was last told to be durable.
        self._told_at: int | None = None
        self.on_told: Callable[[], None] = _nothing
        held = ref(self)

        def look() -> None:
            listener = held()
            if listener is not None:
                listener.look()

        store.watchers.add(look)

    def look(self) -> None:
        """Ask for every session, and note when the answer is a new one."""
        with suppress(EngineError):  # Of a store that ends, which wakes those who wait as well.
            if self._told_at is None and any(map(self._is_more, self._sessions.values())):
                self._told_at = len(self._device.trace)
                self.on_told()

    def _is_more(self, session: Session) -> bool:
        more = self._durable.get(session.name, 0) + 1
        return session.serial >= more and session.wait_durable(more, timeout=0)

    def told(self, serials: Mapping[str, int]) -> dict[str, int]:
        """The serials of a checkpoint; one more where that is told to be durable."""
        self._durable = dict(serials)
        for session in self._sessions.values():
            if self._is_more(session):
                self._durable[session.name] = self._durable.get(session.name, 0) + 1
        return self._durable

    def told_at(self) -> int | None:
        """The length of the trace when the last checkpoint let those go who waited; once."""
        told_at, self._told_at = self._told_at, None
        return told_at


def _nothing() -> None:
    """Do nothing: no other listens."""
