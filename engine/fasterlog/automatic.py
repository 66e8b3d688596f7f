"""Commits by themselves: a worker that makes one when time has passed, or enough was appended.

Invariants
  1  nothing new, no commit; where nothing came for `seconds` after one, the root confirms it, once
  2  an entry is in a commit that begins at most `seconds` after it, or as soon as so many bytes or entries
     were appended after the last, unless one fails

Threads: as of a `Worker`; `appended` under the log's lock.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from numbers import Integral
from typing import ClassVar

from ..arguments import seconds_of
from ..errors import EngineError, OperationError
from ..shared.worker import Worker
from .source import Source

__all__ = ["AutoCommit", "CommitEvery", "commit_every_of"]


@dataclass(frozen=True, slots=True)
class CommitEvery:
    """When a commit is due: after so many seconds, bytes or entries; None: never for that."""

    seconds: float | None
    bytes: int | None
    entries: int | None


def commit_every_of(seconds: object, count: object, entries: object) -> CommitEvery | None:
    """The setting; None where none is given. Raises OperationError."""
    given = seconds_of(seconds, "seconds")
    if given is not None and not (given > 0 and isfinite(given)):
        raise OperationError(f"seconds is {seconds!r}: expected more than 0, or None")
    every = CommitEvery(given, _number("bytes", count), _number("entries", entries))
    return None if every == CommitEvery(None, None, None) else every


def _number(name: str, given: object) -> int | None:
    if given is None:
        return None
    number = int(given) if type(given) is not bool and isinstance(given, Integral) else 0
    if number < 1:
        raise OperationError(f"{name} is {given!r}: expected 1 or more, or None")
    return number


class AutoCommit(Worker):
    """The worker of one log."""

    what: ClassVar[str] = "commit"
    no_thread: ClassVar[type[EngineError]] = OperationError

    def __init__(self, source: Source) -> None:
        super().__init__(source.parts.disk)
        self._source = source
        self._every: CommitEvery | None = None
        self._last = -1  # Where the newest commit ended when it looked last.
        self._since = 0.0  # When that was first seen.

    @property
    def every(self) -> CommitEvery | None:
        """When a commit is due; None where it is off."""
        return self._every

    def start(self, every: CommitEvery) -> None:
        """Commit from now on, or otherwise than before."""
        with self._guard:
            self._every = every
            self.ring()
            if self.is_driven:
                return
        self.run()

    def begin(self) -> None:
        self._last = -1
        self._look_at_last()

    def end(self) -> None:
        self._every = None

    def appended(self) -> None:
        """Have it look, if so much was appended that a commit is due."""
        every = self._every
        if every is not None and self._is_much(every):
            self.ring()

    def round(self) -> bool:
        """Commit if it is due; whether one was made. Raises DeviceError, PoisonedError."""
        every, source = self._every, self._source
        self._look_at_last()
        if every is None or self.is_waiting:
            return False
        is_late = every.seconds is not None and self.runtime.now() - self._since >= every.seconds
        with source.lock:
            is_new, wanted = source.has_news, source.tail.at
            is_due = is_new and (is_late or self._is_much(every))
        if is_due:
            source.groups.commit(wanted, None)
            self._look_at_last()
        elif is_late and not is_new:
            source.groups.confirm_last()
        return is_due

    def _is_much(self, every: CommitEvery) -> bool:
        """True if a commit is due for the bytes or the entries that were appended."""
        tail = self._source.tail
        is_long = every.bytes is not None and tail.pending_bytes >= every.bytes
        return is_long or (every.entries is not None and tail.pending_entries >= every.entries)

    def _look_at_last(self) -> None:
        end = self._source.groups.last.end
        if end != self._last:
            self._last, self._since = end, self.runtime.now()
            self.made()

    def next_look(self) -> float | None:
        """The time of the next look: bytes and entries ring."""
        every, now = self._every, self.runtime.now()
        if every is None or every.seconds is None:
            return None
        left = self._since + every.seconds - now
        return now + (left if left > 0 else every.seconds)
