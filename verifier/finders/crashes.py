"""Crashes: every crash state that a power cut can leave, at every point of a run, opened and judged.

`search_tape` plays a tape and, segment by segment, enumerates the crash states of its device trace under the
law; each is recovered (`recoveries`: opened, or known from one that answers alike) and judged against the
history (`judgements`): with the least that could have been issued, when it first becomes legal, and the most
that was acknowledged while it is still legal. So one judgement speaks for all its moments.

A crash point with more legal states than the limit is searched to a depth, and followed through the read
sets: if that comes to an end, it is exhausted all the same; if not, it is bounded, and sampled if draws are
asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate, product
from random import Random
from typing import Final

import msgspec

from powercut.faultfs import SYNC_KINDS, EventKind, History, Image, Law, Trace, chains, crash_states
from powercut.faultfs.faults.place import Place
from powercut.faultfs.law.survival import choose, image_of
from powercut.faultfs.states.branching import Exploration, explore
from powercut.faultfs.states.enumeration import CrashState, Enumeration

from ..errors import HarnessError
from ..faster.geometries import make_faster
from ..runs.world import World, play
from ..spec.history import Segment, crash_at, crash_index
from ..spec.subject import MakeStore
from ..tapes.tape import Crash, Era, Operation, Tape
from ..verdict import Violation
from .coverage import Content, Coverage, Tally
from .judgements import Judgements
from .recoveries import Nested, Outcome, Recoveries

__all__ = ["Coverage", "Finding", "exhaust", "search_tape"]

LIMIT: Final = 4096
_LOOKS: Final = frozenset({EventKind.READ, EventKind.SIZE, EventKind.LIST, EventKind.MARK})
_CHANGES: Final = SYNC_KINDS | {
    EventKind.CREATE,
    EventKind.REMOVE,
    EventKind.WRITE,
    EventKind.TRUNCATE,
    EventKind.ALLOCATE,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A violation and the tape that plays it again."""

    tape: Tape
    verdict: Violation


def search_tape(
    tape: Tape,
    *,
    start_step: int | None = None,
    depth: int = 1,
    limit: int = LIMIT,
    make_store: MakeStore | None = None,
    recoveries: Recoveries | None = None,
    is_counted: bool = False,
    draws: int = 0,
) -> tuple[Coverage, Finding | None]:
    """Judge every crash state of every segment of the tape; the first violation ends the search.

    start_step  only states that arise, or come to owe more, from this step of the last program on
                (what came before is another program's); None: from the first operation on
    depth       power cuts inside each recovery
    recoveries  outcomes kept from other searches with the same store and law
    is_counted  decode every version vector too, and count those whose content was judged
    draws       version vectors drawn at each crash point that cannot be exhausted

    Raises HarnessError for a store whose opening reads past its device: equal answers, equal outcomes.
    """
    make_store = make_store or make_faster(tape.geometry, tape.kernels)
    recoveries = recoveries or Recoveries(make_store, tape.law, limit)
    search = _Search(tape, make_store, recoveries, depth, limit, is_counted, draws)
    return search.coverage, search.run(start_step)


def exhaust(
    programs: Iterable[tuple[Operation, ...]],
    geometry: str,
    law: str,
    *,
    depth: int = 1,
    limit: int = LIMIT,
) -> tuple[Coverage, Finding | None]:
    """Search each program's last step: over all prefixes of a program, every step of it.

    Stops at the first violation. Outcomes are kept from program to program.
    """
    coverage = Coverage()
    recoveries = Recoveries(make_faster(geometry), law, limit)
    for program in programs:
        tape = Tape((Era(program),), geometry, law)
        last = len(program) - 1 if program else None
        seen, finding = search_tape(
            tape, start_step=last, depth=depth, limit=limit, recoveries=recoveries, is_counted=True
        )
        coverage.merge(seen)
        if finding is not None:
            return coverage, finding
    return coverage, None


