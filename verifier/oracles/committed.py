"""The oracle `committed`: a log holds exactly the entries [begin, c) of a commit c, each as it was appended.

    c       not below what was acknowledged while the state was still legal; no batch stands on both sides
    begin   not below an acknowledged one, and none that nobody had asked for
    entries every one that was appended with an address in [begin, c), at that address, and no other
    names   have come as far as an acknowledged commit kept, and no further than they had said

An address is what its append returned. Appends that did not overlap stand in the order in which they were
made. A rollback drops entries, and others may take their addresses: what stands between two rollbacks is a
world of its own.

Invariants
  1  only values are looked at, and no log
  2  what was appended after a crash index is in no state that is legal there
  3  a legal state is of one world, and of none that ended with a rollback which had returned

Complexity: O(n log n) of n entries.
Source: TT1 to TT8, the rules of torn tails, for which recovered is what some commit had.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final, NamedTuple

from ..verdict import OK, Breach, Verdict, Violation

__all__ = [
    "ORACLE",
    "Appended",
    "Appends",
    "Back",
    "Left",
    "Told",
    "judge_addresses",
    "judge_entries",
    "judge_left",
]

ORACLE: Final = "committed"


class Appended(NamedTuple):
    """Entries that one call appended, each with its address; `at` is the trace's length as it began.

    turn   so many rollbacks were made before it
    """

    entries: tuple[tuple[int, bytes], ...]
    at: int = 0
    invoked: float = 0
    returned: float = inf
    turn: int = 0


class Back(NamedTuple):
    """A rollback that a log has made: entries from `address` on were dropped.

    at      the trace's length when it had returned
    asked   when its caller had begun, if that is known
    """

    address: int
    at: float = inf
    asked: float = -inf
    returned: float = inf


class Told(NamedTuple):
    """An acknowledgement: what it names is durable.

    at      the trace's length when it was told
    end     all below it, of the commit `number` or a later one
    begin   the log's, and how far names have come
    """

    at: int
    end: int = 0
    number: int = 0
    begin: int = 0
    progress: Mapping[str, int] = {}


class Left(NamedTuple):
    """All that a recovery found."""

    begin: int
    end: int
    number: int
    entries: tuple[tuple[int, bytes], ...]
    progress: Mapping[str, int]


@dataclass(slots=True)
class Appends:
    """All that callers of a log did and were told."""

    appended: list[Appended] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)  # When, and which begin.
    said: list[tuple[int, str, int]] = field(default_factory=list)  # When, and how far a name has come.
    backs: list[Back] = field(default_factory=list)  # In the order in which the log made them.

    def world(self, turn: int | None = None) -> list[Appended]:
        """All that the first `turn` rollbacks have left, and that came before the next; None: of all."""
        if not self.backs:
            return self.appended
        until = len(self.backs) if turn is None else turn
        found = []
        for batch in self.appended:
            if batch.turn <= until:
                end = min((back.address for back in self.backs[batch.turn : until]), default=inf)
                found.append(batch._replace(entries=tuple(each for each in batch.entries if each[0] < end)))
        return [each for each in found if each.entries]

    def owed(self, index: int) -> Told:
        """All that was acknowledged by this index of the trace."""
        known = [each for each in self.told if each.at <= index]
        progress: dict[str, int] = {}
        for each in known:
            for name, address in each.progress.items():
                progress[name] = max(address, progress.get(name, 0))
        end = max((each.end for each in known), default=0)
        number = max((each.number for each in known), default=0)
        begin = max((each.begin for each in known), default=0)
        return Told(index, end, number, begin, progress)


def judge_addresses(appended: Iterable[Appended]) -> Verdict:
    """Judge the addresses alone: each once, batches in order, and appends in the order of their calls."""
    batches = sorted((each for each in appended if each.entries), key=lambda each: each.entries[0][0])
    last, begun = -1, -inf
    for batch in batches:
        for address, data in batch.entries:
            if address <= last:
                return Violation(ORACLE, Breach.WRONG_RESULT, f"{_short(data)} at {address}, behind {last}")
            last = address
        if batch.returned < begun:
            detail = f"{_short(batch.entries[0][1])} at {last} stands behind what was appended later"
            return Violation(ORACLE, Breach.WRONG_RESULT, detail)
        begun = max(begun, batch.invoked)
    return OK


def judge_entries(
    appended: Iterable[Appended], begin: int, end: int, found: Sequence[tuple[int, bytes]]
) -> Verdict:
    """Judge a list of entries: those that were appended with an address in [begin, end), and no others."""
    expected = {at: data for each in appended for at, data in each.entries if begin <= at < end}
    if [address for address, _ in found] != sorted({address for address, _ in found}):
        return Violation(ORACLE, Breach.WRONG_RESULT, f"entries out of order: {[at for at, _ in found]}")
    for address, data in found:
        if address not in expected:
            where = f"{_short(data)} at {address}, in [{begin}, {end})"
            return Violation(ORACLE, Breach.PHANTOM, f"{where}: nobody appended it")
        if expected[address] != data:
            detail = f"address {address}: expected {_short(expected[address])}, found {_short(data)}"
            return Violation(ORACLE, Breach.WRONG_VALUE, detail)
    missing = sorted(expected.keys() - {address for address, _ in found})
    if missing:
        detail = f"{_short(expected[missing[0]])} at {missing[0]}, in [{begin}, {end}), is not there"
        return Violation(ORACLE, Breach.HOLE, detail)
    return OK


def judge_left(appends: Appends, index: int, left: Left) -> Verdict:
    """Judge what was recovered of a content that is legal at this index of the trace."""
    owed = appends.owed(index)
    if left.end < owed.end or left.number < owed.number:
        detail = f"acknowledged commit {owed.number} to {owed.end}, recovered {left.number} to {left.end}"
        return Violation(ORACLE, Breach.LOST_ACK, detail)
    if left.begin < owed.begin:
        return Violation(ORACLE, Breach.LOST_ACK, f"begin {left.begin}, acknowledged {owed.begin}")
    for name, address in owed.progress.items():
        if left.progress.get(name, 0) < address:
            detail = f"{name} is done below {left.progress.get(name, 0)}, acknowledged {address}"
            return Violation(ORACLE, Breach.LOST_ACK, detail)
    most = max((begin for at, begin in appends.asked if at <= index), default=0)
    if left.begin > most:
        return Violation(ORACLE, Breach.PHANTOM, f"begin {left.begin}, asked for {most}")
    for name, address in left.progress.items():
        said = max((far for at, whose, far in appends.said if whose == name and at <= index), default=0)
        if address > said:
            return Violation(ORACLE, Breach.PHANTOM, f"{name} is done below {address}, has said {said}")
    verdict: Verdict = OK
    for turn in range(len(appends.backs) + 1):
        if turn < len(appends.backs) and appends.backs[turn].at <= index:
            continue
        verdict = _judge_world([each for each in appends.world(turn) if each.at <= index], left)
        if verdict == OK:
            break
    return verdict


def _judge_world(issued: list[Appended], left: Left) -> Verdict:
    for batch in issued:
        addresses = [address for address, _ in batch.entries]
        if 0 < bisect_right(addresses, left.end - 1) < len(addresses):
            detail = f"a batch from {addresses[0]} to {addresses[-1]} is in a commit to {left.end} in part"
            return Violation(ORACLE, Breach.HOLE, detail)
    return judge_entries(issued, left.begin, left.end, left.entries)


def _short(data: bytes) -> str:
    return repr(data.rstrip(b".").decode(errors="replace"))
