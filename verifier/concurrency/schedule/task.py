"""A task: a function on its way through a schedule, and the ticket of whoever submitted it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import greenlet

from ...faster.seams import InvariantError
from ...verdict import Breach, Violation
from .record import Record

__all__ = [
    "Call",
    "Task",
    "all_done",
    "carry_out",
    "failed",
    "idle_workers",
    "next_due",
    "tell_hang",
    "tell_waits",
    "work",
]

_SHOWN = 4  # Last points of a task in the report of a hang.

Call = Callable[[], object]


class Task:
    """A function on its way. `ready` is what a blocked task waits for; None: it can go on."""

    __slots__ = (
        *("deadline", "error", "greenlet", "has_begun", "held", "is_asking", "is_due", "is_ended", "job"),
        *("look", "moves", "number", "ready", "result_", "spins", "turn", "what"),
    )

    def __init__(self, look: Callable[[Task], None] | None = None) -> None:
        self.look = look  # Where somebody asks whether it has ended, others may go on before the answer.
        self.number = 0
        self.greenlet: greenlet.greenlet | None = None
        self.ready: Callable[[], bool] | None = None
        self.what = ""
        self.deadline: float | None = None
        self.job: Call | None = None
        self.has_begun = False
        self.is_ended = False
        self.is_due = False  # Its condition is to be asked, news or not.
        self.is_asking = False  # It asks a condition of its own.
        self.held = 0  # The point at which it was taken off: announced, and not carried out.
        self.turn = 0  # The turn it came to last, and how often in a row.
        self.spins = 0
        self.moves = 0  # What it did that others may be waiting for; counted roughly.
        self.result_: object = None
        self.error: Exception | None = None

    def done(self) -> bool:
        if self.look is not None:
            self.look(self)
        return self.is_ended

    def result(self) -> object:
        if self.error is not None:
            raise self.error
        return self.result_

    def in_line(self, spinner: int) -> tuple[bool, bool, bool]:
        """Its place where one has asked in vain: `spinner` comes last, before it who asks, and first who is
        next behind it.

        Else a task that spins and one that asks could go on by turns, and nobody else.
        """
        return self.number == spinner, isinstance(self.ready, partial), self.number <= spinner


def all_done(tasks: Sequence[Task]) -> Callable[[], bool]:
    """The question whether all have ended, at which nobody else goes on."""
    return lambda: all(task.is_ended for task in tasks)


def next_due(tasks: list[Task], clock: float) -> tuple[float, list[int]]:
    """The clock at the nearest deadline, and who is due then, by number."""
    deadlines = [(task.deadline, task.number) for task in tasks if task.deadline is not None]
    clock = max([clock, *([min(deadlines)[0]] if deadlines else [])])
    return clock, [number for deadline, number in deadlines if deadline <= clock]


def carry_out(task: Task, call: Call) -> None:
    try:
        task.result_ = call()
    except Exception as error:  # noqa: BLE001 (told by the run, or by whoever asks for the result)
        task.error = error
    task.is_ended = True


def failed(number: int, error: Exception) -> Violation:
    if isinstance(error, InvariantError):
        return Violation("structure", Breach.BROKEN_INVARIANT, f"task {number}: {error}")
    return Violation("model", Breach.ERROR, f"task {number}: {type(error).__name__}: {error}")


def tell_waits(tasks: list[Task]) -> str:
    """Say which task waits for what."""
    return "; ".join(f"task {task.number} waits for {task.what}" for task in tasks if task.ready)


def tell_hang(record: Record, tasks: list[Task]) -> str:
    """Say where the tasks that have not ended go in circles."""
    last = record.last_points(_SHOWN)
    told = [
        f"task {task.number} at {', '.join(last.get(task.number, []))}" for task in tasks if not task.ready
    ]
    return "; ".join(filter(None, (f"after {len(record.points)} points", *told, tell_waits(tasks))))


# A greenlet costs ten times as much to make as to switch to, so those that are done wait here for
# their next job. They can be switched to from the greenlet that made them only.
_IDLE: list[greenlet.greenlet] = []


def idle_workers(main: greenlet.greenlet) -> list[greenlet.greenlet]:
    """Workers that `main` made and that have nothing to do; take from it, and give back to it."""
    _IDLE[:] = [worker for worker in _IDLE if worker.parent is main and not worker.dead]
    return _IDLE


def work(job: Call) -> None:
    """A worker: one job after the other, each handed in by the switch that wakes it."""
    main = greenlet.getcurrent().parent
    assert main is not None
    while True:
        with suppress(greenlet.GreenletExit):
            job()
        job = main.switch()
