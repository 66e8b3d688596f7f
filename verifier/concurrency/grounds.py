"""Grounds: where the runs of a program begin, and how each of them is begun there.

The operations before FORK run alone, so what they leave is the same for every schedule, and for every program
that has the same ones in the same geometry. It is built once, and put back (`rewinding`) before each run.

Invariant: a run that begins on a ground has the record, the results and the verdict of one that builds its
own store; a finding is confirmed by a program that does.

Threads: one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from ..rewinding import Snapshot
from ..tapes.tape import Era, Kind, Operation, Tape
from .ends import Kept, forget_recoveries
from .lanes import SessionsProgram, created, split
from .schedule import Begun, Repeated, Scheduler

__all__ = ["forget", "ground_of", "prepare", "repeated"]

_GROUNDS: Final = 32  # Settings times geometries of a search, that are kept.
_FORK: Final = Operation(Kind.FORK)


class _Ground(NamedTuple):
    """The state when the operations before FORK have ended: where many programs begin."""

    program: SessionsProgram
    scheduler: Scheduler
    snapshot: Snapshot


def repeated(tape: Tape, kept: Kept) -> Repeated:
    """The tape's last program, for many runs."""

    def begin() -> Begun:
        ground = _ground(*ground_of(tape))
        ground.snapshot.rewind()
        program = SessionsProgram(tape, kept)
        program.stand_on(ground.program)
        return Begun(program, ground.scheduler, program.fork(ground.scheduler))

    return Repeated(lambda: SessionsProgram(tape, kept), begin, kept)


def ground_of(tape: Tape) -> tuple[str, tuple[Operation, ...]]:
    """The name of the state in which the tape's sessions begin: programs of equal names share it."""
    return tape.geometry, tuple(split(tape.eras[-1].program)[0])


def prepare(tape: Tape) -> None:
    """Build anew where the tape's sessions begin, with nothing that was kept from other programs."""
    forget()
    _ground(*ground_of(tape))


def forget() -> None:
    """Build and recover anew what is asked for next: where it counts which code a program runs."""
    created.cache_clear()
    _ground.cache_clear()
    forget_recoveries()


@lru_cache(maxsize=_GROUNDS)
def _ground(geometry: str, before: tuple[Operation, ...]) -> _Ground:
    program = SessionsProgram(Tape((Era((*before, _FORK)),), geometry))
    scheduler = Scheduler()
    program.open(scheduler)
    return _Ground(program, scheduler, Snapshot((program, scheduler)))
