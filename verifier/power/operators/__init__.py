"""Operators: the slips that a storage engineer makes, each a function from a source to its changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from ..source import Source
from .conditions import dropped, edges, negated
from .known import Known, know
from .races import again, captured, late_locks, plain_stores, swallowed
from .shape import Change
from .statements import drains, exchanged, left_out, retries, syncs
from .values import arguments, boundaries, off_by_one

__all__ = ["OPERATORS", "Change", "Known", "know"]

Operator = Callable[[Source, Known], Iterator[Change]]


def _alone(operator: Callable[[Source], Iterator[Change]]) -> Operator:
    """An operator that needs to know nothing beyond the source."""
    return lambda source, known: operator(source)


OPERATORS: Final[Mapping[str, Operator]] = {
    "boundary": _alone(boundaries),
    "off-by-one": _alone(off_by_one),
    "edge": _alone(edges),
    "dropped": _alone(dropped),
    "negated": _alone(negated),
    # Of equal edits the first has its name, so what says more comes before what says less.
    "swallowed": _alone(swallowed),
    "statement": _alone(left_out),
    "sync": _alone(syncs),
    "drain": _alone(drains),
    "retry": _alone(retries),
    "cas": _alone(plain_stores),
    "exchange": _alone(exchanged),
    "argument": arguments,
    "lock": _alone(late_locks),
    "again": again,
    "captured": _alone(captured),
}
