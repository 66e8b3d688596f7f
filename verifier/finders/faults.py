"""Faults: every call of small programs struck by every kind of fault, and the power cut behind it.

A sweep takes one kind of fault and strikes the first call that it can, then the second, and so on until the
program makes no more such calls. Each strike is one run: the program over a device with that fault in its
plan, a close, and a clean reopening without it. What the store may raise, and what it must hold, is the
world's to say (`doubts`). Then every content that a power cut can leave after the fault fired is opened and
judged too: the product of a failed sync and a crash.

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

from collections.abc import Iterable, Iterator, Sequence
from errno import EIO, ENOSPC
from random import Random
from typing import Final

from msgspec.structs import replace

from powercut.engine import EngineError, InvariantError
from powercut.faultfs import Effect, EventKind, Fault, FaultDevice, Image, Plan, crash_states
from powercut.faultfs.faults.plan import HALF, calls_of
from powercut.faultfs.states.enumeration import CrashState

from ..faster.geometries import make_faster
from ..oracles.faults import damaged_at, fired, owed_at
from ..oracles.structure import audit, judge_probe
from ..runs.world import World, play
from ..spec.history import Segment, crash_at, crash_index
from ..spec.subject import MakeStore
from ..tapes.programs import random_program
from ..tapes.tape import KEYS_MAX, SIZES, Crash, Era, Kind, Operation, Tape
from ..verdict import OK, Breach, Verdict, Violation
from .crashes import Coverage, Finding
from .recoveries import Outcome, Recoveries

__all__ = [
    "LIMIT",
    "PROGRAMS",
    "TEMPLATES",
    "random_strikes",
    "search_again",
    "search_strike",
    "sweep",
    "torn",
]

LIMIT: Final = 64  # Legal states of one crash point that are all searched.
BUDGET_STEP: Final = 512

_Program = tuple[Operation, ...]


def _upserts(*keys: int, session: int = 0, size: int = SIZES - 1) -> _Program:
    return tuple(Operation(Kind.UPSERT, session, key, size) for key in keys)


_CHECKPOINT, _REOPEN = Operation(Kind.CHECKPOINT), Operation(Kind.REOPEN)
_READ, _RMW, _DELETE, _INSERT = (Operation(kind) for kind in (Kind.READ, Kind.RMW, Kind.DELETE, Kind.INSERT))
# By name: what it is there for.
PROGRAMS: Final[dict[str, _Program]] = {
    "opened": (),
    "saved": (Operation(), _CHECKPOINT, _RMW, _CHECKPOINT),
    "reopened": (Operation(), _CHECKPOINT, _REOPEN, _RMW, _CHECKPOINT, _REOPEN, _READ),
    # Pages turn, segments begin, frames are evicted; then the cold keys are used.
    "paged": (*_upserts(0, 1, 2, 3, 4), _READ, _RMW, _DELETE, _CHECKPOINT, *_upserts(5, 6), _READ, _INSERT),
    # What is cold is read by a store that has just opened.
    "cold": (*_upserts(0, 1, 2, 3, 4), _CHECKPOINT, _REOPEN, _READ, _RMW, _CHECKPOINT, _REOPEN, _READ),
    "truncated": (
        *_upserts(0, 1, 2, 3, 4, 0, 1, 2, 3, 4),
        *(_CHECKPOINT, Operation(Kind.TRUNCATE), Operation(), _CHECKPOINT, _CHECKPOINT, _REOPEN, _READ),
    ),
    "stepped": (
        *_upserts(0, 1, session=1, size=0),
        *(Operation(Kind.START), Operation(Kind.STEP), _RMW, Operation(Kind.STEP), *_upserts(1, 2)),
        *[Operation(Kind.STEP)] * 5,
        *(_READ, _CHECKPOINT),
    ),
}


def _templates() -> Iterator[Fault]:
    for call in calls_of(Effect.ERROR):
        codes = (EIO, ENOSPC) if call in (EventKind.WRITE, EventKind.CREATE) else (EIO,)
        for code in codes:
            for sticky in (False, True):
                yield Fault(Effect.ERROR, call, sticky=sticky, errno=code)
                yield Fault(Effect.ERROR, call, sticky=sticky, after=True, errno=code)
    for effect in Effect:
        if effect in (Effect.NONE, Effect.ERROR):
            continue
        amounts = {Effect.SHORT: (HALF, 1), Effect.ROT: (0, 77), Effect.MISDIRECTED: (0, 1)}.get(effect, (0,))
        for call in calls_of(effect):
            yield from (Fault(effect, call, amount=amount) for amount in amounts)
            if effect is not Effect.DELAYED:
                yield Fault(effect, call, sticky=True, amount=amounts[0])


TEMPLATES: Final = tuple(_templates())


def torn(sync: int) -> tuple[Era, ...]:
    """A life and the opening after it, each crashed at its `sync`-th sync from the end."""
    return Era(PROGRAMS["saved"], Crash(sync)), Era((), Crash(sync))


def sweep(
    program: _Program,
    geometry: str,
    law: str,
    templates: Iterable[Fault],
    *,
    limit: int = LIMIT,
    before: tuple[Era, ...] = (),
) -> tuple[Coverage, Finding | None]:
    """Strike each call of the program with each of these faults; the first violation ends it.

    limit    legal states of one crash point that are all searched; 0: no power cuts
    before   eras without faults that come first: what they leave is what the first opening finds
    """
    coverage = Coverage()
    recoveries = Recoveries(make_faster(geometry), law, limit)
    for template in templates:
        for fault in _series(template):
            tape = Tape((*before, Era(program, faults=fault.digits), Era()), geometry, law)
            strike = _Strike(tape, make_faster(geometry), recoveries, limit)
            finding = strike.run()
            coverage.merge(strike.coverage)
            if finding is not None:
                return coverage, finding
            if strike.is_past(fault):
                break
    return coverage, None


def search_strike(
    tape: Tape, *, limit: int = LIMIT, make_store: MakeStore | None = None
) -> tuple[Coverage, Finding | None]:
    """Play a tape with a fault plan; then every power cut behind what fired."""
    make_store = make_store or make_faster(tape.geometry, tape.kernels)
    strike = _Strike(tape, make_store, Recoveries(make_store, tape.law, limit), limit)
    finding = strike.run()
    return strike.coverage, finding


def search_again(
    tape: Tape, *, limit: int = LIMIT, make_store: MakeStore | None = None
) -> tuple[Tape | None, int]:
    """The tape's programs with its last fault at any call: one that shows a violation, and how many runs."""
    make_store = make_store or make_faster(tape.geometry, tape.kernels)
    recoveries = Recoveries(make_store, tape.law, limit)
    places = [place for place, era in enumerate(tape.eras) if era.faults]
    if not places:
        return None, 0
    place = places[-1]
    era = tape.eras[place]
    *others, last = Plan.of(era.faults).faults
    runs = 0
    for fault in _series(replace(last, number=0, amount=0 if last.effect is Effect.FULL else last.amount)):
        runs += 1
        struck = replace(era, faults=Plan(*others, fault).digits, crash=None)
        eras = (*tape.eras[:place], struck, *tape.eras[place + 1 :])
        strike = _Strike(replace(tape, eras=eras), make_store, recoveries, limit)
        finding = strike.run()
        runs += strike.coverage.checked
        if finding is not None:
            return finding.tape, runs
        if strike.is_past(fault):
            break
    return None, runs


