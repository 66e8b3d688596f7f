"""Faults: every call of small programs struck by every kind of fault, and the power cut behind it.

A sweep takes one kind of fault and strikes the first call that it can, then the second, and so on until the
program makes no more such calls. Each strike is one run: the program over a device with that fault in its
plan, a close, and a clean reopening without it. What the store may raise, and what it must hold, is the
world's to say (`oracles/faults`). Then every content that a power cut can leave after the fault fired is
opened and judged too: the product of a failed sync and a crash.

Counting
  programs   runs, one a strike
  distinct   (durable content x issued x acknowledged x the fault), of power cuts behind a fault
  checked    openings of such contents
  reached    calls that the plans counted, by kind; and `struck`, by kind and role of the file
  fired      strikes that did something, by the name of the fault

Invariants
  1  a strike that never fires ends its sweep only when the call it waits for was not made
  2  a finding is a tape that `play` gives the same kind of violation
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec.structs import replace

from powercut.faultfs import Effect, EventKind, Fault, Plan
from powercut.faultfs.faults.place import Place
from powercut.faultfs.faults.plan import CALLS

from ..reach.pairs import FAULT, STEP, Pair, is_counting, note_pairs, pair
from ..registry import maker_of
from ..runs.play import play_eras
from ..runs.steps import take_steps
from ..runs.world import World
from ..spec.history import Segment
from ..spec.subject import MakeStore
from ..tapes.tape import STORE, Era, Operation, Tape
from ..verdict import Violation
from .beginnings import Kept, Known, Played
from .behind import Behind
from .crashes import Coverage, Finding
from .endings import Endings
from .lasting import of_before
from .recoveries import Opened
from .templates import series

__all__ = ["LIMIT", "Kept", "Known", "known_of", "search_again", "search_strike", "sweep"]

LIMIT: Final = 64  # Legal states of one crash point that are all searched.


def sweep(
    program: tuple[Operation, ...],
    geometry: str,
    law: str,
    templates: Iterable[Fault],
    *,
    limit: int = LIMIT,
    before: tuple[Era, ...] = (),
    kept: Kept | None = None,
    subject: str = STORE,
) -> tuple[Coverage, Finding | None]:
    """Strike each call of the program with each of these faults; the first violation ends it.

    limit    legal states of one crash point that are all searched; 0: no power cuts
    before   eras without faults that come first: what they leave is what the first opening finds
    kept     what other sweeps of the same subject and geometry, under the same law, found out
    subject  whose program it is
    """
    coverage = Coverage()
    kept = kept or Kept(_endings(geometry, subject))
    known = known_of(geometry, law, limit, kept.endings, subject)
    begun = known.go_on(kept, Tape((*before, Era(program)), geometry, law, subject=subject))
    played = {} if limit else begun.played
    for template in templates:
        for fault in series(template):
            missed = begun.missed
            if missed is not None and fault.effect is not Effect.FULL and missed.is_past(fault):
                coverage.merge(missed.coverage)
                break
            once = played.get(replace(fault, sticky=False)) if fault.sticky else None
            if once is not None and once.is_last(fault):
                coverage.merge(once.told_as(fault))
                note_pairs(once.pairs_as(fault))
                continue
            tape = Tape((*before, Era(program, faults=fault.digits), Era()), geometry, law, subject=subject)
            strike = _Strike(tape, known)
            finding = strike.run()
            coverage.merge(strike.coverage)
            if finding is not None:
                return coverage, finding
            if not fault.sticky:
                played[fault] = strike.played
            if not strike.coverage.fired:
                begun.missed = strike.played
            if strike.played.is_past(fault):
                break
    return coverage, None


def known_of(
    geometry: str, law: str, limit: int, endings: Endings | None = None, subject: str = STORE
) -> Known:
    """The shared state of runs over a store of ours; what lasts of earlier searches is in it."""
    tape = Tape(geometry=geometry, subject=subject)
    opened = of_before(Opened, tape.subject, geometry, law, tape.kernels, limit)
    return Known(maker_of(tape), law, limit, endings or _endings(geometry, subject), opened)


def _endings(geometry: str, subject: str) -> Endings:
    tape = Tape(geometry=geometry, subject=subject)
    return of_before(Endings, tape.subject, geometry, tape.kernels)


def search_strike(
    tape: Tape, *, limit: int = LIMIT, make_store: MakeStore | None = None, known: Known | None = None
) -> tuple[Coverage, Finding | None]:
    """Play a tape with a fault plan; then every power cut behind what fired.

    known   of other tapes of this store and law: it brings its own maker and limit
    """
    strike = _Strike(tape, known or Known(maker_of(tape, make_store), tape.law, limit))
    finding = strike.run()
    return strike.coverage, finding


def search_again(
    tape: Tape, *, limit: int = LIMIT, make_store: MakeStore | None = None
) -> tuple[Tape | None, int]:
    """The tape's programs with its last fault at any call: one that shows a violation, and how many runs."""
    known = Known(maker_of(tape, make_store), tape.law, limit)
    places = [place for place, era in enumerate(tape.eras) if era.faults]
    if not places:
        return None, 0
    place = places[-1]
    era = tape.eras[place]
    *others, last = Plan.of(era.faults).faults
    runs = 0
    for fault in series(replace(last, number=0, amount=0 if last.effect is Effect.FULL else last.amount)):
        runs += 1
        struck = replace(era, faults=Plan(*others, fault).digits, crash=None)
        eras = (*tape.eras[:place], struck, *tape.eras[place + 1 :])
        strike = _Strike(replace(tape, eras=eras), known)
        finding = strike.run()
        runs += strike.coverage.checked
        if finding is not None:
            return finding.tape, runs
        if strike.played.is_past(fault):
            break
    return None, runs