class _Search:
    """One tape's search."""

    def __init__(
        self,
        tape: Tape,
        make_store: MakeStore,
        recoveries: Recoveries,
        depth: int,
        limit: int,
        is_counted: bool,
        draws: int,
    ) -> None:
        self.coverage = Coverage(programs=1, several_eras=int(any(era.crash for era in tape.eras[:-1])))
        self._tape = tape
        self._world = World(make_store)
        self._recoveries = recoveries
        self._depth = depth
        self._limit = limit
        self._is_counted = is_counted
        self._draws = draws
        self._eras: list[Era] = []  # As played so far, each with its crash: the way to here.

    def run(self, start_step: int | None) -> Finding | None:
        opened, bounded = self._recoveries.opened, self._recoveries.bounded
        try:
            for number, era in enumerate(self._tape.eras):
                is_last = number == len(self._tape.eras) - 1
                finding = self._run_era(era, start_step if is_last else None, is_last=is_last)
                if finding is not None:
                    return finding
            return None
        finally:
            self.coverage.checked += self._recoveries.opened - opened
            self.coverage.bounded += self._recoveries.bounded - bounded

    def _run_era(self, era: Era, start_step: int | None, *, is_last: bool) -> Finding | None:
        world = self._world
        is_fine = world.open() and all(world.step(operation) for operation in era.program)
        if not (is_fine and world.inspect()):
            assert isinstance(world.verdict, Violation)
            return self._found([Era(era.program)], world.verdict)
        if era.crash is None and not is_last:
            self._eras.append(Era(era.program))
            if world.close():
                return None
            assert isinstance(world.verdict, Violation)
            return self._found([], world.verdict)
        finding = self._judge_segment(era, self._start(start_step, era))
        if finding is not None or is_last:
            return finding
        crash = era.crash or Crash()
        world.cut(crash_index(world.segment.trace, crash), crash.survivors, self._tape.law)
        self._eras.append(Era(era.program, crash))
        return None

    def _start(self, start_step: int | None, era: Era) -> int:
        segment = self._world.segment
        if start_step is not None:
            return segment.step_starts[start_step - len(era.program)]
        # What stands before the first operation is every program's, and the empty program searches it.
        return (segment.passages[0].opened or 0) if era.program else 0

    # -- one segment -------------------------------------------------------------------------------

    def _judge_segment(self, era: Era, start: int) -> Finding | None:
        segment, coverage = self._world.segment, self.coverage
        states = crash_states(segment.trace, self._tape.law, start=start, limit=self._limit)
        coverage.vectors += states.legal
        judgements = Judgements(segment)
        tally = Tally(judgements, start)
        judged: dict[int, CrashState] = {}
        for state in states:
            outcome = self._recoveries.of(state, self._depth)
            finding = self._judge(judgements, era, state, outcome)
            if finding is not None:
                return finding
            judged[state.key] = state
            coverage.vectors += outcome.vectors
            tally.add(state, outcome)
        finding = self._go_beyond(states, judgements, tally, era)
        if finding is not None:
            return finding
        self._fire(segment.trace, judged.values())
        if any(state.first >= segment.checkpointed for state in judged.values()):
            coverage.after_checkpoint = 1
        coverage.judged += judgements.judged
        coverage.contents += tally.contents
        coverage.distinct += sum(map(len, tally.keys.values()))
        coverage.read_paths += sum(map(len, tally.paths.values()))
        self._reach(segment, start)
        if self._is_counted:
            self._walk_vectors(states, judged)
        return None

    def _go_beyond(
        self, states: Enumeration, judgements: Judgements, tally: Tally, era: Era
    ) -> Finding | None:
        """Search crash points of more states than the limit: through the read sets, or else by sampling."""
        found: Exploration[Outcome] | None = None
        for index in states.bounded:
            if found is None or states.history.trace.events[index - 1].kind not in _LOOKS:
                found = self._explore(states, index)
            for outcome, witness in found.outcomes:
                there = replace(witness, index=index)  # What looks on changes neither content nor digits.
                finding = self._judge(judgements, era, there, outcome)
                if finding is not None:
                    return finding
                tally.add(there, outcome)
            if found.is_closed:
                self.coverage.closed += 1
                continue
            self.coverage.bounded += 1
            finding = self._sample(index, judgements, tally, era)
            if finding is not None:
                return finding
        return None

    def _explore(self, states: Enumeration, index: int) -> Exploration[Outcome]:
        recoveries, depth = self._recoveries, self._depth
        if states.law not in (Law.POSIX, Law.POSIX_SPLIT) or not recoveries.is_pruned:
            return Exploration(index, -1)  # Not closed.
        tree = recoveries.tree(depth)
        return explore(
            states.history, index, tree, lambda image: recoveries.of_image(image, depth), self._limit
        )

    def _sample(self, index: int, judgements: Judgements, tally: Tally, era: Era) -> Finding | None:
        """Draw version vectors at one crash index, as many as the search was told to draw."""
        draws = self._draws
        if not draws:
            return None
        trace, law = judgements.segment.trace, self._tape.law
        # Of the tape and the place alone: a search that is repeated draws again what it drew.
        generator = Random(f"{self._tape} {len(self._eras)} {index}")
        drawn = crash_states(
            trace, law, start=index, stop=index, limit=self._limit, sample=draws, generator=generator
        )
        for state in drawn:
            outcome = self._recoveries.of(state, self._depth)
            finding = self._judge(judgements, era, state, outcome)
            if finding is not None:
                return finding
            tally.add(state, outcome)
        self.coverage.sampled += bool(drawn.draws)
        self.coverage.missed += round(drawn.unseen_contents)
        return None

    def _judge(self, judgements: Judgements, era: Era, state: Content, outcome: Outcome) -> Finding | None:
        for moment in judgements.moments(state.first, state.last, outcome):
            if not isinstance(judgements.judge(outcome, moment), Violation):
                continue
            if moment[0] == moment[1] != state.first and not self._is_legal(
                judgements.segment, state, moment[1]
            ):
                continue
            # Told only of what was itself opened, cut by cut: digits name chains of its own disk.
            own = Recoveries(self._world.make_store, self._tape.law, self._limit, is_pruned=False)
            path: list[Nested] = []
            verdict = judgements.blame(own.of(state, self._depth), moment, path)
            if not isinstance(verdict, Violation):
                raise HarnessError(
                    "a disk opened well whose like did not: opening depends on more than its device told"
                )
            return self._found(self._way(judgements.segment, era, state, moment[1], path), verdict)
        return None

    def _is_legal(self, segment: Segment, state: Content, index: int) -> bool:
        """True if the crash state is legal at an index between its first and its last.

        It may not: it can be lost for good, and written again. Where a point is bounded, nothing says so.
        """
        then = crash_states(segment.trace, self._tape.law, start=index, stop=index, limit=self._limit)
        return bool(then.bounded_points) or any(each.key == state.key for each in then)

    def _way(self, segment: Segment, era: Era, state: Content, moment: int, path: list[Nested]) -> list[Era]:
        """The eras that lead to a state at a moment at which it is legal, and through crashed openings."""
        law, limit = self._tape.law, self._limit
        then = crash_states(segment.trace, law, start=moment, stop=moment, limit=limit)
        witness: Content = next((each for each in then if each.key == state.key), state)
        way = [Era(era.program, crash_at(segment.trace, witness.index, witness.digits))]
        for nested in path:
            way.append(Era((), crash_at(self._opening_trace(way), nested.index, nested.digits)))
        return [*way, Era()]

    def _opening_trace(self, way: list[Era]) -> Trace:
        """The device trace of the opening that follows these eras, up to where the power would go in it."""
        eras = (*self._eras, *way, Era((), Crash()))  # Cut, not closed: closing would go on in the trace.
        run = play(msgspec.structs.replace(self._tape, eras=eras), self._world.make_store)
        return run.segments[-2].trace

    def _found(self, way: list[Era], verdict: Violation) -> Finding:
        return Finding(msgspec.structs.replace(self._tape, eras=(*self._eras, *way)), verdict)

    # -- accounts ----------------------------------------------------------------------------------

    def _reach(self, segment: Segment, start: int) -> None:
        """Count the device calls right after which the power was cut, by the step they belong to."""
        reached = self.coverage.reached
        for event in segment.trace.events[start:]:
            if event.kind in _CHANGES:
                what = str(Place.of(event))
                reached[what] = reached.get(what, 0) + 1

    def _fire(self, trace: Trace, states: Iterable[CrashState]) -> None:
        """Count the crash states that lack, at some moment at which they are legal, an issued operation."""
        issued = [0, *accumulate(event.kind in _CHANGES - SYNC_KINDS for event in trace.events)]
        lossy = sum(bool(state.digits) or issued[state.last] > issued[state.first] for state in states)
        if lossy:
            law = f"law {self._tape.law}"
            self.coverage.fired[law] = self.coverage.fired.get(law, 0) + lossy

    def _walk_vectors(self, states: Enumeration, judged: Mapping[int, CrashState]) -> None:
        """Decode every version vector one by one, and look its content up."""
        history = states.history if states.law is Law.POSIX else History(states.history.trace)
        events = history.trace.events
        found: list[CrashState | None] = []
        for index in range(states.start, states.stop + 1):
            if index == states.start or events[index - 1].kind not in _LOOKS:
                found = [judged.get(image.key()) for image in _legal_images(history, index, states.law)]
            self.coverage.legal += len(found)
            self.coverage.visited += sum(
                state is not None and state.first <= index <= state.last for state in found
            )


def _legal_images(history: History, index: int, law: Law) -> Iterator[Image]:
    """The images that the choices of digits decode to."""
    if law is Law.POSIX:
        ranges = [range(len(chain.legal(index))) for chain in history.pending(index)]
    else:
        ranges = [range(chain.values) for chain in chains(history.trace, index, law)]
    for digits in product(*ranges):
        yield image_of(history, index, choose(history, index, digits, law))
