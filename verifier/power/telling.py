"""A measure as text: a line a mutant, survivors with their diff, then the shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .tally import EQUIVALENT, SURVIVED, UNKNOWN, Fate, Group, PowerReport, Share

__all__ = ["tell_fate", "tell_report"]

_WORDS = {SURVIVED: "SURVIVED", UNKNOWN: "unknown", EQUIVALENT: "nobody sees it"}


def tell_fate(fate: Fate, *, is_tested: bool, is_hunted: bool = True) -> str:
    """One mutant."""
    told = _WORDS.get(fate.fate, f"told by {fate.stage or 'tests'}")
    if fate.fate == SURVIVED and not is_tested:
        told = "survives the gate"
    spent = fate.cpu_seconds + fate.tests_cpu_seconds
    lines = [f"{fate.name:64} {told:17} {spent:8.2f} s  {fate.told[:160]}".rstrip()]
    if fate.fate == SURVIVED:
        unrun = "" if fate.is_reached or not is_hunted else ", which no part of the gate that was asked runs"
        lines += [f"    line {fate.line}{unrun}", *(f"    {line}" for line in fate.diff.splitlines())]
    return "\n".join(lines)


def tell_report(report: PowerReport) -> str:
    """The groups and the shares."""
    lines = ["", *_table("module", report.modules), "", *_table("operator", report.operators), ""]
    if report.by_gate is not None:
        lines.append(f"told by the gate            {_share(report.by_gate)}")
    if report.by_both is not None:
        whom = "told by gate and tests" if report.by_gate is not None else "told by the tests"
        lines.append(f"{whom:27} {_share(report.by_both)}")
    if report.by_gate is not None:
        lines.append(f"processor seconds to a kill {report.median_cpu_seconds:.2f} (median)")
    lines += report.objections
    drawn = f"{len(report.mutants)} of {report.generic:,} mutants of {report.of}, seed {report.seed}"
    replaced = f"; {report.still_born} still-born, replaced" if report.still_born else ""
    return "\n".join([*lines, drawn + replaced])


def _share(share: Share) -> str:
    part = share.count / share.of if share.of else 0.0
    return f"{share.count} of {share.of}: {part:.1%}, between {share.low:.1%} and {share.high:.1%}"


def _table(what: str, groups: Mapping[str, Group]) -> Iterator[str]:
    names = Group.__struct_fields__
    yield f"{what:42}" + "".join(f"{name:>12}" for name in names)
    for key in sorted(groups):
        name = key.removeprefix("powercut.")
        yield f"{name:42}" + "".join(f"{getattr(groups[key], each) or '':>12}" for each in names)
