"""The timeline: a run of sessions side by side as text, in the order in which things happened.

    before      the calls that ran alone, one a line
    beside      a lane for each task; a line for each stretch that one of them ran without another, with the
                calls that it began (>) and that returned (<) in it, and where it was taken off

Invariant: equal runs give equal text.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Final

from ..concurrency.appenders import lanes_of_log
from ..concurrency.appending import LogCall
from ..concurrency.calls import OF_SESSIONS, Call, Listing
from ..concurrency.lanes import APART_LANE, ASIDE_LANE, BEHIND_LANE, FAR_LANE, SessionsRun, lanes_of, split
from ..oracles.prefix import show
from ..spec.model import session_name
from ..tapes.tape import APPENDERS, Kind, Operation, Tape

__all__ = ["tell_beside"]

_WIDTH: Final = 56


def tell_beside(run: SessionsRun) -> Iterator[str]:
    """The story, a line at a time."""
    before, beside = split(run.tape.eras[-1].program)
    if before:
        yield "before"
        yield from (f"  {_line(operation)}" for operation in before)
        yield ""
    yield "side by side"
    said = [
        *((call.invoked, call.issued.session, _said(call), call.returned) for call in run.calls[run.alone :]),
        *((each.invoked, each.session, _listed(each), each.returned) for each in run.listings),
    ]
    for invoked, session, text, returned in sorted(said):
        yield f"  {session_name(session)}  {text:{_WIDTH}} from {invoked:g} to {_until(returned)}"
    yield ""
    preemptions = run.record.deviations
    many = "preemption" if len(preemptions) == 1 else "preemptions"
    yield f"schedule, {len(preemptions)} {many}"
    names = _tasks(run.tape, beside)
    left = {point for point, _ in preemptions}
    for task, start, end in run.record.runs():
        place = run.record.describe(run.record.points[end - 1]) if end > start else "its end"
        mark = "  preempted" if end - 1 in left else ""
        name = names[task] if task < len(names) else f"task {task}"
        yield f"  {name:12} {end - start:5} points, then at {place}{mark}"


def _tasks(tape: Tape, beside: list[Operation]) -> list[str]:
    """The tasks in their order: sessions by number, then the checkpoints, then what is beside them."""
    if tape.subject == APPENDERS:
        return [session_name(lane) for lane in lanes_of_log(beside)]
    aside = {
        FAR_LANE: "checkpoint",
        ASIDE_LANE: "truncation",
        BEHIND_LANE: "flush worker",
        APART_LANE: "growth",
    }
    return [aside.get(lane) or session_name(lane) for lane in lanes_of(beside)]


def _line(operation: Operation) -> str:
    kind = Kind(operation.kind)
    if kind not in OF_SESSIONS:
        return kind.name.lower()
    return f"{session_name(operation.session)}  {kind.name.lower()} key-{operation.key}"


def _said(call: Call | LogCall) -> str:
    issued = call.issued
    told = "did not return" if call.returned == inf else f"-> {_result(call)}"
    return f"{issued.kind.name.lower()} {issued.key.decode()} #{issued.serial} {told}"


def _result(call: Call | LogCall) -> str:
    result = call.result
    return show(result) if result is None or isinstance(result, bytes) else str(result)


def _listed(listing: Listing) -> str:
    told = ", ".join(f"{key.decode()}={show(value)}" for key, value in sorted(listing.values.items()))
    return f"{listing.kind.name.lower()} -> {told or 'nothing'}"


def _until(returned: float) -> str:
    return "the end" if returned == inf else f"{returned:g}"
