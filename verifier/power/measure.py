"""The measure: a sample drawn, hunted by the gate, and what survives held against the tests.

Invariants
  1  who is still-born is replaced by the next of its module, and counted apart
  2  an interruption ends it with what is known until then

Threads: one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from .draw import Drawn, draw
from .equivalent import Reasons, read_reasons
from .generic import ENGINE, Generic, generate_all
from .hunt import RUNGS, Hunted, Hunter
from .suite import Suite
from .tally import EQUIVALENT, GATE, SURVIVED, TESTS, UNKNOWN, Fate, PowerReport

__all__ = ["Asked", "measure"]


class Asked(NamedTuple):
    """A measure to take.

    module   only mutants of modules whose name ends so; "": all
    only     only the mutants of these names; empty: a sample
    profile  the gate's; None: no gate
    rungs    of the hunt
    tests    the folder of tests; None: survivors of the gate are told as such
    """

    of: Literal["engine", "harness"] = "engine"
    sample: int = 60
    seed: int = 0
    module: str = ""
    only: tuple[str, ...] = ()
    profile: str | None = "ci"
    rungs: int = RUNGS
    tests: Path | None = None


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
        for fate in judge.judged(drawn):
            report.mutants.append(fate)
            tell(fate)
    except KeyboardInterrupt:
        report.interrupted = True
    finally:
        judge.close()
    report.mutants.sort(key=lambda fate: fate.name)
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
        self._hunter = Hunter(asked.profile or "", rungs=asked.rungs) if is_hunted else None
        self._suite = Suite(asked.tests, asked.of) if asked.tests is not None else None

    def close(self) -> None:
        """End the processes, and remove the copy."""
        if self._hunter is not None:
            self._hunter.close()
        if self._suite is not None:
            self._suite.close()

    def judged(self, drawn: Drawn) -> Iterator[Fate]:
        """The fate of each that is drawn and born, as soon as it is known."""
        if self._hunter is not None:
            self._hunter.survey(drawn.chosen)
        left: dict[str, tuple[Generic, Fate]] = {}
        for mutant in drawn.chosen:
            found = self._born(mutant, drawn)
            if found is not None and found[1].fate in (GATE, EQUIVALENT):
                yield found[1]
            elif found is not None:
                left[found[0].name] = found
        yield from self._sifted(left)
        if self._suite is not None:
            for mutant, tested in self._suite.sift([mutant for mutant, _ in left.values()]):
                _, fate = left.pop(mutant.name)
                fate.tests_cpu_seconds = round(tested.cpu_seconds, 3)
                if tested.told:
                    fate.fate, fate.told = TESTS, tested.told
                elif tested.unknown:
                    fate.fate, fate.told = UNKNOWN, tested.unknown
                yield fate
        yield from (fate for _, fate in left.values())

    def _born(self, mutant: Generic, drawn: Drawn) -> tuple[Generic, Fate] | None:
        """The mutant, or the first behind it that is born, with its fate after the first rung."""
        following: Generic | None = mutant
        while following is not None:
            fate = self._begun(following)
            if fate is not None:
                return following, fate
            self._report.still_born += 1
            following = drawn.next_of(mutant.module)
        return None

    def _begun(self, mutant: Generic) -> Fate | None:
        if not mutant.is_born():
            return None
        fate = Fate(
            *(mutant.name, mutant.module, mutant.function, mutant.operator, mutant.line),
            mutant.change().diff(),
        )
        if why := self._reasons.of(mutant):
            fate.fate, fate.told = EQUIVALENT, why
        elif self._hunter is not None:
            hunted = self._hunter.hunt(mutant)
            if not hunted.is_born:
                return None
            _note(fate, hunted)
        return fate

    def _sifted(self, left: dict[str, tuple[Generic, Fate]]) -> Iterator[Fate]:
        """Those of `left` that the other rungs tell, which are not left then."""
        if self._hunter is None:
            return
        undecided = [mutant for mutant, fate in left.values() if fate.fate == SURVIVED]
        for mutant, hunted in self._hunter.sift(undecided):
            _, fate = left[mutant.name]
            _note(fate, hunted)
            if fate.fate == GATE:
                del left[mutant.name]
                yield fate


def _note(fate: Fate, hunted: Hunted) -> None:
    """Add the outcome of a part of the hunt to what came before."""
    fate.cpu_seconds = round(fate.cpu_seconds + hunted.cpu_seconds, 3)
    fate.is_reached |= hunted.is_reached
    if hunted.told:
        fate.fate, fate.stage, fate.told = GATE, hunted.stage, hunted.told
    elif hunted.unknown:
        fate.fate, fate.told = UNKNOWN, hunted.unknown
