"""Crashes: every content that a power cut can leave, at every point of a run, opened and judged.

`search_tape` plays a tape and, segment by segment, enumerates the crash states of its device
trace under the law; each distinct content is opened once (`recoveries`) and judged against the
history: with the least that could have been issued (when it first becomes legal) and the most
that was acknowledged (while it is still legal). So one judgement speaks for all its moments.

Counting (design section 7)
  distinct    (durable content x the program that had run when it first arises x acknowledgement)
  checked     openings run; equal contents share one
  read paths  distinct (what opening read x program x acknowledgement)
  legal       version vectors, by formula: the sum over crash points of the product of the chains
  visited     version vectors decoded one by one, each of whose contents had been judged
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final

import msgspec

from faultfs import SYNC_KINDS, EventKind, History, Law, Trace, chains, crash_states
from faultfs.enumeration import CrashState
from faultfs.survival import choose, image_of

from .geometries import make_faster
from .history import Segment, crash_at, crash_index
from .model import Issued
from .prefix import judge_recovery
from .recoveries import Nested, Outcome, Recoveries
from .subjects import Bound, MakeStore
from .tape import Crash, Era, Operation, Tape
from .verdict import Verdict, Violation
from .world import World, play

__all__ = ["Coverage", "Finding", "exhaust", "search_tape"]

LIMIT: Final = 4096
_TABLES: Final = ("reached", "fired")
_CHANGES: Final = SYNC_KINDS | {
    EventKind.CREATE,
    EventKind.REMOVE,
    EventKind.WRITE,
    EventKind.TRUNCATE,
}


class Coverage(msgspec.Struct):
    """What a search has seen; counts add up over searches of different programs."""

    programs: int = 0
    legal: int = 0
    visited: int = 0
    distinct: int = 0
    checked: int = 0
    read_paths: int = 0
    bounded: int = 0  # Crash points with more legal states than the limit: not exhausted.
    after_checkpoint: int = 0  # Programs with a judged crash behind an acknowledged checkpoint.
    several_eras: int = 0  # Programs that went on after a power cut.
    reached: dict[str, int] = {}
    fired: dict[str, int] = {}

    def merge(self, other: Coverage) -> None:
        """Add what another search has seen."""
        for name in self.__struct_fields__:
            if name not in _TABLES:
                setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _TABLES:
            table: dict[str, int] = getattr(self, name)
            for what, count in getattr(other, name).items():
                table[what] = table.get(what, 0) + count


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
) -> tuple[Coverage, Finding | None]:
    """Judge every crash state of every segment of the tape; the first violation ends the search.

    start_step  only states that arise, or come to owe more, from this step of the last program on
                (what came before is another program's); None: from the first operation on
    depth       power cuts inside each recovery
    recoveries  outcomes kept from other searches with the same store and law
    is_counted  decode every version vector too, and count those whose content was judged
    """
    make_store = make_store or make_faster(tape.geometry, tape.kernels)
    recoveries = recoveries or Recoveries(make_store, tape.law, limit)
    search = _Search(tape, make_store, recoveries, depth, limit, is_counted)
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
    ) -> None:
        self.coverage = Coverage(programs=1, several_eras=int(any(era.crash for era in tape.eras[:-1])))
        self._tape = tape
        self._world = World(make_store)
        self._recoveries = recoveries
        self._depth = depth
        self._limit = limit
        self._is_counted = is_counted
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
        coverage.bounded += states.bounded_points
        keys: set[object] = set()
        paths: set[object] = set()
        judged: dict[int, CrashState] = {}
        owed = _frozen(segment.acked_by(start))
        for state in states:
            outcome = self._recoveries.of(state, self._depth)
            finding = self._judge(segment, era, state, outcome)
            if finding is not None:
                return finding
            judged[state.key] = state
            acked = _frozen(segment.acked_by(state.last))
            if state.first > start or acked != owed or start == 0:
                _count(outcome, acked, keys, paths)
        if any(state.first >= segment.checkpointed for state in judged.values()):
            coverage.after_checkpoint = 1
        coverage.distinct += len(keys)
        coverage.read_paths += len(paths)
        self._reach(segment, start)
        if self._is_counted:
            self._walk_vectors(segment, start, judged)
        return None

    def _judge(self, segment: Segment, era: Era, state: CrashState, outcome: Outcome) -> Finding | None:
        for issued_by, acked_by in _moments(segment, state, outcome):
            history, acked = segment.issued_by(issued_by), segment.acked_by(acked_by)
            path: list[Nested] = []
            verdict = _judge_outcome(history, acked, outcome, path)
            if isinstance(verdict, Violation):
                return self._found(self._way(segment, era, state, acked_by, path), verdict)
        return None

    def _way(
        self, segment: Segment, era: Era, state: CrashState, moment: int, path: list[Nested]
    ) -> list[Era]:
        """The eras that lead to a state at a moment at which it is legal, and on through cut openings."""
        law, limit = self._tape.law, self._limit
        then = crash_states(segment.trace, law, start=moment, stop=moment, limit=limit)
        witness = next((each for each in then if each.key == state.key), state)
        way = [Era(era.program, crash_at(segment.trace, witness.index, witness.digits))]
        for nested in path:
            way.append(Era((), crash_at(self._opening_trace(way), nested.index, nested.digits)))
        return [*way, Era()]

    def _opening_trace(self, way: list[Era]) -> Trace:
        """The device trace of the opening that follows these eras, up to where a cut of it would fall."""
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
                role = event.name.partition("-")[0]
                what = f"{event.label or 'RUN'} {event.kind.name.lower()} {role}".rstrip()
                reached[what] = reached.get(what, 0) + 1

    def _walk_vectors(self, segment: Segment, start: int, judged: Mapping[int, CrashState]) -> None:
        """Decode every version vector from `start` on by the other road, and look its content up."""
        law = Law.of(self._tape.law)
        history = History(segment.trace)
        for index in range(start, len(segment.trace) + 1):
            ranges = [range(chain.values) for chain in chains(segment.trace, index, law)]
            legal = 1
            for values in ranges:
                legal *= len(values)
            self.coverage.legal += legal
            for digits in product(*ranges):
                state = judged.get(image_of(history, index, choose(history, index, digits, law)).key())
                if state is not None and state.first <= index <= state.last:
                    self.coverage.visited += 1


def _judge_outcome(history: list[Issued], acked: Bound, outcome: Outcome, path: list[Nested]) -> Verdict:
    """Judge an opening and every opening after a cut inside it; `path` leads to the one objected to."""
    verdict: Verdict = outcome.error or judge_recovery(history, acked, outcome.recovered, outcome.content)
    if isinstance(verdict, Violation):
        return verdict
    for nested in outcome.nested:
        reported = outcome.recovered if nested.is_reported else None
        path.append(nested)
        inner = _judge_outcome(history, acked if reported is None else reported, nested.outcome, path)
        if isinstance(inner, Violation):
            return inner
        path.pop()
    return verdict


def _moments(segment: Segment, state: CrashState, outcome: Outcome) -> list[tuple[int, int]]:
    """The pairs of indices (issued by, acknowledged by) at which to judge a state.

    A cut that is named is the same at every moment, so the least issued and the most acknowledged are
    one question. A cut that is looked for may be another one after each acknowledgement.
    """
    if outcome.error is not None or outcome.recovered is not None:
        return [(state.first, state.last)]
    later = [index for index, _ in segment.acks if state.first < index <= state.last]
    return [(index, index) for index in (state.first, *later)]


def _count(outcome: Outcome, acked: object, keys: set[object], paths: set[object]) -> None:
    keys.add((outcome.key, acked))
    paths.add((outcome.path, acked))
    for nested in outcome.nested:
        _count(nested.outcome, acked, keys, paths)


def _frozen(bound: Bound) -> object:
    return tuple(sorted(bound.items())) if isinstance(bound, Mapping) else bound
