"""Schedules: every order in which tasks can run, chosen, recorded, replayed, searched.

codes        numbers for marks, locks and words, and what they stand for
record       what happened under one schedule; a schedule as ints
strategies   which schedule to run next: replay, random walk, POS
sliding      whom a record left out, and of whom it tells that he would have changed nothing
bounded      every schedule of few preemptions
task, lock   what the scheduler juggles
outside      the calls that wait while none of its tasks runs
news         when a condition is worth asking again
tasks        the Scheduler: a Runtime whose tasks take turns
exploration  a program under many schedules; the first finding, its shortest schedule
"""

from __future__ import annotations

from .bounded import Bounded
from .exploration import (
    Begun,
    Exploration,
    Finding,
    Program,
    Repeated,
    explore,
    replay_schedule,
    shrink_switches,
)
from .record import Record, decode, encode
from .strategies import Choices, Pos, RandomWalk, Replay, Strategy
from .tasks import STEPS_MAX, Scheduler

__all__ = [
    "STEPS_MAX",
    "Begun",
    "Bounded",
    "Choices",
    "Exploration",
    "Finding",
    "Pos",
    "Program",
    "RandomWalk",
    "Record",
    "Repeated",
    "Replay",
    "Scheduler",
    "Strategy",
    "decode",
    "encode",
    "explore",
    "replay_schedule",
    "shrink_switches",
]
