"""The document of a gate: for each stage what it searched, what it had to reach, and the result.

Versioned; its JSON Schema is made from the types below and ships as schema.json.

Invariants
  1  a figure that a floor names and the stage does not reach is a shortfall; so is an unknown figure
  2  exit: 130 interrupted, 1 violation, 5 nondeterminism, 4 undecided, 3 below a floor, 0 none of them,
     in this order: what is worse, or explains the rest, is said first
  3  of a stage that a budget ended one reason is told, the budget; figures of a part of the work say nothing
     of a floor, or of a bound, that the whole of it owes
  4  but for `seconds`, `cpu_seconds`, the stage `stress` and the load of `cpr`, equal profile, seed and law
     give equal documents
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from ..schemas import schema_of
from .plans import Floor

__all__ = [
    "NO_LAW",
    "SCHEMA",
    "VERDICTS",
    "Bound",
    "GateReport",
    "Hunted",
    "Stage",
    "Unreached",
    "Violated",
    "json_schema",
]

SCHEMA: Final = 1
NO_LAW: Final = ""  # Of a stage in which no power is cut.
Exit = Literal[0, 1, 3, 4, 5, 130]
VERDICTS: Final[dict[Exit, str]] = {
    0: "consistent",
    1: "violation",
    3: "below its floor",
    4: "inconclusive",
    5: "nondeterminism",
    130: "interrupted",
}


class Bound(msgspec.Struct):
    """One exhaustive search: the count by the formula, and the number visited one by one."""

    name: str
    law: str
    depth: int
    formula: str
    programs: int = 0  # By formula.
    programs_visited: int = 0
    legal: int = 0  # Version vectors, by formula.
    visited: int = 0
    bounded: int = 0  # Crash points with more legal states than the limit.
    complete: bool = False


class Violated(msgspec.Struct):
    """A violation that was replayed twice, shrunk and written."""

    oracle: str
    kind: str
    detail: str
    operations: int
    file: str
    repeat: str
    story: str = ""


class Unreached(msgspec.Struct):
    """A way or a pair of the engine that no program took."""

    what: str  # In words: file, line, function, text of the condition, side; or the pair.
    why: str  # The reason that it need not be, or "".


class Hunted(msgspec.Struct):
    """A planted bug, and whether the oracle that must catch it did."""

    name: str
    ancestor: str
    oracle: str
    kind: str
    killed: bool
    cpu_seconds: float
    operations: int
    why: str = ""  # Why it was not killed.
    sessions: int = 1  # Side by side, in the program that shows it.
    preemptions: int = 0  # In the schedule that shows it; with fewer this program does not.
    stage: str = ""  # Whose search must find it; `contract`: the device's contract, outside of any stage.


class Stage(msgspec.Struct):
    """The figures of one stage, and the reasons it gives for a verdict."""

    law: str
    floor: Floor
    programs: int = 0
    vectors: int = 0  # What the search came down to, rung by rung: version vectors by formula,
    contents: int = 0  # contents,
    distinct: int = 0  # contents by program and acknowledgement,
    checked: int = 0  # openings;
    judged: int = 0  # and judgements.
    read_paths: int = 0
    after_checkpoint: int = 0
    several_eras: int = 0
    bounded: int = 0  # Crash points of more states than the limit,
    closed: int = 0  # such that were exhausted by what recovery reads, and are none of these,
    sampled: int = 0  # and such that were sampled; contents that are
    missed: int = 0  # still missing there, by estimate.
    killed: int = 0
    reached: dict[str, int] = {}
    fired: dict[str, int] = {}
    violations: list[Violated] = []
    unstable: list[str] = []  # Findings that did not come back: nondeterminism.
    is_cut: bool = False  # Its work was not done, since a budget was spent.
    unknown: list[str] = []  # What was not decided, and why.
    failures: list[str] = []  # Of the harness itself.
    bounds: list[Bound] = []
    mutants: list[Hunted] = []
    unreached: list[Unreached] = []
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # Of all processes: what it costs, whatever runs beside it.

    def shortfalls(self) -> list[str]:
        """List what the stage had to show and did not."""
        survivors = [
            f"planted bug {each.name} survived: {each.why}" for each in self.mutants if not each.killed
        ]
        return self.failures + self.misses() + survivors

    def misses(self) -> list[str]:
        """List the figures of the floor that the stage did not reach."""
        faults: list[str] = []
        for name, least in self.floor.items():
            measured = getattr(self, name, None)
            if isinstance(least, dict):
                inner = measured if isinstance(measured, dict) else {}
                faults += [
                    f"{name} {each!r}: {inner.get(each, 0)}, at least {figure} expected"
                    for each, figure in least.items()
                    if inner.get(each, 0) < figure
                ]
            elif not isinstance(measured, int) or measured < least:
                faults.append(f"{name}: {measured}, at least {least} expected")
        return faults

    def undecided(self) -> list[str]:
        """List what a limit left open; invariant 3."""
        if self.is_cut:
            return self.unknown
        return self.unknown + [f"{bound.name}: not complete" for bound in self.bounds if not bound.complete]


class GateReport(msgspec.Struct):
    """One run of the gate."""

    profile: str
    seed: int
    stages: dict[str, Stage] = {}
    chosen: list[str] = []  # The stages that were asked for; empty: all of the profile.
    schema: Literal[1] = SCHEMA
    exit: Exit = 0
    verdict: str = VERDICTS[0]
    summary: str = ""  # The verdict in one line.
    interrupted: bool = False
    seconds: float = 0.0

    def conclude(self) -> None:
        """Set exit, verdict and summary from the stages."""
        self.exit = self._exit()
        self.verdict = VERDICTS[self.exit]
        self.summary = f"{self.verdict}: {self._said()}" + (
            f" (of the stages chosen: {', '.join(self.chosen)})" if self.chosen else ""
        )

    def reasons(self) -> dict[str, list[str]]:
        """The reasons of the verdict, by stage."""
        of_stage: Callable[[Stage], list[str]] = {
            1: lambda stage: [
                f"{v.oracle}: {v.kind} ({v.operations} operations); {v.repeat}" for v in stage.violations
            ],
            5: lambda stage: stage.unstable,
            4: lambda stage: stage.undecided(),
            3: lambda stage: stage.shortfalls(),
        }.get(self.exit, lambda stage: [])
        found = {name: of_stage(stage) for name, stage in self.stages.items()}
        return {name: reasons for name, reasons in found.items() if reasons}

    def to_json(self) -> bytes:
        """The document, indented."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    def _exit(self) -> Exit:
        stages = self.stages.values()
        if self.interrupted:
            return 130
        if any(stage.violations for stage in stages):
            return 1
        if any(stage.unstable for stage in stages):
            return 5
        if any(stage.undecided() for stage in stages):
            return 4
        return 3 if not self.stages or any(stage.shortfalls() for stage in stages) else 0

    def _said(self) -> str:
        violations = sum(len(stage.violations) for stage in self.stages.values())
        if self.exit == 130:
            programs = sum(stage.programs for stage in self.stages.values())
            return f"{programs:,} programs searched until then, {violations} violations"
        if self.exit:
            reasons = [f"{name}: {each}" for name, several in self.reasons().items() for each in several]
            more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
            return reasons[0] + more if reasons else "no stage was run"
        planted = [each for stage in self.stages.values() for each in stage.mutants]
        killed = f", {sum(each.killed for each in planted)} of {len(planted)} planted bugs killed"
        count = len(self.stages)
        return f"0 violations in {count} stage{'s' * (count != 1)}" + (killed if planted else "")


def json_schema() -> bytes:
    """The JSON Schema of the document, as it is shipped. A report is written with all its fields."""
    return schema_of(GateReport)
