"""Epochs: an action that waits until every session has seen a change is deferred to its epoch.

A session that enters a batch writes the current epoch into its row. Whoever changes a boundary
raises the epoch; the change has been seen by all once no row holds an epoch from before.

Invariants
  E1  an action deferred at epoch e runs only when no row holds an epoch <= e
  E2  it runs exactly once, on whichever thread notices
  E3  nobody needs to be in a batch for it to run: `until` asks, and so does a session off its fast path
  E5  an action may defer another; draining does not recurse

Threads: any. Actions run outside the lock, so they must be short and take none.
Source: epoch protection of FASTER (Chandramouli et al., SIGMOD 2018, section 2.4).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..kernels import words as w
from ..kernels.atomics import load
from ..runtime import Runtime
from .modes import Mode
from .spaces import Spaces

__all__ = ["Epochs"]

Action = Callable[[], None]
_Deferred = list[tuple[int, Action]]


class Epochs:
    """The epoch of one store, and what is deferred to its draining."""

    def __init__(self, spaces: Spaces, mode: Mode, runtime: Runtime) -> None:
        self._spaces: Final = spaces
        self._mode = mode
        self._runtime = runtime
        self._lock = runtime.lock()
        self._deferred: _Deferred = []
        self._draining: set[int] = set()  # Threads that are running actions now.
        self.drained = 0  # Actions that were run.

    @property
    def current(self) -> int:
        """The epoch that a session entering now writes."""
        return load(self._spaces.control, w.EPOCH)

    @property
    def waiting(self) -> int:
        """Actions that have not run yet."""
        return len(self._deferred)

    def defer(self, action: Action) -> None:
        """Raise the epoch; run `action` once every batch that was under way has left."""
        with self._lock:
            self._deferred.append((self._mode.fetch_add(self._spaces.control, w.EPOCH, 1), action))
        self.poll()

    def poll(self) -> None:
        """Run what is due. O(live sessions) where anything is deferred, O(1) else."""
        while self._deferred and (me := self._runtime.current()) not in self._draining:
            safe = self.oldest()
            due: _Deferred = []
            try:
                self._draining.add(me)  # What these defer is seen by this loop, not by one inside it (E5).
                with self._lock:
                    due, self._deferred = _part(self._deferred, safe)
                if not due:
                    return
                while due:
                    due[0][1]()
                    del due[0]
                    self.drained += 1
            finally:
                self._draining.discard(me)
                if due:  # Interrupted: somebody else runs them.
                    with self._lock:
                        self._deferred += due

    def oldest(self) -> int:
        """The oldest epoch that a row holds; the current one if none does."""
        oldest = load(self._spaces.control, w.EPOCH)
        epochs = self._spaces.epochs
        for row in range(0, self._spaces.rows_used * w.ROW_WORDS, w.ROW_WORDS):
            state = load(epochs, row + w.ROW_STATE)
            if w.CLAIMED < state < oldest:
                oldest = state
        return oldest

    def until(self, what: str, condition: Callable[[], bool], deadline: float | None = None) -> bool:
        """Wait for `condition`, draining meanwhile; False where `deadline` came first."""

        def asked() -> bool:
            self.poll()
            return condition()

        return asked() or self._runtime.until(what, asked, deadline)

    def drain(self, what: str) -> None:
        """Wait until every batch that is under way now has left."""
        over: list[bool] = []
        self.defer(lambda: over.append(True))
        self.until(what, lambda: bool(over))


def _part(deferred: _Deferred, safe: int) -> tuple[_Deferred, _Deferred]:
    """The actions that are due, and the rest."""
    due = [each for each in deferred if each[0] < safe]
    rest = [each for each in deferred if each[0] >= safe]
    return due, rest
