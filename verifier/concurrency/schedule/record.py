"""The record of one schedule: the points of each task, in order, and the deviations from the default.

    point      an arrival of a task at a place where another may go on; numbered from 0
    code       what the task was about to do there, as `codes` numbers it; code >> 1 is the cell
    span       the run of points of one task between two switches
    deviation  (point, which): there the option number `which` went on, and not the default 0

A schedule is its deviations, flattened into ints: (points since the one before, which), ...

Invariants
  1  an access announced at the last point of a span is carried out at the start of the task's next
     span: the announcement comes before the access
  2  decode(encode(deviations)) == deviations; any ints decode, negative ones as 0
  3  schedules with equal `order` differ only in the order of independent accesses

Source: the partial order of a schedule is Mazurkiewicz's trace.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import combinations
from typing import Final

import msgspec

from ...verdict import OK, Verdict
from .codes import MARK_END

__all__ = ["Deviations", "Record", "decode", "encode"]

_WRITE: Final = 1 << 16  # Above every task's number;
_WRITE_STEP: Final = 1 << 17  # above that, how many writes of the cell came before; above those, the cell.
_CELL_SHIFT: Final = 32
_SAME_MAX: Final = 4_096

Deviations = tuple[tuple[int, int], ...]


def encode(deviations: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    """The deviations as a tape carries them."""
    switches: list[int] = []
    passed = 0
    for point, which in deviations:
        switches += (point - passed, which)
        passed = point + 1
    return tuple(switches)


def decode(switches: Iterable[int]) -> Deviations:
    """The deviations that the ints stand for; a last one without its `which` stands for none."""
    numbers = [max(0, number) for number in switches]
    deviations = []
    point = 0
    for gap, which in zip(numbers[::2], numbers[1::2], strict=False):
        if which:
            deviations.append((point + gap, which))
        point += gap + 1
    return tuple(deviations)


@dataclass(slots=True)
class Record:
    """The events under one schedule; filled while it runs."""

    points: list[int] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)  # (first point, task).
    deviations: list[tuple[int, int]] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)  # Of each deviation: between how many it chose,
    living: list[int] = field(default_factory=list)  # and how many had not ended.
    results: list[object] = field(default_factory=list)  # Of each task that was handed in.
    tasks: int = 0  # Started, those that were submitted too.
    own: int = 0  # Of these so many were handed in; they have the lowest numbers.
    born: list[int] = field(default_factory=list)  # Of each task: the first point at which it can go on,
    over: dict[int, int] = field(default_factory=dict)  # and the point at its end, once it has ended.
    forced: list[int] = field(default_factory=list)  # Points at which nobody ran.
    waits: dict[int, frozenset[int] | None] = field(default_factory=dict)  # By point: tasks waited for there,
    # None: something else is.
    quiet: list[tuple[int, int]] = field(default_factory=list)  # (points before it, code): see `codes`.
    common: frozenset[int] = frozenset()  # Codes of the runtime's own marks.
    alone: int = 0  # From this point on there was one task left.
    verdict: Verdict = OK  # Of the run itself: progress, and errors of tasks.
    describe: Callable[[int], str] = str

    @property
    def switches(self) -> tuple[int, ...]:
        """The schedule."""
        return encode(self.deviations)

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """(task, first point, end) of each span."""
        for number, (start, task) in enumerate(self.spans):
            end = self.spans[number + 1][0] if number + 1 < len(self.spans) else len(self.points)
            yield task, start, end

    def order(self) -> bytes:
        """A hash of the order of dependent accesses (invariant 3).

        Contended is a cell that two tasks access and one of them writes. Each access to one becomes a number:
        the cell, how often it was written before, whether this is a write, the task. In ascending order that
        is each cell's history with the reads between two writes sorted: they are independent of each other.
        """
        runs = self.accesses()
        touched: dict[int, set[int]] = {}
        for task, codes in runs:
            met = touched.get(task)
            if met is None:
                met = touched[task] = set()
            met.update(codes)
        is_contended = _contended([_same.setdefault(each, each) for each in map(frozenset, touched.values())])
        told: list[int] = []
        append = told.append
        writes: dict[int, int] = {}
        before = writes.get
        for task, codes in runs:
            for code in filter(is_contended, codes):
                cell = code >> 1
                at = before(cell, 0)
                if code & 1:
                    writes[cell] = at + _WRITE_STEP
                    at += _WRITE
                append((cell << _CELL_SHIFT) + at + task)
        told.sort()
        if len(_same) > _SAME_MAX:
            _same.clear()
        return blake2b(array("Q", told).tobytes(), digest_size=16).digest()

    def accesses(self) -> list[tuple[int, list[int]]]:
        """(task, codes) in the order in which they were carried out (invariant 1); marks among them."""
        points, last = self.points, len(self.spans) - 1
        pending: dict[int, int] = {}
        done = []
        for number, (start, task) in enumerate(self.spans):
            end = self.spans[number + 1][0] if number < last else len(points)
            codes = points[start:end]
            held = pending.pop(task, 0)
            if held:
                codes.insert(0, held)
            if start < end and number != last and codes[-1] >= MARK_END:
                pending[task] = codes.pop()
            done.append((task, codes))
        return done

    def digest(self) -> str:
        """A hash of every point, every switch and the verdict."""
        state = blake2b(digest_size=16)
        state.update(struct.pack(f"<{len(self.points)}Q", *self.points))
        for start, task in self.spans:
            state.update(struct.pack("<QQ", start, task))
        state.update(repr(self.results).encode())
        state.update(msgspec.json.encode(self.verdict))
        return state.hexdigest()

    def last_points(self, count: int) -> dict[int, list[str]]:
        """The last places at which each task arrived, oldest first."""
        seen: dict[int, list[int]] = {}
        for task, start, end in self.runs():
            seen[task] = [*seen.get(task, []), *self.points[start:end]][-count:]
        return {task: [self.describe(code) for code in seen[task]] for task in sorted(seen)}


# Schedules of a program differ in the order of accesses, and seldom in which a task has.
_same: dict[frozenset[int], frozenset[int]] = {}


def _contended(touched: list[frozenset[int]]) -> Callable[[object], bool]:
    """The question whether a code is of a cell that two tasks touch and one of them writes.

    touched   the codes of each task
    """
    pairs = [_contended_by_two(one, other) for one, other in combinations(touched, 2)]
    return frozenset().union(*pairs).__contains__


@lru_cache(maxsize=4096)
def _contended_by_two(one: frozenset[int], other: frozenset[int]) -> frozenset[int]:
    cells, written = _cells(one)
    others, written_too = _cells(other)
    contended = cells & others & (written | written_too)
    return frozenset([2 * cell for cell in contended] + [2 * cell + 1 for cell in contended])


@lru_cache(maxsize=4096)
def _cells(codes: frozenset[int]) -> tuple[frozenset[int], frozenset[int]]:
    """(cells accessed, cells written). A mark writes nothing: its code is even."""
    return frozenset([code >> 1 for code in codes]), frozenset([code >> 1 for code in codes if code & 1])
