"""The reference of names that a store forgets: checkpoints that each was not used in, counted.

A checkpoint that holds something new of anybody counts for every name that is of no open session and of which
it holds nothing new. Whoever takes a name up begins its count anew, and so does an opening.

Invariant: nothing here asks the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

__all__ = ["Unused"]


class Unused:
    """The counts of all names; `limit` is where one is forgotten, None: never."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._counts: dict[int, int] = {}

    def take_up(self, session: int) -> None:
        """Its session is opened, or forgotten."""
        self._counts.pop(session, None)

    def begin(self) -> None:
        """Begin a life: nothing is counted yet."""
        self._counts.clear()

    def count(
        self, issued: Mapping[int, int], saved: Mapping[int, int], live: Set[int], used: Set[int]
    ) -> list[int]:
        """Count a checkpoint with news of these sessions, if of any; those that are forgotten now."""
        if self._limit is None or not used:
            return []
        found = []
        for session, serial in issued.items():
            is_used = session in live or session in used
            self._counts[session] = 0 if is_used else self._counts.get(session, 0) + 1
            if self._counts[session] >= self._limit and serial == saved.get(session, 0):
                found.append(session)
        return found
