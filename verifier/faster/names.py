"""Names: those of a store's sessions that it forgets by itself, for the bench.

Invariant: a session under a name that was forgotten begins anew, and any other one goes on where it was.

Threads: none.
"""

from __future__ import annotations

from collections.abc import Callable

from powercut.engine import FasterKv, InvariantError, Session

from ..spec.model import Issued
from .limited import FORGETS

__all__ = ["Names"]


class Names:
    """The names of one store on the bench."""

    def __init__(self, store: FasterKv, geometry: str) -> None:
        self._store = store
        self._forgets = geometry in FORGETS
        self._known = set(store.serials()) if self._forgets else set[str]()

    def open(self, open_session: Callable[[int], Session], issued: Issued) -> Session:
        """The session that issues an operation. Raises InvariantError where it is another one."""
        session = open_session(issued.session)
        if self._forgets and session.serial != issued.serial - 1:
            found = f"{session.name!r} goes on at {session.serial}, not {issued.serial - 1}"
            raise InvariantError("S3", found)
        return session

    def forgotten(self) -> list[int]:
        """The sessions whose names were there when it was asked last, and are not."""
        if not self._forgets:
            return []
        before, self._known = self._known, set(self._store.serials())
        return sorted(int(name[1:]) for name in before - self._known)
