"""The page of a gate: stages by law with their floors, planted bugs by the oracle that kills them, reach.

Invariants
  1  equal reports give equal pages
  2  all that is not reached, not killed or below its floor is on it
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..telling.html.page import facts, frame, table, tag, text_of

if TYPE_CHECKING:
    from ..gate.document import GateReport, Hunted, Stage
    from ..gate.own_report import OwnReport

__all__ = ["page_of_gate", "page_of_own"]

_FIGURES = (
    ("programs", "programs"),
    ("distinct", "crash states"),
    ("checked", "openings"),
    ("judged", "judgements"),
    ("closed", "points closed by what recoveries read"),
    ("bounded", "points not exhausted"),
    ("killed", "planted bugs killed"),
)


def page_of_gate(report: GateReport) -> str:
    """The page of a gate of the store that ships."""
    return frame(f"Gate: {report.verdict}", ["<main>", *_gate(report), "</main>"])


def _gate(report: GateReport) -> Iterator[str]:
    yield _badge(report.verdict, is_good=report.exit == 0)
    yield tag("h1", report.summary)
    yield facts(
        [("profile", report.profile), ("seed", report.seed), ("took", f"{report.seconds:,.1f} s, wall clock")]
    )
    yield tag("h2", "Stages by law")
    reasons = report.reasons()
    for name, stage in report.stages.items():
        yield from _stage(name, stage, reasons.get(name, []))
    bugs = [each for stage in report.stages.values() for each in stage.mutants]
    if bugs:
        yield from _matrix(bugs)
    yield from _reach(report)
    for stage in report.stages.values():
        for found in stage.violations:
            yield tag("h2", f"{found.oracle}: {found.kind}")
            yield f"<pre>{text_of(found.story or found.detail)}</pre>"
            yield tag("p", found.repeat, "mono")


def _reach(report: GateReport) -> Iterator[str]:
    """Ways that no program took: those that nobody has a reason for, and, folded, the others."""
    all_of = [(name, each) for name, stage in report.stages.items() for each in stage.unreached]
    if not all_of:
        return
    yield tag("h2", "Reach")
    bare = [((name, each.what), False) for name, each in all_of if not each.why]
    told = [((name, each.what, each.why), True) for name, each in all_of if each.why]
    if bare:
        yield table(("stage", "not reached, and no reason is known"), bare)
    if told:
        says = f"{len(told):,} ways that need not be reached, with their reasons"
        yield f"<details><summary>{says}</summary>"
        yield table(("stage", "way", "why it need not be reached"), told)
        yield "</details>"


def _badge(text: str, *, is_good: bool) -> str:
    return tag("span", text, "badge good" if is_good else "badge bad")


def _stage(name: str, stage: Stage, reasons: list[str]) -> Iterator[str]:
    is_good = not (reasons or stage.violations or stage.misses() or stage.failures)
    law = tag("span", f"law {stage.law}", "soft") if stage.law else ""
    took = tag("span", f"{stage.seconds:,.1f} s", "soft")
    yield f'<section class="stage"><h3>{_badge(name, is_good=is_good)}{law}{took}</h3>'
    told = [(getattr(stage, key), word) for key, word in _FIGURES if getattr(stage, key)]
    inner = "".join(f"<span><b>{count:,}</b> {word}</span>" for count, word in told)
    yield f'<div class="figures">{inner}</div>'
    for line in (*reasons, *stage.failures):
        yield tag("p", line, "mono")
    for bound in stage.bounds:
        done = "complete" if bound.complete else "not complete"
        yield tag("p", f"{done}: {bound.name} ({bound.programs:,} programs, {bound.formula})", "soft")
    if stage.floor:
        rows = list(_floors(stage.floor, stage))
        short = sum("short" in row for row in rows)
        is_open = " open" if short else ""
        says = f"floors: {len(rows) - short} of {len(rows)} reached"
        body = "".join(rows)
        yield f"<details{is_open}><summary>{says}</summary>"
        yield f'<div class="floors">{body}</div></details>'
    yield "</section>"


def _floors(floor: Any, stage: Stage) -> Iterator[str]:
    """A row for each figure that the stage owes: its name, a meter, measured of owed."""
    for name, least in floor.items():
        measured = getattr(stage, name, 0)
        if isinstance(least, dict):
            inner = measured if isinstance(measured, dict) else {}
            for each, figure in least.items():
                yield _meter(f"{name}: {each}", inner.get(each, 0), figure)
        else:
            yield _meter(name, measured if isinstance(measured, int) else 0, least)


def _meter(name: str, measured: int, least: int) -> str:
    width = 100 if measured >= least else 100 * measured // max(1, least)
    kind = "meter" if measured >= least else "meter short"
    told = tag("span", f"{measured:,} of {least:,}", "number")
    return f'{tag("span", name)}<span class="{kind}"><i style="width:{width}%"></i></span>{told}'


def _matrix(bugs: list[Hunted]) -> Iterator[str]:
    """A cell for each planted bug, by the stage that must find it and the oracle that must say so."""
    killed = sum(each.killed for each in bugs)
    yield tag("h2", f"Planted bugs: {killed} of {len(bugs)} killed")
    groups: dict[tuple[str, str], list[Hunted]] = {}
    for each in bugs:
        groups.setdefault((each.stage, each.oracle), []).append(each)
    for (stage, oracle), several in sorted(groups.items()):
        seconds = sum(each.cpu_seconds for each in several)
        says = f"{stage or 'any stage'}, oracle {oracle}: {sum(each.killed for each in several)}"
        yield tag("p", f"{says} of {len(several)}, {seconds:,.1f} processor seconds", "soft")
        cells = "".join(_cell(each) for each in several)
        yield f'<div class="matrix">{cells}</div>'
    rows = [((each.name, each.kind, each.why), False) for each in bugs if not each.killed]
    if rows:
        yield table(("survived", "expected", "why"), rows)


def _cell(bug: Hunted) -> str:
    state = "killed" if bug.killed else f"survived: {bug.why}"
    told = text_of(f"{bug.name}: {bug.kind}, {state}, {bug.cpu_seconds:.1f} s; after {bug.ancestor}")
    kind = "cell" if bug.killed else "cell alive-bug"
    return f'<span class="{kind}" tabindex="0" role="img" aria-label="{told}" title="{told}"></span>'


def page_of_own(report: OwnReport) -> str:
    """The page of a gate of a store of one's own."""
    return frame(f"Gate of {report.store}: {report.verdict}", ["<main>", *_own(report), "</main>"])


def _own(report: OwnReport) -> Iterator[str]:
    yield _badge(report.verdict, is_good=report.exit == 0)
    yield tag("h1", report.store)
    yield facts([("seed", report.seed), ("stages", len(report.stages))])
    for stage in report.stages:
        is_good = not (stage.found or stage.unsteady or stage.short)
        took = tag("span", f"{stage.cpu_seconds:,.1f} processor seconds", "soft")
        yield f'<section class="stage"><h3>{_badge(stage.name, is_good=is_good)}{took}</h3>'
        yield tag("p", stage.line)
        items = "".join(tag("li", each, "mono") for each in stage.told() if each)
        yield f'<ul class="plain">{items}</ul></section>'
    yield from (f"<pre>{text_of(story)}</pre>" for story in _stories(report.stories))


def _stories(lines: list[str]) -> Iterator[str]:
    """The stories, each with what would mend it."""
    story: list[str] = []
    for line in [*lines, ""]:
        if line:
            story.append(line)
        elif story:
            yield "\n".join(story)
            story = []
