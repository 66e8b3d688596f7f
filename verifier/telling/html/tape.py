"""The page of a tape: its verdict, its run from power cut to power cut, and what would mend it.

Invariants
  1  equal tapes and runs give equal pages
  2  it says what the text of `report` says, and shows what that cannot: what could have survived
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from powercut.faultfs import tell_crash
from powercut.faultfs.faults.place import Place
from powercut.faultfs.real import tell_real

from ...reducing.mend import Mend
from ...registry import maker_of
from ...runs.run import Run
from ...spec.history import Segment, crash_index
from ...spec.subject import MakeStore
from ...tapes.tape import Tape, encode_tape
from ...verdict import Unknown, Violation
from ..comparison import Comparison, compared, count_of, tell_bound
from ..report import tell
from ..steps import Group, groups_of, setting_of
from .alive import Fate, fates_of
from .page import facts, frame, table, tag, text_of
from .segment import SegmentRows

__all__ = ["page_of"]

_LEGEND: Final = (
    ("op", "operation"),
    ("kept", "survived"),
    ("part", "lost in part"),
    ("lost", "lost at the cut"),
    ("sync", "sync"),
)


def page_of(
    tape: Tape, run: Run, make_store: MakeStore | None = None, *, mend: Mend | None = None, path: str = ""
) -> str:
    """The page of a run of this tape. O(events and versions).

    mend  the syncs that would mend it, where they were searched
    path  where the tape is kept, if it is
    """
    if run.beside is not None or run.answers is not None:
        story = tell(tape, make_store, run=run, path=path)
        return frame(_title(run), [*_head(tape, run), f"<pre>{text_of(story)}</pre>"])
    body = [*_head(tape, run), _legend(mend)]
    mends = {} if mend is None else {sync.after: str(sync) for sync in mend.syncs}
    groups = groups_of(tape)
    last = len(run.segments) - 1
    for number in range(last + 1):
        body += _segment(tape, run, groups[number], number, mends if number < last else {})
    if isinstance(run.verdict, Violation):
        found = compared(tape, run, maker_of(tape, make_store))
        body += [] if found is None else _compared(found)
    body += [] if mend is None else _mended(mend)
    repeat = f"powercut replay {path}" if path else encode_tape(tape).decode()
    body += [tag("h2", "Repeat it" if path else "The tape"), f"<pre>{text_of(repeat)}</pre>"]
    return frame(_title(run), ['<main class="has-aside">', *body, "</main>"])


def _title(run: Run) -> str:
    verdict = run.verdict
    if isinstance(verdict, Violation):
        return f"Violation: {verdict.breach.value}"
    return "Undecided" if isinstance(verdict, Unknown) else "No oracle objects"


def _head(tape: Tape, run: Run) -> Iterator[str]:
    verdict = run.verdict
    if isinstance(verdict, Violation):
        yield '<span class="badge bad">violation</span>'
        yield tag("h1", verdict.breach.value)
        said = [("because", verdict.detail), ("said by", f"the {verdict.oracle} oracle")]
    else:
        yield f'<span class="badge good">{"unknown" if isinstance(verdict, Unknown) else "ok"}</span>'
        yield tag("h1", verdict.why if isinstance(verdict, Unknown) else "No oracle objects")
        said = []
    yield facts([*said, *setting_of(tape, run)])


def _legend(mend: Mend | None) -> str:
    kinds = [*_LEGEND, *([("mend", "sync that is missing")] if mend is not None and mend.syncs else [])]
    items = "".join(f'<span><i><i class="mark {kind}"></i></i>{word}</span>' for kind, word in kinds)
    hint = tag("span", "point at a call, or go to it: what could survive of it")
    return f'<div class="legend">{items}{hint}</div>'


def _segment(tape: Tape, run: Run, group: Group, number: int, mends: Mapping[Place, str]) -> Iterator[str]:
    segment = run.segments[number]
    is_last = number == len(run.segments) - 1
    crash = None if is_last else group.crash
    title = "An empty disk" if number == 0 else f"What power cut {number} left"
    yield tag("h2", title)
    if crash is None:
        verdict = run.verdict
        ending = ("end", "the run ends here")
        if isinstance(verdict, Violation):
            ending = ("objection", verdict.breach.value)
        yield from SegmentRows(group, segment, None, {}, mends, ending).html()
        return
    cut = crash_index(segment.trace, crash)
    fates: dict[int, Fate] = fates_of(segment.trace, cut, crash.survivors, tape.law)
    ending = ("cut", f"the power is cut after {count_of(cut, 'device call')}")
    yield from SegmentRows(group, segment, cut, fates, mends, ending).html()
    yield from _taken(tape, segment, cut, crash.survivors)


def _taken(tape: Tape, segment: Segment, cut: int, survivors: Sequence[int]) -> Iterator[str]:
    """The losses of a power cut, in words."""
    yield f"<p>Acknowledged by then: {text_of(tell_bound(segment.acked_by(cut)))}.</p>"
    losses = tell_crash(segment.trace, cut, survivors, tape.law)
    if not losses:
        yield "<p>Nothing was lost: all that had been written was on the disk.</p>"
        return
    items = "".join(tag("li", loss, "mono") for loss in losses)
    yield f'<p>Lost, for no sync had made it durable:</p><ul class="plain">{items}</ul>'
    yield tag("p", tell_real(segment.trace, cut, survivors, tape.law), "soft")


def _compared(found: Comparison) -> Iterator[str]:
    yield tag("h2", "Expected beside recovered")
    if found.error:
        expected = f"a store; acknowledged: {tell_bound(found.acked)}"
        yield table(("expected", "recovered"), [((expected, f"none: {found.error}"), False)])
        return
    if found.counts:
        yield tag("p", found.counts)
    else:
        rows = [(row[:4], row[4]) for row in found.sessions]
        yield table(("session", "acknowledged", "recovered", "issued"), rows) + "<p></p>"
    yield table(("key", f"expected by {found.which}", "recovered"), [(row[:3], row[3]) for row in found.keys])


def _mended(mend: Mend) -> Iterator[str]:
    yield tag("h2", "What would mend it")
    if mend.why:
        yield tag("p", f"No added sync: {mend.why}.")
        return
    yield f'<ul class="plain">{"".join(tag("li", sync, "mono") for sync in mend.syncs)}</ul>'
    said = f"law {mend.law}, searched {count_of(mend.searches, 'time')}"
    rest = f"; at {mend.bounded} crash points not every state was tried" if mend.bounded else ""
    yield tag("p", said + rest, "soft")
