"""The text of a report, for a person: what was searched, each finding as a story, and what would mend it.

Invariants
  1  the first line is the verdict
  2  the text says nothing that the report does not

Pure.
"""

from __future__ import annotations

from typing import Final

from .report import Kind, Report
from .story import Told

__all__ = ["headline", "searched", "states_told", "tell"]

_MARKS: Final = {"lost": "LOST", "in part": "LOST IN PART", "sync": "=" * 12}
_COLUMN: Final = 72


def tell(report: Report) -> str:
    """The lines of a report."""
    return "\n".join(_lines(report)) + "\n"


def headline(report: Report) -> str:
    """The verdict, in a line. Invariant 1."""
    if report.kinds:
        kinds = ", ".join(f"{kind.verdict} ({states_told(kind.states)})" for kind in report.kinds)
        return f"found: {kinds}"
    if report.gone:
        return "a known finding did not occur"
    if report.is_bounded:
        return "inconclusive: no crash state that was tried is wrong, and not all were tried"
    if report.known:
        return "as known: no crash state is wrong otherwise"
    return "consistent: no crash state is wrong"


def searched(report: Report) -> str:
    """The figures of what was looked at, in a line."""
    return (
        f"law {report.law}: {states_told(report.states)} of {report.events} events with {report.points - 1} "
        f"acknowledged; {report.judged} judged, {report.read} read; {report.completeness}"
    )


def _lines(report: Report) -> list[str]:
    lines = [headline(report)]
    if report.era:
        lines.append(f"after {report.era}")
    lines.append(searched(report))
    lines += [f"note: {note}" for note in report.notes]
    lines += [f"known: {each}" for each in report.known]
    lines += [f"known, and did not occur: {each}" for each in report.gone]
    for kind in report.kinds:
        lines += ["", *_kind(kind)]
    if report.mend:
        bounded = ", where not every state was tried" if report.mend_is_bounded else ""
        lines += ["", f"would mend it ({report.mend_searches} searches{bounded}):"]
        lines += [f"  {each}" for each in report.mend]
    elif report.mend_searches:
        bounded = " (the searches ran out)" if report.mend_is_bounded else ""
        lines += ["", f"no one or two added syncs mend it: {report.mend_searches} searches{bounded}"]
    if report.needless:
        lines += ["", f"syncs that no crash state needs (of {report.syncs}):"]
        lines += [f"  {each}" for each in report.needless]
    if report.unsynced:
        lines += ["", "acknowledged and never synced:", *(f"  {each}" for each in report.unsynced)]
    return lines


def _kind(kind: Kind) -> list[str]:
    lines = [f"{kind.verdict}:"]
    story = kind.story
    lines += [f"  process {lane}" for lane in story.lanes]
    lines += [_told(each, len(story.lanes)) for each in story.told if each.fate != "mend"]
    if not story.has_losses:
        lines.append("  nothing is lost here: a kill of the program shows it too")
    lines += [f"  legal  {each}" for each in kind.expected]
    older = f"   (as at: {kind.older})" if kind.older else ""
    lines.append(f"  read   {kind.read}{older}")
    if kind.again:
        lines.append(f"  again  {kind.again}")
    if kind.error:
        lines.append(f"  stderr {kind.error}")
    lines.append(f"  {kind.real}")
    return lines


def _told(each: Told, lanes: int) -> str:
    if each.fate == "cut":
        return f"  {'~' * 8} {each.text} {'~' * 8}"
    if each.lane < 0:
        return f"  -- {each.text}"
    lane = f"[{each.lane}] " if lanes > 1 else ""
    site = f"   {each.site}" if each.site else ""
    line, mark = f"    {lane}{each.text}{site}", _MARKS.get(each.fate, "")
    return f"{line:{_COLUMN}}  {mark}".rstrip()


def states_told(count: int) -> str:
    """A number of crash states, in words."""
    return f"{count:,} crash state{'' if count == 1 else 's'}"
