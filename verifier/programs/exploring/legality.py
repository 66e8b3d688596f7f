"""Legality: the answers that a crash state may give, from what the program itself answered when it ran.

    point 0        before the first step
    point k        the end of step k, or the k-th line of output that was named as an acknowledgement

The reader is asked at each point of the real run. At crash index t let k be the last point acknowledged at or
before t, and b the last one whose work has begun. Then the answers of points k .. b are legal, and no others.

Invariants
  1  points are in order: begun <= at, and both ascend; point 0 is at index 0 and acknowledged
  2  a step that ended with an error acknowledges nothing: its answer is legal once it has begun, and not owed
  3  with `between`, what a program that was only killed leaves is legal while its step is under way

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from powercut.faultfs import EventKind

from ...errors import VerifierError
from ..reading.readers import Answer
from ..recording import Recording

__all__ = ["Legality", "NothingToExploreError", "Point", "Range", "points_of"]

_STEP, _DONE, _OUT = "step", "done", "out"
_FIRST: Final = "before the first step"


class NothingToExploreError(VerifierError):
    """A recording in which nothing happened that a power cut could undo, or nothing is owed."""


class Point(NamedTuple):
    """A place of the run at which the answer of the reader is known."""

    at: int  # The crash index from which on it is acknowledged.
    begun: int  # The crash index from which on its work may be on the disk.
    is_acknowledged: bool
    told: str


class Range(NamedTuple):
    """The crash indices start .. stop, and the points low .. high whose answers are legal there."""

    start: int
    stop: int
    low: int
    high: int


def points_of(recording: Recording, acknowledgement: str = "") -> list[Point]:
    """The points of a recording; with a pattern, also each line of output that it matches. Invariant 1."""
    points = [Point(0, 0, True, _FIRST)]
    pattern = re.compile(acknowledgement) if acknowledgement else None
    begun, line = 0, b""
    for position, event in enumerate(recording.events, 1):
        if event.kind is not EventKind.MARK:
            continue
        if event.label == _STEP:
            begun = position
        elif event.label == _DONE:
            number = int(event.data or b"0")
            step = recording.steps[number] if number < len(recording.steps) else None
            is_acknowledged = step is None or step.status == 0
            points.append(Point(position, begun, is_acknowledged, f"step {number + 1}"))
            begun = position
        elif event.label == _OUT and pattern is not None:
            *lines, line = (line + event.data).split(b"\n")
            for each in lines:
                text = each.decode(errors="replace")
                if pattern.search(text):
                    points.append(Point(position, begun, True, f"the line {text!r}"))
                    begun = position
    return points


class Legality:
    """The points, and what the reader answered at each."""

    def __init__(
        self, points: list[Point], answers: list[Answer], length: int, between: dict[int, set[Answer]]
    ) -> None:
        self.points = points
        self.answers = answers
        self.ranges = list(_ranges(points, length))
        self.between = between  # By point: what was answered while it was under way.

    def legal(self, part: Range) -> set[Answer]:
        """The answers that are legal in a range."""
        legal = set(self.answers[part.low : part.high + 1])
        for point in range(part.low + 1, part.high + 1):
            legal |= self.between.get(point, set())
        return legal

    def older(self, part: Range) -> set[Answer]:
        """The answers that were legal once, and are not any more."""
        return set(self.answers[: part.low]) - self.legal(part)

    def meeting(self, first: int, last: int) -> Iterator[Range]:
        """The ranges that share an index with first .. last, limited to them, in order."""
        for part in self.ranges:
            if part.start <= last and first <= part.stop:
                yield part._replace(start=max(part.start, first), stop=min(part.stop, last))


def _ranges(points: list[Point], length: int) -> Iterator[Range]:
    edges = sorted({0, length + 1, *(each.at for each in points), *(each.begun for each in points)})
    for start, stop in pairwise(edges):
        low = max(number for number, each in enumerate(points) if each.is_acknowledged and each.at <= start)
        high = max(number for number, each in enumerate(points) if each.begun <= start or number == 0)
        yield Range(start, stop - 1, low, max(low, high))
