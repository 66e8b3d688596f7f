"""The summary of a gate: its verdict in one line, and at most LINES_MAX lines beneath.

Invariants
  1  a stage that has reasons for the verdict is told by these, a line each; any other by what it has searched
  2  what does not fit is counted, and stands in the JSON
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..gate import GateReport, Stage

__all__ = ["LINES_MAX", "tell_gate"]

LINES_MAX: Final = 15
_WIDTH: Final = 100


def tell_gate(report: GateReport) -> str:
    """The stories of violations, then the verdict, and beneath it a line or a few for each stage."""
    stories = [v.story for stage in report.stages.values() for v in stage.violations if v.story]
    beneath = list(_beneath(report))
    if len(beneath) > LINES_MAX:
        hidden = len(beneath) - LINES_MAX + 1
        beneath[LINES_MAX - 1 :] = [f"  and {hidden} lines more, in the JSON"]
    where = f" (profile {report.profile}, seed {report.seed}, {report.seconds:.1f} s)"
    return "\n".join([*stories, report.summary + where, *beneath])


def _beneath(report: GateReport) -> Iterator[str]:
    from ..gate.stages import STAGES

    reasons = report.reasons()
    describe = {definition.name: definition.describe for definition in STAGES}
    for name, stage in report.stages.items():
        mark = report.verdict.upper() if report.exit == 1 else report.verdict
        lines = [f"{mark}: {each}" for each in reasons.get(name, [])]
        lines += [f"harness: {each}" for each in stage.failures if each not in reasons.get(name, [])]
        if not lines:
            lines = [_searched(describe[name](stage), stage), *_bounds(stage)]
        yield from (f"  {name if not place else '':<9} {line}" for place, line in enumerate(lines))


def _searched(figures: str, stage: Stage) -> str:
    return f"{figures:<{_WIDTH - 32}} {stage.cpu_seconds:>8.1f} cpu {stage.seconds:>7.1f} s"


def _bounds(stage: Stage) -> Iterator[str]:
    """The searches that were complete; those of equally many programs in one line."""
    groups: dict[int, list[str]] = {}
    for bound in stage.bounds:
        if bound.complete:
            groups.setdefault(bound.programs, []).append(bound.name)
    for programs, names in groups.items():
        (first, *others) = [name.partition(" in ") for name in names]
        rest = [first[2], *(where for _, _, where in others)]
        is_alike = first[1] and all(other[0] == first[0] for other in others)
        scope = f"all {programs:,} programs of {first[0]} in {_joined(rest)}"
        yield f"complete: {scope if is_alike else ', '.join(names)}"


def _joined(places: list[str]) -> str:
    """`tiny under a`, `tiny under b` is `tiny under a, b`."""
    heads = {place.partition(" under ")[0] for place in places}
    if len(heads) == 1 and all(" under " in place for place in places):
        return f"{heads.pop()} under " + ", ".join(place.partition(" under ")[2] for place in places)
    return ", ".join(places)
