"""Crashes: every crash state that a power cut can leave, at every point of a run, opened and judged.

`search_tape` plays a tape and, segment by segment, enumerates the crash states of its device trace under the
law; each is recovered (`recoveries`: opened, or known from one that answers alike) and judged against the
history (`judgements`): with the least that could have been issued, when it first becomes legal, and the most
that was acknowledged while it is still legal. So one judgement speaks for all its indices.

A crash point with more legal states than the limit is searched to a depth, and followed through the read
sets: if that comes to an end, it is exhausted all the same; if not, it is bounded, and sampled if draws are
asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

import msgspec

from powercut.faultfs.states.branching import Exploration
from powercut.faultfs.states.enumeration import CrashState, Enumeration

from ..errors import HarnessError
from ..registry import maker_of
from ..runs.play import Stop, play, play_eras, run_era
from ..runs.walk import Walk
from ..runs.world import World
from ..spec.history import Segment, crash_at
from ..spec.spec import StoreMaker
from ..spec.subject import MakeStore
from ..tapes.kept import UnsupportedTapeError
from ..tapes.tape import Era, Tape
from ..verdict import Violation
from .bounds import LIMIT, Bounds
from .continuations import Continuations
from .coverage import Content, Coverage, Tally
from .enumerated import LOOKS, Enumerated, Enumerations
from .judgements import Judgements
from .recoveries import Nested, Outcome, Recoveries
from .ways import Finding, way_to

__all__ = ["CONTINUED", "LIMIT", "Coverage", "Finding", "search_run", "search_tape"]

CONTINUED: Final = "gone on after a recovery"  # Contents, each by every continuation.


def search_tape(
    tape: Tape,
    *,
    start_step: int | None = None,
    depth: int = 1,
    limit: int = LIMIT,
    make_store: MakeStore | None = None,
    recoveries: Recoveries | None = None,
    enumerations: Enumerations | None = None,
    walk: Walk | None = None,
    continuations: Continuations | None = None,
    is_counted: bool = False,
    draws: int = 0,
) -> tuple[Coverage, Finding | None]:
    """Judge every crash state of every segment of the tape; the first violation ends the search.

    start_step  only states that arise, or come to owe more, from this step of the last program on
                (what came before is another program's); None: from the first operation on
    depth       power cuts inside each recovery
    recoveries  outcomes kept from other searches with the same store and law
    enumerations  crash states kept from other searches with the same law and limit
    walk        that other searches have gone, of one era each, with the same store
    continuations  to be given to the store after each recovery that no other search went on from
    is_counted  decode every version vector too, and count those whose content was judged
    draws       version vectors drawn at each crash point that cannot be exhausted

    Raises UnsupportedTapeError for faults and damage; HarnessError for a store whose opening reads past its
    device: equal answers, equal outcomes.
    """
    if any(era.faults or era.damage for era in tape.eras):
        raise UnsupportedTapeError("faults and damage: each has a search of its own")
    maker = maker_of(tape, make_store)
    recoveries = recoveries or Recoveries(maker, tape.law, limit)
    enumerations = enumerations or Enumerations(tape.law, limit)
    kept = _Kept(maker, recoveries, enumerations, walk, continuations)
    search = _Search(tape, kept, Bounds(depth, limit, is_counted, draws))
    return search.coverage, search.run(start_step)


def search_run(
    tape: Tape,
    segments: list[Segment],
    make_store: MakeStore,
    *,
    depth: int = 1,
    limit: int = LIMIT,
    recoveries: Recoveries | None = None,
    continuations: Continuations | None = None,
    excuses: Callable[[Finding], bool] = lambda finding: False,
) -> tuple[Coverage, Finding | None]:
    """Judge every crash state of a run that has ended well: of its own traces, and of no second run.

    tape      of the run, an era for each of the segments; what is found is told by eras behind these
    segments  what happened, each ended by a power cut or, the last one, by nothing
    """
    maker = StoreMaker.of(make_store)
    recoveries = recoveries or Recoveries(maker, tape.law, limit)
    kept = _Kept(maker, recoveries, Enumerations(tape.law, limit), None, continuations)
    search = _Search(tape, kept, Bounds(depth, limit, excuses=excuses))
    return search.coverage, search.run_over(segments)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The results that searches of one kind of store, under one law, leave to one another."""

    make_store: StoreMaker
    recoveries: Recoveries
    enumerations: Enumerations
    walk: Walk | None
    continuations: Continuations | None


@dataclass(frozen=True, slots=True)
class _Stretch:
    """One segment under judgement: the era that ended it, and what is known of it."""

    era: Era
    segment: Segment
    states: Enumeration
    judgements: Judgements
    tally: Tally


class _Search:
    """One tape's search."""

    def __init__(self, tape: Tape, kept: _Kept, bounds: Bounds) -> None:
        self.coverage = Coverage(programs=1, several_eras=int(any(era.crash for era in tape.eras[:-1])))
        self._tape = tape
        self._recoveries = kept.recoveries
        self._enumerations = kept.enumerations
        self._continuations = kept.continuations
        self._walk = kept.walk if len(tape.eras) == 1 else None
        self._world = World(kept.make_store) if self._walk is None else self._walk.world
        self._bounds = bounds
        self._eras: list[Era] = []  # As played so far, each with its crash: the way to here.

    def run(self, start_step: int | None) -> Finding | None:
        try:
            return self._counted(lambda: self._run(start_step))
        finally:
            if self._walk is None:
                self._world.let_go()

    def run_over(self, segments: list[Segment]) -> Finding | None:
        return self._counted(lambda: self._run_over(segments))

    def _counted(self, run: Callable[[], Finding | None]) -> Finding | None:
        own = (self._recoveries, self._continuations)
        counts = [each for each in own if each is not None]
        before = [(each.opened, each.bounded) for each in counts]
        contents = 0 if self._continuations is None else self._continuations.contents
        try:
            return run()
        finally:
            for each, (opened, bounded) in zip(counts, before, strict=True):
                self.coverage.checked += each.opened - opened
                self.coverage.bounded += each.bounded - bounded
            if self._continuations is not None:
                gone_on = self._continuations.contents - contents
                self.coverage.reached[CONTINUED] = self.coverage.reached.get(CONTINUED, 0) + gone_on

    def _run_over(self, segments: list[Segment]) -> Finding | None:
        for era, segment in zip(self._tape.eras, segments, strict=True):
            finding = self._judge_segment(era, segment, self._start(segment, None, era))
            if finding is not None:
                return finding
            self._eras.append(era)
        return None

    def _run(self, start_step: int | None) -> Finding | None:
        world = self._world
        for stop in play_eras(world, self._tape, run=self._run_era):
            finding = self._look(stop, start_step if stop.is_last else None)
            if finding is not None or stop.is_last:
                return finding
            self._eras.append(Era(stop.era.program, stop.era.crash))
        assert isinstance(world.verdict, Violation), "an era ended well, and no other came"
        return self._found([], world.verdict)

    def _run_era(self, world: World, era: Era, place: int) -> bool:
        return run_era(world, era, place) if self._walk is None else self._walk.play(era.program)

    def _look(self, stop: Stop, start_step: int | None) -> Finding | None:
        """An era that is about to end: whether it went well, and every crash state of a segment that ends."""
        if not stop.is_fine:
            assert isinstance(self._world.verdict, Violation)
            return self._found([Era(stop.era.program)], self._world.verdict)
        if stop.era.crash is None and not stop.is_last:
            return None
        segment = self._world.segment
        return self._judge_segment(stop.era, segment, self._start(segment, start_step, stop.era))

    def _start(self, segment: Segment, start_step: int | None, era: Era) -> int:
        if start_step is not None:
            return segment.step_starts[start_step - len(era.program)]
        # What stands before the first operation is every program's, and the empty program searches it.
        return (segment.lives[0].opened or 0) if era.program else 0

    # -- one segment -------------------------------------------------------------------------------

    def _judge_segment(self, era: Era, segment: Segment, start: int) -> Finding | None:
        coverage = self.coverage
        enumerated = self._enumerations.of(segment.trace, start)
        coverage.vectors += enumerated.states.legal
        judgements = Judgements(segment)
        stretch = _Stretch(era, segment, enumerated.states, judgements, Tally(judgements, start))
        judged: dict[int, CrashState] = {}
        most = None if self._continuations is None else self._continuations.most
        stride = 1 if most is None else -(-len(enumerated.contents) // most)
        for number, state in enumerate(enumerated.contents):
            outcome = self._recoveries.of(state, self._bounds.depth)
            finding = self._judge(stretch, state, outcome)
            if finding is None and number % stride == 0:
                finding = self._go_on(stretch, state)
            if finding is not None and not self._bounds.excuses(finding):
                return finding
            judged[state.key] = state
            coverage.vectors += outcome.vectors
            stretch.tally.add(state, outcome)
        finding = self._go_beyond(stretch)
        if finding is not None:
            return finding
        if any(state.first >= segment.checkpointed for state in judged.values()):
            coverage.after_checkpoint = 1
        coverage.judged += judgements.judged
        stretch.tally.count(coverage)
        self._account(enumerated, segment, judged)
        return None

    def _go_on(self, stretch: _Stretch, state: CrashState) -> Finding | None:
        """Give the store each continuation, where what is left was recovered well."""
        if self._continuations is None:
            return None
        fails = self._continuations.judge(state)
        if fails is None:
            return None
        cut = Era(stretch.era.program, crash_at(stretch.segment.trace, state.index, state.digits))
        found = [self._found([cut, *way], fails.verdict) for way in fails.ways]
        maker = self._world.make_store
        shown = (each for each in found if fails.verdict.is_same_kind(play(each.tape, maker).verdict))
        return next(shown, found[0])

    def _go_beyond(self, stretch: _Stretch) -> Finding | None:
        """Search crash points of more states than the limit: through the read sets, or else by sampling."""
        found: Exploration[Outcome] | None = None
        states = stretch.states
        for index in states.bounded:
            if found is None or states.history.trace.events[index - 1].kind not in LOOKS:
                found = self._recoveries.explore(states, index, self._bounds.depth, self._bounds.limit)
            for outcome, witness in found.outcomes:
                there = witness.at(index)  # What looks on changes neither content nor digits.
                finding = self._judge(stretch, there, outcome)
                if finding is not None and not self._bounds.excuses(finding):
                    return finding
                stretch.tally.add(there, outcome)
            if found.is_closed:
                self.coverage.closed += 1
                continue
            self.coverage.bounded += 1
            finding = self._sample(index, stretch)
            if finding is not None:
                return finding
        return None

    def _sample(self, index: int, stretch: _Stretch) -> Finding | None:
        """Draw version vectors at one crash index, as many as the search was told to draw."""
        draws = self._bounds.draws
        if not draws:
            return None
        # Of the tape and the place alone: a search that is repeated draws again what it drew.
        generator = Random(f"{self._tape} {len(self._eras)} {index}")
        drawn = stretch.states.sample(index, draws, generator)
        for state in drawn:
            outcome = self._recoveries.of(state, self._bounds.depth)
            finding = self._judge(stretch, state, outcome)
            if finding is not None:
                return finding
            stretch.tally.add(state, outcome)
        self.coverage.sampled += bool(drawn.draws)
        self.coverage.missed += round(drawn.unseen_contents)
        return None

    def _judge(self, stretch: _Stretch, state: Content, outcome: Outcome) -> Finding | None:
        judgements = stretch.judgements
        for span in judgements.spans(state.first, state.last, outcome):
            if not isinstance(judgements.judge(outcome, span), Violation):
                continue
            is_first = span[0] != span[1] or span[1] == state.first
            if not (is_first or stretch.states.is_legal(state.key, span[1])):
                continue
            # Told only of what was itself opened, cut by cut: digits name chains of its own disk.
            own = Recoveries(self._world.make_store, self._tape.law, self._bounds.limit, is_pruned=False)
            path: list[Nested] = []
            verdict = judgements.blame(own.of(state, self._bounds.depth), span, path)
            if not isinstance(verdict, Violation):
                raise HarnessError(
                    "a disk opened well whose like did not: opening depends on more than its device told"
                )
            trace, maker = stretch.segment.trace, self._world.make_store
            way = way_to(trace, self._tape.law, stretch.era.program, state, span[1], path, maker)
            return self._found(way, verdict)
        return None

    def _found(self, way: list[Era], verdict: Violation) -> Finding:
        return Finding(msgspec.structs.replace(self._tape, eras=(*self._eras, *way)), verdict)

    # -- accounts ----------------------------------------------------------------------------------

    def _account(self, enumerated: Enumerated, segment: Segment, judged: dict[int, CrashState]) -> None:
        """Count what was reached and what was lost; and every version vector, its content looked up."""
        coverage = self.coverage
        for what, count in (*enumerated.reached.items(), *segment.reached.items()):
            coverage.reached[what] = coverage.reached.get(what, 0) + count
        if enumerated.lossy:
            law = f"law {self._tape.law}"
            coverage.fired[law] = coverage.fired.get(law, 0) + enumerated.lossy
        if not self._bounds.is_counted:
            return
        for index, keys in enumerated.decoded():
            coverage.legal += len(keys)
            for key in keys:
                state = judged.get(key)
                coverage.visited += state is not None and state.first <= index <= state.last
