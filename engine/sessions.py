"""Sessions' states: who has issued how many operations, and where each one's commit point is.

A session is the unit of the guarantee: after recovery the store holds exactly its operations
1..N. Its state outlives the handle that a thread uses: closing the handle keeps it, a checkpoint
persists it, recovery brings it back.

Invariants
  S1  `serial` counts the operations issued; it only grows
  S2  the commit point of version v is set once, when the session leaves v, and never after; an
      operation under way then belongs to the next version
  S3  numbers are unique over all lives: a forgotten name that comes back is another session
  S4  at most one handle is live for a name

Threads: under the registry's lock, except `shift`, which the session's own thread or the claimant
of an idle session calls.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import SessionError, UnknownSessionError
from .layout import NAME_BYTES_MAX, SessionMark
from .phases import System

__all__ = ["SessionRegistry", "SessionState"]

LIFE_SHIFT = 32  # A session's number is life << 32 | count, so two lives never share one.


@dataclass(slots=True)
class SessionState:
    """What there is to know of a session between two batches."""

    name: str
    number: int
    serial: int
    version: int  # The version its next operation belongs to.
    applied: int  # The last operation that has ended; `serial` is one more while one is under way.
    saved: int = 0  # What the newest durable checkpoint holds of it.
    commit_version: int = -1
    commit_serial: int = 0
    is_live: bool = False

    def shift(self, system: System) -> None:
        """Leave the version that the running checkpoint takes; its commit point is set (S2)."""
        if self.version != system.version:
            self.commit_version = self.version
            self.commit_serial = self.applied
            self.version = system.version


class SessionRegistry:
    """All sessions of a store: live, closed, and recovered ones that nobody has resumed."""

    def __init__(self, system: System, life: int, marks: Iterable[SessionMark] = ()) -> None:
        self._system = system
        self._next_number = life << LIFE_SHIFT | 1
        self._states = {
            mark.name: SessionState(
                mark.name, mark.number, mark.serial, system.version, mark.serial, mark.serial
            )
            for mark in marks
        }

    def open(self, name: str) -> SessionState:
        """The named session, new or taken up again. Raises SessionError if it is live."""
        check_name(name)
        if name in self._states:
            return self.resume(name)
        state = SessionState(name, self._next_number, 0, self._system.version, 0, is_live=True)
        self._next_number += 1
        self._states[name] = state
        return state

    def resume(self, name: str) -> SessionState:
        """A known session that is not live. Raises UnknownSessionError, SessionError."""
        state = self._states.get(name)
        if state is None:
            raise UnknownSessionError(f"no session {name!r} here: expected one of {sorted(self._states)}")
        if state.is_live:
            raise SessionError(f"session {name!r} is live: close it first, or use another name")
        state.is_live = True
        return state

    def forget(self, name: str) -> None:
        """Drop a session that is not live; the next checkpoint no longer has it."""
        state = self.resume(name)
        del self._states[state.name]

    def shift_idle(self) -> None:
        """Take every session that has not met it yet over the version's edge (S2)."""
        for state in self._states.values():
            state.shift(self._system)

    def marks(self, version: int) -> list[SessionMark]:
        """The commit points of `version`, by name; sessions born after it have none."""
        return [
            SessionMark(state.name, state.number, state.commit_serial)
            for _, state in sorted(self._states.items())
            if state.commit_version == version
        ]

    def save(self, marks: Iterable[SessionMark]) -> None:
        """A checkpoint with these commit points is durable."""
        for mark in marks:
            state = self._states.get(mark.name)
            if state is not None and state.number == mark.number:
                state.saved = mark.serial

    def unsaved(self) -> dict[str, int]:
        """How many operations of each session no checkpoint holds, by name; those with none left out."""
        lost = {name: state.serial - state.saved for name, state in sorted(self._states.items())}
        return {name: count for name, count in lost.items() if count}

    def serials(self) -> dict[str, int]:
        """Operations issued by each session, by name."""
        return {name: state.serial for name, state in sorted(self._states.items())}


def check_name(name: str) -> None:
    """Raises SessionError where `name` is no session name."""
    if type(name) is not str or not 1 <= len(name.encode(errors="replace")) <= NAME_BYTES_MAX:
        raise SessionError(f"session name {name!r}: expected 1 to {NAME_BYTES_MAX} bytes of UTF-8")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SessionError(f"session name {name!r}: expected text that UTF-8 can hold") from None