def random_strikes(
    random: Random, count: int, geometries: Sequence[str], law: str, steps: int
) -> Iterator[Tape]:
    """Random programs with one or two random faults at random calls; geometries take turns."""
    for number in range(count):
        program = random_program(random, random.randint(2, steps), random.choice((2, 3, KEYS_MAX)))
        faults = [_random_fault(random) for _ in range(random.choice((1, 1, 2)))]
        eras: tuple[Era, ...] = (Era(program, faults=Plan(*faults).digits), Era())
        if number % 3 == 0:  # The opening that is struck follows a power cut.
            survivors = tuple(random.choice((0, 0, 1, 2)) for _ in range(6))
            crash = Crash(random.randrange(6), random.randrange(3), survivors)
            eras = (Era(random_program(random, random.randint(2, steps), 2), crash), *eras)
        yield Tape(eras, geometries[number % len(geometries)], law)


def _random_fault(random: Random) -> Fault:
    fault = random.choice(TEMPLATES)
    if fault.effect is Effect.FULL:
        return replace(fault, amount=random.randrange(16) * BUDGET_STEP)
    return replace(fault, number=random.randrange(random.choice((8, 32))))


def _series(template: Fault) -> Iterator[Fault]:
    """The fault at the first call, at the second, ...; or with a larger and larger disk."""
    number = 0
    while True:
        if template.effect is Effect.FULL:
            yield replace(template, amount=number * BUDGET_STEP)
        else:
            yield replace(template, number=number)
        number += 1


def _may_matter(era: Era) -> bool:
    """True if the bytes on the disk may differ from those without the faults."""
    return not all(
        fault.effect is Effect.DELAYED or (fault.effect is Effect.SHORT and fault.call is EventKind.READ)
        for fault in Plan.of(era.faults).faults
    )


