"""Stage `cpr`: checkpoints beside sessions, with the power cut while they are beside each other.

Small programs of each kind of checkpoint, under every schedule of few preemptions, the power cut at every
device call of each; then sessions on threads of their own over a disk that is cut afterwards, at many calls,
and over a folder, their process killed at a call and again in its next life, and what is recovered proved by
value; and checkpoints that a device keeps waiting until they are given up.

Invariants
  1  which programs a chunk holds is fixed by profile, seed and number
  2  a program is complete if every schedule within the bound was run or known, and every crash point of each
     was exhausted; one that is not is counted
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from powercut.faultfs import Law

from ...concurrency.cpr import KINDS, cpr_tapes
from ...finders.cpr.cuts import Opened, search_cuts
from ...finders.cpr.stuck import StuckTally, run_stuck, stuck_programs
from ...finders.crashes import Coverage, Finding
from ...finders.lasting import of_before
from ...tapes.tape import Tape
from ...verdict import Unknown, Violation
from ..chunks import Chunk, Deadline, Definition, Result, in_parts, until
from ..document import Bound, Stage
from ..plans import Floor, Names, Positive, check_geometries, check_names
from ..stopping import Stopping

__all__ = ["STAGE", "CprPlan", "CutLanes", "CutsPlan", "KilledLoads", "cpr_chunks"]

_RUN: Final = "schedules run"
STUCK: Final = len(list(stuck_programs()))


class CutsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every so many-th small program of each kind of checkpoint, in each geometry."""

    kinds: Names
    geometries: Names
    preemptions: Annotated[int, msgspec.Meta(ge=0, le=3)]
    chunk: Positive  # Programs a chunk.
    limit: Positive  # Schedules of one program.
    every: Positive = 1


class StuckPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every so many-th program of a checkpoint that a stuck device keeps waiting."""

    chunk: Positive  # Programs a chunk.
    every: Positive = 1


class LoadPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rounds of twelve writers of so many operations each beside so many checkpoints, and as many power cuts.

    cap_seconds  after which a round is given up as inconclusive
    """

    rounds: Positive
    operations: Positive
    checkpoints: Positive
    cuts: Positive
    cap_seconds: Positive
    kernels: Literal["compiled", "interpreted"] = "compiled"


class KillsPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many folders, on each of which so many processes of the load are killed, one after the other.

    chunk   folders a chunk
    """

    folders: Positive
    lives: Positive
    chunk: Positive
    kernels: Literal["compiled", "interpreted"] = "compiled"


class CprPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Checkpoints of every kind beside sessions, and the power cut meanwhile."""

    law: str
    cuts: CutsPlan
    floor: Floor
    stuck: StuckPlan | None = None
    load: LoadPlan | None = None
    kills: KillsPlan | None = None


@dataclass(frozen=True, slots=True)
class CutLanes:
    """Programs start to stop of those of a kind of checkpoint, of which every `every`-th is there."""

    kind: str
    start: int
    stop: int
    geometry: str
    law: str
    preemptions: int
    limit: int
    every: int

    @property
    def bound(self) -> str:
        """The name of the exhaustive search that it is a part of."""
        return bound_name(self.kind, self.preemptions, self.geometry, self.every)

    def run(self, deadline: Deadline) -> Result:
        result = Result()
        opened = of_before(_opened, self.geometry, self.law)
        for tape in until(_tapes(self.kind, self.geometry, self.every)[self.start : self.stop], deadline):
            tape = msgspec.structs.replace(tape, law=self.law)
            strategy = Stopping(self.preemptions, self.limit, deadline)
            searched, cuts = search_cuts(tape, strategy, self.limit, opened)
            if deadline.has_cut and searched.verdict is None:
                break  # Not counted: of this program some schedules are left.
            seen = Coverage(programs=1, distinct=cuts.contents, checked=cuts.contents, judged=cuts.judged)
            seen.legal = seen.visited = cuts.legal
            seen.bounded = cuts.bounded + (not searched.is_complete)
            seen.after_checkpoint = int(cuts.owing > 0)
            seen.reached = {
                _RUN: searched.exploration.schedules,
                "schedules": searched.exploration.schedules + searched.spared,
                f"{self.kind} calls": cuts.calls,
            }
            seen.fired = {f"law {self.law}": cuts.lossy}
            result.coverage.merge(seen)
            if searched.tape is not None and searched.verdict is not None:
                result.finding = Finding(searched.tape, searched.verdict)
                break
        return result


@dataclass(frozen=True, slots=True)
class StuckPrograms:
    """Programs start to stop of checkpoints kept waiting, of which every `every`-th is there."""

    start: int
    stop: int
    law: str
    every: int

    def run(self, deadline: Deadline) -> Result:
        result, tally = Result(), StuckTally()
        for program in until(list(stuck_programs())[:: self.every][self.start : self.stop], deadline):
            verdict = run_stuck(program, self.law, tally)
            result.coverage.programs += 1
            if isinstance(verdict, Violation):
                result.objection = verdict
                break
        seen = result.coverage
        seen.distinct = seen.checked = seen.judged = tally.contents
        seen.bounded = tally.bounded
        seen.reached = {"given up": tally.given_up, "taken by a retry": tally.retried}
        return result


