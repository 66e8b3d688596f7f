"""The prefix oracle: a recovered state is the model after exactly N(s) operations of each session.

    lo(s) <= N(s) <= hi(s)     lo: acknowledged while the state was still legal
                               hi: issued when it first became legal
    content = replay(history, N)      nothing missing, nothing more, tombstones included

A subject that does not name its prefix is given every prefix between its bounds, in issue order, with every
number of the truncations that it was asked for.

It does not look at structure, results of operations, or time; other oracles do.
Complexity: O(operations) for a named prefix, O(operations**2) for a search.
Source: CPR's guarantee (Prasaad et al., SIGMOD 2019), as exactness and not as "at least".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from ..spec.model import FORGOTTEN, MARKS, TRUNCATIONS, Issued, Prefix, forgettings, named, prefixes, replay
from ..spec.subject import Bound
from ..verdict import OK, Breach, Verdict, Violation

__all__ = ["explained", "judge_listed", "judge_recovery", "judge_report", "meets"]

_STAMP: Final = re.compile(rb"\d+[%b]\d+" % re.escape(MARKS))


def judge_recovery(
    history: list[Issued],
    acked: Bound,
    recovered: Bound | None,
    content: dict[bytes, bytes],
    known: list[Prefix] | None = None,
) -> Verdict:
    """Judge whether `content`, recovered as `recovered` says, is a legal state of this history.

    `known`: a list of prefixes, empty at first, that all judgements of the same history have in common.
    """
    if recovered is None:
        return _search(history, acked, content, [] if known is None else known)
    if isinstance(recovered, Mapping) and isinstance(acked, Mapping):
        return explained(history, acked, recovered, content)[0]
    if isinstance(recovered, int) and isinstance(acked, int):
        return _judge_counted(history, acked, recovered, content)
    return _search(history, acked, content, [] if known is None else known)


def explained(
    history: list[Issued], acked: Mapping[int, int], recovered: Mapping[int, int], content: dict[bytes, bytes]
) -> tuple[Verdict, Mapping[int, int]]:
    """Judge a prefix that is told by name; the verdict, and the prefix with what was forgotten till then."""
    forgot = forgettings(history)
    for count in range(len(forgot), acked.get(FORGOTTEN, 0), -1):
        bound = named(recovered, forgot[:count])
        if _judge_named(history, acked, bound, content) == OK:
            return OK, bound
    bound = named(recovered, forgot[: acked.get(FORGOTTEN, 0)])
    return _judge_named(history, acked, bound, content), bound


def judge_report(
    history: list[Issued], before: Bound, reported: Bound, at_least: Mapping[int, int]
) -> Verdict:
    """Judge whether a checkpoint may report this bound: only what was issued, and all it must hold.

    `at_least` counts what each session had finished when the checkpoint began.
    """
    if not isinstance(reported, Mapping):
        return _counted_report(len(history), before, reported)
    issued = _issued(history)
    for session in sorted(reported.keys() | at_least.keys()):
        count = reported.get(session, 0)
        if count > issued.get(session, 0) or count < at_least.get(session, 0):
            detail = (
                f"session {session}: reported {count}, "
                f"expected {at_least.get(session, 0)} to {issued.get(session, 0)}"
            )
            return Violation("serials", Breach.WRONG_SERIAL, detail)
        if isinstance(before, Mapping) and count < before.get(session, 0):
            return Violation("serials", Breach.WRONG_SERIAL, f"session {session}: went back to {count}")
    return OK


def judge_listed(listed: Sequence[Bound], acked: Bound, before: Bound | None = None) -> Verdict:
    """Judge the checkpoints that a store lists, newest first: the newest is the one acknowledged last, and in
    each that is older no session has more than in the next. Truncations are not looked at.

    before   the checkpoint acknowledged before that one, where it has to be in the list still
    """
    bounds = [_of_sessions(bound) for bound in listed]
    newest = bounds[0] if bounds else {}
    if isinstance(acked, Mapping) and newest != _of_sessions(acked):
        return Violation("serials", Breach.WRONG_SERIAL, f"lists {newest} as newest, acknowledged {acked}")
    for newer, older in pairwise(bounds):
        if any(count > newer.get(session, 0) for session, count in older.items()):
            return Violation("serials", Breach.WRONG_SERIAL, f"lists {older} as older than {newer}")
    if before is not None and _of_sessions(before) not in bounds[1:]:
        detail = f"lists {bounds[1:]} behind the newest: {_of_sessions(before)} is not among them"
        return Violation("serials", Breach.WRONG_SERIAL, detail)
    return OK


def _of_sessions(bound: Bound) -> dict[int, int]:
    given = bound if isinstance(bound, Mapping) else {}
    return {session: count for session, count in given.items() if session >= 0 and count}


def _counted_report(issued: int, before: Bound, reported: int) -> Verdict:
    least = before if isinstance(before, int) else 0
    if not least <= reported <= issued:
        detail = f"reported {reported}, expected {least} to {issued}"
        return Violation("serials", Breach.WRONG_SERIAL, detail)
    return OK


def meets(bound: Bound, least: Bound) -> bool:
    """True if `bound` holds all that `least` does."""
    if isinstance(bound, Mapping) and isinstance(least, Mapping):
        return all(bound.get(session, 0) >= count for session, count in least.items())
    return isinstance(bound, int) and isinstance(least, int) and bound >= least


def _judge_named(
    history: list[Issued],
    acked: Mapping[int, int],
    recovered: Mapping[int, int],
    content: dict[bytes, bytes],
) -> Verdict:
    issued = _issued(history)
    for session in sorted(acked):
        if recovered.get(session, 0) < acked[session]:
            detail = (
                f"session {session}: recovered {recovered.get(session, 0)} of {acked[session]} acknowledged"
            )
            return Violation("prefix", Breach.LOST_ACK, detail)
    for session in sorted(recovered):
        if recovered[session] > issued.get(session, 0):
            detail = f"session {session}: recovered {recovered[session]}, issued {issued.get(session, 0)}"
            return Violation("serials", Breach.WRONG_SERIAL, detail)
    return _compare(history, content, recovered)


def _judge_counted(history: list[Issued], acked: int, recovered: int, content: dict[bytes, bytes]) -> Verdict:
    if recovered < acked:
        return Violation("prefix", Breach.LOST_ACK, f"recovered {recovered} of {acked} acknowledged")
    if recovered > len(history):
        return Violation("serials", Breach.WRONG_SERIAL, f"recovered {recovered}, issued {len(history)}")
    cut = _issued(history[:recovered])
    return _compare(history[:recovered], content, cut)


def _search(history: list[Issued], acked: Bound, content: dict[bytes, bytes], known: list[Prefix]) -> Verdict:
    """Any prefix in issue order that holds what was acknowledged and explains the content."""
    if not known:
        known += prefixes(history)
    begins = 0
    if isinstance(acked, int):
        begins = sum(each.session == TRUNCATIONS for each in history[:acked])
    explained = False
    for prefix in known:
        if prefix.content == content:
            explained = True
            is_met = (
                prefix.holds(acked - begins, begins)
                if isinstance(acked, int)
                else meets(prefix.bounds, acked)
            )
            if is_met:
                return OK
    if explained:
        return Violation("prefix", Breach.LOST_ACK, f"only a cut before the acknowledged {acked} explains it")
    return Violation("prefix", Breach.HOLE, f"no cut of {len(history)} operations explains {_text(content)}")


def _compare(history: list[Issued], content: dict[bytes, bytes], bounds: Mapping[int, int]) -> Verdict:
    expected = replay(history, bounds)
    if content == expected:
        return OK
    differing = sorted(
        key for key in content.keys() | expected.keys() if content.get(key) != expected.get(key)
    )
    key = differing[0]
    found, wanted = content.get(key), expected.get(key)
    detail = f"{key.decode()}: expected {show(wanted)}, recovered {show(found)} at cut {_cut(bounds)}"
    in_prefix = {issued.stamp for issued in history if issued.serial <= bounds.get(issued.session, 0)}
    if _stamps(found) - in_prefix:
        return Violation("prefix", Breach.PHANTOM, detail)
    if _stamps(wanted) - _stamps(found) or wanted is None:
        return Violation("prefix", Breach.HOLE, detail)
    return Violation("prefix", Breach.WRONG_VALUE, detail)


def _issued(history: list[Issued]) -> dict[int, int]:
    """The highest serial of each session; histories are in issue order."""
    return {issued.session: issued.serial for issued in history}


def _stamps(value: bytes | None) -> set[bytes]:
    """The stamps in a value; what no operation can have written is none."""
    parts = (value or b"").rstrip(b".").split(b";")[:-1]
    return {part + b";" for part in parts if _STAMP.fullmatch(part)}


def show(value: bytes | None) -> str:
    """A value for a message: its stamps, and how much padding follows."""
    if value is None:
        return "nothing"
    stamps = value.rstrip(b".")
    padding = len(value) - len(stamps)
    return repr(stamps.decode(errors="replace")) + (f" and {padding} bytes" if padding else "")


def _cut(bounds: Mapping[int, int]) -> str:
    return " ".join(f"s{session}:{count}" for session, count in sorted(bounds.items())) or "empty"


def _text(content: dict[bytes, bytes]) -> str:
    return ", ".join(f"{key.decode()}={show(value)}" for key, value in sorted(content.items())) or "nothing"
