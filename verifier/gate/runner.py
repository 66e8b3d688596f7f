"""The runner of a gate: its stages one after another, each divided into chunks, merged in order.

Invariants
  1  verdict and figures do not depend on the number of workers: chunks are fixed, merging is in order,
     and a stage ends with its first violation in that order; not so `stress`, whose threads run as they may
  2  a stage with a violation is the last one: what is planted in a broken store proves nothing
  3  what was not searched, since a budget was spent, is undecided; it is never passed over
  4  a budget is divided over the stages: each is given an equal part of what is left when it begins
  5  a violation is replayed, shrunk and told in full, whatever is left of the budget
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, Final, NamedTuple

from powercut.faultfs import Law

from ..finders.crashes import Coverage
from ..reach.seen import Seen
from ..verdict import Violation
from .chunks import Chunk, Definition, Result
from .document import Bound, GateReport, Stage, Violated
from .findings import add_finding
from .profile import Profile, ProfileError
from .progress import Progress
from .stages import STAGES
from .workers import Workers

__all__ = ["Progress", "run_gate"]

_FIGURES: Final = (
    *("programs", "vectors", "contents", "distinct", "checked", "judged", "read_paths"),
    *("bounded", "closed", "sampled", "missed", "after_checkpoint", "several_eras"),
)


class _Run(NamedTuple):
    """The arguments of a gate that its stages need."""

    seed: int
    law: str | None
    folder: Path
    progress: Callable[[Progress], None]
    otherwise: str
    seen: Seen | None  # What the stages took of the engine so far, where the profile asks for that,
    cut: list[str]  # and those of which some of that is missing.


def run_gate(
    profile: Profile,
    *,
    stages: Sequence[str] = (),
    seed: int | None = None,
    jobs: int = 1,
    law: str | None = None,
    budget: float | None = None,
    findings_folder: Path = Path("powercut-findings"),
    progress: Callable[[Progress], None] = lambda progress: None,
    executor: Executor | None = None,
) -> GateReport:
    """Run every stage of the profile, or those that are named, and judge.

    seed      None: the profile's
    law       of the stages that have one; None: the profile's
    budget    seconds after which it ends, whatever is left to search
    executor  used instead of processes made here; `jobs` then says how much it is given at once

    Ctrl-C ends it with what is known until then, exit 130. Raises ValueError for an unknown law,
    ProfileError for a stage that the profile has not.
    """
    if law is not None:
        Law.of(law)
    there = profile.stages()
    if strange := [name for name in stages if name not in there]:
        raise ProfileError(f"no stage {strange[0]!r} in profile {profile.name}: there are {', '.join(there)}")
    seed = profile.seed if seed is None else seed
    started = monotonic()
    deadline = inf if budget is None else started + budget
    report = GateReport(profile.name, seed, chosen=[name for name in there if name in stages])
    asked = _asked(stages, there)
    otherwise = f"powercut gate --profile {profile.name} --seed {seed}" + (f" --law {law}" if law else "")
    is_watched = any(stage.judge is not None for stage in asked)
    run = _Run(seed, law, findings_folder, progress, otherwise, Seen() if is_watched else None, [])
    try:
        with Workers(jobs, executor, deadline) as workers:
            for number, definition in enumerate(asked):
                plan = profile.plan(definition.name)
                stage = report.stages[definition.name] = definition.begin(plan, law)
                now = monotonic()
                share = max(0.0, deadline - now) / (len(asked) - number)
                _run_stage(definition, plan, stage, workers, now + share, run)
                if stage.violations or stage.unstable:
                    break
                if stage.is_cut and definition.watched and run.seen is not None:
                    run.cut.append(definition.name)
    except KeyboardInterrupt:
        report.interrupted = True
    except BrokenExecutor as error:
        *_, last = report.stages.values()
        last.failures.append(f"a process of the gate is gone: {error}")
    report.seconds = round(monotonic() - started, 2)
    report.conclude()
    return report


def _asked(stages: Sequence[str], there: Sequence[str]) -> list[Definition[Any]]:
    """The stages that were asked for, in their order; one that judges the others takes those along."""
    chosen = [stage for stage in STAGES if stage.name in there and stage.name in (stages or there)]
    if stages and any(stage.judge is not None for stage in chosen):
        return [stage for stage in STAGES if stage.name in there and (stage in chosen or stage.watched)]
    return chosen


def _run_stage(
    definition: Definition[Any], plan: Any, stage: Stage, workers: Workers, deadline: float, run: _Run
) -> None:
    started = monotonic()
    if started >= deadline:
        stage.is_cut = True
        stage.unknown.append("not begun: the budget was spent")
        return
    name = definition.name
    if definition.judge is not None:
        assert run.seen is not None
        if run.cut:
            stage.is_cut = True
            stage.unknown.append(f"not judged: the budget was spent in {', '.join(run.cut)}")
            return
        definition.judge(plan, stage, run.seen)
        stage.seconds = round(monotonic() - started, 2)
        return
    is_watched = run.seen is not None and definition.watched
    chunks = list(definition.chunks(plan, stage.law, run.seed))
    done = in_part = 0
    how_far = ""
    results = workers.results(chunks, deadline, is_watched=is_watched)
    try:
        run.progress(Progress(name, 0, len(chunks), 0, 0.0))
        for chunk, result in results:
            if isinstance(result, Exception):
                done += 1
                stage.failures.append(f"{chunk}: {type(result).__name__}: {result}")
                continue
            done += not result.is_cut
            in_part += result.is_cut and result.coverage.programs > 0
            how_far = how_far or result.how_far
            _merge(stage, chunk, result)
            if run.seen is not None and result.seen is not None:
                run.seen.merge(result.seen)
            states = stage.distinct or stage.checked
            run.progress(Progress(name, done, len(chunks), states, monotonic() - started))
            if result.objection is not None:
                stage.violations.append(_untaped(result.objection, result.coverage, run.otherwise))
                return
            if result.finding is not None:
                add_finding(result.finding, name, stage, workers, run.folder, run.otherwise)
                return
        if done < len(chunks):
            stage.is_cut = True
            stage.unknown.append(_cut(stage, done, in_part, len(chunks), how_far))
    finally:
        results.close()
        for bound in stage.bounds:
            bound.complete = _is_complete(bound)
        stage.seconds = round(monotonic() - started, 2)


def _cut(stage: Stage, done: int, in_part: int, total: int, how_far: str) -> str:
    """The reason of a stage whose part of the budget was spent, with how far it came."""
    parts = f" and {in_part} in part" if in_part else ""
    came = how_far or f"{stage.programs:,} programs"
    return f"the budget was spent with {done} of {total} chunks done{parts}: {came}"


def _untaped(objection: Violation, coverage: Coverage, otherwise: str) -> Violated:
    """A violation without a tape: by what the store held, and the command that tries again."""
    return Violated(
        objection.oracle,
        objection.breach.value,
        objection.detail,
        coverage.reached.get("appends", 0),
        file="",
        repeat=otherwise,
    )


def _merge(stage: Stage, chunk: Chunk, result: Result) -> None:
    _add(stage, result.coverage)
    name = getattr(chunk, "bound", None)
    if name is not None:
        bound = next(bound for bound in stage.bounds if bound.name == name)
        bound.programs_visited += result.coverage.programs
        bound.legal += result.coverage.legal
        bound.visited += result.coverage.visited
        bound.bounded += result.coverage.bounded
    stage.cpu_seconds = round(stage.cpu_seconds + result.cpu_seconds, 2)
    stage.mutants += result.planted
    stage.killed += sum(each.killed for each in result.planted)
    if result.unknown:
        stage.unknown.append(result.unknown)


def _add(stage: Stage, coverage: Coverage) -> None:
    for figure in _FIGURES:
        setattr(stage, figure, getattr(stage, figure) + getattr(coverage, figure))
    for table, counts in ((stage.reached, coverage.reached), (stage.fired, coverage.fired)):
        for what, count in counts.items():
            table[what] = table.get(what, 0) + count


def _is_complete(bound: Bound) -> bool:
    """True if every program and every version vector that the formulas count was visited."""
    return (bound.programs, bound.legal) == (bound.programs_visited, bound.visited) and not bound.bounded
