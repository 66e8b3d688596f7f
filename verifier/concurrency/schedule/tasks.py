"""The scheduler: a Runtime whose tasks take turns, one at a time, in an order that is chosen.

A task is a plain function in a greenlet. It arrives at a point before every access to a word of a
shared space, at every `turn`, before it takes a lock, waits or submits, and where it ends. At a
point the strategy may let another task go on; if it does nothing, the running task goes on, and
where it cannot, the lowest-numbered one that can. A submitted call is a task of its own, with the
next number: by default it runs when nobody else can.

Invariants
  1  one task runs at a time; between two of its points nothing else happens
  2  equal tasks and equal choices give equal records: no clock, no thread, no chance here
  3  the clock stands still while any task can go on, then jumps to the nearest deadline
  4  nobody can go on, no deadline left, some not ended: DEADLOCK; `steps_max` points: HANG
  5  a task that passed `patience` points in a row, or came to the same turn five times with no other
     between, gives way to the next by number, and where that one asks in vain to the next behind it:
     whoever polls for what another must do is no hang, and whoever polls for nothing is
  6  a condition handed to `until` is asked in its own task, with points of its own, and again only
     when others have moved, those first who do not ask; before a deadlock is told, all ask again

Outside `run` there is one task, the caller: a lock is free, submitted calls run when waited for.
Threads: one; the turn hook of `powercut.engine.kernels.atomics` is a global.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

import greenlet

from ...faster.seams import Ticket, atomics
from ...verdict import OK, Breach, Verdict, Violation
from .codes import MARK_END, Codes
from .lock import Lock
from .news import News
from .outside import Outside
from .record import Record
from .strategies import NEVER, Choices, Replay, Sampled
from .task import Call, Task, all_done, carry_out, failed, idle_workers, next_due, tell_hang, tell_waits, work

__all__ = ["PATIENCE", "STEPS_MAX", "Scheduler"]

STEPS_MAX: Final = 8_000
PATIENCE: Final = 1_000
_SPINS: Final = 4
_CALLER: Final = -1  # Whoever is outside `run`.


class Scheduler(Outside):
    """Runs tasks under the choices of a strategy. For one run; and for another after `restart`."""

    is_parallel = False

    def __init__(
        self, choices: Choices | None = None, *, steps_max: int = STEPS_MAX, patience: int = PATIENCE
    ) -> None:
        super().__init__()
        self._codes = Codes()
        self._tasks: list[Task] = []
        self._living: list[Task] = []
        self._idle: list[greenlet.greenlet] = []
        self._running: Task | None = None
        self.number = _CALLER
        self.is_over = False
        self._is_fruitless = False  # Whoever ran has asked in vain.
        self._gives_way = False  # Whoever runs has spun at a turn.
        self._main: greenlet.greenlet | None = None
        self._locks = 0
        self.restart(choices, steps_max=steps_max, patience=patience)

    def restart(
        self, choices: Choices | None = None, *, steps_max: int = STEPS_MAX, patience: int = PATIENCE
    ) -> None:
        """Other choices and a record of its own. For who puts all else back as it was before `run`."""
        self.record = Record(describe=self._codes.describe)
        self._choices = Replay() if choices is None else choices
        self._is_given = isinstance(self._choices, Replay)  # It wants nothing but what it named beforehand.
        self._steps_max = steps_max
        self._patience = patience
        self._points = self.record.points
        # The codes at which the strategy is asked, besides.
        self._asked = self._choices.see(self._points) if isinstance(self._choices, Sampled) else frozenset()
        self._stop = 0  # The point at which the strategy is asked next.
        self._spinner = _CALLER  # Who has spun last.
        self._news = News(self._points)

    # -- what a program tells it -------------------------------------------------------------------

    def share(self, space: memoryview, name: str) -> None:
        """Make announced accesses to this very object points from now on; accesses to others are none."""
        self._codes.share(space, name)

    def touch(self, thing: str, is_write: bool) -> None:
        """Take in that the running task accesses what is no word: a file, the end of a task. Not a point."""
        if self._running is not None:
            self.record.quiet.append((len(self._points), self._codes.quiet(thing, is_write)))

    def run(self, calls: Sequence[Call]) -> Record:
        """Run all of them, and what they submit, to the end or to the first thing that goes wrong."""
        assert self._main is None, "a scheduler is for one run"
        self._main = greenlet.getcurrent()
        self._idle = idle_workers(self._main)
        self.record.own = len(calls)
        started = [self._start(Task(), call, is_own=True) for call in calls]
        for task, call in self._take_queued():
            self._start(task, call, is_own=False)
        atomics.set_turn(self._hook())
        try:
            task_next = self._force("start")
            while task_next is not None and task_next.greenlet is not None:
                task_next.greenlet.switch(task_next.job)
                if self.is_over:
                    break
                task_next = self._force("end")
        finally:
            self._close()
        self.record.results = [task.result_ for task in started]
        return self.record

    # -- the Runtime -------------------------------------------------------------------------------

    def submit(self, call: Call) -> Ticket:
        if self._running is None:
            return self._submit_outside(call)
        self.turn("submit")
        return self._start(Task(self._look), call, is_own=False)

    def wait(self, tickets: Iterable[Ticket], deadline: float | None = None) -> bool:
        awaited = [ticket for ticket in tickets if isinstance(ticket, Task)]
        are_done = all_done(awaited)
        if self._running is None:
            return self._until_outside("submitted calls", are_done, deadline)
        self.turn("wait")
        if not are_done() and (deadline is None or deadline > self._clock):
            self.record.waits[len(self._points)] = frozenset(each.number for each in awaited)
            self.block(are_done, "submitted calls", deadline)
        else:
            for each in awaited:
                self.touch(f"end of task {each.number}", False)
        return are_done()

    def _look(self, task: Task) -> None:
        """Let others go on before the running task asks whether `task` has ended."""
        self.turn("look for an answer")
        self.touch(f"end of task {task.number}", False)

    def until(self, what: str, condition: Callable[[], bool], deadline: float | None = None) -> bool:
        """Wait until `condition()` holds; False if the deadline passed first. `what` is for reports."""
        task = self._running
        if task is None:
            return self._until_outside(what, condition, deadline)
        self.turn(what)
        self._news.begin()
        try:
            while True:
                news = self._news.ask(task)
                try:
                    is_met = condition()
                finally:
                    self._news.answered(task)
                if is_met or (deadline is not None and deadline <= self._clock):
                    return is_met
                self.block(news, what, deadline)
        finally:
            self._news.end()

    def lock(self) -> Lock:
        number, self._locks = self._locks, self._locks + 1
        return Lock(self, number, self._codes.lock(number), self._codes.mark("lock taken"))

    def turn(self, what: str) -> None:
        code = self._codes.mark(what)
        task = self._running
        if task is not None:
            task.spins = task.spins + 1 if task.turn == code else 0
            task.turn = code
            if task.spins >= _SPINS:  # Invariant 5.
                task.spins, self._gives_way, self._spinner, self._stop = 0, True, task.number, -1
        self.arrive(code)

    def current(self) -> int:
        return self.number + 1

    # -- points ------------------------------------------------------------------------------------

    def _hook(self) -> atomics.Turn:
        points, base_of = self._points, self._codes.bases.get
        append, asked = points.append, self._asked

        def arrive(space: memoryview, word: int, is_write: bool) -> None:
            base = base_of(id(space))
            if base is not None:
                code = base + word + word + is_write
                append(code)
                if code in asked or len(points) > self._stop:
                    self._ask()

        return arrive

    def arrive(self, code: int) -> None:
        """Take in that the running task is at a point."""
        if self.is_over:
            raise greenlet.GreenletExit
        if self._running is None:
            return
        self._points.append(code)
        if len(self._points) > self._stop or (self._asked and (code < MARK_END or code in self._asked)):
            self._ask()

    def _ask(self) -> None:
        """Let the strategy choose another task, although the running one could go on."""
        if len(self._living) == 1 and len(self._points) <= self._stop:
            return  # Nobody else is there.
        task = self._running
        assert task is not None
        self._yield_to(self._choose(task), task)

    def ask_soon(self) -> None:
        """Ask the strategy at the next point: something was let go, and it may prefer who waited for it."""
        if not self._is_given:
            self._stop = min(self._stop, len(self._points))

    def block(self, ready: Callable[[], bool], what: str, deadline: float | None = None) -> None:
        """Block the running task until `ready`, which is a pure question, or the deadline."""
        if self.is_over:
            raise greenlet.GreenletExit
        task = self._running
        assert task is not None, f"a task that was ended holds it for ever: {what}"
        task.ready, task.what, task.deadline = ready, what, deadline
        self.record.waits.setdefault(len(self._points), None)
        self._is_fruitless = isinstance(ready, partial)
        self._yield_to(self._force("blocked"), task)

    def _force(self, why: str) -> Task | None:
        """Choose the task that goes on where none runs; None where the run is over."""
        if self._news.askers:
            self._news.count(self._running)
        self._running, self.number = None, _CALLER
        self.record.forced.append(len(self._points))
        self._points.append(self._codes.mark(why))
        return self._choose(None)

    def _yield_to(self, chosen: Task | None, task: Task) -> None:
        if chosen is None or chosen.greenlet is None:
            self.is_over = True
            assert self._main is not None
            self._main.switch()
        elif chosen is not task:
            chosen.greenlet.switch(chosen.job)

    def _choose(self, running: Task | None) -> Task | None:
        """The task that goes on from the point just reached; None: no task, and the verdict says why."""
        record, at = self.record, len(self._points) - 1
        if self._news.askers:
            self._news.count(running)
        if at >= self._steps_max:
            self._give_up(Violation("progress", Breach.HANG, tell_hang(self.record, self._living)))
            return None
        options = self._options(running)
        if not options:
            self.is_over = True
            if self._living:
                self._give_up(Violation("progress", Breach.DEADLOCK, tell_waits(self._living)))
            return None
        which = self._choices.pick(at, options) if len(options) > 1 else 0
        if which:
            record.deviations.append((at, which))
            record.widths.append(len(options))
            record.living.append(len(self._living))
        chosen = self._tasks[options[which]]
        if chosen is not running or at >= record.spans[-1][0] + self._patience:
            record.spans.append((at + 1, chosen.number))
            self._news.changed(running, chosen)
            chosen.ready = chosen.deadline = None
            self._running, self.number = chosen, chosen.number
        due = NEVER if self._asked else self._choices.due(at + 1)
        self._stop = min(due, record.spans[-1][0] + self._patience, self._steps_max)
        return chosen

    def _options(self, running: Task | None) -> list[int]:
        """The tasks that can go on, by number, the default first."""
        options = [task.number for task in self._living if task.ready is None or task.ready()]
        if not options:
            return self._revived()
        if running is None and self._is_fruitless:  # Invariants 5 and 6.
            options.sort(key=lambda number: self._tasks[number].in_line(self._spinner))
        if running is not None and len(options) > 1:
            first = running.number
            if self._gives_way or len(self._points) > self.record.spans[-1][0] + self._patience:
                self._choices.gave_way(first)
                first = next((number for number in options if number > first), options[0])
            if options[0] != first:
                options.remove(first)
                options.insert(0, first)
        self._gives_way = self._is_fruitless = False
        return options

    def _revived(self) -> list[int]:
        """The options where no task can go on: all conditions once more, then the clock (invariant 3)."""
        askers = self._news.revive(self._living)
        if askers:
            return [task.number for task in askers]
        self._clock, due = next_due(self._living, self._clock)
        return due

    # -- tasks -------------------------------------------------------------------------------------

    def _start(self, task: Task, call: Call, is_own: bool) -> Task:
        task.number = len(self._tasks)
        task.job = partial(self._body, task, call, is_own)
        task.greenlet = self._idle.pop() if self._idle else greenlet.greenlet(work, self._main)
        self._tasks.append(task)
        self._living.append(task)
        self.record.tasks += 1
        self.record.born.append(len(self._points))
        self.record.alone = NEVER if self._tasks[1:] else 0
        return task

    def _body(self, task: Task, call: Call, is_own: bool) -> None:
        task.has_begun = True
        carry_out(task, call)
        self._living.remove(task)
        self.record.over[task.number] = len(self._points)
        if not is_own:
            self.touch(f"end of task {task.number}", True)
        if len(self._living) == 1:
            self.record.alone = len(self._points)
        if is_own and task.error is not None and not self.is_over:  # A submitted call tells who asks.
            self._give_up(failed(task.number, task.error))

    def _give_up(self, verdict: Verdict) -> None:
        if self.record.verdict == OK:
            self.record.verdict = verdict
        self.is_over = True

    def _close(self) -> None:
        """Take the hook away, and end every task that has not ended, in order."""
        atomics.set_turn(None)
        self.is_over = True
        self.record.common = self._codes.common()
        for task in self._tasks:
            assert task.greenlet is not None
            if task.has_begun and not task.is_ended:  # Its `finally` clauses run.
                self._running, self.number = task, task.number
                task.greenlet.throw(greenlet.GreenletExit)
            if not task.greenlet.dead:
                self._idle.append(task.greenlet)
        self._running, self.number, self.is_over = None, _CALLER, False
