"""The page of a program: each report with its stories, the answers, and syncs that lack or nobody needs.

    process     a dot in its lane at each of its calls
    call        a box in the lane of its file or folder: filled, hollow or half; a sync a bar
    line        a step, what was acknowledged; the power cut
    mend        a bar where a sync is missing

Invariants
  1  equal reports give equal pages
  2  it says what the text says
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ...programs.exploring.report import Kind, Report
from ...programs.exploring.story import EVERYWHERE, Story, Told
from ...programs.exploring.text import headline, states_told
from ..comparison import count_of
from .page import facts, frame, line, mark, row, tag, text_of

__all__ = ["page_of_reports"]

_LEGEND: Final = (
    ("op", "a process at a call"),
    ("kept", "survived"),
    ("part", "lost in part"),
    ("lost", "lost at the cut"),
    ("sync", "sync"),
    ("mend", "sync that is missing"),
)
_MARKS: Final = {"": "kept", "lost": "lost", "in part": "part", "sync": "sync", "mend": "mend"}
_TAGS: Final = {"lost": "lost", "in part": "lost in part"}
_LINES: Final = {"told": "end", "acknowledged": "ack", "cut": "cut"}
_LANES: Final = 14  # Of files and folders; those that come later share one.
_WIDE: Final = 12  # Lanes, from which on they stand closer.
_OTHERS: Final = "others"
_HEAD: Final = 20  # Characters of a path that a lane's head has room for: its last.


def page_of_reports(reports: Sequence[Report]) -> str:
    """The page of what an exploration found, law by law. O(calls told)."""
    bad = [report for report in reports if report.kinds or report.gone]
    first = (bad or [report for report in reports if report.is_bounded] or list(reports))[0]
    body = ["<main>", _badge(first), tag("h1", headline(first)), _legend()]
    for report in reports:
        body += _report(report, is_only=len(reports) == 1)
    return frame(headline(first), [*body, "</main>"])


def _badge(report: Report) -> str:
    is_good = not (report.kinds or report.gone or report.is_bounded)
    word = "consistent" if is_good else "wrong" if report.kinds or report.gone else "inconclusive"
    return tag("span", word, "badge good" if is_good else "badge bad")


def _legend() -> str:
    items = "".join(f'<span><i><i class="mark {kind}"></i></i>{word}</span>' for kind, word in _LEGEND)
    return f'<div class="legend">{items}</div>'


def _report(report: Report, *, is_only: bool) -> Iterator[str]:
    if not is_only:
        yield tag("h2", f"Law {report.law}: {headline(report)}")
    pairs = [("folder", report.root), ("law", report.law)]
    pairs += [("after", report.era)] if report.era else []
    pairs += [
        ("recorded", f"{report.events:,} events, {report.points - 1:,} acknowledged"),
        ("searched", f"{states_told(report.states)}, {report.completeness}"),
        ("judged", f"{report.judged:,}, with {report.read:,} readings"),
    ]
    pairs += [("note", note) for note in report.notes]
    pairs += [("known", each) for each in report.known]
    pairs += [("known, and did not occur", each) for each in report.gone]
    yield facts(pairs)
    for kind in report.kinds:
        yield from _kind(kind, report)
    yield from _advice(report)


def _kind(kind: Kind, report: Report) -> Iterator[str]:
    yield tag("h2", f"{kind.verdict}: {states_told(kind.states)}")
    if not kind.story.has_losses:
        yield tag("p", "Nothing is lost here: a kill of the program shows it too.")
    yield from _Rows(kind.story).html()
    yield from _answers(kind)
    if kind.lost:
        yield tag("p", "Lost, for no sync had made it durable:")
        yield _items(kind.lost)
    under = "" if kind.law == report.law else f" A state of the law {kind.law}."
    yield tag("p", f"{kind.real}.{under}", "soft")


def _answers(kind: Kind) -> Iterator[str]:
    """The answers that were legal beside the one that was given."""
    older = f"   (as at: {kind.older})" if kind.older else ""
    read = [f"{kind.read}{older}"]
    read += [f"again: {kind.again}"] if kind.again else []
    read += [f"standard error: {kind.error}"] if kind.error else []
    legal, given = _items(kind.expected), _items(read)
    yield (
        f'<div class="beside"><div>{tag("h3", "Legal there")}{legal}</div>'
        f'<div class="bad">{tag("h3", "Read")}{given}</div></div>'
    )


def _advice(report: Report) -> Iterator[str]:
    bounded = ", where not every state was tried" if report.mend_is_bounded else ""
    if report.mend:
        yield tag("h2", "What would mend it")
        yield _items(report.mend)
        yield tag("p", f"{report.mend_searches} searches{bounded}", "soft")
    elif report.mend_searches:
        yield tag("h2", "What would mend it")
        yield tag("p", f"No one or two added syncs do: {report.mend_searches} searches{bounded}.")
    if report.needless:
        yield tag("h2", f"Syncs that no crash state needs, of {report.syncs}")
        yield _items(report.needless)
    if report.unsynced:
        yield tag("h2", "Acknowledged and never synced")
        yield _items(report.unsynced)


def _items(lines: Sequence[str]) -> str:
    inner = "".join(tag("li", each, "mono") for each in lines)
    return f'<ul class="plain">{inner}</ul>'


def _short(place: str) -> str:
    return place if len(place) <= _HEAD else f"…{place[1 - _HEAD :]}"


class _Rows:
    """A story as rows: processes to the left, files and folders beside them, time down."""

    def __init__(self, story: Story) -> None:
        self._story = story
        every = (*story.before, *story.told)
        self._processes = sorted({each.lane for each in every if each.lane >= 0})
        places = dict.fromkeys(place for each in every for place in each.places if place != EVERYWHERE)
        self._places = sorted(places, key=lambda place: not place.endswith("/"))[:_LANES]  # Folders first.
        if len(places) > _LANES:
            self._places[-1:] = [_OTHERS]

    def html(self) -> Iterator[str]:
        """The rows, a line of text each."""
        count = len(self._processes) + len(self._places)
        classes = "story wide" if count > _WIDE else "story"
        yield f'<div class="{classes}" style="--lanes:{count}">{self._heads()}'
        story = self._story
        if story.before:
            rest = f", and {story.left_out:,} before them" if story.left_out else ""
            told = f"{count_of(len(story.before), 'line')} before this, of which nothing was lost{rest}"
            yield f'<details class="opening"><summary>{text_of(told)}</summary>'
            yield from (self._row(each) for each in story.before)
            yield "</details>"
        yield from (self._row(each) for each in story.told)
        yield "</div>"
        yield _items([f"process {each}" for each in story.lanes])

    def _heads(self) -> str:
        labels = [tag("span", f"p{each}", "session") for each in self._processes]
        labels += [f'<span title="{text_of(each)}">{text_of(_short(each))}</span>' for each in self._places]
        say = '<div class="say">calls below the folder, time goes down</div>'
        return f'<div class="heads"><div></div><div class="labels">{"".join(labels)}</div>{say}</div>'

    def _row(self, told: Told) -> str:
        if told.fate in _LINES and told.lane < 0:
            return line(_LINES[told.fate], told.text)
        if told.fate == "mend":
            return row("mended", "", self._marks(told), text_of(f"missing here: {told.text}"))
        kind = _MARKS.get(told.fate, "look")
        word, site = _TAGS.get(told.fate, ""), told.site
        text = text_of(told.text) + (tag("span", word, f"tag {kind}") if word else "")
        text += tag("span", "no crash state needs it", "tag part") if told.is_needless else ""
        text += tag("span", site, "label") if site else ""
        return row(f"call {kind}", told.at, self._marks(told), text)

    def _marks(self, told: Told) -> str:
        lanes = [self._processes.index(told.lane)] if told.lane >= 0 else []
        marks = [mark("op", lane) for lane in lanes]
        places = self._places if EVERYWHERE in told.places else told.places
        numbers = dict.fromkeys(self._lane(place) for place in places)
        return "".join([*marks, *(mark(_MARKS.get(told.fate, "look"), each) for each in numbers)])

    def _lane(self, place: str) -> int:
        at = self._places.index(place) if place in self._places else len(self._places) - 1
        return len(self._processes) + at
