"""The conduct of a gate: its stages one after another, each cut into chunks, merged in order.

Invariants
  1  verdict and figures do not depend on the number of lanes: chunks are fixed, merging is in order,
     and a stage ends with its first violation in that order; not so `stress`, whose threads run as they may
  2  a stage with a violation is the last one: what is planted in a broken store proves nothing
  3  what was not searched, since a budget was spent, is undecided; it is never passed over
  4  figures are owed under the law they were measured under; under another law only the programs are
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor
from pathlib import Path
from time import monotonic
from typing import Final

from powercut.faultfs import Law

from ..finders.crashes import Coverage
from ..verdict import Violation
from .chunks import Chunk, Result
from .document import Bound, GateReport, Stage, Violated
from .findings import take_down
from .plan import stages_of
from .profile import Profile
from .workers import Lanes

__all__ = ["Progress", "run_gate"]

# Stage, chunks done, chunks in all.
Progress = Callable[[str, int, int], None]
_FIGURES: Final = (
    *("programs", "vectors", "contents", "distinct", "checked", "judged", "read_paths"),
    *("bounded", "closed", "sampled", "missed", "after_checkpoint", "several_eras"),
)


def run_gate(
    profile: Profile,
    *,
    seed: int | None = None,
    jobs: int = 1,
    law: str | None = None,
    budget: float | None = None,
    findings_folder: Path = Path("powercut-findings"),
    progress: Progress = lambda stage, done, total: None,
    executor: Executor | None = None,
) -> GateReport:
    """Run every stage of the profile, and judge.

    seed      None: the profile's
    law       of the model and crash stages; None: the profile's
    budget    seconds after which no further chunk is begun
    executor  used instead of processes made here; `jobs` then says how much it is given at once

    Ctrl-C ends it with what is known until then, exit 130. Raises ValueError for an unknown law.
    """
    if law is not None:
        Law.of(law)
    seed = profile.seed if seed is None else seed
    started = monotonic()
    deadline = None if budget is None else started + budget
    report = GateReport(profile.name, seed)
    otherwise = f"powercut gate --profile {profile.name} --seed {seed}" + (f" --law {law}" if law else "")
    try:
        with Lanes(jobs, executor) as lanes:
            for name, stage, chunks in stages_of(profile, law, seed):
                report.stages[name] = stage
                _run_stage(name, stage, chunks, lanes, deadline, progress, findings_folder, otherwise)
                if stage.violations or stage.unstable:
                    break
    except KeyboardInterrupt:
        report.interrupted = True
    except BrokenExecutor as error:
        *_, last = report.stages.values()
        last.failures.append(f"a process of the gate is gone: {error}")
    report.seconds = round(monotonic() - started, 2)
    report.conclude()
    return report


def _run_stage(
    name: str,
    stage: Stage,
    chunks: list[Chunk],
    lanes: Lanes,
    deadline: float | None,
    progress: Progress,
    folder: Path,
    otherwise: str,
) -> None:
    started = monotonic()
    done = 0
    progress(name, done, len(chunks))
    results = lanes.results(chunks, lambda: deadline is not None and monotonic() >= deadline)
    try:
        for chunk, result in results:
            done += 1
            if isinstance(result, Exception):
                stage.failures.append(f"{chunk}: {type(result).__name__}: {result}")
                continue
            _merge(stage, chunk, result)
            progress(name, done, len(chunks))
            if result.objection is not None:
                stage.violations.append(_untaped(result.objection, result.coverage, otherwise))
                return
            if result.finding is not None:
                take_down(result.finding, name, stage, lanes, folder, otherwise)
                return
        if done < len(chunks):
            stage.unknown.append(
                f"{len(chunks) - done} of {len(chunks)} chunks not begun: the budget was spent"
            )
    finally:
        results.close()
        for bound in stage.bounds:
            bound.complete = _is_complete(bound)
        stage.seconds = round(monotonic() - started, 2)


def _untaped(objection: Violation, coverage: Coverage, otherwise: str) -> Violated:
    """A violation without a tape: what the store held, and the command that tries again."""
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
    if result.planted is not None:
        stage.mutants.append(result.planted)
        stage.killed += result.planted.killed
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
