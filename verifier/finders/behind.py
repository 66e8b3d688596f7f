"""The power cut behind a fault: every content that one can leave after the fault fired, opened and judged.

A fault may fire while the store is closed, too. The next opening comes after it, so a cut there is an era of
its own in the tape: opened, and cut before the opening began.

A crash point of more states than the limit is followed through the read sets, as in `crashes`: it counts as
closed if that comes to an end, and as bounded if not.

Invariants
  1  the verdict on a content is that of `play` on the tape that is told of it
  2  a content that is legal at several indices is judged by the most that is owed at any of them
"""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from powercut.faultfs import Effect, EventKind, Plan, Trace, crash_states
from powercut.faultfs.states.enumeration import Enumeration
from powercut.faultfs.states.witness import witness_at

from ..oracles.faults import Firings
from ..runs.play import play, play_eras
from ..runs.world import World
from ..spec.history import Segment, crash_at
from ..spec.model import Issued
from ..spec.spec import Errors
from ..tapes.tape import Era, Tape
from ..verdict import OK, Breach, Verdict, Violation
from .beginnings import Known
from .coverage import Content, Coverage
from .enumerated import LOOKS
from .recoveries import Outcome
from .ways import Finding

__all__ = ["Behind", "Closing"]


@dataclass(frozen=True, slots=True)
class Closing:
    """The place where an era had run and its store was about to be closed."""

    index: int
    unresolved: Issued | None  # An operation that raised, and has had its effect or none.


