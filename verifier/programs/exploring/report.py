"""The report: all that an exploration says, as a value; the JSON document is this value, the text tells it.

Invariant: all that text and page say stands here, so a report that was read back from JSON is told alike.
"""

from __future__ import annotations

from typing import Final

import msgspec

from powercut.faultfs import tell_crash
from powercut.faultfs.real import tell_real

from ..reading.readers import Answer
from ..recording import Recording
from .asked import Readings
from .losses import telling
from .search import Exploration, Finding, Wanted
from .story import Marks, Story, Told, story_of
from .syncs import Mending, Unsynced, mend, needless, unsynced

__all__ = ["Kind", "Report", "report_of"]

_TEXT_BYTES: Final = 120


class Kind(msgspec.Struct):
    """The first finding of a kind, made small."""

    verdict: str
    states: int
    index: int
    survivors: list[int]
    law: str  # The law of these survivors: the report's, or a narrower one, of a measured file system.
    lost: list[str]
    story: Story
    expected: list[str]
    read: str
    again: str
    error: str
    older: str  # The acknowledgement whose answer it gave, where it gave an older one.
    real: str


class Report(msgspec.Struct):
    """One recording under one law."""

    law: str
    root: str
    steps: int
    points: int
    events: int
    states: int
    judged: int
    read: int
    completeness: str
    notes: list[str]
    kinds: list[Kind]
    mend: list[str]
    mend_searches: int
    mend_is_bounded: bool
    needless: list[str]
    syncs: int
    unsynced: list[str]
    known: list[str] = msgspec.field(default_factory=list)
    gone: list[str] = msgspec.field(default_factory=list)
    era: str = ""  # The state after which this was recorded, in a second era.

    @property
    def is_bounded(self) -> bool:
        """True where some crash states were left out."""
        return self.completeness != "exhaustive"


def report_of(
    recording: Recording, found: Exploration, readings: Readings, wanted: Wanted, *, has_advice: bool = True
) -> Report:
    """Make the first finding of each kind small, and look for what mends them."""
    small = telling(found, readings, wanted)
    mending, unneeded, syncs = Mending(), dict[str, list[int]](), 0
    if has_advice:
        if small:
            mending = mend(recording, found, next(iter(small.values())), readings, wanted)
        unneeded, syncs = needless(recording, found, readings, wanted)
    missing: dict[int, list[Told]] = {}
    for place, before in mending.befores:
        lane = f"{place.target}/" if place.is_folder else place.target
        missing.setdefault(before, []).append(Told(-1, str(place), "mend", places=(lane,)))
    marks = Marks(missing, frozenset(at for places in unneeded.values() for at in places))
    kinds = [_kind(recording, found, finding, marks) for finding in small.values()]
    never = unsynced(recording, found.trace, found.legality)
    notes = list(readings.notes)
    first = found.legality.answers[0]
    if first.status:
        notes.append(
            f"before the first step the command that reads ends with status {first.status}: while that is "
            "legal, so is any state that it cannot read"
        )
    if len(set(found.legality.answers)) == 1:
        notes.append("the command that reads answers the same at every point: it cannot tell what is lost")
    return Report(
        law=found.law.value,
        root=recording.root,
        steps=len(recording.steps),
        points=len(found.legality.points),
        events=len(found.trace),
        states=found.states,
        judged=found.judged,
        read=readings.made,
        completeness=found.completeness,
        notes=notes,
        kinds=kinds,
        mend=[str(place) for place in mending.places],
        mend_searches=mending.searches,
        mend_is_bounded=mending.is_bounded,
        needless=list(unneeded),
        syncs=syncs,
        unsynced=[_told_unsynced(each, found.trace.sector_bytes) for each in never],
    )


def _told_unsynced(each: Unsynced, width: int) -> str:
    parts = []
    if each.sectors:
        parts.append(f"{each.sectors * width} bytes in {each.sectors} sectors")
    if each.has_size:
        parts.append("its size")
    if each.has_name:
        parts.append("that its name is gone" if each.is_gone else "its name")
    return f"{each.path}: {', '.join(parts)}: acknowledged with {each.told}"


def _kind(recording: Recording, found: Exploration, finding: Finding, marks: Marks) -> Kind:
    legality, part, reading = found.legality, finding.part, finding.reading
    expected = [
        f"{_answer(legality.answers[number])}   ({legality.points[number].told})"
        for number in range(part.low, part.high + 1)
    ]
    older = [
        legality.points[number].told
        for number in range(part.low - 1, -1, -1)
        if legality.answers[number] == reading.answer
    ]
    return Kind(
        verdict=finding.verdict.value,
        states=found.counts[finding.verdict],
        index=finding.index,
        survivors=list(finding.survivors),
        law=finding.law.value,
        lost=tell_crash(found.trace, finding.index, finding.survivors, finding.law),
        story=story_of(recording, found, finding, marks),
        expected=list(dict.fromkeys(expected)),
        read=reading.why or _answer(reading.answer),
        again="" if reading.again in (None, reading.answer) else _answer(reading.again),
        error=reading.error.decode(errors="replace").strip().rpartition("\n")[2][:_TEXT_BYTES],
        older=older[0] if older else "",
        real=tell_real(found.trace, finding.index, finding.survivors, finding.law),
    )


def _answer(answer: Answer | None) -> str:
    if answer is None:
        return ""
    text = answer.output.decode(errors="replace")
    if len(text) > _TEXT_BYTES:
        text = f"{text[: _TEXT_BYTES // 2]}…{text[-_TEXT_BYTES // 2 :]}"
    shown = f"{text!r}" if len(answer.output) <= _TEXT_BYTES else f"{len(answer.output)} bytes {text!r}"
    how = f"ended by signal {-answer.status}" if answer.status < 0 else f"exit {answer.status}"
    return f"{how}, {shown}"
