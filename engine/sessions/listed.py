"""The list of a store's sessions: how far each has come, how far it is durable, and who has it."""

from __future__ import annotations

from typing import NamedTuple

from .handles import Handles
from .registry import SessionRegistry

__all__ = ["SessionInfo", "sessions_of"]


class SessionInfo(NamedTuple):
    """One session of a store.

    name     "" if it has none
    serial   operations issued, over all its lives
    durable  of which the newest checkpoint holds so many
    is_live  True while a handle of it is open
    thread   name of the thread that has opened this handle; "" if it is not live
    """

    name: str
    serial: int
    durable: int
    is_live: bool
    thread: str


def sessions_of(registry: SessionRegistry, handles: Handles) -> list[SessionInfo]:
    """All of them, by name, then the live ones that have none. O(sessions)."""
    threads = handles.threads()
    return [
        SessionInfo(
            state.name, registry.serial(state), state.saved, state.is_live, threads.get(state.number, "")
        )
        for state in registry.known()
    ]
