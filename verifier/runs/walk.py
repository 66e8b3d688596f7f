"""Walks: one world that plays programs which begin alike, and plays what they have in common once.

After the opening and after each step the world is marked, store and all (`rewinding`). A program that begins
like the last one is gone on with from the last mark they share; what came after it never happened.

    marks[n]   the world after the opening and n steps of the path

Invariants
  1  a world that goes on from a mark is, in all that is asked of it, one that has played so far by itself
  2  only worlds are marked to which no oracle objected
  3  there is one world: whoever keeps something of it keeps values, for rewinding changes all that it reaches

Threads: one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from powercut.faultfs import Plan

from ..rewinding import Snapshot
from ..tapes.tape import Operation
from .steps import step
from .world import World

__all__ = ["Walk"]

Program = tuple[Operation, ...]


class Walk:
    """Walks a world, which is at rest, along one program after another."""

    def __init__(self, world: World) -> None:
        assert world.subject is None, "a walk begins with an opening"
        self.world: Final = world
        self._start = Snapshot((world,))
        self._path: Program = ()
        self._marks: list[tuple[Snapshot, Plan]] = []  # With the device calls that were counted till then.

    def play(self, program: Program, *, is_last_marked: bool = False) -> bool:
        """Open the store and take the steps; False if an oracle objects.

        is_last_marked   mark the world after the last step too: other programs go on from there
        """
        taken = self.latest(program)
        if taken is None:
            if not self.world.open():
                return False
            self._mark(())
            taken = 0
        for number in range(taken, len(program)):
            if not step(self.world, program[number]):
                return False
            if is_last_marked or number + 1 < len(program):
                self._mark(program[: number + 1])
        return True

    def latest(self, program: Program, fits: Callable[[Plan], bool] | None = None) -> int | None:
        """Rewind to the last mark on the way to the program's end at which the calls that were counted fit.

        The number of its steps that are taken there; None: the store is not open yet.
        """
        count = min(len(program), len(self._path), len(self._marks) - 1)
        count = next((at for at in range(count) if program[at] != self._path[at]), count)
        for at in range(count, -1, -1):
            mark, counted = self._marks[at]
            if fits is None or fits(counted):
                mark.rewind()
                return at
        self._start.rewind()
        return None

    def _mark(self, path: Program) -> None:
        self._path = path
        self._marks[len(path) :] = [(Snapshot((self.world,)), self.world.fault_oracle.plan.copy())]
