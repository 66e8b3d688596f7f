"""Closed: a store that was closed says so at every call, and closes again without a word.

All three copies of its root are those of its last commit, numbered one after the other.

Threads: none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from powercut.faultfs import FaultDevice

from ..faster.inspection import inspect_store
from ..faster.seams import ClosedError, FasterKv, Session
from .asking import Answers, Raised, told_by

__all__ = ["knock", "roots_of"]


def knock(store: FasterKv, sessions: Mapping[int, Session]) -> Answers:
    """Ask a closed store, and the handles that it had, for everything; each answer by its call."""
    calls: dict[str, Callable[[], object]] = {
        "stats": store.stats,
        "serials": store.serials,
        "checkpoints": store.checkpoints,
        "items": store.items,
        "scan": store.scan,
        "check": store.check,
        "backup": partial(store.backup, FaultDevice()),
        "checkpoint": store.checkpoint,
        "truncate_before": partial(store.truncate_before, 0),
        "compact": store.compact,
        "grow_index": store.grow_index,
        "session": partial(store.session, "another"),
        "resume_session": partial(store.resume_session, "s0"),
        "forget_session": partial(store.forget_session, "s0"),
        **{f"read of {name}": partial(session.read, b"key") for name, session in sessions.items()},
    }
    expected: dict[str, object] = dict.fromkeys(calls, Raised(ClosedError.__name__))
    found = {name: told_by(call) for name, call in calls.items()}
    return Answers({**expected, "close": {}}, {**found, "close": told_by(store.close)})


def roots_of(device: FaultDevice) -> Answers:
    """The sequence and the complaint of each copy."""
    found = sorted((root.sequence, root.complaint or "") for root in inspect_store(device).roots)
    newest = found[-1][0]
    return Answers([(newest - 2 + number, "") for number in range(len(found))], found)
