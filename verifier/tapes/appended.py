"""Programs of an append-only log of one's own, made of what that log takes.

    small     every sequence of the letters below that it takes, but for those in which a letter does nothing

    letters   an entry, a batch, a commit; the oldest operation's entries dropped, the newest operation's
              dropped; a clean reopening

Nothing is dropped from the front before a commit, from the end after one, and a commit follows something.

Invariant: the same programs for everybody whose logs take the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from random import Random
from typing import Final

from .tape import Kind, Operation

__all__ = ["faulted_logs", "random_log", "repeated_logs", "rotten_log", "small_logs"]

Program = tuple[Operation, ...]
_SHORT, _LONG = Operation(Kind.ENQUEUE), Operation(Kind.ENQUEUE, 0, 0, 2)
_MANY, _COMMIT, _REOPEN = Operation(Kind.ENQUEUE_MANY), Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN)
_OLDEST, _OLD = Operation(Kind.TRUNCATE_AT, 0, 0, 1), Operation(Kind.TRUNCATE_AT)
_ADDING: Final = frozenset({Kind.ENQUEUE, Kind.ENQUEUE_MANY})
_NEWEST: Final = Operation(Kind.ROLLBACK, 0, 0, 1)
_LETTERS: Final = (_SHORT, _MANY, _COMMIT, _OLDEST, _NEWEST, _REOPEN)
_DRAWN: Final = (*(_SHORT,) * 4, *(_LONG, _MANY) * 2, *(_COMMIT,) * 4, _OLDEST, _OLD, _NEWEST, _REOPEN)


def small_logs(steps: int, kinds: Collection[Kind]) -> Iterator[Program]:
    """Every program of at most so many steps that has something to do in each, the shortest first."""
    level: list[Program] = [()]
    yield from level
    for _ in range(steps):
        level = [
            (*program, letter) for program in level for letter in _LETTERS if _is_due(program, letter, kinds)
        ]
        yield from level


def _is_due(program: Program, letter: Operation, kinds: Collection[Kind]) -> bool:
    last = max((at for at, each in enumerate(program) if each.kind == Kind.CHECKPOINT), default=-1)
    if letter.kind not in kinds:
        return False
    if letter.kind == Kind.TRUNCATE_AT:
        return any(each.kind in _ADDING for each in program[: max(0, last)])
    if letter.kind == Kind.ROLLBACK:
        return any(each.kind in _ADDING for each in program[last + 1 :])
    if letter.kind in (Kind.CHECKPOINT, Kind.REOPEN):
        return not program or program[-1].kind != letter.kind
    return True


def repeated_logs(least: int, most: int, kinds: Collection[Kind]) -> Iterator[Program]:
    """Programs in which entry follows entry; and what lies before the last of them goes, or comes again."""
    for writes in range(least, most + 1):
        yield (*(_SHORT,) * writes, _COMMIT)
    for program in (
        (_SHORT, _COMMIT, _SHORT, _COMMIT, _OLDEST, _COMMIT, _SHORT, _COMMIT),
        (_LONG, _SHORT, _COMMIT, _OLDEST, _SHORT, _COMMIT, _REOPEN),
        (_SHORT, _COMMIT, _OLD, _SHORT, _COMMIT, _REOPEN),
        (_SHORT, _COMMIT, _LONG, _SHORT, _NEWEST, _SHORT, _COMMIT),
        (_SHORT, _COMMIT, _SHORT, _LONG, _NEWEST, _COMMIT, _REOPEN, _SHORT),
        (_MANY, _COMMIT, _MANY, _OLDEST, _COMMIT, _MANY),
        (
            _SHORT,
            _COMMIT,
            _LONG,
            _LONG,
            _SHORT,
        ),  # One goes over the edge of a sector, and one stands behind it.
    ):
        if all(each.kind in kinds for each in program):
            yield program


def random_log(random: Random, steps: int, kinds: Collection[Kind]) -> Program:
    """A program of so many steps, weighted."""
    return tuple(random.choice([each for each in _DRAWN if each.kind in kinds]) for _ in range(steps))


def faulted_logs(kinds: Collection[Kind]) -> Iterator[Program]:
    """Programs of which each call of the device is struck."""
    for program in (
        (_SHORT, _COMMIT, _LONG, _COMMIT),
        (_SHORT, _COMMIT, _REOPEN, _SHORT, _COMMIT),
        (_MANY, _COMMIT, _SHORT, _COMMIT),
        (_SHORT, _SHORT, _COMMIT, _OLDEST, _COMMIT, _SHORT),
        (_SHORT, _COMMIT, _SHORT, _NEWEST, _SHORT, _COMMIT),
    ):
        if all(each.kind in kinds for each in program):
            yield program


def rotten_log(kinds: Collection[Kind]) -> Program:
    """A program whose files are damaged."""
    return (_SHORT, _COMMIT, _LONG, _COMMIT, *((_MANY, _COMMIT) if Kind.ENQUEUE_MANY in kinds else ()))
