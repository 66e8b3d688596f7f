"""News: whether a condition that did not hold is worth asking again.

A task in `until` asks its condition in its own name: what it reads there, and that it takes a lock,
changes nothing for others. Any other point of a task, and a write even then, is a move. A condition
may also change what is not announced, so before a deadlock is told all are asked again.

Invariants
  1  a task has news iff another task moved since it last began to ask
  2  that does not depend on when moves are counted: runs of points are counted before the running
     task changes, and before one begins or ends to ask
"""

from __future__ import annotations

from functools import partial

from .codes import LOCK_END
from .task import Task

__all__ = ["News"]


class News:
    """Counts moves, while there is someone who asks."""

    def __init__(self, points: list[int]) -> None:
        self.askers = 0  # Tasks in `until`; without any, nothing needs counting.
        self._points = points
        self._counted = 0
        self._moves = 0
        self._rounds = 0  # In which all were asked since the last move.

    def begin(self) -> None:
        """Count one more task that asks."""
        if not self.askers:
            self._counted = len(self._points)
        self.askers += 1

    def end(self) -> None:
        """Count one task fewer that asks."""
        self.askers -= 1

    def ask(self, task: Task) -> partial[bool]:
        """Take in that `task` asks from here on; the question whether there is news since."""
        self.count(task)
        task.is_asking, task.is_due = True, False
        return partial(self._is_there, task, self._moves - task.moves)

    def answered(self, task: Task) -> None:
        """Take in that `task` has asked."""
        self.count(task)
        task.is_asking = False

    def count(self, task: Task | None) -> None:
        """Count the points since the last count, all of them of `task`; None: nobody's."""
        fresh = self._points[self._counted :]
        self._counted = len(self._points)
        if task is None:
            return
        if any(code & 1 and code > LOCK_END for code in fresh) if task.is_asking else fresh:
            self._move(task)

    def changed(self, running: Task | None, chosen: Task) -> None:
        """Take in that `chosen` goes on with the access it had announced: a move of now, and not of then."""
        if running is not None and running is not chosen:
            running.held = self._points[-1]
        held, chosen.held = chosen.held, 0
        if held > LOCK_END and self.askers and (held & 1 or not chosen.is_asking):
            self._move(chosen)

    def _move(self, task: Task) -> None:
        self._moves += 1
        task.moves += 1
        self._rounds = 0

    def revive(self, tasks: list[Task]) -> list[Task]:
        """The tasks to ask once more although none moved: all, so often that each can drain for each."""
        askers = [task for task in tasks if isinstance(task.ready, partial)]
        if self._rounds > len(askers):
            return []
        self._rounds += 1
        for task in askers:
            task.is_due = True
        return askers

    def _is_there(self, task: Task, seen: int) -> bool:
        return task.is_due or self._moves - task.moves > seen
