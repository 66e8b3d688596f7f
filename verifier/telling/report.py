"""The report: a tape and its run as text for somebody who was woken by it.

    what      the violation, by which oracle; the tape's setting
    eras      from power cut to power cut: a lane for each session, the device's calls where they fell
              between its operations, what was acknowledged, the cut and what it took
    verdict   expected against recovered, session by session and key by key
    again     the command that repeats it

Invariants
  1  equal tapes and runs give equal text
  2  what is marked as lost at a cut is exactly what `tell_crash` names
  3  an operation that a cut came before is not shown as done

Sources: Jepsen's and Maelstrom's lanes; the crash line is of `powercut.faultfs.render`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from powercut.faultfs import SYNC_KINDS, EventKind, chains, render_trace, tell_crash
from powercut.faultfs.real import tell_real

from ..registry import maker_of
from ..runs.play import play
from ..runs.run import Run
from ..spec.history import Life, Segment, crash_index
from ..spec.model import session_name
from ..spec.subject import MakeStore
from ..tapes.operations import KEYED
from ..tapes.tape import Crash, Kind, Tape, encode_tape
from ..verdict import Unknown, Violation
from .comparison import WIDTH, compare, count_of, rule, tell_bound
from .steps import Group, Step, groups_of, setting_of, steps_of

__all__ = ["tell"]

_NUMBER: Final = 4  # Columns for the number of a step.
_LANE: Final = 26
_ASKS: Final = {EventKind.READ, EventKind.SIZE, EventKind.LIST}


def tell(
    tape: Tape,
    make_store: MakeStore | None = None,
    *,
    run: Run | None = None,
    path: str = "",
    store: str = "",
) -> str:
    """The whole story.

    run    of the tape, where it was played already
    path   where the tape is kept, if it is
    store  the option --store that plays it again, where its own subject does not
    """
    run = play(tape, make_store) if run is None else run
    lines = [*_header(tape, run), ""]
    if run.beside is not None:
        from .timeline import tell_beside

        return "\n".join([*lines, *tell_beside(run.beside), "", *_again(tape, path, store), ""])
    if run.answers is not None:
        return "\n".join([*lines, *_answered(run.answers.lines), "", *_again(tape, path, store), ""])
    groups = groups_of(tape)
    for number, segment in enumerate(run.segments):
        lines += [*_Story(tape, run, groups[number], number).lines(segment), ""]
    if isinstance(run.verdict, Violation):
        comparison = compare(tape, run, maker_of(tape, make_store))
        lines += [*comparison, *([""] if comparison else [])]
    return "\n".join([*lines, *_again(tape, path, store), ""])


def _header(tape: Tape, run: Run) -> Iterator[str]:
    verdict = run.verdict
    if isinstance(verdict, Violation):
        yield f"VIOLATION  {verdict.breach.value}"
        yield ""
        yield f"  said by   the {verdict.oracle} oracle"
        yield f"  because   {verdict.detail}"
    else:
        yield f"UNKNOWN  {verdict.why}" if isinstance(verdict, Unknown) else "OK  no oracle objects"
        yield ""
    yield from (f"  {what:<9} {told}" for what, told in setting_of(tape, run))


def _answered(lines: list[str]) -> Iterator[str]:
    """Questions with their answers, a line each."""
    yield from (line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..." for line in lines)


def _again(tape: Tape, path: str, store: str) -> Iterator[str]:
    more = f" --store {store}" if store else ""
    if path:
        yield f"repeat it:  powercut replay {path}{more}"
    else:
        yield f"repeat it:  put this line into a file and give it to `powercut replay{more}`"
        yield f"  {encode_tape(tape).decode()}"


class _Story:
    """One segment, from the image it begins with to the power cut or the end."""

    def __init__(self, tape: Tape, run: Run, group: Group, number: int) -> None:
        self._tape = tape
        self._group = group
        self._number = number
        self._is_last = number == len(run.segments) - 1
        self._verdict = run.verdict
        keyed = {op.session for op in group.program if op.kind in KEYED}
        self._lanes = sorted(keyed)
        self._indent = " " * (_NUMBER + 2 + _LANE * min(2, max(1, len(self._lanes))))
        self._lost: dict[int, bool] = {}
        self._shown = 0  # Events told so far.
        self._acked = 0

    def lines(self, segment: Segment) -> Iterator[str]:
        # The last segment was never cut: the run ended in it.
        crash = None if self._is_last else self._group.crash
        cut = None if crash is None else crash_index(segment.trace, crash)
        end = len(segment.trace) if cut is None else cut
        losses = [] if crash is None or cut is None else self._losses(segment, cut, crash)
        yield rule(self._title())
        yield self._heads()
        yield from self._opening(segment, segment.lives[0] if segment.lives else None, end)
        yield from self._steps(segment, end)
        yield from self._device(segment, end)
        if cut is not None:
            when = f"after {count_of(cut, 'device call')}"
            yield f"~~~~ THE POWER IS CUT {when} ".ljust(WIDTH, "~")
            yield from self._taken(segment, cut, losses)
            if losses and crash is not None:
                yield f"  {tell_real(segment.trace, cut, crash.survivors, self._tape.law)}"

    def _title(self) -> str:
        return "an empty disk" if self._number == 0 else f"what power cut {self._number} left"

    def _heads(self) -> str:
        lanes = "".join(session_name(session).ljust(_LANE) for session in self._lanes[:2])
        rest = "".join(f", {session_name(session)}" for session in self._lanes[2:])
        return f"{'':{_NUMBER}}  {lanes.rstrip() + rest}".ljust(len(self._indent)) + "device".rjust(8)

    # -- between the operations --------------------------------------------------------------------

    def _opening(self, segment: Segment, life: Life | None, end: int) -> Iterator[str]:
        """Tell the opening: in short if it went well and the power stayed on; call by call otherwise."""
        if life is None:
            return
        opened = life.opened
        if opened is None:
            yield f"{'':{_NUMBER}}  the store is opened"
            yield from self._device(segment, end, has_reads=True)
            yield f"{'':{_NUMBER}}  {self._objection()}"
        elif opened > end:
            yield f"{'':{_NUMBER}}  the store is opened"
            yield from self._device(segment, end)
        else:
            events = segment.trace.events[self._shown : opened]
            syncs = sum(event.kind in SYNC_KINDS for event in events)
            told = f"the store is opened: {count_of(len(events), 'call')}, {count_of(syncs, 'sync')}"
            yield f"{'':{_NUMBER}}  {told}"
            yield from self._device(segment, opened, is_brief=True)
            yield from self._acknowledged(segment, opened)

    def _acknowledged(self, segment: Segment, until: int) -> Iterator[str]:
        for index, bound in segment.acks[self._acked :]:
            if index > until:
                return
            self._acked += 1
            yield f"{'':{_NUMBER}}  >> durable from here on: {tell_bound(bound)}"

    def _device(
        self, segment: Segment, until: int, *, has_reads: bool = False, is_brief: bool = False
    ) -> Iterator[str]:
        """Tell the calls up to `until`; brief: only those that the power cut takes back."""
        for index in range(self._shown, until):
            event = segment.trace.events[index]
            if (is_brief and index not in self._lost) or (event.kind in _ASKS and not has_reads):
                continue
            text = render_trace(segment.trace, start=index, stop=index + 1)
            if index in self._lost:
                text += "  LOST" if self._lost[index] else "  LOST IN PART"
            yield f"{self._indent}{text[2:]}"
        self._shown = max(self._shown, until)

    # -- operations ----------------------------------------------------------------------------------

    def _steps(self, segment: Segment, end: int) -> Iterator[str]:
        """Tell each step, the calls it made, and what it acknowledged."""
        lives = iter(segment.lives[1:])
        for step in steps_of(self._group.program, segment):
            if step.start > end:
                return
            stop, is_cut, seen = step.stop, step.stop > end, step.seen
            yield from self._device(segment, step.start)
            yield f"{step.number + 1:{_NUMBER}}  {self._lane(step, is_cut=is_cut)}"
            if seen is not None and not is_cut and seen.returned != seen.expected:
                yield f"{'':{_NUMBER}}  ** expected {seen.expected}, got {seen.returned}"
            if step.operation.kind == Kind.REOPEN:
                life = next(lives, None)
                yield from self._device(segment, min(end, life.start if life else stop))
                yield from self._opening(segment, life, end)
            yield from self._device(segment, min(stop, end))
            if step.operation.kind not in KEYED:
                yield from self._acknowledged(segment, min(stop, end))
        if self._is_last and segment.step_starts and segment.lives[-1].opened is not None:
            yield from self._device(segment, end)
            yield f"{'':{_NUMBER}}  {self._objection()}"

    def _lane(self, step: Step, *, is_cut: bool) -> str:
        text = step.text(is_cut=is_cut)
        if not step.is_keyed:
            return f"--- {text} ---"
        lane = self._lanes.index(step.operation.session)
        # A third session shares the second's lane, and then each says its name.
        name = f"{session_name(step.operation.session)} " if len(self._lanes) > 2 else ""
        return " " * (_LANE * min(1, lane)) + name + text

    def _objection(self) -> str:
        verdict = self._verdict
        return f"** {verdict.breach.value}" if isinstance(verdict, Violation) else "the run ends here"

    # -- the cut -----------------------------------------------------------------------------------

    def _losses(self, segment: Segment, cut: int, crash: Crash) -> list[str]:
        """Say what the crash lost; marks each call that lost something."""
        losses = tell_crash(segment.trace, cut, crash.survivors, self._tape.law)
        # All that could be lost: every chain at its oldest. A call that keeps some of it is lost in part.
        oldest = (len(segment.trace),) * len(chains(segment.trace, cut, self._tape.law))
        least = tell_crash(segment.trace, cut, oldest, self._tape.law)
        at_most = _named(least)
        for index, count in _named(losses).items():
            self._lost[index] = count >= at_most.get(index, 0)
        return losses

    def _taken(self, segment: Segment, cut: int, losses: list[str]) -> Iterator[str]:
        acked = segment.acked_by(cut)
        yield f"  acknowledged by then: {tell_bound(acked)}"
        if not losses:
            yield "  lost: nothing, all that had been written was on the disk"
        else:
            yield "  lost, for no sync had made it durable:"
            yield from (f"    {loss}" for loss in losses)
        later = len(segment.trace) - cut
        if later:
            yield f"  never happened: the {count_of(later, 'device call')} that would have followed"


def _named(losses: list[str]) -> dict[int, int]:
    """The number of chains that name each event."""
    counts: dict[int, int] = {}
    for loss in losses:
        for found in re.findall(r"#(\d+)", loss):
            counts[int(found)] = counts.get(int(found), 0) + 1
    return counts
