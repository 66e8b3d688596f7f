"""A reader of a key that always has a value finds one, though a session and a truncation come between.

Method: the key's record is on the device. A call on it is stopped before its n-th access to a shared word,
n = 1, 2, ... until it makes no more: there another session writes the key anew, and the log is truncated
above the record that the call may have found by then. Where the call holds a record that the other session
waits for, or is in a batch that a truncation waits for, nothing comes between.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from powercut.engine import FasterKv, MemoryDevice, Session, Settings
from powercut.engine.kernels import words as w
from powercut.engine.kernels.atomics import Space, set_turn
from powercut.verifier.faster.stepped import SteppedRuntime

KEY, OLD, NEW = b"key-00", b"00" * 200, b"new"
Look = Callable[[FasterKv, Session], object]
Fill = Callable[[FasterKv, int, int], None]


class _BlockedError(Exception):
    """The other session would wait."""


class _Impatient(SteppedRuntime):
    def turn(self, what: str) -> None:
        if what.startswith("another session"):
            raise _BlockedError(what)


def _begun(store: FasterKv, session: Session) -> object:
    ticket = session.start_read(KEY)
    session.complete_pending()
    return ticket.result()


def _begun_change(store: FasterKv, session: Session) -> object:
    ticket = session.start_rmw(KEY, lambda old: old)
    session.complete_pending()
    return ticket.result()


# Each returns the value that it found, None where it found none.
LOOKS: dict[str, Look] = {
    "read": lambda store, session: session.read(KEY),
    "insert": lambda store, session: None if session.insert(KEY, b"other") else OLD,
    "delete": lambda store, session: OLD if session.delete(KEY) else None,
    "rmw": lambda store, session: session.rmw(KEY, lambda old: old),
    "read_many": lambda store, session: session.read_many([b"key-01", KEY])[1],
    "start_read": _begun,
    "start_rmw": _begun_change,
    "items": lambda store, session: dict(store.items()).get(KEY),
}


class _Overtaking:
    """Comes between before the n-th access, once."""

    def __init__(self, store: FasterKv, number: int) -> None:
        self.accesses = 0
        self.has_come = False
        self._store = store
        self._number = number
        self._session = store.session("other")
        self._session.upsert(
            b"room", b""
        )  # On the last page there is room: it turns none, so it waits for none.

    def __call__(self, space: Space, word: int, is_write: bool) -> None:
        self.accesses += 1
        if self.accesses == self._number:
            epochs = self._store.spaces[3]
            if any(epochs[row + w.ROW_STATE] > w.CLAIMED for row in range(0, len(epochs), w.ROW_WORDS)):
                return  # The truncation would wait for this batch.
            set_turn(None)
            self.has_come = True
            self._session.upsert(KEY, NEW)
            begin = self._store.truncate_before(self._store.stats().tail)
            assert begin > 512  # The first page, where the key's record was, is gone.


@pytest.mark.parametrize("look", LOOKS)
def test_an_overtaken_call_finds_the_old_value_or_the_new_one(look: str, small: Settings, fill: Fill) -> None:
    overtaken = 0
    for number in count(1):
        store = FasterKv.open(
            MemoryDevice(), create=True, settings=small, runtime=_Impatient(), kernels="interpreted"
        )
        fill(store, 0, 4)
        store.checkpoint()
        session, between = store.session("looks"), _Overtaking(store, number)
        set_turn(between)
        try:
            found = LOOKS[look](store, session)
        except _BlockedError:
            continue
        finally:
            set_turn(None)
        assert found in (OLD, NEW), f"at access {number}"
        if between.accesses < number:
            break
        overtaken += between.has_come
    assert overtaken > 2