@dataclass(frozen=True, slots=True)
class Loads:
    """One round of load, which its work ends. What its threads take is no function of the seed."""

    has_threads: ClassVar[bool] = True
    seed: str
    operations: int
    checkpoints: int
    cuts: int
    cap_seconds: int
    kernels: str

    def run(self, deadline: Deadline) -> Result:
        from ...finders.cpr.cutting import search_load  # It brings numpy.

        end = min(deadline.at, monotonic() + self.cap_seconds)
        searched = search_load(
            self.seed, self.operations, self.checkpoints, self.cuts, kernels=self.kernels, deadline=end
        )
        reached = dict(searched.reached)
        result = Result(Coverage(programs=1, checked=reached.get("cuts", 0), reached=reached))
        if isinstance(searched.verdict, Violation):
            result.objection = searched.verdict
        elif isinstance(searched.verdict, Unknown) and deadline.is_over():
            result.how_far = searched.verdict.why
        elif isinstance(searched.verdict, Unknown):
            result.unknown = searched.verdict.why
        return result


@dataclass(frozen=True, slots=True)
class KilledLoads:
    """Folders of loads whose processes are killed, by a process of its own. What dies where is the seed's."""

    seed: str
    folders: int
    lives: int
    kernels: str

    def run(self, deadline: Deadline) -> Result:
        from ...finders.cpr.killed import Kills, run_kills  # It brings numpy.

        if deadline.is_over():
            return Result()
        tally = run_kills(Kills(self.seed, self.folders, self.lives, self.kernels), deadline.at)
        if tally.is_cut:
            deadline.is_over()
        reached = dict(tally.reached)
        coverage = Coverage(programs=1, checked=reached.get("kills", 0), reached=reached)
        return Result(coverage, objection=tally.violation, unknown=tally.unknown)


def _opened() -> Opened:
    return {}


@lru_cache(maxsize=8)
def _tapes(kind: str, geometry: str, every: int) -> list[Tape]:
    return list(cpr_tapes(kind, geometry))[::every]


def bound_name(kind: str, preemptions: int, geometry: str, every: int) -> str:
    """The name of the search of all programs beside checkpoints of a kind."""
    share = "" if every == 1 else f"every {every}th program of "
    plural = "s" * (preemptions != 1)
    return f"{share}sessions beside {kind}, <= {preemptions} preemption{plural}, cut anywhere, in {geometry}"


def cpr_chunks(plan: CprPlan, law: str, seed: int) -> Iterator[Chunk]:
    """The load, slices of the programs of each kind in each geometry, and of those that are kept waiting."""
    yield from _more_chunks(plan, law, seed)
    cuts = plan.cuts
    for kind in cuts.kinds:
        for geometry in cuts.geometries:
            for start, stop in in_parts(len(_tapes(kind, geometry, cuts.every)), cuts.chunk):
                yield CutLanes(*(kind, start, stop, geometry, law), cuts.preemptions, cuts.limit, cuts.every)


def _more_chunks(plan: CprPlan, law: str, seed: int) -> Iterator[Chunk]:
    if (stuck := plan.stuck) is not None:
        for start, stop in in_parts(len(range(0, STUCK, stuck.every)), stuck.chunk):
            yield StuckPrograms(start, stop, law, stuck.every)
    if (load := plan.load) is not None:
        for number in range(load.rounds):
            yield Loads(
                *(f"{seed}:{number}", load.operations, load.checkpoints, load.cuts),
                *(load.cap_seconds, load.kernels),
            )
    if (kills := plan.kills) is not None:
        for start, stop in in_parts(kills.folders, kills.chunk):
            yield KilledLoads(f"{seed}:killed:{start}", stop - start, kills.lives, kills.kernels)


def _bounds(plan: CprPlan, law: str) -> list[Bound]:
    formula = (
        "of the schedule of no preemption: the sum over its device calls of the product, over all chains "
        "that are pending there, of their legal versions"
    )
    cuts = plan.cuts
    return [
        Bound(
            bound_name(kind, cuts.preemptions, geometry, cuts.every),
            law,
            0,
            formula,
            programs=len(_tapes(kind, geometry, cuts.every)),
        )
        for kind in cuts.kinds
        for geometry in cuts.geometries
    ]


def _describe(stage: Stage) -> str:
    schedules, kills = stage.reached.get("schedules", 0), stage.reached.get("kills", 0)
    proved = sum(stage.reached.get(f"operations proved{way}", 0) for way in ("", " after a kill"))
    return (
        f"{stage.programs:,} programs, {schedules:,} schedules, {stage.distinct:,} crash states in them; "
        f"{kills:,} kills; {proved:,} operations of threads proved by value"
    )


def _check(plan: CprPlan) -> None:
    Law.of(plan.law)
    check_geometries(plan.cuts.geometries)
    check_names("kind of checkpoint", plan.cuts.kinds, KINDS)


STAGE: Final[Definition[CprPlan]] = Definition(
    "cpr",
    law=lambda plan, law: law or plan.law,
    chunks=cpr_chunks,
    bounds=_bounds,
    describe=_describe,
    check=_check,
    watched=True,
)
