"""Abandoned: a checkpoint that is given up, and whatever else is asked of one that is under way.

The version that it has reached stays; its ticket says that it has ended, and moves nothing of the next one.

Threads: none.
"""

from __future__ import annotations

from typing import Final

from ..faster.seams import CheckpointError
from ..tapes.tape import Operation
from .asking import Answered, Answers, Asker, Raised, told_by

__all__ = ["abandon"]

_ABORTED: Final = Raised(CheckpointError.__name__)
_OUTLIVED: Final = (2, 3)  # Sizes: asked once the next one has begun, or come a step further.


def abandon(asker: Asker, operation: Operation) -> Answered:
    """Size 0: what runs is given up; 1: another is started beside it; 4: one begins that waits for nobody."""
    subject, reference = asker.subject, asker.reference
    if operation.size in _OUTLIVED:
        return _outlived(asker, _OUTLIVED.index(operation.size))
    if operation.size == 4:
        reference.start()
        return Answers(reference.phase == "REST", subject.begin(timeout=0.0).is_done)
    is_running = subject.is_checkpointing
    if operation.size == 1:
        found = told_by(lambda: asker.store.start_checkpoint(timeout=None).abandon())
        return Answers(_ABORTED if is_running else None, found)
    point = reference.abandon()
    aborted = _ABORTED if is_running else None
    return Answers(point.bound if point is not None else aborted, told_by(subject.abandon))


def _outlived(asker: Asker, steps: int) -> Answers:
    """A checkpoint is given up, another begins, and the ticket of the first is asked for everything.

    Where nothing was new it was done at once, and is the newest one.
    """
    subject, reference = asker.subject, asker.reference
    reference.start()
    ticket = subject.begin()
    is_done = reference.phase == "REST"
    point = reference.points[0] if is_done else reference.abandon()
    given_up = _ABORTED if point is None else point.bound
    expected: list[object] = [None if is_done else given_up]
    found = [told_by(subject.abandon)]
    reference.start()
    subject.begin()
    for _ in range(steps):
        expected.append(reference.step())  # It is given up where something is pending.
        found.append(not isinstance(told_by(subject.step), Raised))
    expected += [True, True, None, _ABORTED if point is None else point.told[1]]
    found += [ticket.is_done, told_by(ticket.advance), told_by(ticket.abandon)]
    return Answers(expected, [*found, told_by(lambda: dict(ticket.result().serials))])
