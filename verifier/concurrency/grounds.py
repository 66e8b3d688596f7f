"""Grounds: where the runs of a program begin, and how each of them is begun there.

The operations before FORK run alone, so what they leave is the same for every schedule, and for every program
that has the same ones in the same geometry. It is built once, and put back (`rewinding`) before each run.

Invariant: a run that begins on a ground has the record, the results and the verdict of one that builds its
own store; a finding is confirmed by a program that does.

Threads: one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple, Protocol

from ..rewinding import Snapshot
from ..tapes.tape import APPENDERS, Era, Kind, Operation, Tape
from .appenders import AppendersProgram
from .appending import LogCall
from .calls import Call, Listing
from .ends import Kept, forget_recoveries
from .lanes import SessionsProgram, SessionsRun, created, split
from .schedule import Begun, Program, Repeated, Scheduler, replay_schedule

__all__ = ["forget", "ground_of", "play_beside", "program_of", "repeated"]

_GROUNDS: Final = 32  # Settings times geometries of a search, that are kept.
_FORK: Final = Operation(Kind.FORK)


class BesideProgram(Program, Protocol):
    """A tape's last program as tasks of a scheduler."""

    alone: int

    @property
    def calls(self) -> Sequence[Call | LogCall]: ...

    @property
    def listings(self) -> Sequence[Listing]: ...

    def open(self, scheduler: Scheduler) -> None:
        """Build the store, and run what comes before."""

    def stand_on(self, ground: Any) -> None:
        """Go on from what another of its kind has opened, with the same operations before."""

    def fork(self, scheduler: Scheduler) -> Sequence[Callable[[], object]]:
        """Hand out the tasks."""


class _Ground(NamedTuple):
    """The state when the operations before FORK have ended: where many programs begin."""

    program: BesideProgram
    scheduler: Scheduler
    snapshot: Snapshot


def program_of(tape: Tape, kept: Kept | None = None) -> BesideProgram:
    """The tape's last program, for one run."""
    return AppendersProgram(tape, kept) if tape.subject == APPENDERS else SessionsProgram(tape, kept)


def play_beside(tape: Tape) -> SessionsRun:
    """Run the tape's last program under its schedule."""
    programs: list[BesideProgram] = []

    def make() -> BesideProgram:
        programs.append(program_of(tape))
        return programs[-1]

    record, verdict = replay_schedule(make, tape.eras[-1].switches)
    last = programs[-1]
    return SessionsRun(tape, record, last.calls, last.listings, last.alone, verdict)


def repeated(tape: Tape, kept: Kept) -> Repeated:
    """The tape's last program, for many runs."""

    def begin() -> Begun:
        ground = _ground(*ground_of(tape))
        ground.snapshot.rewind()
        program = program_of(tape, kept)
        program.stand_on(ground.program)
        return Begun(program, ground.scheduler, program.fork(ground.scheduler))

    return Repeated(lambda: program_of(tape, kept), begin, kept)


def ground_of(tape: Tape) -> tuple[str, str, tuple[Operation, ...]]:
    """The name of the state in which the tape's sessions begin: programs of equal names share it."""
    return tape.subject, tape.geometry, tuple(split(tape.eras[-1].program)[0])


def forget() -> None:
    """Build and recover anew what is asked for next: where it counts which code a program runs."""
    created.cache_clear()
    _ground.cache_clear()
    forget_recoveries()


@lru_cache(maxsize=_GROUNDS)
def _ground(subject: str, geometry: str, before: tuple[Operation, ...]) -> _Ground:
    program = program_of(Tape((Era((*before, _FORK)),), geometry, subject=subject))
    scheduler = Scheduler()
    program.open(scheduler)
    return _Ground(program, scheduler, Snapshot((program, scheduler)))
