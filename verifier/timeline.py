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

from .concurrent import Call, SessionsRun, split
from .model import session_name
from .prefix import show
from .tape import Kind, Operation

__all__ = ["tell_beside"]

_WIDTH: Final = 56


def tell_beside(run: SessionsRun) -> Iterator[str]:
    """The story, a line at a time."""
    before, beside = split(run.tape.eras[-1].program)
    alone = sum(operation.kind < Kind.CHECKPOINT for operation in before)
    if before:
        yield "before"
        yield from (f"  {_line(operation)}" for operation in before)
        yield ""
    yield "side by side"
    for call in sorted(run.calls[alone:], key=lambda call: call.invoked):
        name = session_name(call.issued.session)
        yield f"  {name}  {_said(call):{_WIDTH}} from {call.invoked:g} to {_until(call)}"
    yield ""
    preemptions = run.record.deviations
    many = "preemption" if len(preemptions) == 1 else "preemptions"
    yield f"schedule, {len(preemptions)} {many}"
    names = _tasks(beside)
    left = {point for point, _ in preemptions}
    for task, start, end in run.record.runs():
        place = run.record.describe(run.record.points[end - 1]) if end > start else "its end"
        mark = "  preempted" if end - 1 in left else ""
        name = names[task] if task < len(names) else f"task {task}"
        yield f"  {name:12} {end - start:5} points, then at {place}{mark}"


def _tasks(beside: list[Operation]) -> list[str]:
    """The tasks in their order: sessions by number, then the checkpoints."""
    sessions = sorted({operation.session for operation in beside if operation.kind < Kind.CHECKPOINT})
    has_checkpoint = any(operation.kind >= Kind.CHECKPOINT for operation in beside)
    return [*map(session_name, sessions), *(["checkpoint"] if has_checkpoint else [])]


def _line(operation: Operation) -> str:
    kind = Kind(operation.kind)
    if kind >= Kind.CHECKPOINT:
        return kind.name.lower()
    return f"{session_name(operation.session)}  {kind.name.lower()} key-{operation.key}"


def _said(call: Call) -> str:
    issued = call.issued
    told = "did not return" if call.returned == inf else f"-> {_result(call)}"
    return f"{issued.kind.name.lower()} {issued.key.decode()} #{issued.serial} {told}"


def _result(call: Call) -> str:
    result = call.result
    return show(result) if result is None or isinstance(result, bytes) else str(result)


def _until(call: Call) -> str:
    return "the end" if call.returned == inf else f"{call.returned:g}"
