"""The measure: a sample drawn, hunted by the gate, and what survives held against the tests.

Invariants
  1  who is still-born is replaced by the next of its module, and counted apart
  2  an interruption ends it with what is known until then

Threads: one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, NamedTuple

from .draw import Drawn, draw
from .equivalent import Reasons, read_reasons
from .generic import ENGINE, Generic, generate_all
from .hunt import RUNGS, Hunter
from .suite import Suite
from .tally import EQUIVALENT, GATE, TESTS, UNKNOWN, Fate, PowerReport

__all__ = ["SURVEYED", "Asked", "measure"]

SURVEYED: Final = 12  # From so many mutants on it pays to ask first which chunks run what.


class Asked(NamedTuple):
    """A measure to take.

    module   only mutants of modules whose name ends so; "": all
    only     only the mutants of these names; empty: a sample
    profile  the gate's; None: no gate
    rungs    of the hunt
    tests    the folder of tests; None: survivors of the gate are told as such
    reach    a file that keeps what each chunk of the gate runs
    """

    of: Literal["engine", "harness"] = "engine"
    sample: int = 60
    seed: int = 0
    module: str = ""
    only: tuple[str, ...] = ()
    profile: str | None = "ci"
    rungs: int = RUNGS
    tests: Path | None = None
    reach: Path | None = None


def measure(
    asked: Asked, tell: Callable[[Fate], None] = lambda fate: None, reasons: Reasons | None = None
) -> PowerReport:
    """Take it; `tell` hears of each mutant as soon as it is decided."""
    reasons = read_reasons() if reasons is None else reasons
    mutants = generate_all(asked.of, asked.module)
    report = PowerReport(
        asked.of, asked.profile or "", asked.seed, asked.sample, len(mutants), asked.tests is not None
    )
    if not asked.module:
        of_this = [each for each in reasons.equivalent if _is_of(each.module, asked.of)]
        report.objections = Reasons(tuple(of_this)).gone(mutants)
    if asked.only:
        drawn = Drawn([each for each in mutants if each.name in asked.only], {})
        report.asked = len(asked.only)
    else:
        drawn = draw(mutants, asked.sample, asked.seed)
    judge = _Judge(asked, reasons, report)
    try:
        is_worth_it = asked.rungs == RUNGS and len(drawn.chosen) >= SURVEYED
        if judge.hunter is not None and (asked.reach is not None or is_worth_it):
            judge.hunter.survey()
        for mutant in drawn.chosen:
            fate = judge.judged(mutant, drawn)
            if fate is not None:
                report.mutants.append(fate)
                tell(fate)
    except KeyboardInterrupt:
        report.interrupted = True
    finally:
        judge.close()
    report.conclude()
    return report


def _is_of(module: str, of: str) -> bool:
    return module.startswith("engine.") == (of == ENGINE)


class _Judge:
    """The gate and the tests, as far as they were asked for."""

    def __init__(self, asked: Asked, reasons: Reasons, report: PowerReport) -> None:
        self._reasons = reasons
        self._report = report
        is_hunted = asked.of == ENGINE and asked.profile is not None
        self.hunter = Hunter(asked.profile or "", rungs=asked.rungs, reach=asked.reach) if is_hunted else None
        self._suite = Suite(asked.tests, asked.of) if asked.tests is not None else None

    def close(self) -> None:
        if self.hunter is not None:
            self._report.survey_cpu_seconds = round(self.hunter.survey_seconds, 3)
            self.hunter.close()
        if self._suite is not None:
            self._suite.close()

    def judged(self, mutant: Generic, drawn: Drawn) -> Fate | None:
        """The fate of the mutant, or of the first behind it that is born; None: none is."""
        following: Generic | None = mutant
        while following is not None:
            fate = self._judged(following)
            if fate is not None:
                return fate
            self._report.still_born += 1
            following = drawn.next_of(mutant.module)
        return None

    def _judged(self, mutant: Generic) -> Fate | None:
        if not mutant.is_born():
            return None
        fate = Fate(
            *(mutant.name, mutant.module, mutant.function, mutant.operator, mutant.line),
            mutant.change().diff(),
        )
        if why := self._reasons.of(mutant):
            fate.fate, fate.told = EQUIVALENT, why
            return fate
        if self.hunter is not None:
            hunted = self.hunter.hunt(mutant)
            if not hunted.is_born:
                return None
            fate.cpu_seconds = round(hunted.cpu_seconds, 3)
            if hunted.told:
                fate.fate, fate.stage, fate.told = GATE, hunted.stage, hunted.told
                return fate
            if hunted.unknown:
                fate.fate, fate.told = UNKNOWN, hunted.unknown
        if self._suite is not None:
            tested = self._suite.ask(mutant)
            fate.tests_cpu_seconds = round(tested.cpu_seconds, 3)
            if tested.told:
                fate.fate, fate.told = TESTS, tested.told
            elif tested.unknown:
                fate.fate, fate.told = UNKNOWN, tested.unknown
        return fate
