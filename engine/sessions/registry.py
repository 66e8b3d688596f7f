"""Sessions' states: the number of operations that each has issued, and its commit point.

A session is the unit of the guarantee: after recovery the store holds exactly its operations
1..N. Its state outlives the handle that a thread uses: closing the handle keeps it, a checkpoint
persists it, recovery brings it back.

Invariants
  S1  `serial` counts the operations issued; it only grows
  S2  the commit point of version v is set once, when the session leaves v, under a claim of its row,
      and never after; an operation under way then belongs to the next version
  S3  numbers are unique over all lives: a forgotten name that comes back is another session
  S4  at most one handle is live for a name, and each live one has a row of its own

A live session's numbers stand in its row, where batches and claims meet: entering a batch and
advancing an idle session are the same CAS of one word, so an idle session blocks nobody. A session
without a name has all of this but what outlives its handle.

Threads: any; the registry's lists change under its lock, a row under its state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, Protocol

from ..errors import SessionError, UnknownSessionError
from ..kernels import words as w
from ..kernels.atomics import Space, load, store
from ..metadata.marks import SessionMark
from ..runtime import Runtime
from ..shared.shared import Shared
from ..shared.spaces import ROWS_MAX, SESSIONS_MAX
from .closable import closable
from .nameless import Nameless
from .state import FIELDS, NOWHERE, SessionState, check_name, read
from .unused import unused

__all__ = ["Handled", "SessionRegistry", "SessionState"]

LIFE_SHIFT: Final = 32  # A session's number is life << 32 | count, so two lives never share one.


class Handled(Protocol):
    """The handles of a store, as their registry sees them."""

    def collect(self, name: str) -> None:
        """Close those that nobody has any more, and the one of this name if its thread has ended."""

    def orphans(self) -> list[str]:
        """Names of live sessions whose threads have ended, in order."""


class SessionRegistry:
    """All sessions of a store: live, closed, and recovered ones that nobody has resumed."""

    def __init__(
        self,
        shared: Shared,
        runtime: Runtime,
        life: int,
        marks: Iterable[SessionMark] = (),
    ) -> None:
        system = shared.system
        self._system = system
        self._spaces = shared.spaces
        self._mode = shared.mode
        self._epochs = shared.epochs
        self._lock = runtime.lock()
        self._free: list[int] = []
        self._sessions = 0  # Rows that sessions have.
        self.handles: Callable[[], Handled | None] = lambda: None  # Those of the store, while it lasts.
        self.forget_after: int | None = None  # So many checkpoints in which a name is not used.
        self.is_closed = False
        self.watchers: set[Callable[[], None]] = set()  # Called after a save, and at the end; none waits.
        self.notes: dict[Callable[[str, int], None], None] = {}  # Called for each serial that has grown.
        self._next_number = life << LIFE_SHIFT | 1
        self._nameless = Nameless()
        self.held = tuple(marks)  # What the newest durable checkpoint says, by name.
        self._states = {
            mark.name: SessionState(
                mark.name, mark.number, mark.serial, system.version, mark.serial, saved=mark.serial
            )
            for mark in self.held
        }

    # -- who there is ------------------------------------------------------------------------------

    def open(self, name: str | None) -> SessionState:
        """The named session, new or taken up again; a new one without a name for None.

        Raises SessionError if it is live.
        """
        if name is not None:
            check_name(name)
        self._collect(name)
        with self._lock:
            if name is not None and name in self._states:
                return self._take_up(name)
            state = SessionState(name or "", self._next_number, 0, self._system.version, 0)
            self._enliven(state)
            self._next_number += 1
            if name is None:
                self._nameless.add(state)
            else:
                self._states[name] = state
            return state

    def resume(self, name: str) -> SessionState:
        """A known session that is not live. Raises UnknownSessionError, SessionError."""
        self._collect(name)
        with self._lock:
            return self._take_up(name)

    def _take_up(self, name: str) -> SessionState:
        state = self._find(name)
        self._enliven(state)
        return state

    def _collect(self, name: str | None = None) -> None:
        """Have handles closed that nobody has any more, with nothing held."""
        handles = self.handles()
        if handles is not None:
            state = self._states.get(name) if type(name) is str else None
            handles.collect(state.name if state is not None and state.is_live else "")

    def _find(self, name: str) -> SessionState:
        state = self._states.get(name) if type(name) is str else None
        if state is None:
            raise UnknownSessionError(f"no session {name!r} here: expected one of {sorted(self._states)}")
        if state.is_live:
            raise SessionError(f"session {name!r} is live: close it first, or use another name")
        return state

    def forget(self, name: str) -> None:
        """Drop a session that is not live; the next checkpoint no longer has it."""
        self._collect(name)
        with self._lock:
            self._find(name)
            del self._states[name]
        self._wake()

    def lease(self) -> int:
        """Lease a row that belongs to no session, for a reader. Raises SessionError if none is left."""
        with self._lock:
            used = self._spaces.rows_used
            if not self._free and used == ROWS_MAX:
                raise SessionError(f"{ROWS_MAX - self._sessions} iterators are open: close one first")
            if self._free:
                return self._free.pop()
            self._spaces.rows_used = used + 1
            return used * w.ROW_WORDS

    def release(self, row: int) -> None:
        """Give back what `lease` gave, not entered any more."""
        with self._lock:
            assert load(self._spaces.epochs, row + w.ROW_STATE) == w.IDLE
            self._free.append(row)

    def _enliven(self, state: SessionState) -> None:
        """Give the session a row."""
        if self._sessions == SESSIONS_MAX:
            handles = self.handles()
            ended = handles.orphans() if handles is not None else []
            which = closable(self._states.values(), ended, self._spaces.epochs)
            raise SessionError(f"{SESSIONS_MAX} sessions are live: close one{which}; sessions() lists them")
        row = self.lease()
        self._sessions += 1
        for field, word in FIELDS:
            store(self._spaces.epochs, row + word, getattr(state, field))
        store(self._spaces.epochs, row + w.ROW_PENDING, 0)
        state.row, state.idle = row, 0

    def retire(self, state: SessionState) -> None:
        """Take a closed session's numbers back from its row."""
        with self._lock:
            if not state.is_live:
                return
            row, epochs = state.row, self._spaces.epochs
            is_claimed = False
            try:
                is_claimed = self._claim(state)
                for field, word in FIELDS:
                    setattr(state, field, load(epochs, row + word))
                state.row = NOWHERE
                if not state.name:
                    self._nameless.retire(state)
            finally:
                if is_claimed:
                    store(epochs, row + w.ROW_STATE, w.IDLE)
                if state.row != row:
                    self._sessions -= 1
                    self.release(row)

    # -- versions ----------------------------------------------------------------------------------

    def shift(self, state: SessionState) -> None:
        """Take a session over the edge of the version, if it is behind (S2). Waits for its batch."""
        if not state.is_live:
            if state.version != self._system.version:
                state.commit_version, state.commit_serial = self._system.version - 1, state.applied
                state.version = self._system.version
            return
        epochs, row = self._spaces.epochs, state.row
        is_claimed = False
        try:
            is_claimed = self._claim(state)
            version = self._system.version
            if load(epochs, row + w.ROW_VERSION) != version:
                # The version that ends here; a checkpoint that was given up may have left the session behind.
                store(epochs, row + w.ROW_COMMIT_VERSION, version - 1)
                store(epochs, row + w.ROW_COMMIT_SERIAL, load(epochs, row + w.ROW_APPLIED))
                store(epochs, row + w.ROW_VERSION, version)
        finally:
            if is_claimed:
                store(epochs, row + w.ROW_STATE, w.IDLE)

    def _claim(self, state: SessionState) -> bool:
        """Make an idle row CLAIMED; waits while a batch or another claim has it. True."""
        word = state.row + w.ROW_STATE
        claim = self._mode.cas
        epochs = self._spaces.epochs
        if not claim(epochs, word, w.IDLE, w.CLAIMED):
            self._epochs.until(
                f"session {state.name!r} to leave its batch",
                lambda: claim(epochs, word, w.IDLE, w.CLAIMED),
            )
        return True

    def shift_all(self) -> None:
        """Take every session that has not met it yet over the version's edge (S2)."""
        with self._lock:
            for state in (*self._states.values(), *self._nameless.live()):
                self.shift(state)

    def pending(self) -> list[str]:
        """Names of the sessions that have operations with effects waiting for the device."""
        self._collect()  # Of one that was dropped they are completed.
        with self._lock:
            epochs, found = self._spaces.epochs, []
            for state in (*self._states.values(), *self._nameless.live()):
                if state.is_live and load(epochs, state.row + w.ROW_PENDING):
                    found.append(state.name)
            return sorted(found)

    # -- what there is to tell ---------------------------------------------------------------------

    def read(self, state: SessionState, word: int, field: str) -> int:
        """A number of a session, from its row while it is live."""
        return read(self._spaces.epochs, state, word, field)

    def serial(self, state: SessionState) -> int:
        """Operations the session has issued."""
        return self.read(state, w.ROW_SERIAL, "serial")

    def marks(self, version: int) -> list[SessionMark]:
        """The commit points of `version`, by name; sessions born after it have none."""
        with self._lock:
            return [
                SessionMark(state.name, state.number, self.read(state, w.ROW_COMMIT_SERIAL, "commit_serial"))
                for _, state in sorted(self._states.items())
                if self.read(state, w.ROW_COMMIT_VERSION, "commit_version") == version
            ]

    def save(self, version: int, marks: Sequence[SessionMark]) -> None:
        """Take in that the checkpoint of `version`, with these commit points, is durable."""
        with self._lock:
            self.held = tuple(marks)
            used = {""} if self._nameless.unsaved(self._spaces.epochs) else set[str]()
            self._nameless.save(version, self._spaces.epochs)
            for mark in marks:
                state = self._states.get(mark.name)
                if state is None or state.number != mark.number:
                    continue  # Forgotten, while the checkpoint was taken.
                if state.saved != mark.serial:
                    state.saved = mark.serial
                    used.add(mark.name)
                    for note in list(self.notes):
                        note(mark.name, mark.serial)
            if used and self.forget_after is not None:
                for name in unused(self._states, used, self.forget_after):
                    del self._states[name]
        self._wake()

    def close(self) -> None:
        """Take in that no checkpoint follows any more."""
        self.is_closed = True
        self._wake()
        self.notes.clear()  # They know who knows this.

    def _wake(self) -> None:
        for watcher in list(self.watchers):
            watcher()

    def has(self, state: SessionState) -> bool:
        """True unless it was forgotten."""
        return not state.name or self._states.get(state.name) is state

    def unsaved(self) -> dict[str, int]:
        """The number of operations of each session that no checkpoint holds, by name; zeros are left out.

        Of those without a name together, under "".
        """
        with self._lock:
            return _unsaved(self._states, self._nameless, self._spaces.epochs)

    @property
    def ledger(self) -> Callable[[], dict[str, int]]:
        """`unsaved` for one who holds nothing of the store but the sessions' numbers."""
        return partial(_unsaved, self._states, self._nameless, self._spaces.epochs)

    @property
    def has_news(self) -> bool:
        """True if sessions, their names or their serials differ from what the newest checkpoint says.

        Or if one without a name has issued an operation that it does not hold, be it a read.
        """
        with self._lock:
            if self._nameless.unsaved(self._spaces.epochs):
                return True
            now = [
                SessionMark(name, state.number, self.serial(state))
                for name, state in sorted(self._states.items())
            ]
        return now != list(self.held)

    @property
    def live(self) -> int:
        """The number of sessions that have a row."""
        return self._sessions

    def known(self) -> list[SessionState]:
        """The states of all sessions: those with a name in order, then the live ones without."""
        with self._lock:
            return [state for _, state in sorted(self._states.items())] + list(self._nameless.live())

    def serials(self) -> dict[str, int]:
        """Operations issued by each session, by name."""
        with self._lock:
            return {name: self.serial(state) for name, state in sorted(self._states.items())}


def _unsaved(states: Mapping[str, SessionState], nameless: Nameless, epochs: Space) -> dict[str, int]:
    lost = {"": count} if (count := nameless.unsaved(epochs)) else {}
    for name, state in sorted(states.items()):
        serial = load(epochs, state.row + w.ROW_SERIAL) if state.is_live else state.serial
        if serial != state.saved:
            lost[name] = serial - state.saved
    return lost
