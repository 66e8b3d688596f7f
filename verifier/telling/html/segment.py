"""A segment as rows: time down, a lane for each session, for the names and for each file.

    operation   a dot in the lane of its session, or a bar through all lanes
    call        a box in the lane of its file: filled, hollow or half, as the power cut left it; a sync a bar
    line        what was acknowledged; the cut
    mend        a bar where a sync is missing

Invariants
  1  rows stand in the order of the trace; at one index what ended stands before what begins
  2  what is hollow is what `fates_of` says is lost
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from powercut.faultfs import SYNC_KINDS, Event, EventKind, render_trace
from powercut.faultfs.faults.place import Place
from powercut.faultfs.law.history import history_of

from ...reducing.mend import place_of
from ...spec.history import Life, Segment
from ...spec.model import session_name
from ..comparison import count_of, tell_bound
from ..steps import Group, Step, steps_of
from .alive import Fate
from .page import line, mark, row, tag, text_of

__all__ = ["Lanes", "SegmentRows"]

_ASKS: Final = {EventKind.READ, EventKind.SIZE, EventKind.LIST}
_OF_NAMES: Final = {
    EventKind.CREATE,
    EventKind.REMOVE,
    EventKind.LINK,
    EventKind.RENAME,
    EventKind.SYNC_NAMES,
    EventKind.LIST,
}
_REMARKS: Final = {EventKind.MARK}
_FAULTS: Final = {EventKind.FAULT, EventKind.SYNC_FAILED, EventKind.ROT}
_WIDE: Final = 12  # Lanes, from which on they stand closer.
NAMES: Final = "names"


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes of one segment, from left to right."""

    sessions: tuple[int, ...]
    files: tuple[str, ...]

    @classmethod
    def of(cls, group: Group, segment: Segment) -> Lanes:
        """A lane for each session that was asked something, for the names, for each file that was."""
        steps = steps_of(group.program, segment)
        sessions = {step.operation.session for step in steps if step.is_keyed}
        names = (each.name for each in segment.trace.events if each.kind not in _OF_NAMES | _REMARKS)
        return cls(tuple(sorted(sessions)), (NAMES, *dict.fromkeys(name for name in names if name)))

    def __len__(self) -> int:
        return len(self.sessions) + len(self.files)

    def of_session(self, session: int) -> int:
        """The number of the session's lane."""
        return self.sessions.index(session)

    def of_event(self, event: Event) -> int:
        """The number of the lane in which a call stands."""
        name = NAMES if event.kind in _OF_NAMES or not event.name else event.name
        return len(self.sessions) + self.files.index(name)

    def heads(self) -> str:
        """The names of the lanes."""
        labels = [tag("span", session_name(each), "session") for each in self.sessions]
        labels += [tag("span", each) for each in self.files]
        inner = "".join(labels)
        say = '<div class="say">calls on the device, time goes down</div>'
        return f'<div class="heads"><div></div><div class="labels">{inner}</div>{say}</div>'

    @property
    def classes(self) -> str:
        """The classes of what the lanes stand in."""
        return "story wide" if len(self) > _WIDE else "story"


