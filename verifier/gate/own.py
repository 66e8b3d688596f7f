"""The gate of a store of one's own: `powercut gate --store module:factory`.

    model     examples of its machine, drawn by the seed
    crash     every crash state of all small programs, under each law; after each recovery it goes on
    faults    every device call of a few programs struck by every fault
    kill      the process killed at each system call, over real files
    damage    every byte of what it leaves flipped, and every file lost, emptied or taken back
    syncs     each sync left out in turn: needed, redundant or never with anything to do

What is run is in the plan (`own_plan`); `faults` and `damage`, which a plain log does not pass, are asked for
by name where no profile has them. A violation ends its stage; those after it are run all the same, for they
ask other questions.

Invariants
  1  equal store, profile and seed give equal reports, but for seconds
  2  a stage that searched nothing is below its floor, and never a pass
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from threading import active_count
from time import monotonic
from typing import Final

from powercut.faultfs import FaultDevice
from powercut.faultfs.faults.rot import Damage, How

from ..appending import LogMachine
from ..examples import run_machine
from ..finders.continuations import Continuations
from ..finders.coverage import Coverage
from ..finders.crashes import CONTINUED, search_tape
from ..finders.damage import OLDER_REFUSED, Sweep
from ..finders.faults import sweep
from ..finders.kill import Task, run_task
from ..finders.kill.lives import LAW as KILL_LAW
from ..finders.recoveries import Recoveries
from ..finders.syncs import SyncBound, leave_out
from ..finders.templates import TEMPLATES
from ..finders.ways import Finding
from ..machine import StoreMachine
from ..oracles.damage import CORRECTED, HARMLESS, REFUSED
from ..reducing.mend import mend
from ..reducing.shrink import shrink
from ..registry import load, machine_of
from ..runs.play import play
from ..tapes.kept import keep
from ..tapes.tape import Era, Kind, Operation, Tape
from ..telling.report import tell
from ..verdict import Violation
from .own_plan import (
    ALL,
    ASKED,
    STAGES,
    CrashStage,
    DamageStage,
    FaultsStage,
    KillStage,
    ModelStage,
    OwnPlan,
    SyncsStage,
)
from .own_programs import programs_of
from .own_report import OwnReport, OwnStage
from .profile import ProfileError
from .progress import Progress
from .workers import cpu_seconds

__all__ = ["run_own"]

_ENDINGS: Final = (CORRECTED, HARMLESS, OLDER_REFUSED, REFUSED)


def run_own(
    store: str,
    plan: OwnPlan,
    findings: Path,
    stages: tuple[str, ...] = (),
    show: Callable[[Progress], None] = lambda progress: None,
) -> OwnReport:
    """Run the stages of the plan, of these names if there are any, over the store of this name.

    findings   the folder into which tapes go
    Raises SubjectError for a store that cannot be loaded, ProfileError for a stage that the plan has not.
    """
    run = _Run(store, plan, findings, show)
    there = [name for name in STAGES if getattr(plan, name) is not None]
    if strange := set(stages).difference(there):
        raise ProfileError(f"no stage {min(strange)!r}: there are {', '.join(there)}")
    for name in there:
        if name not in (stages or [each for each in there if plan is not ALL or each not in ASKED]):
            continue
        started, stage = cpu_seconds(), OwnStage(name)
        run.show(Progress(name, 0, 1, 0, 0.0, ""))
        run.report.stages.append(stage)
        getattr(run, name)(stage, getattr(plan, name))
        stage.cpu_seconds = round(cpu_seconds() - started, 1)
        if not (stage.found or stage.unsteady):  # It came to its end.
            run.show(run.shown._replace(done=run.shown.total))
    return run.report


class _Run:
    """One gate: the store, and what was found of it so far."""

    def __init__(self, store: str, plan: OwnPlan, findings: Path, show: Callable[[Progress], None]) -> None:
        self.report = OwnReport(store, plan.seed)
        self._maker = load(store)
        self._programs = programs_of(self._maker.spec.kinds)
        self._findings = findings
        self._seed = plan.seed
        self._show = show
        self.shown = Progress("", 0, 0, 0, 0.0)  # Last.

    def show(self, progress: Progress) -> None:
        """Tell how far a stage has come."""
        self.shown = progress
        self._show(progress)

    # -- stages --------------------------------------------------------------------------------------------

    def model(self, stage: OwnStage, plan: ModelStage) -> None:
        named, spec = self.report.store, self._maker.spec
        bench: type[StoreMachine] = LogMachine if Kind.ENQUEUE in spec.kinds else StoreMachine
        machine = machine_of(named) or bench.of(self._maker.make, spec=spec, subject=named)
        seen, finding = run_machine(machine, seed=self._seed, examples=plan.examples, steps=plan.steps)
        self._end(stage, seen, finding, f"{seen.programs:,} examples")

    def crash(self, stage: OwnStage, plan: CrashStage) -> None:
        total, bounded = Coverage(), [0, 0]
        for is_longer, law, seen, finding in self._searches(plan, total):
            total.merge(seen)
            bounded[is_longer] += seen.bounded
            if finding is not None:
                self._end(stage, total, finding, f"under law {law}")
                return
        steps, whole = plan.steps + self._programs.extra, "not complete" if bounded[0] else "complete"
        stage.details.append(
            f"{whole}: programs of at most {steps} steps, and at most {plan.more} after each recovery"
            + "".join(
                f"; {count:,} crash points of {which} not exhausted"
                for which, count in zip(("them", "longer ones"), bounded, strict=True)
                if count
            )
        )
        stage.details.append(
            ", ".join(f"{law} lost something in {count:,}" for law, count in sorted(total.fired.items()))
        )
        gone_on = total.reached.get(CONTINUED, 0)
        self._end(
            stage,
            total,
            None,
            f"{total.programs:,} programs, {len(plan.laws)} laws, {gone_on:,} gone on from",
        )

    def _searches(
        self, plan: CrashStage, total: Coverage
    ) -> Iterator[tuple[bool, str, Coverage, Finding | None]]:
        """Search the small programs and the longer ones, under each law; `total` is what was seen so far."""
        small = tuple(self._programs.small(plan.steps))
        longer = tuple(self._longer(plan.steps, plan.random, plan.length))
        asked, began = len(plan.laws) * len(small + longer), monotonic()
        for law in plan.laws:
            recoveries = Recoveries(self._maker, law, plan.limit)
            for is_longer, programs in ((False, small), (True, longer)):
                followed = self._programs.continued(min(plan.more, 1) if is_longer else plan.more)
                further = Continuations(self._maker, law, plan.limit, followed, recoveries)
                for program in programs:
                    seconds = monotonic() - began
                    self.show(Progress("crash", total.programs, asked, total.distinct, seconds, "programs"))
                    found = search_tape(
                        self._tape(program, law),
                        limit=plan.limit,
                        make_store=self._maker,
                        recoveries=recoveries,
                        continuations=further,
                    )
                    yield is_longer, law, *found

    def faults(self, stage: OwnStage, plan: FaultsStage) -> None:
        total = Coverage()
        for program in self._programs.faulted:
            seen, finding = sweep(
                program, "tiny", "posix", TEMPLATES, limit=plan.limit, subject=self.report.store
            )
            total.merge(seen)
            if finding is not None:
                self._end(stage, total, finding, f"{sum(total.fired.values()):,} faults fired")
                return
        self._end(stage, total, None, f"{total.programs:,} runs, {sum(total.fired.values()):,} faults fired")

    def damage(self, stage: OwnStage, plan: DamageStage) -> None:
        swept = Sweep(self._tape(self._programs.rotten, "posix"), self._maker)
        # By their number, those that are gone as well; what has no byte has none that is flipped.
        names = sorted(swept.content.keys() | swept.past.keys())
        flips = [
            Damage(How.FLIP, 1, file, position, position % 8)
            for file, name in enumerate(names)
            for position in _spread(len(swept.content.get(name, b"")), plan.bytes)
        ]
        whole = [Damage(how, 0, file) for file in range(len(names)) for how in (How.CUT, How.ZERO, How.STALE)]
        total = swept.coverage
        finding = swept.run(flips)
        if finding is None:
            flipped = sum(total.fired.values())
            stage.details.append(f"{flipped:,} bytes of {len(names)} files flipped: silent 0")
            stage.short = "" if 0 < flipped == len(flips) else f"{flipped:,} of {len(flips):,} bytes flipped"
            finding = swept.run(whole if plan.files else ())
        damages = f"{sum(total.fired.values()):,} damages"
        if finding is not None:
            self._end(stage, total, finding, damages)
            return
        endings = {what: count for what, count in total.reached.items() if what in _ENDINGS}
        stage.details.append(", ".join(f"{count:,} {what}" for what, count in sorted(endings.items())))
        self._end(stage, total, None, f"{damages}, silent 0")

    def kill(self, stage: OwnStage, plan: KillStage) -> None:
        """In a process of its own, which loads the store by its name."""
        programs = self._programs.killed(plan.steps, Random(self._seed), plan.random, plan.length)
        tapes = tuple(self._tape(program, KILL_LAW) for program in programs)
        # System calls are traced in one thread: of a store with others, calls of the device are killed at.
        tally = run_task(Task(tapes, traced=not self._has_threads()))  # From the opening on.
        kills = sum(tally.fired.values())
        opened = f"{tally.checked:,} contents opened"
        stage.line = f"{tally.programs:,} programs, {kills:,} kills by {tally.way}, {opened}"
        stage.details += filter(None, [tally.unknown, tally.why])
        stage.short = "" if kills else "nothing was killed"
        if isinstance(tally.violation, Violation):
            if tally.tape is not None:
                self._end(stage, Coverage(), Finding(tally.tape, tally.violation), stage.line)
            else:
                stage.found.append(f"{tally.violation.oracle}: {tally.violation.breach.value}")
                stage.details.append(tally.violation.detail)

    def syncs(self, stage: OwnStage, plan: SyncsStage) -> None:
        programs = tuple(self._all(plan.steps, plan.random, plan.length))
        left = leave_out(
            self._maker,
            SyncBound(programs, plan.laws, plan.limit, self._programs.continued(plan.more)),
            self.report.store,
        )
        if left.broken is not None:
            self._end(stage, Coverage(), left.broken, "no sync was left out")
            return
        for each in left.sites:
            why = ""
            if each.finding is not None:
                shorter = f"; {each.weaker} would do" if each.weaker else ""
                why = f": without it {each.finding.verdict.breach.value} (law {each.law}){shorter}"
            elif each.verdict == "idle":
                why = ": never anything to make durable; the programs may not come to what it is for"
            elif each.bounded:
                why = f": within this bound, {each.bounded:,} crash points not exhausted"
            stage.details.append(f"{each.verdict:9}  {each.site}{why}")
        if left.together:
            share = f"{left.saved:,} of {left.calls:,} calls"
            stage.details.append(
                f"can go together, under {', '.join(plan.laws)}: {len(left.together)} sites, {share}"
            )
        counts = {
            verdict: sum(each.verdict == verdict for each in left.sites)
            for verdict in ("needed", "redundant", "idle")
        }
        stage.line = f"{len(left.sites)} syncs: " + ", ".join(
            f"{count} {verdict}" for verdict, count in counts.items()
        )
        stage.short = "" if left.sites else "no sync was made by any program"

    def _has_threads(self) -> bool:
        """True if the store begins a thread as it opens."""
        before, subject = active_count(), self._maker(FaultDevice())
        count = active_count()
        subject.close()
        return count > before

    # -- what they share -----------------------------------------------------------------------------------

    def _all(self, steps: int, count: int, length: int) -> Iterator[tuple[Operation, ...]]:
        """All small ones, and longer ones."""
        yield from self._programs.small(steps)
        yield from self._longer(steps, count, length)

    def _longer(self, steps: int, count: int, length: int) -> Iterator[tuple[Operation, ...]]:
        """A few in which one thing is done again and again, and random ones."""
        yield from self._programs.repeated(steps, length)
        random = Random(self._seed)
        yield from (self._programs.drawn(random, length) for _ in range(count))

    def _tape(self, program: tuple[Operation, ...], law: str) -> Tape:
        return Tape((Era(program),), law=law, subject=self.report.store)

    def _end(self, stage: OwnStage, seen: Coverage, finding: Finding | None, line: str) -> None:
        """Take down the figures, and the finding: shrunk, mended, told and kept."""
        stage.line = f"{line}, {seen.contents or seen.distinct:,} crash states, {seen.checked:,} openings"
        if not seen.checked and finding is None:
            stage.short = "nothing was opened"
        if finding is None:
            return
        small = shrink(finding.tape, self._maker, verdict=finding.verdict, budget=4000)
        run, verdict = play(small, self._maker), finding.verdict
        self._findings.mkdir(parents=True, exist_ok=True)
        kind = verdict.breach.name.lower()
        path = self._findings / f"{stage.name}-{verdict.oracle}-{kind}-{run.digest()[:8]}.json"
        keep(path, small, run)
        told, repeat = f"{verdict.oracle}: {verdict.breach.value}", f"powercut replay {path}"
        if not verdict.is_same_kind(run.verdict):
            stage.unsteady.append(f"{told} was found, and its tape does not show it: {repeat}")
            return
        story = tell(small, self._maker, run=run, path=str(path))
        self.report.stories += [story, *mend(small, self._maker).lines(), ""]
        stage.found.append(f"{told}: {repeat}")


def _spread(size: int, most: int) -> range:
    """So many positions in so many bytes, evenly spread; every one where there are no more."""
    return range(0, size, -(-size // most) or 1)
