"""Heard: what tasks of a log side by side did and were told, and the verdict on it.

    addresses   in the order of the calls; a batch in one piece
    commits     rise; each has all that was appended before it, and no batch in part
    waiting     who waits for an entry is told of the commit that has it, of one that failed and should have
                had it, and that the log is closed
    reading     what was read is what was appended; every entry is handed out once by an iterator, and one
                that sees what is not committed hands out nothing that was dropped before it was asked
    dropping    no commit that was told is dropped
    the log     holds it all, and says of itself what it had told

Threads: one; tasks take turns.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

from ..faster.fasterlog.seams import FasterLog
from ..oracles.committed import ORACLE, Appends, judge_addresses, judge_entries
from ..verdict import OK, Breach, Verdict, Violation

__all__ = ["Glimpse", "Heard"]


class Glimpse(NamedTuple):
    """An entry that an iterator handed out which sees what is not committed, asked at a tick."""

    asked: float
    address: int
    data: bytes


@dataclass(slots=True)
class Heard:
    """All of one run; times are ticks. `verdict` is the first objection on the way."""

    appends: Appends = field(default_factory=Appends)
    commits: list[tuple[float, float, int, int]] = field(
        default_factory=list
    )  # Invoked, returned, number, end.
    missed: list[tuple[float, float, int]] = field(default_factory=list)  # Waits in vain: from, to, for what.
    seen: list[tuple[int, bytes]] = field(default_factory=list)  # Entries that were read.
    taken: dict[str, list[int]] = field(default_factory=dict)  # By iterator what it handed out.
    glimpsed: dict[int, list[Glimpse]] = field(default_factory=dict)  # By iterator.
    has_all: bool = False  # Of `glimpsed`: all that there was in the end.
    closed_at: float = inf
    failed: tuple[float, float] | None = None  # From when to when a commit was tried that failed.
    verdict: Verdict = OK

    def told(self) -> tuple[Hashable, ...]:
        """All that is judged, as a value."""
        appends = self.appends
        told = tuple((*each[:4], tuple(each.progress.items())) for each in appends.told)
        return (
            tuple(appends.appended),
            told,
            tuple(appends.asked),
            tuple(appends.said),
            tuple(appends.backs),
            tuple(map(tuple, self.glimpsed.values())),
            tuple(self.commits),
            tuple(self.missed),
            tuple(self.seen),
            tuple(map(tuple, self.taken.values())),
            self.verdict,
            self.closed_at,
            self.failed,
        )

    def judge(self, log: FasterLog, length: int, *, has_failed: bool) -> Verdict:
        """The verdict on all that was done, and on the log as it is; `has_failed` if the device has."""
        if self.verdict != OK:
            return self.verdict
        appended = self.appends.appended
        verdict: Verdict = OK
        for turn in range(len(self.appends.backs) + 1):
            verdict = verdict if verdict != OK else judge_addresses(self.appends.world(turn))
        if verdict == OK:
            verdict = self._judge_commits(log)
        if verdict == OK:
            verdict = self._judge_glimpsed()
        entries = {entry for batch in appended for entry in batch.entries}
        for entry in self.seen:
            if verdict == OK and entry not in entries:
                verdict = Violation(ORACLE, Breach.PHANTOM, f"{entry[1]!r} was read at {entry[0]}")
        if verdict == OK and log.automatic.failures and not has_failed:
            verdict = Violation("model", Breach.ERROR, f"the worker: {log.automatic.last_error}")
        if verdict != OK or self.closed_at < inf or log._source.has_ended():
            return verdict
        owed = self.appends.owed(length)
        committed, progress = log.committed, log.progress
        if committed.address < owed.end or log.begin < owed.begin or committed.number < owed.number:
            return Violation(ORACLE, Breach.LOST_ACK, f"{committed}, begin {log.begin}; told {owed}")
        for _, name, address in self.appends.said:
            if progress.get(name, 0) < address:
                detail = f"{name} has said {address}, and is done below {progress.get(name, 0)}"
                return Violation(ORACLE, Breach.WRONG_RESULT, detail)
        world = self.appends.world()
        verdict = judge_entries(world, log.begin, log.tail, list(log.scan(uncommitted=True)))
        if verdict == OK:
            verdict = judge_entries(world, log.begin, committed.address, list(log.scan()))
        return verdict

    def _judge_commits(self, log: FasterLog) -> Verdict:
        """Commits rise, have all that was appended before them, and whoever waited for one was told."""
        before = (0, 0)
        for commit in sorted((number, end) for _, _, number, end in self.commits):
            if commit != before and (commit[0] == before[0] or commit[1] < before[1]):
                return Violation(ORACLE, Breach.WRONG_SERIAL, f"commit {commit} after {before}")
            before = commit
        world = self.appends.world()
        for invoked, returned, number, end in self.commits:
            for back in self.appends.backs:
                if back.address < end and returned < back.asked:
                    detail = f"commit {number} to {end} was told, and {back.address} was dropped later"
                    return Violation(ORACLE, Breach.LOST_ACK, detail)
            for batch in world:
                held = sum(address < end for address, _ in batch.entries)
                if batch.returned < invoked and held < len(batch.entries):
                    detail = f"commit {number} to {end} has not all of what was appended before it"
                    return Violation(ORACLE, Breach.LOST_ACK, detail)
                if 0 < held < len(batch.entries):
                    return Violation(ORACLE, Breach.HOLE, f"commit {number} to {end} has a part of a batch")
            for _, gave_up, address in self.missed:
                if returned < gave_up and address < end:
                    detail = f"who waited for {address} was not told of commit {number} to {end}"
                    return Violation("progress", Breach.HANG, detail)
        for began, gave_up, address in self.missed:
            what = "the log was closed" if self.closed_at < gave_up else ""
            if self.failed is not None and self._was_held(address, self.failed[0]):
                what = what or "a commit had failed" * (began < self.failed[1] < gave_up)
            if what:
                return Violation(
                    "progress", Breach.HANG, f"who waited for {address} was not told that {what}"
                )
        return self._judge_taken(log.begin)

    def _judge_glimpsed(self) -> Verdict:
        """An iterator that sees what is not committed hands out each entry once, and all that stay."""
        appends = self.appends
        for seen in self.glimpsed.values():
            entries = [(glimpse.address, glimpse.data) for glimpse in seen]
            owed = {entry for batch in appends.world() for entry in batch.entries} if self.has_all else set()
            if len(set(entries)) < len(entries) or owed - set(entries):
                detail = f"handed out {[at for at, _ in entries]} of {sorted(at for at, _ in owed)}"
                return Violation(ORACLE, Breach.WRONG_RESULT, f"one that sees all has {detail}")
            for glimpse in seen:
                gone = sum(back.returned < glimpse.asked for back in appends.backs)
                there = {
                    e
                    for turn in range(gone, len(appends.backs) + 1)
                    for b in appends.world(turn)
                    for e in b.entries
                }
                if (glimpse.address, glimpse.data) not in there:
                    detail = f"{glimpse.data!r} at {glimpse.address} was handed out, and is not there"
                    return Violation(ORACLE, Breach.PHANTOM, detail)
        return OK

    def _was_held(self, address: int, by: float) -> bool:
        """True if the entry had been appended by then."""
        return any(
            batch.returned < by and address in [at for at, _ in batch.entries]
            for batch in self.appends.world()
        )

    def _judge_taken(self, truncated: int) -> Verdict:
        """Each iterator has handed out every entry once, from the begin on, but for those that are gone."""
        for name, taken in self.taken.items():
            begin = max((truncated, *(begin for _, begin in self.appends.asked)))
            ahead = {
                at for batch in self.appends.world() for at, _ in batch.entries if begin <= at <= max(taken)
            }
            if len(set(taken)) < len(taken) or ahead - set(taken):
                return Violation(
                    ORACLE, Breach.WRONG_RESULT, f"{name} has handed out {taken} of {sorted(ahead)}"
                )
        return OK
