"""Lives: one era played twice, in the simulator and as a process over a real folder.

Both play the same steps from the same beginning over the same engine, so their device calls are the
same, one by one; that is what lets the state that a kill leaves be compared with what the law says.

    Beginning    what an era starts from: a durable content, what may be in it, what must be in it
    rehearse     the era in the simulator: its trace
    live         the era over the folder, in the process that will be killed

Invariant: the content of a world's model is nothing until its store is opened, so a beginning is a
value and holds no model.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from powercut.faultfs import FaultDevice, Image

from ...runs.play import play_eras
from ...runs.steps import step
from ...runs.truncating import truncations
from ...runs.world import World
from ...spec.model import Issued
from ...spec.subject import Bound, MakeStore
from ...tapes.tape import KEYED, Era, Kind, Tape
from ...verdict import Verdict, Violation
from .folder import FolderDevice, MakeDevice, Trap
from .marks import Marks

__all__ = ["LAW", "Beginning", "Stage", "live", "rehearse"]

LAW = "pagecache"  # What a kill leaves.


@dataclass(frozen=True, slots=True)
class Beginning:
    """The state that an era starts from."""

    image: Image = field(default_factory=lambda: Image({}, {}))
    history: Sequence[Issued] = ()
    recoveries: int = 0
    floor: Bound = field(default_factory=dict)

    def world(self, make_store: MakeStore, device: FaultDevice | FolderDevice) -> World:
        """A world that stands here, over this device."""
        world = World(make_store, self.floor)
        world.model.history = list(self.history)
        world.model.recoveries = self.recoveries
        # A folder has all of a fault device that a world uses.
        world.device = cast(FaultDevice, device)
        world.device.label = "OPEN"
        world.segment.trace = world.device.trace
        return world

    @staticmethod
    def after(world: World, index: int, digits: tuple[int, ...]) -> Beginning:
        """The start of the next era if this one is killed there; the world's power goes."""
        world.cut(index, digits, LAW)
        trace, model = world.device.trace, world.model
        return Beginning(trace.initial, tuple(model.history), model.recoveries, world.segment.floor)


class _WithoutHoles(FaultDevice):
    """A disk that cannot give room back, as the folder of a life: a file system may or may not do so."""

    def punch(self, name: str, offset: int, size: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "no holes here", name)


def rehearse(beginning: Beginning, era: Era, make_store: MakeStore) -> World:
    """Play the era in the simulator; `verdict` says what is objected to."""
    world = beginning.world(make_store, _WithoutHoles(beginning.image))
    next(play_eras(world, Tape((era,), law=LAW)))  # And no further: it does not end here.
    return world


@dataclass(frozen=True, slots=True)
class Stage:
    """The place of a life: its folder, its marks, and the makers of its store and device."""

    folder: Path
    marks: Marks
    make_store: MakeStore
    make_device: MakeDevice
    start_step: int  # From which step on it may be killed; 0 is the opening.


def live(beginning: Beginning, era: Era, stage: Stage, trap: Trap, arm: Callable[[], None]) -> bool:
    """Play the era over the folder, marked as it goes; False where an oracle objects.

    `arm` is called once, as `start_step` begins.
    """
    marks = stage.marks
    if not stage.start_step:
        arm()
    world = beginning.world(stage.make_store, FolderDevice(stage.folder, marks, stage.make_device, trap))
    marks.say(list(beginning.history), beginning.floor)
    is_fine = world.open()
    _say(world, marks)
    for operation in era.program:
        if not is_fine:
            break
        issued = list(world.model.history)
        if operation.kind in KEYED:
            issued.append(world.model.next(operation))
        truncates = None if world.mounted is None else world.mounted.truncates_at_once
        if operation.kind == Kind.TRUNCATE_AT and truncates is not None:
            issued += truncations(truncates.plan_truncation(operation))
        marks.begin_step(issued, world.segment.acked_by(0))
        if marks.steps == stage.start_step:
            arm()
        if world.mounted is not None and world.mounted.durable is not None:
            world.mounted.durable.on_told(marks.tell)
        is_fine = step(world, operation)
        _say(world, marks)
    is_fine = is_fine and world.inspect()
    if not is_fine:
        _say(world, marks)
    return is_fine


def _say(world: World, marks: Marks) -> None:
    verdict: Verdict = world.verdict
    objection = verdict if isinstance(verdict, Violation) else None
    marks.say(world.model.history, world.segment.acked_by(0), objection)
