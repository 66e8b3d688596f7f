"""Chunks: a stage's work in pieces that do not depend on how many processes there are.

A chunk is a value that crosses to another process, and `run` is all that is done there. Which programs it
holds, and which generator it draws from, is fixed by profile, seed and number.

Invariants
  1  the results of a stage's chunks, merged in order, give the same figures wherever each of them ran
  2  no program of an exhaustive search is in two chunks, and none is in no chunk
  3  a chunk that a deadline ends early says so, and what it has searched until then is counted
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from math import inf
from pathlib import Path
from time import monotonic
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from ..finders.crashes import Coverage, Finding
from ..reach.seen import Seen
from ..tapes.tape import Tape
from ..verdict import Violation
from .document import Bound, Hunted, Stage
from .plans import Plan

__all__ = ["SEEDS", "Chunk", "Deadline", "Definition", "Result", "Until", "in_parts", "search_each", "until"]

SEEDS: Final = 1_000_003  # Apart, so that the chunks of one seed are not those of the next.
T = TypeVar("T")


@dataclass(slots=True)
class Deadline:
    """A moment of the monotonic clock, which all processes share; and whether it has ended anything."""

    at: float = inf
    has_cut: bool = False

    def is_over(self) -> bool:
        """True once it has passed. Who asks does no more then, and leaves something out."""
        self.has_cut = self.has_cut or monotonic() >= self.at
        return self.has_cut

    @property
    def left(self) -> float:
        """Seconds until then, 0 once it has passed."""
        return max(0.0, self.at - monotonic())


class Until(NamedTuple):
    """A deadline that crosses to another process, perhaps on a machine with another clock."""

    at: float
    left: float
    clock: str

    @classmethod
    def of(cls, at: float) -> Until:
        """The deadline as it is told elsewhere."""
        return cls(at, max(0.0, at - monotonic()), _clock())

    def here(self) -> Deadline:
        """The deadline by the clock of this process; of another machine's, what was left when it was told."""
        return Deadline(self.at if self.clock == _clock() else monotonic() + self.left)


@cache
def _clock() -> str:
    """The name of the monotonic clock: it begins anew where a kernel starts."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii")
    except OSError:
        return platform.node()


def until(items: Iterable[T], deadline: Deadline) -> Iterator[T]:
    """The items, as far as the deadline lets them come."""
    for item in items:
        if deadline.is_over():
            return
        yield item


@dataclass(slots=True)
class Result:
    """The outcome of a chunk."""

    coverage: Coverage = field(default_factory=Coverage)
    finding: Finding | None = None
    planted: tuple[Hunted, ...] = ()
    objection: Violation | None = None  # A violation that no tape repeats.
    unknown: str = ""
    is_cut: bool = False  # A deadline ended it before its work was done,
    how_far: str = ""  # and this is how far it came, where its counts do not tell.
    seen: Seen | None = None  # What it took of the engine, where that was watched.
    cpu_seconds: float = 0.0  # Of its process, and of those that ended in it.


class Chunk(Protocol):
    """One piece of work."""

    def run(self, deadline: Deadline) -> Result:
        """Do it, or as much of it as the deadline allows."""


P = TypeVar("P", bound=Plan)


def no_bounds(plan: Plan, law: str) -> list[Bound]:
    """The bounds of a stage that exhausts nothing."""
    return []


def count_crashes(stage: Stage) -> str:
    """The figures of a stage that cuts the power, in words."""
    return f"{stage.programs:,} programs, {stage.distinct:,} crash states, {stage.checked:,} openings"


def accept(plan: Plan) -> None:
    """Refuse nothing: the plan names nothing that could be missing."""


@dataclass(frozen=True, slots=True)
class Definition(Generic[P]):
    """A stage, as the gate knows it.

    name      of its field in a profile, and of its module in every folder that has one
    law       that its disks obey: given its plan and the law that was asked for, None for the profile's
    chunks    its work, given its plan, its law and the seed
    bounds    the exhaustive searches that it has to complete
    describe  its figures, in words
    check     refuses a plan that names what is not there; raises ValidationError or UnknownLawError
    watched   whether what its chunks take of the engine is a function of the seed, and counts for `reach`
    judge     what it makes of what the stages before it took; such a stage has no chunks
    """

    name: str
    law: Callable[[P, str | None], str]
    chunks: Callable[[P, str, int], Iterator[Chunk]]
    bounds: Callable[[P, str], list[Bound]] = no_bounds
    describe: Callable[[Stage], str] = count_crashes
    check: Callable[[P], None] = accept
    watched: bool = False
    judge: Callable[[P, Stage, Seen], None] | None = None

    def begin(self, plan: P, law: str | None) -> Stage:
        """The stage with all that it has to show, and nothing searched yet.

        Figures are required under the law they were measured under; under another one only the programs are.
        """
        own = self.law(plan, law)
        floor = plan.floor
        if own != self.law(plan, None):
            floor = {"programs": floor.get("programs", 1), "checked": 1}
        return Stage(own, floor, bounds=self.bounds(plan, own))


def search_each(tapes: Iterable[Tape], search: Callable[[Tape], tuple[Coverage, Finding | None]]) -> Result:
    """Search one tape after another, up to the first violation."""
    result = Result()
    for tape in tapes:
        seen, result.finding = search(tape)
        result.coverage.merge(seen)
        if result.finding is not None:
            break
    return result


def in_parts(total: int, size: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of parts of this size, which are together 0 to `total`."""
    return ((start, min(start + size, total)) for start in range(0, total, size))
