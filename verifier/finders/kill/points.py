"""Kill points: the places at which a life can be killed, and the two ways to do it.

    Traced    the life stops at system calls (`ptrace`), and is killed from outside
    Called    where tracing is not permitted: the life kills itself at calls of the device

Both number the places in the order in which a life comes to them, so that a life that is watched to
its end (`point` None) names every place at which the next one can be killed.

    where     ENTRY   the call was not done
              EXIT    it was done, and the caller has not heard of it
              `CUT`   a write of which only the first bytes were done
              END     after the program: what a life does not come to by itself

Invariants
  1  a life ends by SIGKILL alone, or by itself
  2  equal lives come to equal places
"""

from __future__ import annotations

import os
import resource
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, NoReturn, Protocol

from ...errors import SubjectError
from . import ptrace
from .folder import Trap, no_trap
from .marks import Marks

__all__ = [
    "OBJECTED",
    "PLAYED",
    "Called",
    "Death",
    "KillPoint",
    "Life",
    "Place",
    "Traced",
    "Way",
    "Where",
    "best_way",
]

# Plays to its end, given a trap for its device and what it calls where its places begin; whether nothing was
# objected to.
Life = Callable[[Trap, Callable[[], None]], bool]
PLAYED, OBJECTED, BROKEN = 0, 2, 3  # What a life that ends by itself exits with.
# Caps, far above what the slowest machine needs: a life that reaches one decides nothing.
WALL_SECONDS: Final = 3_600  # One that takes more waits for something.
LIMIT_SECONDS: Final = 300  # Processor time of one life; one that takes more goes round in circles.


class Where(Enum):
    """The place within a call at which the life ends."""

    ENTRY = "entry"
    EXIT = "exit"
    CUT = "cut"
    END = "end"


@dataclass(frozen=True, slots=True)
class Place:
    """A call at which a life can be killed; `begun`, `done` and `step` are what its marks said."""

    number: int  # From 1.
    call: str  # The system call; "" where it is a call of the device.
    bytes: int  # Of a write.
    begun: int
    done: int
    step: int


@dataclass(frozen=True, slots=True)
class KillPoint:
    """Kill at the place of that number."""

    number: int
    where: Where
    bytes: int = 0  # Of a CUT: so many are written.


@dataclass(slots=True)
class Death:
    """The end of a life, and the places it came to; only a life that is watched notes them all."""

    status: int
    places: list[Place]

    @property
    def is_killed(self) -> bool:
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL

    @property
    def is_capped(self) -> bool:
        """True if a cap ended it, so that it came to nothing."""
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) in (signal.SIGALRM, signal.SIGXCPU)

    def is_ended(self, code: int) -> bool:
        """True if it ended by itself, with this code."""
        return os.WIFEXITED(self.status) and os.WEXITSTATUS(self.status) == code

    def __str__(self) -> str:
        if os.WIFSIGNALED(self.status):
            return f"signal {os.WTERMSIG(self.status)}"
        return f"exit {os.waitstatus_to_exitcode(self.status)}"


class Way(Protocol):
    """One way to kill a life at a kill point."""

    @property
    def name(self) -> str: ...

    def run(self, life: Life, marks: Marks, point: KillPoint | None) -> Death:
        """Fork a life, and see it to its end."""


class Traced:
    """By ptrace, at system calls."""

    name: Final = "system calls"

    def run(self, life: Life, marks: Marks, point: KillPoint | None) -> Death:
        marks.clear()
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            _live(parent, life, marks, point, None)
        places: list[Place] = []
        tracee = ptrace.Tracee(pid)
        try:
            while call := tracee.next():
                place = len(places) + 1
                is_last = point is not None and point.number == place and point.where is not Where.END
                size = tracee.size(call) if point is None or is_last else 0
                places.append(Place(place, call, size, marks.begun, marks.done, marks.steps))
                if point is not None and is_last:
                    _strike(tracee, point)
        finally:
            tracee.kill()
        assert tracee.status is not None
        return Death(tracee.status, places)


def _strike(tracee: ptrace.Tracee, point: KillPoint) -> None:
    if point.where is Where.CUT:
        tracee.shorten(point.bytes)
    if point.where is not Where.ENTRY:
        tracee.finish()
    tracee.kill()


class Called:
    """By the device, at its own calls."""

    name: Final = "device calls"

    def run(self, life: Life, marks: Marks, point: KillPoint | None) -> Death:
        marks.clear()
        source, sink = os.pipe()
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            os.close(source)
            _live(parent, life, marks, point, sink)
        try:
            os.close(sink)
            with os.fdopen(source, "rb") as told:
                lines = told.read().splitlines()
            _, status = os.waitpid(pid, 0)
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        places = []
        for number, line in enumerate(lines, 1):
            begun, size, step = map(int, line.split())
            places.append(Place(number, "", size, begun, begun - 1, step))
        return Death(status, places)


def best_way() -> Way:
    """System calls where they can be traced, calls of the device otherwise."""
    return Called() if ptrace.why_not() else Traced()


# -- in the child ------------------------------------------------------------------------------------


def _live(parent: int, life: Life, marks: Marks, point: KillPoint | None, sink: int | None) -> NoReturn:
    """Play the life; never returns. Without a `sink` it is traced."""
    status = BROKEN
    try:
        ptrace.die_with_parent(parent)
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_SECONDS, LIMIT_SECONDS + 1))
        signal.alarm(WALL_SECONDS)
        if sink is None:
            status = PLAYED if life(no_trap, ptrace.enter) else OBJECTED
        else:
            trap = _Trap(marks, point, sink)
            status = PLAYED if life(trap, trap.arm) else OBJECTED
        if point is not None and point.where is Where.END:
            _kill_oneself()
    except SubjectError as error:  # The store cannot be put on this bench: where it was asked is no matter.
        marks.fail(str(error))
    except BaseException:  # noqa: BLE001 (told to whoever forked it)
        marks.fail(traceback.format_exc(limit=-3))
    finally:
        os._exit(status)


class _Trap:
    """Tells of each call, or kills at one."""

    def __init__(self, marks: Marks, point: KillPoint | None, sink: int) -> None:
        self._marks = marks
        self._point = point
        self._sink = sink
        self._before = -1  # Calls before the first place; negative until there is one.

    def arm(self) -> None:
        self._before = self._marks.begun

    def __call__(self, number: int, is_done: bool, size: int) -> int:
        point = self._point
        if point is None:
            if self._before >= 0 and not is_done:
                os.write(self._sink, b"%d %d %d\n" % (number, size, self._marks.steps))
            return size
        if self._before < 0 or number - self._before != point.number or point.where is Where.END:
            return size
        if is_done or point.where is Where.ENTRY:
            _kill_oneself()
        return point.bytes if point.where is Where.CUT else size


def _kill_oneself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
