"""The tally of a sample: who told each mutant, and how sure the share of those is.

    interval(k, n) = (p + z^2/2n  -/+  z * sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n),   p = k/n, z = 1.96

Source: Wilson, Probable inference, the law of succession, and statistical inference (JASA 22, 1927).
"""

from __future__ import annotations

from math import sqrt
from statistics import median
from typing import Final, Literal

import msgspec

from ..schemas import schema_of
from .generic import ENGINE

__all__ = ["SCHEMA", "Fate", "Group", "PowerReport", "Share", "json_schema", "wilson"]

SCHEMA: Final = 1
Z: Final = 1.959963984540054  # 95 % of a normal distribution lie within so many deviations of its middle.

FateName = Literal["gate", "tests", "survived", "equivalent", "unknown"]
GATE: Final = "gate"
TESTS: Final = "tests"
SURVIVED: Final = "survived"
EQUIVALENT: Final = "equivalent"
UNKNOWN: Final = "unknown"


def wilson(count: int, total: int) -> tuple[float, float]:
    """The interval of 95 % for a share of which `count` of `total` were seen; (0, 1) of none at all."""
    if not total:
        return 0.0, 1.0
    share, square = count / total, Z * Z / total
    middle = share + square / 2
    spread = Z * sqrt(share * (1 - share) / total + square / total / 4)
    low, high = (middle - spread) / (1 + square), (middle + spread) / (1 + square)
    # At the ends the formula gives 0 and 1 but for rounding.
    return 0.0 if not count else low, 1.0 if count == total else high


class Share(msgspec.Struct, frozen=True):
    """A part of the sample, with its interval of 95 %."""

    count: int
    of: int
    low: float
    high: float

    @classmethod
    def made(cls, count: int, of: int) -> Share:
        low, high = wilson(count, of)
        return cls(count, of, round(low, 4), round(high, 4))


class Fate(msgspec.Struct):
    """One mutant of the sample.

    fate  gate, tests: who told it; survived: nobody did; equivalent: nobody can; unknown: not decided
    told  by what
    is_reached  a part of the gate was seen to run its lines; compiled code is not seen
    """

    name: str
    module: str
    function: str
    operator: str
    line: int
    diff: str
    fate: FateName = SURVIVED
    stage: str = ""
    told: str = ""
    is_reached: bool = False
    cpu_seconds: float = 0.0  # Of the gate's stages; of what is asked of several, its share.
    tests_cpu_seconds: float = 0.0


class Group(msgspec.Struct):
    """A module, or an operator, and what came of its mutants."""

    gate: int = 0
    tests: int = 0
    survived: int = 0
    equivalent: int = 0
    unknown: int = 0


class PowerReport(msgspec.Struct):
    """One sample."""

    of: Literal["engine", "harness"]
    profile: str
    seed: int
    asked: int
    generic: int  # Mutants that it was drawn from.
    tested: bool  # Survivors of the gate were held against the tests.
    still_born: int = 0  # Drawn, and replaced: nothing could be imported with them.
    mutants: list[Fate] = []
    modules: dict[str, Group] = {}
    operators: dict[str, Group] = {}
    by_gate: Share | None = None  # Of those that are not equivalent.
    by_both: Share | None = None
    median_cpu_seconds: float = 0.0  # To kill, by the gate.
    schema: Literal[1] = SCHEMA
    exit: Literal[0, 3, 4, 130] = 0
    interrupted: bool = False
    objections: list[str] = []  # Reasons for mutants that are not there any more.

    def conclude(self) -> None:
        """Set groups, shares and exit from the mutants."""
        self.modules, self.operators = {}, {}
        for each in self.mutants:
            for groups, name in ((self.modules, each.module), (self.operators, each.operator)):
                group = groups.setdefault(name, Group())
                setattr(group, each.fate, getattr(group, each.fate) + 1)
        count = {fate: sum(each.fate == fate for each in self.mutants) for fate in Group.__struct_fields__}
        total = len(self.mutants) - count[EQUIVALENT]
        self.by_gate = Share.made(count[GATE], total) if self.of == ENGINE else None
        self.by_both = Share.made(count[GATE] + count[TESTS], total) if self.tested else None
        killed = [each.cpu_seconds for each in self.mutants if each.fate == GATE]
        self.median_cpu_seconds = round(median(killed), 3) if killed else 0.0
        self.exit = self._exit(count)

    def _exit(self, count: dict[str, int]) -> Literal[0, 3, 4, 130]:
        if self.interrupted:
            return 130
        if self.objections or count[SURVIVED] or not self.mutants:
            return 3
        return 4 if count[UNKNOWN] else 0


def json_schema() -> bytes:
    """The JSON Schema of the document, as it ships. A report is written with all its fields."""
    return schema_of(PowerReport)
