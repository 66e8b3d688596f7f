"""Append-only logs as subjects: the model of one is the dict of its entries, each under itself.

    append(entry)        bytes that no other entry has; what it returns is not looked at
    commit()             all that was done is durable on return
    entries()            all that it holds, oldest first: before a crash what was appended, committed or not
    close()              a clean end; it need not commit

    append_many(list)    where there is one: all of them or none, after any crash
    drop_oldest(count)   where there is one: so many entries, which commits have had, go from the front. They
                         are read no more, and come back after no crash once a commit has returned; until then
                         a crash may leave any number of them gone, the oldest first
    drop_newest(count)   where there is one: so many entries, which no commit has had, go from the end. They
                         come back after no crash once it has returned

After every power cut, inside every recovery too, the log holds the first N entries that were appended, in
order, each as it was, but for those at the front that were dropped: N is no less than what the newest commit
that returned had, and no more than what was appended. What an opening shows, it may not lose.

Invariants
  1  a log that has not a method is not asked for it; a public name a letter away from one is an error
  2  what the wrapper knows is a function of what it was given and of what the log reads

Threads: none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, Protocol

from ..errors import SubjectError
from ..tapes.operations import BATCH, batch_of
from ..tapes.tape import Kind, Operation
from .model import MARKS, Issued
from .spelling import is_misspelt
from .subject import Subject, Truncation

__all__ = ["KINDS", "AppendOnly", "Appended", "EntriesError", "appended", "is_log", "kinds_of"]

_NEEDED: Final = ("append", "commit", "entries", "close")
_OFFERED: Final = {
    "append_many": Kind.ENQUEUE_MANY,
    "drop_oldest": Kind.TRUNCATE_AT,
    "drop_newest": Kind.ROLLBACK,
}
_ALWAYS: Final = frozenset({Kind.ENQUEUE, Kind.CHECKPOINT, Kind.REOPEN})
KINDS: Final = _ALWAYS | frozenset(_OFFERED.values())  # All that a log may take.
_NUMBERED: Final = re.compile(rb"\d+(\D)(\d+);\.*(\d*)")
_TOLD: Final = 24
_checked: set[type] = set()
Place = tuple[int, int, int]


class EntriesError(Exception):
    """Entries that nobody appended, or out of order, or twice."""


class AppendOnly(Protocol):
    """A log of one's own."""

    def append(self, entry: bytes) -> object:
        """Take an entry."""

    def commit(self) -> object:
        """Make all that was done durable."""

    def entries(self) -> Iterable[bytes]:
        """All entries, oldest first."""

    def close(self) -> object:
        """End cleanly."""


def is_log(found: object) -> bool:
    """True for a log, or a class of logs; not for a store that has operations on keys."""
    return all(callable(getattr(found, name, None)) for name in _NEEDED[:3]) and not hasattr(found, "apply")


def kinds_of(log: object) -> frozenset[Kind]:
    """The operations that this log, or class of logs, takes."""
    return _ALWAYS | {kind for name, kind in _OFFERED.items() if callable(getattr(log, name, None))}


def appended(log: Any) -> Subject:
    """The log on the bench. Raises SubjectError for what is none."""
    _check(type(log))
    made: Subject = _class_of(kinds_of(log))(log)
    return made


def _check(kind: type) -> None:
    """Refuse a class that lacks a method, or has one that is misspelt. Invariant 1."""
    if kind in _checked:
        return
    named = kind.__qualname__
    for name in _NEEDED:
        if not callable(getattr(kind, name, None)):
            raise SubjectError(f"the log {named} has no {name}()")
    for name in dir(kind):
        for meant in _OFFERED:
            if not hasattr(kind, meant) and is_misspelt(name, meant):
                raise SubjectError(f"the log {named} has {name}: is {meant} meant? Else name it otherwise")
    _checked.add(kind)


