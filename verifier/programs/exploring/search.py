"""The search: every crash state of a recording under a law, read and judged.

Invariants
  1  each distinct content is judged in every range of indices with other legal answers in which it is legal
  2  a finding's digits lead to its content at its index, and it has its verdict there
  3  findings are in the order of their crash states, so the first of a kind does not depend on `jobs`

Where the law leaves more states at an index than `limit`, that index is bounded, and `completeness` says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from powercut.faultfs import Enumeration, Image, Law, Trace, crash_states, survivor_image
from powercut.faultfs.states.enumeration import CrashState

from ..reading.readers import Answer, Reading
from ..recording import Recording
from .asked import Readings, Still
from .legality import Legality, NothingToExploreError, Point, Range, points_of
from .verdicts import Verdict, judge

__all__ = ["Exploration", "Finding", "Wanted", "explore", "findings", "legality_of", "search", "states_of"]

LIMIT: Final = 1024
_LOOKS: Final = 64  # Indices of a range at which a state is looked for.


@dataclass(frozen=True, slots=True)
class Wanted:
    """Options of a search."""

    law: Law = Law.POSIX
    acknowledgement: str = ""  # A pattern of lines of output.
    is_atomic: bool = True
    limit: int = LIMIT


@dataclass(frozen=True, slots=True)
class Finding:
    """A crash state that is wrong."""

    verdict: Verdict
    index: int
    survivors: tuple[int, ...]
    key: int
    part: Range
    reading: Reading
    law: Law


@dataclass(slots=True)
class Exploration:
    """All that a search saw."""

    trace: Trace
    legality: Legality
    enumeration: Enumeration
    states: int = 0  # Distinct contents.
    judged: int = 0  # Contents × ranges in which they are legal.
    first: dict[Verdict, Finding] = field(default_factory=dict)
    counts: Counter[Verdict] = field(default_factory=Counter)

    @property
    def law(self) -> Law:
        """The law under which was searched."""
        return self.enumeration.law

    @property
    def completeness(self) -> str:
        """`exhaustive`, or `bounded(k)`: states of at most k losses where an index has too many."""
        return self.enumeration.completeness

    @property
    def is_bounded(self) -> bool:
        """True where some crash states were left out."""
        return self.completeness != "exhaustive"


def legality_of(recording: Recording, trace: Trace, readings: Readings, wanted: Wanted) -> Legality:
    """Ask the reader at each point of the real run. Raises NothingToExploreError."""
    points = points_of(recording, wanted.acknowledgement)
    if not any(event.inode or event.name for event in trace.events):
        raise NothingToExploreError(
            f"nothing happened below {recording.root}: the recording has no event there"
        )
    if len(points) == 1:
        raise NothingToExploreError("the recording has no step and no acknowledgement: nothing is owed")
    images = [_live(trace, point.at) for point in points]
    readings.check_determinism(images[-1])
    answers: list[Answer] = []
    for point, (_, reading) in zip(points, readings.all(map(Still, images)), strict=True):
        if reading.why:
            raise NothingToExploreError(f"nothing lost, and the command that reads hangs at {point.told}")
        answers.append(reading.answer)
    if answers[0].status and len(set(answers)) == 1:
        raise NothingToExploreError(
            f"nothing lost, and the command that reads ends with status {answers[0].status} at every point, "
            "with one answer: it reads nothing"
        )
    between = {} if wanted.is_atomic else _between(trace, points, readings)
    return Legality(points, answers, len(trace), between)


def explore(recording: Recording, readings: Readings, wanted: Wanted) -> Exploration:
    """Judge every crash state. Raises NothingToExploreError, UnknownLawError."""
    trace = recording.trace()
    return search(trace, legality_of(recording, trace, readings, wanted), readings, wanted)


def search(
    trace: Trace, legality: Legality, readings: Readings, wanted: Wanted, *, is_short: bool = False
) -> Exploration:
    """Judge every crash state of a trace; with `is_short` until the first finding."""
    found = Exploration(trace, legality, crash_states(trace, wanted.law, limit=wanted.limit))
    for finding in findings(found, readings):
        found.counts[finding.verdict] += 1
        found.first.setdefault(finding.verdict, finding)
        if is_short:
            break
    return found


def findings(found: Exploration, readings: Readings) -> Iterator[Finding]:
    """Judge crash state after crash state, count them in `found`, and yield those that are wrong."""
    for state, reading in readings.all(found.enumeration):
        found.states += 1
        yield from _judged(state, reading, found)


def states_of(found: Exploration, readings: Readings) -> Iterator[tuple[CrashState, Reading]]:
    """The crash states of a search once more, with their readings."""
    return readings.all(found.enumeration)


def _judged(state: CrashState, reading: Reading, found: Exploration) -> Iterator[Finding]:
    """At most one finding of a state: in the first range in which it is legal and wrong."""
    for part in found.legality.meeting(state.first, state.last):
        found.judged += 1
        verdict = judge(reading, found.legality, part)
        if verdict is None:
            continue
        if part.start == state.first:
            yield Finding(verdict, state.first, state.digits, state.key, part, reading, found.law)
            return
        for index in dict.fromkeys((part.start, part.stop, *range(part.start, part.stop)[:_LOOKS])):
            then = found.enumeration.witness(state.key, index)
            if then is not None:
                yield Finding(verdict, index, then.digits, state.key, part, reading, found.law)
                return


def _live(trace: Trace, index: int) -> Image:
    return survivor_image(trace, index, (), Law.POSIX)


def _between(trace: Trace, points: list[Point], readings: Readings) -> dict[int, set[Answer]]:
    """Answers to what a program that was killed leaves, while a step is under way."""
    between: dict[int, set[Answer]] = {}
    for number, point in enumerate(points[1:], 1):
        images = (Still(_live(trace, index)) for index in range(point.begun, point.at + 1))
        between[number] = {reading.answer for _, reading in readings.all(images) if not reading.why}
    return between
