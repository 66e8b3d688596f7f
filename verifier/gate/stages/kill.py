"""Stage `kill`: processes killed over real files, and crash states in real folders.

    small     the last step of every program of at most so many steps, in each geometry
    sampled   the last step of some programs of one step more; geometries take turns
    random    random tapes with several lives, the last one from its opening to its end
    broad     programs whose pages turn in a store of large pages: writes that a kill can end early
    images    crash states of random tapes, written into folders
    logs      small programs of a log, and a few of several lives
    removed   programs whose checkpoints remove files once they are told: truncations, checkpoints of each
              kind, reopenings

Counting: `reached` by system call and what it was for, `fired` by where in a call the kill was. `by system
calls` among the reached says how kills were dealt; `by device calls` stands there with the reason where
system calls cannot be traced, and then what is reached are no system calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Annotated, Final

import msgspec

from ...faster.fasterlog.seams import LOG_GEOMETRIES
from ...finders.crashes import Coverage, Finding
from ...finders.kill import Tally, Task, run_task
from ...tapes.logged import killed_lives, killed_runs
from ...tapes.programs import random_tapes, small_programs
from ...tapes.removing import TURNED, removing
from ...tapes.tape import KEYS_MAX, LOGS, SIZES, Crash, Era, Kind, Operation, Tape
from ...verdict import Violation
from ..chunks import Chunk, Deadline, Definition, Result
from ..document import Stage
from ..plans import Count, Floor, Names, Positive, check_geometries, check_names

__all__ = ["LAW", "STAGE", "KillPlan", "Killed", "kill_chunks"]

LAW: Final = "pagecache"
_OF_LOG: Final = "programs of a log"


class KillPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Processes killed over real files, and crash states in real folders.

    steps      of the small programs, all of which are killed
    sampled    programs of one step more
    tapes      random ones of at most `tape_steps` an era
    broad      programs of long writes
    images     random tapes of which `states` crash states each are written into folders
    chunk      small programs a chunk; images go by a half of it, random tapes by a tenth
    logs       geometries of a log, for its small programs
    removed    every so many-th program whose checkpoints remove files; 0 for none
    """

    geometries: Names
    steps: Count
    sampled: Count
    tapes: Positive
    tape_steps: Annotated[int, msgspec.Meta(ge=2)]
    broad: Count
    images: Count
    states: Positive
    chunk: Positive
    floor: Floor
    logs: tuple[str, ...] = ()
    removed: Count = 0


@dataclass(frozen=True, slots=True)
class Killed:
    """One task, done by a process of its own."""

    tapes: tuple[Tape, ...]
    start_steps: tuple[int, ...] = ()
    states: int = 0
    seed: str = ""

    def run(self, deadline: Deadline) -> Result:
        if deadline.is_over():
            return Result()
        task = Task(self.tapes, self.start_steps, self.states, self.seed)
        tally = run_task(task, deadline=deadline.at)
        if tally.is_cut:
            deadline.is_over()
        result = result_of(tally)
        if self.tapes[0].subject == LOGS:
            result.coverage.reached[_OF_LOG] = tally.programs
        return result


def result_of(tally: Tally) -> Result:
    """The tally as a stage counts it."""
    reached = dict(sorted(tally.reached.items()))
    if tally.fired:
        reached[f"by {tally.way}" + (f": {tally.why}" if tally.why else "")] = sum(tally.fired.values())
    coverage = Coverage(
        programs=tally.programs,
        distinct=tally.distinct,
        checked=tally.checked,
        after_checkpoint=tally.after_checkpoint,
        several_eras=tally.several_eras,
        reached=reached,
        fired=dict(sorted(tally.fired.items())),
    )
    result = Result(coverage, unknown=tally.unknown)
    if isinstance(tally.violation, Violation):
        if tally.tape is not None:
            result.finding = Finding(tally.tape, tally.violation)
        else:
            result.objection = tally.violation
    return result