class Behind:
    """The power cuts behind the faults of one run."""

    def __init__(self, tape: Tape, known: Known, world: World, coverage: Coverage) -> None:
        self._tape = tape
        self._known = known
        self._world = world
        self._coverage = coverage
        self._verdicts: dict[tuple[int, int, int], Verdict] = {}
        self._outcomes: list[Outcome] = []  # What _verdicts names by id stays alive.

    def now(self) -> Closing:
        """The place that the run has come to."""
        return Closing(len(self._world.segment.trace), self._world.fault_oracle.unresolved)

    def cut(self, place: int) -> Finding | None:
        """Judge every content that a power cut leaves from the first firing to here, in the era `place`."""
        firings = Firings(self._world.segment.trace)
        end = len(self._world.segment.trace)
        return self._cut(place, firings, firings.all[0][0], end) if firings.all else None

    def cut_closing(self, place: int, closing: Closing) -> Finding | None:
        """The same of what fired while the store of that era was closed; the one after it has been opened."""
        segment, oracle = self._world.segment, self._world.fault_oracle
        lives = (life.start for life in segment.lives if life.start >= closing.index)
        end = next(lives, len(segment.trace))
        firings = Firings(segment.trace)
        fired = [at for at, _, _ in firings.all if closing.index <= at < end]
        if not fired:
            return None
        now, oracle.unresolved = oracle.unresolved, closing.unresolved
        try:
            return self._cut(place, firings, fired[0], end, is_closing=True)
        finally:
            oracle.unresolved = now

    def _cut(
        self, place: int, firings: Firings, first: int, end: int, *, is_closing: bool = False
    ) -> Finding | None:
        limit, segment = self._known.limit, self._world.segment
        if not limit or not _may_matter(self._tape.eras[place]):
            return None
        states = crash_states(segment.trace, self._tape.law, start=first + 1, stop=end, limit=limit)
        keys: set[tuple[int, int, int]] = set()
        for state in states:
            outcome = self._known.recoveries.of(state, 0)
            verdict = self._judge(segment, firings, (state, outcome), keys)
            if isinstance(verdict, Violation):
                return self._found(place, state, verdict, firings, is_closing=is_closing)
        finding = self._go_beyond(place, firings, states, keys, is_closing=is_closing)
        self._coverage.distinct += len(keys)
        return finding

    def _go_beyond(
        self,
        place: int,
        firings: Firings,
        states: Enumeration,
        keys: set[tuple[int, int, int]],
        *,
        is_closing: bool,
    ) -> Finding | None:
        """Follow crash points of more states than the limit through the read sets."""
        found, recoveries = None, self._known.recoveries
        for index in states.bounded:
            if found is None or states.history.trace.events[index - 1].kind not in LOOKS | {EventKind.FAULT}:
                found = recoveries.explore(states, index, 0, self._known.limit)
            for outcome, witness in found.outcomes:
                there = witness.at(index)
                verdict = self._judge(self._world.segment, firings, (there, outcome), keys)
                if isinstance(verdict, Violation):
                    return self._found(place, there, verdict, firings, is_closing=is_closing)
            self._coverage.closed += found.is_closed
            self._coverage.bounded += not found.is_closed
        return None

    def _judge(
        self,
        segment: Segment,
        firings: Firings,
        found: tuple[Content, Outcome],
        keys: set[tuple[int, int, int]],
    ) -> Verdict:
        state, outcome = found
        history = segment.issued_by(state.first)
        # Not monotone: after a second damage nothing is owed any more, and an honest sync makes a lie good.
        turns = firings.turns(state.first, state.last)
        owed = max(firings.owed_at(segment, at, is_cut=True) for at in turns)
        acks = sum(index <= owed for index, _ in segment.acks)
        keys.add((state.key, len(history), acks))
        fault_oracle = self._world.fault_oracle
        if (error := outcome.error or outcome.spared) is not None:
            is_damaged = fault_oracle.is_damaged_before or all(firings.is_damaged_at(at) for at in turns)
            if outcome.error is not None and is_damaged:
                return OK if _is_refusal(outcome, fault_oracle.errors) else error
            if not is_damaged:
                return error
        known = (id(outcome), len(history), acks)
        if known not in self._verdicts:
            self._outcomes.append(outcome)
            acked = segment.acked_by(owed)
            self._verdicts[known], _ = fault_oracle.judge_recovery(
                history, acked, outcome.recovered, outcome.content
            )
        return self._verdicts[known]

    def _found(
        self, place: int, state: Content, verdict: Violation, firings: Firings, *, is_closing: bool
    ) -> Finding:
        """The tape of a violation, at one of the indices at which its content is legal.

        What is objected to is either something that had not been issued at the first, or something that was
        acknowledged at another one.
        """
        trace = self._world.segment.trace
        cuts = [(state.index, state.digits)]
        for index in reversed(firings.turns(state.first, state.last)):
            then = witness_at(trace, self._tape.law, state.key, state.index, state.digits, index)
            cuts += [] if then is None else [(index, then)]
        ended = self._opened_again(place) if is_closing else trace
        tapes = []
        for index, digits in cuts:
            crash = crash_at(ended, index, digits)
            era = self._tape.eras[place]
            way = (era, Era((), crash)) if is_closing else (replace(era, crash=crash),)
            tapes.append(replace(self._tape, eras=(*self._tape.eras[:place], *way, Era())))
        make_store = self._known.make_store
        shown = (tape for tape in tapes if verdict.is_same_kind(play(tape, make_store).verdict))
        return Finding(next(shown, tapes[0]), verdict)

    def _opened_again(self, place: int) -> Trace:
        """The trace with the opening after that era, which is known from elsewhere perhaps."""
        world = World(self._known.make_store, has_faults=True)
        eras = (*self._tape.eras[: place + 1], Era())
        for stop in play_eras(world, replace(self._tape, eras=eras)):
            if stop.place > place:
                break
        trace = world.segment.trace
        world.let_go()
        return trace


def _may_matter(era: Era) -> bool:
    """True if the bytes on the disk may differ from those without the faults."""
    return not all(
        fault.effect is Effect.DELAYED or (fault.effect is Effect.SHORT and fault.call is EventKind.READ)
        for fault in Plan.of(era.faults).faults
    )


def _is_refusal(outcome: Outcome, errors: Errors) -> bool:
    """True if what the store raised of a content is a refusal, and no accident."""
    if outcome.raised is not None:
        return issubclass(outcome.raised, errors.refusals) and not issubclass(
            outcome.raised, errors.invariants
        )
    return outcome.error is not None and outcome.error.breach is Breach.UNOPENABLE