class _Strike:
    """One run with a fault in its plan."""

    def __init__(self, tape: Tape, known: Known) -> None:
        eras = tape.eras if not tape.eras[-1].faults else (*tape.eras, Era())
        self.coverage = Coverage(programs=1)
        self._tape = replace(tape, eras=eras)
        self._known = known
        self._world, self._first, self._taken = known.begin(eras)
        self._plans: list[Plan] = []

    def run(self) -> Finding | None:
        opened = self._known.recoveries.opened
        try:
            return self._run()
        finally:
            self.coverage.checked += self._known.recoveries.opened - opened

    @property
    def played(self) -> Played:
        """The coverage and the plans of the run."""
        return Played(self.coverage, self._plans)

    def _run(self) -> Finding | None:
        world, ended, closing = self._world, list[Segment](), None
        behind = Behind(self._tape, self._known, world, self.coverage)
        try:
            for stop in play_eras(world, self._tape, ended, first=self._first, run=self._run_era):
                finding = behind.cut_closing(stop.place - 1, closing) if closing is not None else None
                closing = None
                if finding is None and stop.era.faults:
                    self._plans.append(world.fault_oracle.plan)
                    if stop.is_fine:
                        finding = behind.cut(stop.place)
                        closing = None if stop.era.crash else behind.now()
                if finding is not None:
                    return finding
        finally:  # The end of an era makes calls too.
            self._count([*ended, world.segment])
        return Finding(self._tape, world.verdict) if isinstance(world.verdict, Violation) else None

    def _run_era(self, world: World, era: Era, place: int) -> bool:
        """From where the runs before have come, or, of a last era with nothing in it, what is known of it."""
        taken, counted = (self._taken, world.fault_oracle.plan) if place == self._first else (0, Plan())
        world.fault_oracle.arm(world.device, era.faults)
        if place == len(self._tape.eras) - 1 and era == Era():
            return self._known.endings.play(world)  # It closes the store: nothing is left to be looked at.
        world.fault_oracle.plan.follow(counted)
        is_open = world.subject is not None or world.open()
        return is_open and take_steps(world, era.program[taken:])

    def _count(self, segments: Iterable[Segment]) -> None:
        reached = self.coverage.reached
        if is_counting():
            segments = list(segments)
            note_pairs(_pairs(self._plans, segments))
        for plan in self._plans:
            self.coverage.merge(Coverage(reached=dict(plan.reached), fired=dict(plan.fired)))
        for segment in segments:
            for event in segment.trace.events:
                if event.kind is EventKind.FAULT:
                    what = f"struck {event.target.lower()} {event.name.partition('-')[0]}".rstrip()
                    reached[what] = reached.get(what, 0) + 1


def _pairs(plans: Iterable[Plan], segments: Iterable[Segment]) -> dict[Pair, int]:
    """The faults that fired with the steps that they struck, and all steps that made a call.

    A write that was misdirected stands in the trace where it went, and no step has made it there.
    """
    counts: dict[Pair, int] = {}
    for plan in plans:
        for (fault, place), count in plan.struck.items():
            counts[pair(FAULT, fault, place)] = counts.get(pair(FAULT, fault, place), 0) + count
    if any(fault.effect is Effect.MISDIRECTED for plan in plans for fault in plan.faults):
        return counts
    calls = {(event.label, event.kind, event.name) for segment in segments for event in segment.trace.events}
    places = {Place.at(*call) for call in calls if call[1] in CALLS}
    return counts | {pair(STEP, place.call, str(place)): 1 for place in sorted(places)}