@dataclass(slots=True)
class SegmentRows:
    """One segment, from the image that it begins with to the power cut or the end.

    fates   what became of each call; empty where the power stayed on
    mends   for a place, the sync that is missing behind it
    ending  the last line
    """

    group: Group
    segment: Segment
    cut: int | None
    fates: Mapping[int, Fate]
    mends: Mapping[Place, str]
    ending: tuple[str, str]
    _lanes: Lanes = field(init=False)

    def __post_init__(self) -> None:
        self._lanes = Lanes.of(self.group, self.segment)

    @property
    def end(self) -> int:
        """The crash index, or the length of the trace."""
        return len(self.segment.trace) if self.cut is None else self.cut

    def html(self) -> Iterator[str]:
        """The rows, a line of text each."""
        lanes = self._lanes
        yield f'<div class="{lanes.classes}" style="--lanes:{len(lanes)}">{lanes.heads()}'
        yield from self._rows()
        kind, said = self.ending
        yield f"{line(kind, said)}</div>"

    def _rows(self) -> Iterator[str]:
        steps: dict[int, list[Step]] = {}
        for step in steps_of(self.group.program, self.segment):
            if step.start <= self.end:
                steps.setdefault(step.start, []).append(step)
        acks = [(at, bound) for at, bound in self.segment.acks if at <= self.end]
        openings = {life.start: life for life in self.segment.lives if life.start <= self.end}
        index = 0
        while index <= self.end:
            acked = [bound for at, bound in acks if at == index]
            early = [step for step in steps.get(index, ()) if step.stop == index and not step.is_keyed]
            yield from (self._step(step) for step in early)
            yield from (line("ack", f"durable from here on: {tell_bound(bound)}") for bound in acked)
            yield from (self._step(step) for step in steps.get(index, ()) if step not in early)
            life = openings.pop(index, None)
            if life is not None:
                yield from self._opening(life)
                if life.opened is not None and index < life.opened <= self.end:
                    index = life.opened
                    continue
                if life.opened is None or life.opened > self.end:
                    return
            if index < self.end:
                yield from self._call(index)
            index += 1

    def _opening(self, life: Life) -> Iterator[str]:
        """An opening that went well is folded, with what the power cut took of it in sight."""
        has_failed = life.opened is None
        stop = self.end if life.opened is None else min(life.opened, self.end)
        events = self.segment.trace.events[life.start : stop]
        calls = [each for at in range(life.start, stop) for each in self._call(at, has_reads=has_failed)]
        syncs = sum(event.kind in SYNC_KINDS for event in events)
        told = f"the store is opened: {count_of(len(events), 'call')}, {count_of(syncs, 'sync')}"
        is_hurt = any(self._word(at) != "kept" for at in range(life.start, stop))
        is_open = " open" if has_failed or is_hurt or stop == self.end else ""
        yield f'<details class="opening"{is_open}><summary>{text_of(told)}</summary>'
        yield from calls
        yield "</details>"

    def _word(self, index: int) -> str:
        fate = self.fates.get(index)
        return "kept" if fate is None else fate.word

    def _step(self, step: Step) -> str:
        is_cut = self.cut is not None and step.stop > self.cut
        text = step.text(is_cut=is_cut)
        seen, wrong = step.seen, ""
        if seen is not None and not is_cut and seen.returned != seen.expected:
            wrong = tag("span", f"expected {seen.expected}, got {seen.returned}", "tag lost")
        if step.is_keyed:
            lane = self._lanes.of_session(step.operation.session)
            text = f"{session_name(step.operation.session)} {text}"
            return row("op", step.number + 1, mark("op", lane), text_of(text) + wrong)
        return row("op all", step.number + 1, "", text_of(text) + wrong)

    def _call(self, index: int, *, has_reads: bool = False) -> Iterator[str]:
        event = self.segment.trace.events[index]
        if event.kind in _ASKS and not has_reads:
            return
        lane, fate = self._lanes.of_event(event), self.fates.get(index)
        word = self._word(index)
        kind = word
        if event.kind in SYNC_KINDS:
            kind = "sync"
        elif event.kind in _FAULTS:
            kind = "fault"
        elif event.kind in _ASKS | _REMARKS:
            kind = "look"
        told = render_trace(self.segment.trace, start=index, stop=index + 1)
        said, label = told.strip().partition(" ")[2].strip().rstrip("= "), ""
        if event.label and said.endswith(f"[{event.label}]"):
            said = said[: -len(event.label) - 2].rstrip()
            label = tag("span", event.label, "label")
        told = {"lost": "lost", "part": "lost in part"}.get(word, "")
        text = text_of(said) + (tag("span", told, f"tag {word}") if told else "") + label
        alive = "" if fate is None or self.cut is None else _alive(index, said, fate)
        yield row(f"call {word}", index, mark(kind, lane), text, alive)
        if not self.mends:
            return
        missing = self.mends.get(place_of(event, index, history_of(self.segment.trace).paths))
        if missing is not None:
            yield row("mended", "", mark("mend", lane), text_of(f"missing here: {missing}"))


def _alive(index: int, said: str, fate: Fate) -> str:
    """The versions that a power cut could leave, of all that the call moved."""
    parts = [f"<b>{text_of(f'#{index} {said}')}</b>"]
    for moved in fate.moved:
        items = []
        for version in moved.versions:
            state = "survived" if version.survived else ("gone" if version.is_alive else "past")
            word = {"survived": "survived", "gone": "could survive", "past": "past: a sync covered it"}[state]
            own = " own" if version.is_own else ""
            said = f"{version.maker}: {version.value}"
            items.append(
                f'<li class="{state}{own}" title="{word}">{text_of(said)} <small>{word}</small></li>'
            )
        parts.append(f"<p>{text_of(moved.what)}</p><ol>{''.join(items)}</ol>")
    return f'<div class="alive">{"".join(parts)}</div>'
