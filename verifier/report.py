"""The report: a run as a text that a person reads from top to bottom.

    what was violated      oracle, kind, the fact; law, geometry, planted bug
    one part a power cut   a lane for each session, its operations with their results; below each the
                           device calls that it made, syncs standing out; the cut, and what it took
    what was owed          at least what was acknowledged, at most what was issued
    how to see it again    one line

Invariants
  1  a report is a function of the tape and its run: equal runs, equal texts
  2  every device call that changed something is there, with the number that the crash speaks of

Threads: pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from faultfs import EventKind, Trace, render_trace, tell_crash

from .history import Observation, Passage, Segment
from .model import replay, session_name
from .prefix import show
from .subjects import Bound
from .tape import Crash, Era, Kind, Operation, Tape
from .verdict import Unknown, Violation
from .world import Run, crash_index

__all__ = ["headline", "tell"]

LANE: Final = 34  # An operation, its key, its serial and two stamps.
_CUT: Final = "cut short by the power cut"
_QUIET: Final = {EventKind.READ, EventKind.SIZE, EventKind.LIST}


def tell(tape: Tape, run: Run, file: str = "TAPE") -> str:
    """The whole report. `file` is where the tape can be found, for the line that repeats it."""
    sessions = sorted(
        {op.session for era in tape.eras for op in era.program if op.kind < Kind.CHECKPOINT}
    ) or [0]
    lines = [headline(run), *_facts(tape, run), ""]
    parts = _by_segment(tape)
    for number, (segment, eras) in enumerate(zip(run.segments, parts, strict=False)):
        lines.append(f"{_ordinal(number)} ".ljust(72, "-"))
        crash = eras[-1].crash if number + 1 < len(run.segments) else None
        stop = len(segment.trace) if crash is None else crash_index(segment.trace, crash)
        lines += _Part(segment, eras, sessions, stop).lines()
        if crash is not None:
            lines += _tell_cut(segment.trace, stop, crash, tape.law)
        lines.append("")
    lines += _owed(run)
    lines.append(f"repeat it: powercut replay {file}")
    return "\n".join(lines) + "\n"


def headline(run: Run) -> str:
    """The verdict in one line."""
    verdict = run.verdict
    if isinstance(verdict, Violation):
        return f"{verdict.oracle}: {verdict.breach.value}"
    if isinstance(verdict, Unknown):
        return f"not decided: {verdict.why}"
    return "consistent: no oracle objects to this run"


def _facts(tape: Tape, run: Run) -> Iterator[str]:
    if isinstance(run.verdict, Violation):
        yield f"  {run.verdict.detail}"
    bug = f", planted bug {tape.bug}" if tape.bug else ""
    yield f"  {tape.subject}, geometry {tape.geometry}, law {tape.law}, kernels {tape.kernels}{bug}"


def _ordinal(number: int) -> str:
    if number == 0:
        return "from an empty disk"
    return "after the power cut" if number == 1 else f"after power cut {number}"


def _by_segment(tape: Tape) -> list[list[Era]]:
    """The eras between two power cuts."""
    parts: list[list[Era]] = [[]]
    for era in tape.eras:
        parts[-1].append(era)
        if era.crash is not None:
            parts.append([])
    return parts if parts[-1] else parts[:-1]


# -- one part ------------------------------------------------------------------------------------


class _Part:
    """The stretch between two power cuts, as lines."""

    def __init__(self, segment: Segment, eras: list[Era], sessions: list[int], stop: int) -> None:
        self._segment = segment
        self._stop = stop  # Nothing from this index on was issued.
        self._eras = eras
        self._lanes = {session: place for place, session in enumerate(sessions)}
        self._seen = list(segment.observations)
        self._starts = list(segment.step_starts)
        self._passages = list(segment.passages)
        self._told = 0  # Events before this index have been told.

    def lines(self) -> Iterator[str]:
        """Everything, in the order in which it happened."""
        names = "".join(session_name(session).ljust(LANE) for session in self._lanes)
        yield f"    {names}".rstrip()
        for era in self._eras:
            yield from self._open()
            for operation in era.program:
                if not self._starts or self._starts[0] > self._stop:
                    # An objection or the power cut came before this step.
                    yield from self._events(self._stop)
                    return
                yield from self._step(operation)
        yield from self._events(self._stop)

    def _open(self) -> Iterator[str]:
        if not self._passages or self._passages[0].start > self._stop:
            return
        passage = self._passages.pop(0)
        yield from self._events(passage.start)
        is_cut = passage.opened is not None and passage.opened > self._stop
        yield f"    open: {_CUT if is_cut else _opening(passage)}"
        yield from self._events(passage.start if passage.opened is None else passage.opened)

    def _step(self, operation: Operation) -> Iterator[str]:
        start = self._starts.pop(0)
        end = self._starts[0] if self._starts else len(self._segment.trace)
        yield from self._events(start)
        if operation.kind == Kind.REOPEN:
            yield "    close"
            yield from self._open()
            return
        seen = self._take(operation, end)
        if seen is not None and seen.index > self._stop:
            seen = replace(seen, returned=_CUT, expected=_CUT)
        if operation.kind >= Kind.CHECKPOINT:
            yield f"    {_checkpoint(operation, seen)}"
        else:
            lane = self._lanes.get(operation.session, 0)
            yield f"    {' ' * (LANE * lane)}{_outcome(operation, seen)}"
        if self._starts:  # Of the last step not all calls need be its own: the close may follow.
            yield from self._events(end)

    def _take(self, operation: Operation, end: int) -> Observation | None:
        """What was seen of this step; None if it failed, or was no step at which to see anything."""
        session = -1 if operation.kind >= Kind.CHECKPOINT else operation.session
        if operation.kind == Kind.START or not self._seen:
            return None
        first = self._seen[0]
        return self._seen.pop(0) if first.session == session and first.index <= end else None

    def _events(self, until: int) -> Iterator[str]:
        """The device calls up to an index; those that only asked, in one line for each stretch."""
        quiet: dict[str, None] = {}
        count = 0
        until = min(until, self._stop)
        for index in range(self._told, until):
            event = self._segment.trace.events[index]
            if event.kind in _QUIET:
                count += 1
                quiet[event.name or "the names"] = None
                continue
            yield from _asked(count, quiet)
            count, quiet = 0, {}
            yield f"      {render_trace(self._segment.trace, start=index, stop=index + 1)}"
        yield from _asked(count, quiet)
        self._told = max(self._told, until)


def _asked(count: int, names: Mapping[str, None]) -> Iterator[str]:
    if count:
        yield f"              {count} reads of {', '.join(names)}"


def _opening(passage: Passage) -> str:
    if passage.opened is None:
        return "an oracle objects"
    if passage.recovered is None:
        return "recovered"
    return f"recovered {_bound(passage.recovered)}"


def _outcome(operation: Operation, seen: Observation | None) -> str:
    if seen is None:
        return f"{Kind(operation.kind).name.lower()} key-{operation.key}: failed"
    text = f"{seen.what} = {seen.returned}"
    return text if seen.returned == seen.expected else f"{text}, expected {seen.expected}"


def _checkpoint(operation: Operation, seen: Observation | None) -> str:
    name = {Kind.CHECKPOINT: "checkpoint", Kind.START: "checkpoint begun"}.get(
        Kind(operation.kind), "checkpoint, one phase on"
    )
    if seen is None:
        return name
    return f"{name}: {_CUT}" if seen.returned == _CUT else f"{name}: acknowledged {seen.returned}"


def _bound(bound: Bound) -> str:
    if not isinstance(bound, Mapping):
        return f"{bound} operations"
    return " ".join(f"{session_name(number)}:{count}" for number, count in sorted(bound.items())) or "nothing"


# -- the cut, and what was owed --------------------------------------------------------------------


def _tell_cut(trace: Trace, index: int, crash: Crash, law: str) -> Iterator[str]:
    yield "~" * 12 + f" the power is cut: {index} of {len(trace)} calls issued " + "~" * 12
    lost = tell_crash(trace, index, crash.survivors, law)
    yield from (f"      lost   {line}" for line in lost)
    yield "      what was issued and is not named survived" if lost else "      everything issued survived"


def _owed(run: Run) -> Iterator[str]:
    """What the last opening had to come back to, where it is the opening that an oracle objects to."""
    segment = run.segments[-1]
    if not isinstance(run.verdict, Violation) or not segment.passages:
        return
    passage = segment.passages[-1]
    if passage.opened is not None:
        return
    acked = segment.acked_by(len(segment.trace))
    issued = {each.session: each.serial for each in passage.before}
    yield f"owed      at least {_bound(acked)}, at most {_bound(issued)}"
    if isinstance(acked, Mapping):
        content = replay(passage.before, acked)
        pairs = ", ".join(f"{key.decode()} = {show(value)}" for key, value in sorted(content.items()))
        yield f"expected  at {_bound(acked)}: {pairs or 'no key'}"
    yield f"found     {run.verdict.detail}"
    yield ""