class Appended:
    """A log as a subject: its entries stand in the model's dict under themselves, without their padding."""

    def __init__(self, log: Any) -> None:
        self.log = log
        self._last = 0  # Serial of the newest operation that was given,
        self._had: int | None = (
            None  # and of the one that the last commit had; None: what was found, is durable.
        )

    def apply(self, issued: Issued) -> None:
        if self._had is None:
            self._had = issued.serial - 1
        self._last = issued.serial
        if issued.kind is Kind.ENQUEUE:
            self.log.append(issued.value)
        else:
            self.log.append_many(batch_of(issued.value))

    def checkpoint(self) -> None:
        self.log.commit()
        if self._had is not None:
            self._had = self._last

    def read_all(self) -> dict[bytes, bytes]:
        found = [bytes(entry) for entry in self.log.entries()]
        content = {entry.rstrip(b"."): entry for entry in found}
        if len(content) < len(found) or found != sorted(found, key=_place):
            raise EntriesError(f"out of order, or twice: {', '.join(map(_told, found))}")
        return content

    def close(self) -> None:
        self.log.close()

    @property
    def offered(self) -> frozenset[Kind]:
        """The operations that the log takes."""
        return kinds_of(self.log)

    def _groups(self, *, durable: bool) -> list[list[bytes]]:
        """The entries of each operation that a commit has had, or that none has; without their padding."""
        groups: dict[int, list[bytes]] = {}
        for key, entry in self.read_all().items():
            serial = _place(entry)[1]
            if durable == (self._had is None or serial <= self._had):
                groups.setdefault(serial, []).append(key)
        return list(groups.values())


class _Truncating(Appended):
    """A log that drops its oldest entries."""

    def plan_truncation(self, operation: Operation) -> Truncation:
        """All that commits have had goes, or the oldest operation's, or all but the newest's, or half."""
        groups = self._groups(durable=True)
        count = len(groups)
        gone = groups[: (count, 1, max(0, count - 1), count // 2)[operation.size % 4]]
        first = min(map(_begin, self.read_all().values()), default=0)
        ways = tuple((_begin(key) + 1, frozenset({key})) for group in gone for key in group)
        expected = ways[-1][0] if ways else first
        return Truncation(first, first, expected, frozenset().union(*(keys for _, keys in ways)), ways)

    def truncate_at_once(self, operation: Operation) -> tuple[int, None]:
        planned = self.plan_truncation(operation)
        if planned.ways:
            self.log.drop_oldest(len(planned.ways))
        return planned.expected, None


class _RollingBack(Appended):
    """A log that drops its newest entries."""

    def roll_back(self, operation: Operation) -> Mapping[int, int] | None:
        """All that no commit has had goes, or the last operation's, or the second half, or nothing."""
        groups = self._groups(durable=False)
        count = len(groups)
        kept = (0, max(0, count - 1), count // 2, count)[operation.size % 4]
        if kept == count or self._had is None:
            return None
        self.log.drop_newest(sum(map(len, groups[kept:])))
        self._last = _place(groups[kept - 1][0])[1] if kept else self._had
        return {0: self._last}


@cache
def _class_of(kinds: frozenset[Kind]) -> type[Any]:
    """The class of subjects with these capabilities: one that a subject has not it has no method of."""
    bases = [_Truncating] * (Kind.TRUNCATE_AT in kinds) + [_RollingBack] * (Kind.ROLLBACK in kinds)
    return type("Appended", tuple(bases) or (Appended,), {})


def _place(entry: bytes) -> Place:
    """The place of an entry: recoveries before it, its serial, and where it stands in its batch."""
    numbered = _NUMBERED.fullmatch(entry)
    if numbered is None:
        raise EntriesError(f"{_told(entry)} is an entry that nobody appended")
    return MARKS.index(numbered[1]), int(numbered[2]), int(numbered[3] or b"0")


def _told(entry: bytes) -> str:
    """An entry for people: what it begins with, and its length where that is not all."""
    return repr(entry) if len(entry) <= _TOLD else f"{entry[:_TOLD]!r}... of {len(entry)} bytes"


def _begin(entry: bytes) -> int:
    """The begin of a log whose first entry this is: it grows from entry to entry."""
    _, serial, number = _place(entry)
    return (serial - 1) * BATCH + number
