"""Sessions without a name: what they have issued counts until a checkpoint holds it, and no longer.

Nothing of them is written: after a recovery the store has the operations of the versions that it has,
and no serial says how many of a session these are.

Invariant
  N1  unsaved = sum over the live of (serial - saved) + sum over versions not saved of what the closed
      have issued in them: none is counted twice, and none is left out

Threads: under the registry's lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakValueDictionary

from ..kernels import words as w
from ..kernels.atomics import Space
from .state import SessionState, read

__all__ = ["Nameless"]


class Nameless:
    """The sessions of a store that have no name."""

    def __init__(self) -> None:
        self._live: dict[int, SessionState] = {}
        # Closed ones of which somebody may ask how far they are durable.
        self._known: WeakValueDictionary[int, SessionState] = WeakValueDictionary()
        self._issued: dict[int, int] = {}  # By closed ones and held by no checkpoint, by version.

    def live(self) -> Iterable[SessionState]:
        """Those that have a row."""
        return self._live.values()

    def add(self, state: SessionState) -> None:
        """Take in one that is live from now on."""
        self._live[state.number] = state

    def retire(self, state: SessionState) -> None:
        """Take in that one has lost its row: its numbers stand in it again."""
        del self._live[state.number]
        self._known[state.number] = state
        saved, version = state.saved, state.version
        if state.commit_version == version - 1 and state.commit_serial > saved:
            self._count(version - 1, state.commit_serial - saved)
            saved = state.commit_serial
        self._count(version, state.serial - saved)

    def _count(self, version: int, operations: int) -> None:
        if operations:
            self._issued[version] = self._issued.get(version, 0) + operations

    def save(self, version: int, epochs: Space) -> None:
        """Take in that a checkpoint of `version` is durable."""
        for state in self._live.values():
            if read(epochs, state, w.ROW_COMMIT_VERSION, "commit_version") == version:
                state.saved = read(epochs, state, w.ROW_COMMIT_SERIAL, "commit_serial")
        for state in self._known.values():
            if state.version <= version:
                state.saved = state.serial
            elif state.commit_version == version:
                state.saved = state.commit_serial
        for each in [each for each in self._issued if each <= version]:
            del self._issued[each]

    def unsaved(self, epochs: Space) -> int:
        """The number of operations that no checkpoint holds (N1). O(live)."""
        live = list(self._live.values())
        issued = sum(read(epochs, state, w.ROW_SERIAL, "serial") - state.saved for state in live)
        return issued + sum(list(self._issued.values()))
