"""Calls of sessions, and listings of what a store holds, each with the stamps between which it ran.

Invariant: a listing is judged as reads, each at some moment between its begin and its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from ..oracles.linear import Span
from ..spec.model import Issued, Result
from ..tapes.tape import Kind
from .truncations import nobodys

__all__ = ["Call", "Listing"]


@dataclass(slots=True)
class Call:
    """One call of a session; `returned` is inf while it is under way, `at` the trace's length as it began."""

    issued: Issued
    invoked: float
    at: int
    returned: float = inf
    result: Result = None

    def span(self) -> Span:
        return Span(self.issued, self.invoked, self.returned, self.result)


@dataclass(slots=True)
class Listing:
    """The items that one walk over the store has listed."""

    kind: Kind
    session: int  # In whose lane.
    invoked: float
    returned: float = inf
    values: dict[bytes, bytes | None] = field(default_factory=dict)  # None: a tombstone.
    others: list[bytes] = field(default_factory=list)  # Values of records that later ones cover.

    def spans(self, keys: Iterable[bytes]) -> list[Span]:
        """A read of each key, at some moment of the walk."""
        return [
            Span(nobodys(Kind.READ, key), self.invoked, self.returned, self.values.get(key)) for key in keys
        ]