def kill_chunks(plan: KillPlan, law: str, seed: int) -> Iterator[Chunk]:
    """Small programs in each geometry, then random tapes, long writes and crash states."""
    small = [(program, len(program)) for program in small_programs(plan.steps)]
    for geometry in plan.geometries:
        for start in range(0, len(small), plan.chunk):
            some = small[start : start + plan.chunk]
            tapes = tuple(Tape((Era(program),), geometry, LAW) for program, _ in some)
            yield Killed(tapes, tuple(steps for _, steps in some))
    if plan.sampled:
        yield from _sampled(plan, Random(f"{seed}:sampled"))
    few = max(1, plan.chunk // 10)
    lives = [_undiced(tape) for tape in _random(plan, f"{seed}:lives", plan.tapes, LAW)]
    for start in range(0, len(lives), few):
        yield Killed(tuple(lives[start : start + few]))
    if plan.broad:
        yield _broad(Random(f"{seed}:broad"), plan.broad)
    yield from _logs(plan.logs)
    if plan.removed:
        yield _removed(plan.geometries, plan.removed)
    images = _random(plan, f"{seed}:images", plan.images, "posix")
    half = max(1, plan.chunk // 2)
    for start in range(0, len(images), half):
        yield Killed(tuple(images[start : start + half]), (), plan.states, f"{seed}:{start}")


def _logs(geometries: Sequence[str]) -> Iterator[Killed]:
    """Every step of small programs of a log, then lives that follow each other."""
    runs = list(killed_runs())
    for geometry in geometries:
        tapes = tuple(Tape((Era(run),), geometry, LAW, subject=LOGS) for run in runs)
        yield Killed(tapes, tuple(map(len, runs)))
    if geometries:
        lives = [
            Tape(
                (Era(first, Crash(1)), Era(second, Crash(0, 1)), Era(last)), geometries[0], LAW, subject=LOGS
            )
            for first, second, last in killed_lives()
        ]
        yield Killed(tuple(lives))


def _removed(geometries: Sequence[str], every: int) -> Killed:
    """Programs of each truncation and kind of checkpoint, killed from the truncation on."""
    tapes = [
        Tape((Era(program),), geometries[number % len(geometries)], LAW)
        for number, program in enumerate(removing())
    ]
    some = tuple(tapes[::every])
    return Killed(some, (TURNED + 1,) * len(some))


def _sampled(plan: KillPlan, random: Random) -> Iterator[Killed]:
    """Tapes drawn in the order of the list, so that a violation is told of the smallest program drawn."""
    longer = [program for program in small_programs(plan.steps + 1) if len(program) > plan.steps]
    chosen = sorted(random.sample(range(len(longer)), min(plan.sampled, len(longer))))
    geometries = plan.geometries
    tapes = [
        Tape((Era(longer[number]),), geometries[place % len(geometries)], LAW)
        for place, number in enumerate(chosen)
    ]
    for start in range(0, len(tapes), plan.chunk):
        some = tapes[start : start + plan.chunk]
        yield Killed(tuple(some), (plan.steps + 1,) * len(some))


def _random(plan: KillPlan, seed: str, count: int, law: str) -> list[Tape]:
    return list(random_tapes(Random(seed), count, plan.geometries, law, plan.tape_steps))


def _undiced(tape: Tape) -> Tape:
    """The tape with no survivors chosen in its crashes, and one more reopening: closing is killed too."""
    *first, last = tape.eras
    eras = [Era(era.program, None if era.crash is None else _bare(era.crash)) for era in first]
    return msgspec.structs.replace(tape, eras=(*eras, Era((*last.program, Operation(Kind.REOPEN)))))


def _bare(crash: Crash) -> Crash:
    return Crash(crash.sync, crash.before)


def _broad(random: Random, count: int) -> Killed:
    """Values that outgrow their records, and checkpoints: more than a page in one write."""
    tapes, starts = [], []
    for _ in range(count):
        grown = [
            tuple(
                Operation(Kind.RMW, random.randrange(2), random.randrange(KEYS_MAX), SIZES - 1)
                for _ in range(random.randint(24, 40))
            )
            for _ in range(2)
        ]
        program = (*grown[0], Operation(Kind.CHECKPOINT), *grown[1], Operation(Kind.CHECKPOINT))
        tapes.append(Tape((Era(program),), "broad", LAW))
        starts.append(len(grown[0]) + 1)
    return Killed(tuple(tapes), tuple(starts))


def _describe(stage: Stage) -> str:
    return f"{stage.programs:,} programs, {sum(stage.fired.values()):,} kills of real processes"


def _check(plan: KillPlan) -> None:
    check_geometries(plan.geometries)
    check_names("geometry of a log", plan.logs, tuple(LOG_GEOMETRIES))


STAGE: Final[Definition[KillPlan]] = Definition(
    "kill", law=lambda plan, law: LAW, chunks=kill_chunks, describe=_describe, check=_check, watched=True
)
