"""LogMachine: the bench for an append-only log of one's own.

    class Appended(LogMachine):
        def make_log(self, device):   # opens: creates on an empty device, recovers on any other
            return Log(device)        # append(entry), commit(), entries(), close()

    TestLog = Appended.TestCase       # or in one: LogMachine.of(Log).TestCase

The model is the list of what was appended, with the points up to which a commit has returned. What a log may
have besides, and what is demanded of each method, stands in `spec.appended`; one that it has not is not asked
for.

Threads: none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, ClassVar, Self

import hypothesis.strategies as st
from hypothesis.stateful import precondition, rule

from powercut.faultfs import FaultDevice

from .errors import SubjectError
from .machine import StoreMachine
from .spec.appended import Appended, AppendOnly, appended
from .spec.spec import APPENDED, Spec, StoreMaker
from .spec.subject import Subject
from .tapes.tape import SIZES, Kind, Operation

__all__ = ["AppendOnly", "LogMachine"]

Rule = Callable[..., None]


def _takes(kind: Kind) -> Callable[[Rule], Rule]:
    return precondition(lambda machine: kind in machine.kinds and kind in machine.offered)


class LogMachine(StoreMachine):
    """Override `make_log`; `kinds` without ENQUEUE_MANY for a log of which a crash may leave half a batch."""

    kinds: ClassVar[Collection[Kind]] = APPENDED.kinds
    sessions: ClassVar[int] = 1
    keys: ClassVar[int] = 1
    spec: Spec = APPENDED

    def make_log(self, device: FaultDevice) -> AppendOnly:
        """Open the log on the device; called again after every clean close and every power cut."""
        raise SubjectError(f"{type(self).__qualname__} does not override make_log(device)")

    def make_store(self, device: FaultDevice) -> Subject:
        return appended(self.make_log(device))

    @classmethod
    def of(cls, make_store: Any, **settings: object) -> type[Self]:
        """A machine for the log that `make_store` opens; as for a store."""
        spec = StoreMaker.of(make_store).spec
        if Kind.ENQUEUE not in spec.kinds:  # Of a function nothing tells what it makes.
            spec = APPENDED.refusing(getattr(make_store, "refusals", ()))
        return super().of(make_store, **{"spec": spec, **settings})

    @property
    def store(self) -> Any:
        """The open log, for rules of one's own; what those do is searched, and not on the tape."""
        assert isinstance(self._world.subject, Appended)
        return self._world.subject.log

    @property
    def offered(self) -> frozenset[Kind]:
        """The operations that the open log takes."""
        assert isinstance(self._world.subject, Appended)
        return self._world.subject.offered

    @rule(size=st.integers(0, SIZES - 1))
    def append(self, size: int) -> None:
        """One entry."""
        self.give(Operation(Kind.ENQUEUE, 0, 0, size))

    @_takes(Kind.ENQUEUE_MANY)
    @rule(size=st.integers(0, SIZES - 1))
    def append_many(self, size: int) -> None:
        """Three entries at once."""
        self.give(Operation(Kind.ENQUEUE_MANY, 0, 0, size))

    @_takes(Kind.TRUNCATE_AT)
    @rule(size=st.integers(0, 3))
    def drop_oldest(self, size: int) -> None:
        """Entries that commits have had: all, one operation's, all but one's, or half."""
        self.give(Operation(Kind.TRUNCATE_AT, 0, 0, size))

    @_takes(Kind.ROLLBACK)
    @rule(size=st.integers(0, 2))
    def drop_newest(self, size: int) -> None:
        """Entries that no commit has had: all, the last operation's, or half."""
        self.give(Operation(Kind.ROLLBACK, 0, 0, size))
