"""Columns: the prefix oracle over histories of millions of operations, in a few passes over arrays.

    history   a row an operation, in the order in which they took effect
    content   a row a stamp that is found, key by key, each key's in the order in which they stand

    in the prefix   serial <= N(session)
    alive           in the prefix, and behind the last upsert or delete of its key that is; no delete
    content is right  <=>  every stamp found is alive and of that key, those of a key ascend, and there are as
                           many as are alive: then each is there once

What is wrong is told by `prefix` itself, of the smallest key that differs, so the verdict is the same.
Values are lists of stamps: an upsert begins one, a read-modify-write appends, a delete ends it. A list that
starts afresh after STAMPS_MAX stamps is not for this: keys retire before.

Complexity: O(operations + stamps + keys), no sort. 10 million operations take some tenths of a second.
Source: CPR's guarantee (Prasaad et al., SIGMOD 2019); the reference in the tests is `judge_recovery`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..spec.model import Issued, issue
from ..tapes.tape import Kind, Operation
from ..verdict import OK, Breach, Verdict, Violation
from .prefix import judge_recovery

__all__ = ["Content", "History", "judge_columns"]

Words = NDArray[np.int64]
_NEVER: Final = -1


@dataclass(frozen=True, slots=True)
class History:
    """Operations in the order of their effects; four columns of one shape (n,).

    sessions  numbers from 0; of each, serials are 1, 2, 3, ... in this order
    kinds     Kind.UPSERT, Kind.RMW or Kind.DELETE
    keys      numbers from 0
    """

    sessions: NDArray[np.uint8]
    serials: NDArray[np.uint32]
    kinds: NDArray[np.uint8]
    keys: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Content:
    """The stamps that are found, as (key, session, serial); those of a key stand side by side."""

    keys: NDArray[np.uint32]
    sessions: NDArray[np.uint8]
    serials: NDArray[np.uint32]


def judge_columns(
    history: History, acked: Mapping[int, int], recovered: Mapping[int, int], content: Content
) -> Verdict:
    """Judge as `prefix.judge_recovery` does, what was recovered as `recovered` says."""
    count = 1 + max(int(history.sessions.max(initial=0)), max(recovered, default=0), max(acked, default=0))
    issued = np.bincount(history.sessions, minlength=count)
    for session in sorted(acked):
        if recovered.get(session, 0) < acked[session]:
            detail = (
                f"session {session}: recovered {recovered.get(session, 0)} of {acked[session]} acknowledged"
            )
            return Violation("prefix", Breach.LOST_ACK, detail)
    for session in sorted(recovered):
        if recovered[session] > issued[session]:
            detail = f"session {session}: recovered {recovered[session]}, issued {issued[session]}"
            return Violation("serials", Breach.WRONG_SERIAL, detail)
    bounds = np.array([recovered.get(session, 0) for session in range(count)], np.uint32)
    key = _first_wrong(history, bounds, content)
    if key is None:
        return OK
    return _judge_key(history, recovered, content, key)


def _first_wrong(history: History, bounds: NDArray[np.uint32], content: Content) -> int | None:
    """The smallest key whose stamps are not those that are alive; None: there is none."""
    keys = 1 + max(int(history.keys.max(initial=0)), int(content.keys.max(initial=0)))
    alive = _alive(history, bounds, keys)
    at, is_known = _places(history, content)
    owners = history.keys[at] if len(history.keys) else np.zeros(len(at), np.uint32)
    is_right = is_known & (owners == content.keys)
    if len(alive):
        is_right &= alive[at]
    # Of one key the places ascend; a key that comes back after another one is as wrong.
    is_same = content.keys[1:] == content.keys[:-1]
    is_right[1:] &= ~is_same | (at[1:] > at[:-1])
    expected = np.bincount(history.keys[alive], minlength=keys) if len(alive) else np.zeros(keys, np.int64)
    found = np.bincount(content.keys, minlength=keys)
    differs = expected != found
    differs[content.keys[~is_right]] = True
    wrong = np.flatnonzero(differs)
    return _smallest(wrong) if len(wrong) else None


def _smallest(keys: Words) -> int:
    """The first key by its name, in which numbers are text."""
    return int(min(keys.tolist(), key=lambda number: b"key-%d" % number))


def _alive(history: History, bounds: NDArray[np.uint32], keys: int) -> NDArray[np.bool_]:
    """For each operation, whether its stamp has to be found."""
    is_in = history.serials <= bounds[history.sessions]
    ends = np.flatnonzero(is_in & (history.kinds != Kind.RMW))
    last = np.full(keys, _NEVER, np.int32)
    last[history.keys[ends]] = ends  # Of equal indices the last assignment stays.
    is_in &= history.kinds != Kind.DELETE
    is_in &= last[history.keys] <= np.arange(len(is_in), dtype=np.int32)
    return is_in


def _places(history: History, content: Content) -> tuple[Words, NDArray[np.bool_]]:
    """For each stamp the row of its operation, 0 where there is none; and whether there is one."""
    issued = np.bincount(history.sessions, minlength=int(content.sessions.max(initial=0)) + 1)
    starts = np.cumsum(issued) - issued
    rows = np.empty(len(history.sessions) or 1, np.int64)
    rows[starts[history.sessions] + history.serials - 1] = np.arange(len(history.sessions))
    is_known = (content.serials > 0) & (content.serials <= issued[content.sessions])
    slots = np.where(is_known, starts[content.sessions] + content.serials - 1, 0)
    return rows[slots] if len(history.sessions) else slots, is_known


def _judge_key(history: History, recovered: Mapping[int, int], content: Content, key: int) -> Verdict:
    """The verdict of the slow oracle on one key."""
    own = np.flatnonzero(history.keys == key)
    rows: list[Issued] = [
        issue(Operation(int(history.kinds[row]), int(history.sessions[row]), key), int(history.serials[row]))
        for row in own
    ]
    found = [
        (int(content.sessions[row]), int(content.serials[row])) for row in np.flatnonzero(content.keys == key)
    ]
    # Of the other keys only this counts: what was issued, and which stamps of theirs stand here.
    others = [issue(Operation(Kind.READ, session), serial) for session, serial in found if serial]
    ends = [issue(Operation(Kind.READ, session), serial) for session, serial in recovered.items() if serial]
    held = {b"key-%d" % key: b"".join(b"%d.%d;" % stamp for stamp in found)} if found else {}
    return judge_recovery([*rows, *others, *ends], {}, recovered, held)
