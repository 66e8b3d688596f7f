"""Beginnings: the runs that are struck begin alike, and what one of them found out serves the others.

Every strike of a program is the program without faults up to where its fault fires. So that is played once,
and each strike goes on from the last step before it (`walk`); what a run came to by itself is known of every
other that could not have gone otherwise.

Invariants
  1  Kept serves sweeps in one geometry under one law
  2  a run is told of another only where both make the same calls and the same of them are struck
  3  Kept has no recoveries: what a power cut leaves, each sweep opens for itself, or counts as if it did
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from powercut.faultfs import Effect, Fault, Plan

from ..reach.pairs import FAULT, Pair, pair
from ..rewinding import RewindError
from ..runs.play import run_era
from ..runs.walk import Walk
from ..runs.world import World
from ..spec.history import crash_index
from ..spec.spec import StoreMaker
from ..tapes.tape import Era, Tape
from .coverage import Coverage
from .endings import Endings
from .recoveries import Opened, Recoveries

__all__ = ["Begun", "Kept", "Known", "Played"]


class Played(NamedTuple):
    """The result of a run: its coverage, and its plans with the calls that they counted."""

    coverage: Coverage
    plans: list[Plan]

    def is_past(self, fault: Fault) -> bool:
        """True if no later strike of the sweep can do anything."""
        if fault.effect is Effect.FULL:
            return not self.coverage.fired
        return self._makes(fault) <= fault.number

    def is_last(self, fault: Fault) -> bool:
        """True if a sticky fault would strike no other call than this one."""
        return fault.effect is not Effect.FULL and self._makes(fault) <= fault.number + 1

    def told_as(self, fault: Fault) -> Coverage:
        """The coverage of this sticky fault: that of the run, with nothing more opened."""
        count = sum(self.coverage.fired.values())
        fired = {fault.name: count} if count else {}
        return replace(self.coverage, checked=0, fired=fired)

    def pairs_as(self, fault: Fault) -> dict[Pair, int]:
        """This sticky fault with the steps that the run's own struck."""
        return {
            pair(FAULT, fault.name, place): n for plan in self.plans for (_, place), n in plan.struck.items()
        }

    def _makes(self, fault: Fault) -> int:
        """The number of calls of the kind that the run makes."""
        return max((plan.reached.get(fault.call.name.lower(), 0) for plan in self.plans), default=0)


class Begun:
    """The results that sweeps of one program leave to one another."""

    def __init__(self) -> None:
        self.walk: Walk | None = None  # Along the program without faults,
        self.before: tuple[Era, ...] = ()  # after these eras.
        self.missed: Played | None = None  # Nothing fired in it: nor would a strike at a call that it lacks.
        self.played: dict[Fault, Played] = {}  # Without power cuts, for that which is sticky.


class Kept:
    """The results that sweeps in one geometry under one law leave to one another.

    No recoveries are among them: what is opened behind a power cut each sweep counts for itself.
    """

    def __init__(self, endings: Endings | None = None) -> None:
        self.endings = Endings() if endings is None else endings
        self.begun: dict[tuple[Era, ...], Begun] = {}  # By the eras before the faults, and the program.


class Known:
    """Shared state of the runs of a search: one kind of store, one law, and what is known of earlier runs."""

    def __init__(
        self,
        make_store: StoreMaker,
        law: str,
        limit: int,
        endings: Endings | None = None,
        opened: Opened | None = None,
    ) -> None:
        self.make_store = make_store
        self.limit = limit
        self.recoveries = Recoveries(make_store, law, limit, opened=opened)
        self.endings = Endings() if endings is None else endings
        self.begun = Begun()

    def go_on(self, kept: Kept, tape: Tape) -> Begun:
        """Go on from what is kept of a tape without faults; or else play it, and keep that."""
        if tape.eras not in kept.begun:
            self.play(tape)
            kept.begun[tape.eras] = self.begun
        self.begun = kept.begun[tape.eras]
        return self.begun

    def play(self, tape: Tape) -> None:
        """Play a tape without faults, to where an oracle objects: the runs that are struck begin like it."""
        *before, era = tape.eras
        begun, world = self.begun, World(self.make_store, has_faults=True)
        for place, ended in enumerate(before):
            assert ended.crash is not None
            if not (run_era(world, ended, place) and world.inspect()):
                return
            index = crash_index(world.segment.trace, ended.crash)
            world.cut(index, ended.crash.survivors, tape.law)
        begun.before = tuple(before)
        world.fault_oracle.arm(world.device, ())  # What is counted begins here.
        try:
            begun.walk = Walk(world)
            begun.walk.play(era.program, is_last_marked=True)
        except RewindError:  # Somebody else's store may hold anything: each strike begins by itself then.
            begun.walk = None
            world.let_go()

    def begin(self, eras: tuple[Era, ...]) -> tuple[World, int, int]:
        """A world that has eras behind it, and steps of the one after: it, how many eras, and how many steps.

        Nothing can have been struck so far.
        """
        place = next((place for place, era in enumerate(eras) if era.faults), 0)
        faults = Plan.of(eras[place].faults).faults

        def fits(plan: Plan) -> bool:
            return all(f.effect is not Effect.FULL and f.number >= plan.counted(f.call) for f in faults)

        walk = self.begun.walk
        if walk is None or eras[:place] != self.begun.before:
            return World(self.make_store, has_faults=True), 0, 0
        return walk.world, place, walk.latest(eras[place].program, fits) or 0
