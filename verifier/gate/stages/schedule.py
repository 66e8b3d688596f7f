"""Stage `schedule`: small programs under all their schedules of few preemptions, and random ones under many.

Invariants
  1  which programs a chunk holds is fixed by profile, seed and number
  2  a program is complete if every schedule within the bound was run, or is known to have the order of one
     that was; a program that is not is counted
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Annotated, Final

import msgspec

from ...concurrency.again import again_tapes
from ...concurrency.aside import aside_tapes
from ...concurrency.between import between_tapes
from ...concurrency.cached import cached_tapes
from ...concurrency.flushed import flushed_tapes
from ...concurrency.halves import halves
from ...concurrency.kinds import kinds_tapes
from ...concurrency.moving import moving_tapes
from ...concurrency.programs import Searched, portfolio, random_lanes, search_lanes, small_tapes
from ...concurrency.rarer import rarer_tapes
from ...concurrency.skewed import skewed_tapes
from ...finders.cpr.cuts import Opened, search_cuts
from ...finders.crashes import Coverage, Finding
from ...tapes.appenders import appenders_tapes, thirds_tapes
from ...tapes.tape import APPENDERS, Tape
from ..chunks import Chunk, Deadline, Definition, Result, in_parts, until
from ..document import NO_LAW, Bound, Stage
from ..plans import Floor, Names, Positive, check_geometries
from ..stopping import Stopping

__all__ = [
    "STAGE",
    "FamilyLanes",
    "FamilyPlan",
    "LanesPlan",
    "RandomLanes",
    "RandomLanesPlan",
    "SchedulePlan",
    "SmallLanes",
    "bound_name",
    "count_lanes",
    "schedule_chunks",
]


_RUN: Final = "schedules run"
_CUTS: Final = "contents after a power cut"  # Judged, of programs in whose schedules it is cut.
_SHARE: Final = 0.1  # A random program of which fewer schedules than that have orders of their own is left.
ASIDE: Final = "their own, truncations aside"
_FAMILIES: Final[dict[str, Callable[[str], Iterator[Tape]]]] = {
    "halves": halves,
    "skewed": skewed_tapes,
    "between": between_tapes,
    "again": again_tapes,
    "rarer": rarer_tapes,
    "cached": cached_tapes,
    "flushed": flushed_tapes,
    "kinds": kinds_tapes,
    "appenders": appenders_tapes,
    "thirds": thirds_tapes,
}


class LanesPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All small programs of sessions side by side, in each geometry, all schedules of few preemptions."""

    geometries: Names
    preemptions: Annotated[int, msgspec.Meta(ge=0, le=3)]
    chunk: Positive  # Programs a chunk.


class AsidePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Small programs whose truncations have a lane of their own, all schedules of few preemptions."""

    preemptions: Annotated[int, msgspec.Meta(ge=0, le=3)]
    chunk: Positive  # Programs a chunk.


class RandomLanesPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Random programs of sessions side by side, so many schedules of each, fewer where they are much alike;
    geometries take turns."""

    geometries: Names
    programs: Positive
    schedules: Positive
    chunk: Positive  # Programs a chunk.


class FamilyPlan(LanesPlan, frozen=True, forbid_unknown_fields=True):
    """Every so many-th program of a family; `limit` of its own for the schedules of one of them."""

    every: Positive = 1
    limit: Positive | None = None


class SchedulePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sessions side by side, under schedules that are chosen."""

    exhaustive: LanesPlan
    random: RandomLanesPlan
    limit: Positive  # Schedules of one small program.
    floor: Floor
    moving: LanesPlan | None = None  # The smallest in which a boundary or a phase moves beside a session.
    halves: FamilyPlan | None = None  # Something between the two halves of an operation.
    skewed: FamilyPlan | None = None  # A checkpoint that has begun before the sessions part.
    between: FamilyPlan | None = None  # Two sessions on one key, and what moves a boundary beside them.
    again: FamilyPlan | None = None  # Two checkpoints, one after the other, beside pages that turn.
    cached: FamilyPlan | None = None  # A store with a read cache, and sessions that ask, change, or fill it.
    rarer: FamilyPlan | None = None  # Operations of the rarer kinds beside each other.
    flushed: FamilyPlan | None = None  # The flush worker beside sessions, checkpoints and truncations.
    kinds: FamilyPlan | None = None  # A checkpoint of each kind but the usual one.
    appenders: FamilyPlan | None = None  # Two tasks of a log, and every power cut in each of their schedules,
    thirds: FamilyPlan | None = None  # likewise three.
    aside: AsidePlan | None = None


@dataclass(frozen=True, slots=True)
class SmallLanes:
    """Programs start to stop of the list of all small ones, every schedule of at most so many preemptions.

    geometry   ASIDE: those of `concurrency.aside`, in theirs
    """

    start: int
    stop: int
    geometry: str
    preemptions: int
    limit: int
    is_moving: bool = False  # Of those in which a boundary or a phase moves.

    @property
    def bound(self) -> str:
        """The name of the exhaustive search that it is a part of."""
        return bound_name(self.preemptions, self.geometry, is_moving=self.is_moving)

    def run(self, deadline: Deadline) -> Result:
        every = _moving(self.geometry) if self.is_moving else _tapes(self.geometry)
        tapes = every[self.start : self.stop]
        return _search_all(tapes, self.preemptions, self.limit, deadline)


@dataclass(frozen=True, slots=True)
class FamilyLanes:
    """Programs start to stop of a family, of which every `every`-th is there."""

    family: str
    start: int
    stop: int
    geometry: str
    preemptions: int
    limit: int
    every: int

    def run(self, deadline: Deadline) -> Result:
        tapes = list(_FAMILIES[self.family](self.geometry))[:: self.every][self.start : self.stop]
        result = _search_all(tapes, self.preemptions, self.limit, deadline)
        seen = result.coverage
        seen.reached = {self.family: seen.programs, **seen.reached}
        return result


@dataclass(frozen=True, slots=True)
class RandomLanes:
    """A number of random programs, each under a number of schedules at most; geometries take turns."""

    seed: str
    count: int
    schedules: int
    geometries: tuple[str, ...]

    def run(self, deadline: Deadline) -> Result:
        result = Result()
        # Which programs there are is no matter of what their schedules draw.
        drawn, scheduled = Random(self.seed), Random(f"{self.seed} schedules")
        for number in until(range(self.count), deadline):
            tape = random_lanes(drawn, self.geometries[number % len(self.geometries)])
            _count(result, search_lanes(tape, portfolio(scheduled), self.schedules, share=_SHARE))
            if result.finding is not None:
                break
        return result


def _search_all(tapes: Sequence[Tape], preemptions: int, limit: int, deadline: Deadline) -> Result:
    """Every schedule of at most so many preemptions of each tape."""
    result = Result()
    opened: Opened = {}
    for tape in until(tapes, deadline):
        strategy = Stopping(preemptions, limit, deadline)
        if tape.subject == APPENDERS:
            searched, tally = search_cuts(tape, strategy, limit, opened)
            searched.reached[_CUTS] = tally.judged
        else:
            searched = search_lanes(tape, [strategy], limit)
        if deadline.has_cut and searched.verdict is None:
            break  # Not counted: of this program some schedules are left.
        _count(result, searched)
        result.coverage.bounded += not searched.is_complete
        if result.finding is not None:
            break
    return result


def _count(result: Result, searched: Searched) -> None:
    """Add the search of one program. Schedules are counted as checked, those that were spared too; orders as
    distinct."""
    exploration = searched.exploration
    seen = Coverage(programs=1, distinct=exploration.distinct)
    seen.checked = seen.legal = seen.visited = exploration.schedules + searched.spared
    seen.reached = {**searched.reached, _RUN: exploration.schedules}
    result.coverage.merge(seen)
    if searched.tape is not None and searched.verdict is not None:
        result.finding = Finding(searched.tape, searched.verdict)
    if exploration.unknown and not result.unknown:
        result.unknown = f"{exploration.unknown} schedules of a program were not decided"


def bound_name(preemptions: int, geometry: str, *, is_moving: bool = False) -> str:
    """The name of the search of all small programs, or of those in which something moves."""
    programs = "a move beside a session" if is_moving else "sessions side by side"
    return f"{programs}, <= {preemptions} preemption{'s' * (preemptions != 1)}, in {geometry}"


def count_lanes(*, is_moving: bool = False) -> int:
    """The number of small programs, the same in every geometry."""
    return len(_moving("narrow") if is_moving else _tapes("narrow"))


def schedule_chunks(plan: SchedulePlan, law: str, seed: int) -> Iterator[Chunk]:
    """Slices of the small programs in each geometry, of families, then random ones."""
    large = plan.random
    for small in _searches(plan):
        is_moving = small is plan.moving
        for geometry in small.geometries:
            for start, stop in in_parts(count_lanes(is_moving=is_moving), small.chunk):
                yield SmallLanes(start, stop, geometry, small.preemptions, plan.limit, is_moving)
    for family in _FAMILIES:
        more: FamilyPlan | None = getattr(plan, family)
        for geometry in () if more is None else more.geometries:
            assert more is not None
            count = len(range(0, sum(1 for _ in _FAMILIES[family](geometry)), more.every))
            limit = more.limit or plan.limit
            for start, stop in in_parts(count, more.chunk):
                yield FamilyLanes(family, start, stop, geometry, more.preemptions, limit, more.every)
    for start, stop in in_parts(large.programs, large.chunk):
        yield RandomLanes(f"{seed}:{start}", stop - start, large.schedules, large.geometries)
    if plan.aside is not None:
        for start, stop in in_parts(len(_tapes(ASIDE)), plan.aside.chunk):
            yield SmallLanes(start, stop, ASIDE, plan.aside.preemptions, plan.limit)


def _bounds(plan: SchedulePlan, law: str) -> list[Bound]:
    formula = (
        "schedules: 1, and for each of c - 1 preemptions, over the contended points after its last one, the "
        "sum of the other tasks that can go on there"
    )
    bounds = []
    for each in _searches(plan):
        is_moving = each is plan.moving
        for geometry in each.geometries:
            name = bound_name(each.preemptions, geometry, is_moving=is_moving)
            programs = count_lanes(is_moving=is_moving)
            bounds.append(Bound(name, NO_LAW, 0, formula, programs=programs))
    if plan.aside is not None:
        name = bound_name(plan.aside.preemptions, ASIDE)
        bounds.append(Bound(name, NO_LAW, 0, formula, programs=len(_tapes(ASIDE))))
    return bounds


def _searches(plan: SchedulePlan) -> list[LanesPlan]:
    """The exhaustive searches, the widest first."""
    return [plan.exhaustive, *([] if plan.moving is None else [plan.moving])]


@lru_cache(maxsize=4)
def _tapes(geometry: str) -> list[Tape]:
    return list(aside_tapes() if geometry == ASIDE else small_tapes(geometry))


@lru_cache(maxsize=4)
def _moving(geometry: str) -> list[Tape]:
    return list(moving_tapes(geometry))


def _describe(stage: Stage) -> str:
    run = stage.reached.get(_RUN, 0)
    return (
        f"{stage.programs:,} programs, {stage.checked:,} schedules, {run:,} of them run, "
        f"{stage.distinct:,} orders"
    )


def _check(plan: SchedulePlan) -> None:
    for each in _searches(plan):
        check_geometries(each.geometries)
    check_geometries(plan.random.geometries)
    if plan.halves is not None:
        check_geometries(plan.halves.geometries)


STAGE: Final[Definition[SchedulePlan]] = Definition(
    "schedule",
    law=lambda plan, law: NO_LAW,
    chunks=schedule_chunks,
    bounds=_bounds,
    describe=_describe,
    check=_check,
    watched=True,
)
