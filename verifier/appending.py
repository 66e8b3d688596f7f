"""LogMachine: the bench for an append-only log of one's own.

    class Appended(LogMachine):
        def make_log(self, device):   # opens: creates on an empty device, recovers on any other
            return Log(device)        # append(entry), commit(), entries(), close()

    TestLog = Appended.TestCase

The model is the list of what was appended, with the points up to which a commit has returned. After every
power cut, inside every recovery too, the log holds the first N entries that were appended, in order, each as
it was: N is no less than the newest commit that returned, and no more than what was appended.

    append(entry)       bytes that no other entry has; what it returns is not looked at
    append_many(list)   where there is one: all of them or none, after any crash
    commit()            all that was appended is durable on return
    entries()           all that it holds, oldest first: before a crash what was appended, committed or not
    close()             a clean end; it need not commit

Threads: none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import ClassVar, Final, Protocol, cast

from hypothesis import strategies as st
from hypothesis.stateful import rule

from powercut.faultfs import FaultDevice

from .errors import SubjectError
from .machine import StoreMachine
from .spec.model import MARKS, Issued
from .spec.spec import Spec
from .spec.subject import Subject
from .tapes.operations import batch_of
from .tapes.tape import SIZES, Kind, Operation

__all__ = ["AppendOnly", "LogMachine"]

_KINDS: Final = frozenset({Kind.ENQUEUE, Kind.ENQUEUE_MANY, Kind.CHECKPOINT, Kind.REOPEN})


_NUMBERED: Final = re.compile(rb"\d+(\D)(\d+);\.*(\d*)")


class AppendOnly(Protocol):
    """A log of one's own."""

    def append(self, entry: bytes) -> object:
        """Take an entry."""

    def commit(self) -> object:
        """Make all that was appended durable."""

    def entries(self) -> Iterable[bytes]:
        """All entries, oldest first."""

    def close(self) -> object:
        """End cleanly."""


class _Appended:
    """A log as a subject: its entries stand in the model's dict under themselves, without their padding."""

    spec = Spec(kinds=_KINDS)

    def __init__(self, log: AppendOnly) -> None:
        for name in ("append", "commit", "entries", "close"):
            if not callable(getattr(log, name, None)):
                raise SubjectError(f"the log {type(log).__qualname__} has no {name}()")
        self._log = log
        self._many = getattr(log, "append_many", None)

    def apply(self, issued: Issued) -> None:
        if issued.kind is Kind.ENQUEUE:
            self._log.append(issued.value)
        elif self._many is not None:
            self._many(batch_of(issued.value))
        else:
            raise SubjectError(f"the log {type(self._log).__qualname__} has no append_many()")

    def checkpoint(self) -> None:
        self._log.commit()

    def read_all(self) -> dict[bytes, bytes]:
        found = [bytes(entry) for entry in self._log.entries()]
        content = {entry.rstrip(b"."): entry for entry in found}
        if len(content) < len(found) or found != sorted(found, key=_place):
            raise AssertionError(f"the entries are out of order, or twice: {found}")
        return content

    def close(self) -> None:
        self._log.close()


def _place(entry: bytes) -> tuple[int, int, int]:
    """The place of an entry: recoveries before it, its serial, and where it stands in its batch."""
    numbered = _NUMBERED.fullmatch(entry)
    if numbered is None:
        raise AssertionError(f"an entry {entry!r} that nobody appended")
    return MARKS.index(numbered[1]), int(numbered[2]), int(numbered[3] or b"0")


class LogMachine(StoreMachine):
    """Override `make_log`; `kinds` without ENQUEUE_MANY for a log that takes no batches."""

    kinds: ClassVar[Collection[Kind]] = _KINDS - {Kind.ENQUEUE_MANY}
    sessions: ClassVar[int] = 1
    keys: ClassVar[int] = 1
    more: ClassVar[int] = -1  # What goes on behind a crash is a rule's: its entries have to be others.
    spec: Spec = _Appended.spec

    def make_log(self, device: FaultDevice) -> AppendOnly:
        """Open the log on the device; called again after every clean close and every power cut."""
        raise SubjectError(f"{type(self).__qualname__} does not override make_log(device)")

    def make_store(self, device: FaultDevice) -> Subject:
        return cast("Subject", _Appended(self.make_log(device)))

    @rule(size=st.integers(0, SIZES - 1))
    def append(self, size: int) -> None:
        """One entry."""
        self.give(Operation(Kind.ENQUEUE, 0, 0, size))

    @rule(size=st.integers(0, SIZES - 1))
    def append_many(self, size: int) -> None:
        """Three entries at once, where the log takes batches."""
        if Kind.ENQUEUE_MANY in self.kinds:
            self.give(Operation(Kind.ENQUEUE_MANY, 0, 0, size))
