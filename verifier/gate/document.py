"""The document of a gate: for each stage what it searched, what it had to reach, and the result.

Versioned; its JSON Schema is made from the types below and ships as schema.json.

Invariants
  1  a figure that a floor names and the stage does not reach is a shortfall; so is an unknown figure
  2  exit: 130 interrupted, 1 violation, 5 nondeterminism, 4 undecided, 3 below a floor, 0 none of them,
     in this order: what is worse, or explains the rest, is said first
  3  but for `seconds`, `cpu_seconds` and the stage `stress`, equal profile, seed and law give equal documents
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from .profile import Floor

__all__ = [
    "NO_LAW",
    "SCHEMA",
    "VERDICTS",
    "Bound",
    "GateReport",
    "Hunted",
    "Stage",
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

_SAID_MAX: Final = 4
_STRUCK: Final = {
    "faults": "{:,} faults fired",
    "damage": "{:,} damages and none silent",
    "kill": "{:,} kills of real processes",
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
    """The result of one stage."""

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
    unknown: list[str] = []  # What was not decided, and why.
    failures: list[str] = []  # Of the harness itself.
    bounds: list[Bound] = []
    mutants: list[Hunted] = []
    seconds: float = 0.0

    def shortfalls(self) -> list[str]:
        """Everything the stage had to show and did not."""
        survivors = [
            f"planted bug {each.name} survived: {each.why}" for each in self.mutants if not each.killed
        ]
        return self.failures + self.misses() + survivors

    def misses(self) -> list[str]:
        """Every figure of the floor that the stage did not reach."""
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
        """Everything that a limit left open."""
        return self.unknown + [f"{bound.name}: not complete" for bound in self.bounds if not bound.complete]


class GateReport(msgspec.Struct):
    """One run of the gate."""

    profile: str
    seed: int
    stages: dict[str, Stage] = {}
    schema: Literal[1] = SCHEMA
    exit: Exit = 0
    verdict: str = VERDICTS[0]
    summary: str = ""  # The closing line.
    interrupted: bool = False
    seconds: float = 0.0

    def conclude(self) -> None:
        """Set exit, verdict and summary from what the stages hold."""
        self.exit = self._exit()
        self.verdict = VERDICTS[self.exit]
        self.summary = f"{self.verdict}: {self._reason()}" if self.exit else self._proved()

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

    def _reason(self) -> str:
        said: list[str] = []
        for name, stage in self.stages.items():
            parts = {
                1: [
                    f"{v.oracle}: {v.kind} ({v.operations} operations); {v.repeat}" for v in stage.violations
                ],
                5: stage.unstable,
                4: stage.undecided(),
                3: stage.shortfalls(),
            }.get(self.exit, [])
            said += [f"{name}: {part}" for part in parts]
        if self.exit == 130:
            programs = sum(stage.programs for stage in self.stages.values())
            violations = sum(len(stage.violations) for stage in self.stages.values())
            return f"{programs:,} programs searched until then, {violations} violations"
        hidden = len(said) - _SAID_MAX
        tail = [f"and {hidden} more, in the JSON"] if hidden > 0 else []
        return "; ".join(said[:_SAID_MAX] + tail) or "no stage was run"

    def _proved(self) -> str:
        stages = self.stages.values()
        bounds = [bound for stage in stages for bound in stage.bounds]
        counts: dict[int, dict[str, list[str]]] = {}
        for name in ("crash", "schedule"):
            for bound in self.stages[name].bounds if name in self.stages else ():
                which, _, law = bound.name.partition(" under ")
                counts.setdefault(bound.programs, {}).setdefault(which, []).extend([law] if law else [])
        parts = []
        for programs, named in sorted(counts.items()):
            told = [
                f"of {which}" + (f" under {', '.join(laws)}" if laws else "") for which, laws in named.items()
            ]
            parts.append(f"all {programs:,} programs {' and '.join(told)}")
        searched = [self.stages[name] for name in ("model", "crash") if name in self.stages]
        if searched:
            crashes, programs = (sum(getattr(s, name) for s in searched) for name in ("distinct", "programs"))
            parts.append(f"{crashes:,} distinct crash states in {programs:,} programs")
        for name, text in _STRUCK.items():
            if name in self.stages:
                parts.append(text.format(sum(self.stages[name].fired.values())))
        if (lanes := self.stages.get("schedule")) is not None:
            parts.append(f"{lanes.checked:,} schedules of {lanes.programs:,} programs")
        appends = sum(stage.reached.get("appends", 0) for stage in stages)
        if appends:
            parts.append(f"{appends:,} appends of sessions side by side, each exactly once")
        planted = [each for stage in stages for each in stage.mutants]
        if planted:
            parts.append(f"{sum(each.killed for each in planted)} of {len(planted)} planted bugs killed")
        laws = sorted(({stage.law for stage in stages} | {bound.law for bound in bounds}) - {NO_LAW})
        under = [f"law{'s' * (len(laws) > 1)} {', '.join(laws)}"] if laws else []
        depths = [bound.depth for bound in bounds if bound.law != NO_LAW]
        if depths:
            times = {0: "not crashed", 1: "crashed once"}
            depth = max(depths)
            under.append(f"recovery {times.get(depth, f'crashed {depth} times')} inside")
        return f"proved: {'; '.join(parts)}; 0 violations" + (f" ({', '.join(under)})" if under else "")


def json_schema() -> bytes:
    """The JSON Schema of the document, as it is shipped. A report is written with all its fields."""
    schema = msgspec.json.schema(GateReport)
    definitions: dict[str, dict[str, Any]] = schema["$defs"]
    for definition in definitions.values():
        definition["required"] = list(definition["properties"])
    return msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n"
