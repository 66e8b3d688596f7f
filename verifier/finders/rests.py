"""Rests: worlds whose store is closed, kept so that runs which begin alike are played to there once.

A store that is open cannot be copied: it is memory, and whatever hangs on it. Closed, a run is values: a
device, a model, a history. So a program that closes its store on the way is played up to there once; every
program, and every fault plan, that does the same until then goes on with a copy.

Invariants
  1  a copy and the world that it was made of share nothing that either of them changes
  2  a world kept under a program is what a new one comes to be when its store is closed by the last step
  3  only worlds are kept to which no oracle objected
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from copy import copy
from typing import Final

from ..runs.world import World
from ..tapes.tape import Kind, Operation
from ..verdict import OK

__all__ = ["Rests", "copy_of", "shut"]

_KEPT: Final = 8  # Of programs in order: one that begins alike is never far.

Program = tuple[Operation, ...]


class Rests:
    """Worlds at rest, by the steps that led there: those of one beginning, with one kind of store."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Program, World] = OrderedDict()

    def keep(self, taken: Program, world: World) -> None:
        """Keep a copy of a world that has taken these steps, the last of which closed the store."""
        if taken not in self._kept:
            self._kept[taken] = copy_of(world)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)

    def latest(self, program: Program, fits: Callable[[World], bool] = bool) -> tuple[int, World] | None:
        """A copy of the world that has taken most of the program's steps and fits; and how many those are."""
        for count in range(len(program), -1, -1):
            if count and program[count - 1].kind != Kind.REOPEN:
                continue
            world = self._kept.get(program[:count])
            if world is not None and fits(world):
                self._kept.move_to_end(program[:count])
                return count, copy_of(world)
        return None

    def play(self, world: World, program: Program, taken: int = 0) -> bool:
        """Open the store and take the steps from number `taken` on; False if an oracle objects.

        On the way each world is kept at rest from which a step follows.
        """
        if not world.open():
            return False
        for number in range(taken, len(program)):
            if program[number].kind != Kind.REOPEN:
                if not world.step(program[number]):
                    return False
                continue
            if not shut(world):
                return False
            if number + 1 < len(program):
                self.keep(program[: number + 1], world)
            if not world.open():
                return False
        return True


def shut(world: World) -> bool:
    """Take the first half of the step REOPEN; opening is the second."""
    world.segment.step_starts.append(len(world.device.trace))
    return world.close()


def copy_of(world: World) -> World:
    """Another world in the same place. Invariant 1."""
    assert world.subject is None, "only at rest is a world made of values"
    assert world.verdict == OK
    twin = copy(world)
    twin.device = world.device.copy()
    twin.model = copy(world.model)
    twin.model.content, twin.model.issued = dict(world.model.content), dict(world.model.issued)
    twin.model.history, twin.model.gone = list(world.model.history), set(world.model.gone)
    twin.fault_oracle = copy(world.fault_oracle)
    twin.fault_oracle.follow(twin.device)
    twin.damage_oracle = world.damage_oracle.copy()
    twin.segment = segment = copy(world.segment)
    segment.trace = twin.device.trace
    segment.passages, segment.acks = list(segment.passages), list(segment.acks)
    segment.observations, segment.step_starts = list(segment.observations), list(segment.step_starts)
    segment.reached = dict(segment.reached)
    return twin