class _Strike:
    """One run with a fault in its plan."""

    def __init__(self, tape: Tape, make_store: MakeStore, recoveries: Recoveries, limit: int) -> None:
        eras = tape.eras if not tape.eras[-1].faults else (*tape.eras, Era())
        self.coverage = Coverage(programs=1)
        self._tape = replace(tape, eras=eras)
        self._make_store = make_store
        self._world = World(make_store, has_faults=True)
        self._recoveries = recoveries
        self._limit = limit
        self._plans: list[Plan] = []
        self._verdicts: dict[tuple[int, int, int], Verdict] = {}
        self._outcomes: list[Outcome] = []  # What _verdicts names by id stays alive.

    def run(self) -> Finding | None:
        opened = self._recoveries.opened
        try:
            return self._run()
        finally:
            self.coverage.checked += self._recoveries.opened - opened

    def is_past(self, fault: Fault) -> bool:
        """True if no later strike of the sweep can do anything. Invariant 1."""
        if fault.effect is Effect.FULL:
            return not self.coverage.fired
        name = fault.call.name.lower()
        return all(plan.reached.get(name, 0) <= fault.number for plan in self._plans)

    def _run(self) -> Finding | None:
        world = self._world
        for place, era in enumerate(self._tape.eras):
            is_last = place == len(self._tape.eras) - 1
            world.doubts.arm(world.device, era.faults)
            plan = world.doubts.plan
            is_fine = world.open() and all(world.step(operation) for operation in era.program)
            is_fine = is_fine and world.inspect() and (not is_last or world.probe())
            if is_fine and era.crash is not None and not era.faults:
                index = crash_index(world.segment.trace, era.crash)
                world.cut(index, era.crash.survivors, self._tape.law)
                continue
            if is_fine and era.faults:
                finding = self._cut(place, era)
                if finding is not None:
                    return finding
            is_fine = is_fine and world.close()
            if era.faults:
                self._plans.append(plan)
                self._count(plan)
            if not is_fine:
                assert isinstance(world.verdict, Violation)
                return Finding(self._tape, world.verdict)
        return None

    def _count(self, plan: Plan) -> None:
        seen = Coverage(fired=dict(plan.fired))
        seen.reached.update(plan.reached)
        for event in self._world.segment.trace.events:
            if event.kind is EventKind.FAULT:
                what = f"struck {event.target.lower()} {event.name.partition('-')[0]}".rstrip()
                seen.reached[what] = seen.reached.get(what, 0) + 1
        self.coverage.merge(seen)

    # -- the power cut behind it -----------------------------------------------------------------------

    def _cut(self, place: int, era: Era) -> Finding | None:
        """Judge every content that a power cut after the first firing leaves."""
        segment = self._world.segment
        first = next((index for index, _, _ in fired(segment.trace)), None)
        if first is None or not self._limit or not _may_matter(era):
            return None
        states = crash_states(segment.trace, self._tape.law, start=first + 1, limit=self._limit)
        self.coverage.bounded += states.bounded_points
        keys: set[tuple[int, int, int]] = set()
        for state in states:
            verdict = self._judge(segment, state, keys)
            if isinstance(verdict, Violation):
                return self._found(place, era, state, verdict)
        self.coverage.distinct += len(keys)
        return None

    def _judge(self, segment: Segment, state: CrashState, keys: set[tuple[int, int, int]]) -> Verdict:
        outcome = self._recoveries.of(state, 0)
        history = segment.issued_by(state.first)
        # Not monotone: after a second damage nothing is owed any more. It may be there at either moment.
        owed = max(owed_at(segment.trace, at, is_cut=True) for at in (state.first, state.last))
        acks = sum(index <= owed for index, _ in segment.acks)
        keys.add((state.key, len(history), acks))
        doubts = self._world.doubts
        if isinstance(outcome.error, Violation):
            is_damaged = doubts.is_damaged_before or damaged_at(segment.trace) < state.first
            return OK if is_damaged and self._refuses(state.image) else outcome.error
        known = (id(outcome), len(history), acks)
        if known not in self._verdicts:
            self._outcomes.append(outcome)
            acked = segment.acked_by(owed)
            self._verdicts[known], _ = doubts.judge_recovery(
                history, acked, outcome.recovered, outcome.content
            )
        return self._verdicts[known]

    def _refuses(self, image: Image) -> bool:
        """True if the exception that the store raises of this content is a refusal, and no accident."""
        try:
            subject = self._make_store(FaultDevice(image))
            content = subject.read_all()
            audit(subject)
        except InvariantError:
            return False
        except Exception as error:  # noqa: BLE001 (which kind it is, is the question)
            return isinstance(error, EngineError)
        probed = judge_probe(subject, content)
        return probed is None or probed.breach is Breach.UNOPENABLE

    def _found(self, place: int, era: Era, state: CrashState, verdict: Violation) -> Finding:
        """The tape of a violation, at the first or the last moment at which its content is legal."""
        trace = self._world.segment.trace
        moments = [(state.index, state.digits)]
        then = crash_states(trace, self._tape.law, start=state.last, stop=state.last, limit=self._limit)
        moments += [(state.last, each.digits) for each in then if each.key == state.key]
        tapes = []
        for index, digits in moments:
            cut = replace(era, crash=crash_at(trace, index, digits))
            tapes.append(replace(self._tape, eras=(*self._tape.eras[:place], cut, Era())))
        shown = (tape for tape in tapes if verdict.is_same_kind(play(tape, self._make_store).verdict))
        return Finding(next(shown, tapes[0]), verdict)
