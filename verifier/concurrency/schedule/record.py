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
from hashlib import blake2b

import msgspec

from ...verdict import OK, Verdict
from .codes import MARK_END

__all__ = ["Deviations", "Record", "decode", "encode"]

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

    def accesses(self) -> Iterator[tuple[int, list[int]]]:
        """(task, codes) in the order in which they were carried out (invariant 1); marks among them."""
        pending: dict[int, int] = {}
        last = len(self.spans) - 1
        for number, (task, start, end) in enumerate(self.runs()):
            codes = self.points[start:end]
            held = pending.pop(task, 0)
            if held:
                codes.insert(0, held)
            if end > start and number != last and codes[-1] >= MARK_END:
                pending[task] = codes.pop()
            yield task, codes

    def order(self) -> bytes:
        """A hash of the order of dependent accesses (invariant 3)."""
        runs = list(self.accesses())
        contended = _contended(runs)
        lanes: dict[int, list[int]] = {code >> 1: [] for code in contended}
        for task, codes in runs:
            mark = task << 1
            for code in [code for code in codes if code in contended]:
                lanes[code >> 1].append(mark | code & 1)
        told = array("Q")
        for cell in sorted(lanes):
            lane = _canonical(lanes[cell])
            told.append(cell)
            told.append(len(lane))
            told.extend(lane)
        return blake2b(told.tobytes(), digest_size=16).digest()

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


def _contended(runs: list[tuple[int, list[int]]]) -> set[int]:
    """The codes of accesses to cells that two tasks touch and one of them writes."""
    touched: dict[int, set[int]] = {}
    for task, codes in runs:
        touched.setdefault(task, set()).update(codes)
    seen: set[int] = set()
    shared: set[int] = set()
    for met in touched.values():
        cells = {code >> 1 for code in met}
        shared |= seen & cells
        seen |= cells
    # A mark writes nothing: its code is even.
    written = {code >> 1 for met in touched.values() for code in met if code & 1}
    return {code for cell in shared & written for code in (2 * cell, 2 * cell + 1)}


def _canonical(lane: list[int]) -> list[int]:
    """The lane with the reads between two writes sorted: they are independent of each other."""
    canonical: list[int] = []
    reads: list[int] = []
    for entry in lane:
        if not entry & 1:
            reads.append(entry)
            continue
        if reads:
            canonical += sorted(reads)
            reads = []
        canonical.append(entry)
    return canonical + sorted(reads)
