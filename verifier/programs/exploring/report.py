"""The report: all that an exploration says, as a value; the JSON document is this value, the text tells it.

Invariants
  1  a story tells every call from the first that lost something to the power cut, and up to CALLS_BEFORE
     before it
  2  a call is told as lost iff of each of its changes an earlier version survived; in part iff of some
"""

from __future__ import annotations

from typing import Final

import msgspec

from powercut.faultfs import EventKind, tell_crash
from powercut.faultfs.real import tell_real

from ..reading.readers import Answer
from ..recording import Recording
from .asked import Readings
from .losses import lost_events, telling
from .paths import Paths
from .search import Exploration, Finding, Wanted
from .syncs import Mending, Unsynced, mend, needless, unsynced

__all__ = ["Kind", "Report", "Told", "report_of"]

CALLS_BEFORE: Final = 3
_TEXT_BYTES: Final = 120
_SYNCS: Final = frozenset({EventKind.SYNC, EventKind.SYNC_NAMES, EventKind.DATASYNC, EventKind.SYNC_ALL})


class Told(msgspec.Struct, frozen=True):
    """One call of a story, or what was told outside."""

    lane: int  # The process; -1 of what the bench itself did.
    text: str
    fate: str = ""  # "lost", "in part", "sync", "told" or "cut".
    site: str = ""


class Kind(msgspec.Struct):
    """The first finding of a kind, made small."""

    verdict: str
    states: int
    index: int
    survivors: list[int]
    law: str  # The law of these survivors: the report's, or a narrower one, of a measured file system.
    lost: list[str]
    story: list[Told]
    lanes: list[str]
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
    kinds = [_kind(recording, found, finding) for finding in small.values()]
    mending, unneeded, syncs = Mending(), list[str](), 0
    if has_advice:
        if small:
            mending = mend(recording, found, next(iter(small.values())), readings, wanted)
        unneeded, syncs = needless(recording, found, readings, wanted)
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
        needless=unneeded,
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


def _kind(recording: Recording, found: Exploration, finding: Finding) -> Kind:
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
    story, lanes = _story(recording, found, finding)
    return Kind(
        verdict=finding.verdict.value,
        states=found.counts[finding.verdict],
        index=finding.index,
        survivors=list(finding.survivors),
        law=finding.law.value,
        lost=tell_crash(found.trace, finding.index, finding.survivors, finding.law),
        story=story,
        lanes=lanes,
        expected=list(dict.fromkeys(expected)),
        read=reading.why or _answer(reading.answer),
        again="" if reading.again in (None, reading.answer) else _answer(reading.again),
        error=reading.error.decode(errors="replace").strip().rpartition("\n")[2][:_TEXT_BYTES],
        older=older[0] if older else "",
        real=tell_real(found.trace, finding.index, finding.survivors, finding.law),
    )


def _story(recording: Recording, found: Exploration, finding: Finding) -> tuple[list[Told], list[str]]:
    """The calls from the first one that lost something, with lanes. Invariants 1 and 2."""
    lost = lost_events(found.trace, finding.index, finding.survivors, finding.law)
    paths, events = Paths(recording), found.trace.events
    calls = {at: number for number, call in enumerate(recording.calls) for at in range(call.first, call.stop)}
    told: list[tuple[int, Told]] = []
    seen: set[int] = set()
    for at in range(finding.index):
        event = events[at]
        number = calls.get(at)
        if event.kind is EventKind.MARK:
            if event.label == "step":
                told.append((at, Told(-1, f"step {int(event.data or b'0') + 1} begins", "told")))
            elif event.label == "done":
                told.append(
                    (at, Told(-1, f"step {int(event.data or b'0') + 1} has ended: acknowledged", "told"))
                )
            elif event.label in ("out", "err", "sent"):
                text = event.data.decode(errors="replace").rstrip("\n")[:60]
                told.append((at, Told(_lane(recording, number), f"{event.label}: {text!r}", "told")))
            continue
        if number in seen:
            continue
        if number is None:
            name = paths.of(event.inode) if event.kind is EventKind.SYNC_NAMES else paths.of_key(event.name)
            target = f" to {paths.of_key(event.target)}" if event.target else ""
            size = f", {event.size} bytes at {event.offset}" if event.kind is EventKind.WRITE else ""
            text, parts, site = f"{event.kind.name.lower()}({name}{target}{size})", [at], ""
        else:
            seen.add(number)
            call = recording.calls[number]
            text, site = call.text, call.site
            parts = list(range(call.first, min(call.stop, finding.index)))
        fates = [lost[part] for part in parts if part in lost]
        fate = "sync" if event.kind in _SYNCS else ""
        if fates:
            changes = [part for part in parts if events[part].kind is not EventKind.MARK]
            fate = "lost" if all(fates) and len(fates) == len(changes) else "in part"
        told.append((at, Told(_lane(recording, number), text, fate, site)))
    places = [place for place, (_, each) in enumerate(told) if each.fate in ("lost", "in part")]
    start = max(0, (places[0] if places else len(told)) - CALLS_BEFORE)
    story = [each for _, each in told[start:]]
    story.append(
        Told(-1, f"the power is cut: {finding.index} of {len(found.trace)} events were issued", "cut")
    )
    used = sorted({each.lane for each in story if each.lane >= 0})
    lanes = [
        f"{lane}: {recording.processes[lane].command}" for lane in used if lane < len(recording.processes)
    ]
    return story, lanes


def _lane(recording: Recording, number: int | None) -> int:
    return 0 if number is None else recording.calls[number].process


def _answer(answer: Answer | None) -> str:
    if answer is None:
        return ""
    text = answer.output.decode(errors="replace")
    if len(text) > _TEXT_BYTES:
        text = f"{text[: _TEXT_BYTES // 2]}…{text[-_TEXT_BYTES // 2 :]}"
    shown = f"{text!r}" if len(answer.output) <= _TEXT_BYTES else f"{len(answer.output)} bytes {text!r}"
    how = f"ended by signal {-answer.status}" if answer.status < 0 else f"exit {answer.status}"
    return f"{how}, {shown}"
