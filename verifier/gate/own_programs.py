"""The programs of a gate of one's own: operations on keys for a store, entries for a log.

Invariant: equal kinds and equal generators give equal programs.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final, Protocol

from ..finders.continuations import continuations, log_continuations
from ..tapes.appended import faulted_logs, random_log, repeated_logs, rotten_log, small_logs
from ..tapes.programs import random_program, small_programs
from ..tapes.tape import Kind, Operation

__all__ = ["Programs", "programs_of"]

Program = tuple[Operation, ...]
_UPSERT, _CHECKPOINT, _RMW = Operation(Kind.UPSERT), Operation(Kind.CHECKPOINT), Operation(Kind.RMW)


class Programs(Protocol):
    """All programs for one kind of store.

    rotten  a program whose files are damaged
    extra   steps more than a store's that make a small program: a log has one session, and no keys
    """

    extra: int
    rotten: Program
    faulted: tuple[Program, ...]

    def small(self, steps: int) -> Iterator[Program]:
        """Every one of at most so many steps."""

    def repeated(self, steps: int, length: int) -> Iterator[Program]:
        """A few longer ones, about one thing each."""

    def drawn(self, random: Random, length: int) -> Program:
        """One of this length."""

    def killed(self, steps: int, random: Random, count: int, length: int) -> Iterator[Program]:
        """Those that a process is killed in, so many random ones among them."""

    def continued(self, more: int) -> tuple[Program, ...]:
        """Those that follow a recovery."""


class _StorePrograms:
    extra: int = 0
    rotten: Program = (_UPSERT, _CHECKPOINT, Operation(Kind.UPSERT, 0, 1), _CHECKPOINT)
    faulted: tuple[Program, ...] = (
        (_UPSERT, _CHECKPOINT, _RMW, _CHECKPOINT),
        (_UPSERT, _CHECKPOINT, Operation(Kind.REOPEN), _RMW),
    )

    def small(self, steps: int) -> Iterator[Program]:
        return small_programs(steps)

    def repeated(self, steps: int, length: int) -> Iterator[Program]:
        for writes in range(steps + 1, length + 1):
            yield (*[Operation(Kind.UPSERT, 0, number % 2) for number in range(writes)], _CHECKPOINT)

    def drawn(self, random: Random, length: int) -> Program:
        return random_program(random, length)

    def killed(self, steps: int, random: Random, count: int, length: int) -> Iterator[Program]:
        yield from small_programs(steps)
        yield from self.faulted
        yield from (self.drawn(random, length) for _ in range(count))

    def continued(self, more: int) -> tuple[Program, ...]:
        return continuations(more)


class _LogPrograms:
    extra: int = 1

    def __init__(self, kinds: frozenset[Kind]) -> None:
        self._kinds = kinds
        self.rotten = rotten_log(kinds)
        self.faulted = tuple(faulted_logs(kinds))

    def small(self, steps: int) -> Iterator[Program]:
        return small_logs(steps + self.extra, self._kinds)

    def repeated(self, steps: int, length: int) -> Iterator[Program]:
        return repeated_logs(steps + self.extra + 1, length, self._kinds)

    def drawn(self, random: Random, length: int) -> Program:
        return random_log(random, length, self._kinds)

    def killed(self, steps: int, random: Random, count: int, length: int) -> Iterator[Program]:
        # What is dropped from the end begins a life, and a process that is killed in one tells of its own.
        kinds = self._kinds - {Kind.ROLLBACK}
        yield from small_logs(steps + self.extra, kinds)
        yield from faulted_logs(kinds)
        yield from (random_log(random, length, kinds) for _ in range(count))

    def continued(self, more: int) -> tuple[Program, ...]:
        return log_continuations(more, self._kinds)


_STORES: Final = _StorePrograms()


def programs_of(kinds: frozenset[Kind]) -> Programs:
    """The programs for a store, or a log, that takes these."""
    return _LogPrograms(kinds) if Kind.ENQUEUE in kinds else _STORES
