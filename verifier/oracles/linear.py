"""Linearizability: a search for one sequential order that explains what concurrent sessions saw.

A call spans from its invocation to its return. The history is linearizable if each call can be
given one moment within its span such that the dict, taken through them in that order, returns
what the calls returned; calls of different keys do not meet, so each key is judged by itself.
A call that never returned may have its moment at any time after its invocation, or none.

    search    over (set of calls placed, value of the key), each pair visited once; next come only
              calls invoked before every call that is not placed has returned

Worst case exponential in how many calls overlap; LIMIT pairs a key, then Unknown.
It does not look at durability, nor at the order between keys: per-key linearizability is all that
a store of single-key operations promises, and it composes.
Sources: Wing and Gong (1993), Lowe's memo (2017), Herlihy and Wing (1990) for the partition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from ..spec.model import Issued, Result, apply
from ..verdict import OK, Breach, Unknown, Verdict, Violation

__all__ = ["LIMIT", "Span", "judge_linear"]

LIMIT: Final = 200_000


@dataclass(frozen=True, slots=True)
class Span:
    """A call: what was issued, when (any two stamps differ), and what it returned."""

    issued: Issued
    invoked: float
    returned: float = inf  # It never did: the run ended first.
    result: Result = None
    only_of: bytes | None = None  # If given, it can take effect on this value alone.


def judge_linear(
    history: Sequence[Span], final: Mapping[bytes, bytes] | None = None, limit: int = LIMIT
) -> Verdict:
    """Judge whether the history is linearizable, from an empty store to the content `final`, if given."""
    keys: dict[bytes, list[Span]] = {}
    for span in history:
        keys.setdefault(span.issued.key, []).append(span)
    if final is not None:
        for key in sorted(final.keys() - keys.keys()):
            return Violation("linearizable", Breach.PHANTOM, f"{_name(key)}: no call wrote {final[key]!r}")
    verdict: Verdict = OK
    for key in sorted(keys):
        search = _Search(keys[key], final is not None, final.get(key) if final is not None else None, limit)
        judged = search.judge()
        if isinstance(judged, Violation):
            return judged
        verdict = verdict if judged == OK else judged
    return verdict


class _Search:
    """The calls of one key, by invocation; a set of them is a mask."""

    def __init__(self, spans: list[Span], has_end: bool, end: bytes | None, limit: int) -> None:
        self._spans = sorted(spans, key=lambda span: span.invoked)
        self._has_end = has_end
        self._end = end
        self._limit = limit
        self._seen: set[tuple[int, bytes | None]] = set()
        self._longest: tuple[int, bytes | None] = (0, None)

    def judge(self) -> Verdict:
        spans = self._spans
        must = sum(1 << number for number, span in enumerate(spans) if span.returned != inf)
        stack: list[tuple[int, bytes | None]] = [(0, None)]
        while stack:
            placed, value = stack.pop()
            if placed & must == must and (not self._has_end or value == self._end):
                return OK
            if (placed, value) in self._seen:
                continue
            if len(self._seen) >= self._limit:
                return Unknown(f"{_name(spans[0].issued.key)}: {self._limit} orders tried")
            self._seen.add((placed, value))
            if (placed & must).bit_count() > (self._longest[0] & must).bit_count():
                self._longest = (placed, value)
            stack.extend(self._successors(placed, value))
        return self._object(must)

    def _successors(self, placed: int, value: bytes | None) -> list[tuple[int, bytes | None]]:
        """Every call that can come next and would return what it did."""
        found = []
        horizon = inf  # The first return among those that are left: nothing invoked later comes before it.
        for number, span in enumerate(self._spans):
            if placed >> number & 1:
                continue
            if span.invoked > horizon:
                break
            horizon = min(horizon, span.returned)
            if span.only_of is not None and value != span.only_of:
                continue
            content = {} if value is None else {span.issued.key: value}
            result = apply(content, span.issued)
            if span.returned == inf or result == span.result:
                found.append((placed | 1 << number, content.get(span.issued.key)))
        return found[::-1]

    def _object(self, must: int) -> Violation:
        """The violation: the longest explanation, and the calls that have none."""
        placed, value = self._longest
        key = _name(self._spans[0].issued.key)
        stuck = [span for number, span in enumerate(self._spans) if must & ~placed & 1 << number]
        if not stuck:
            detail = f"{key}: ends as {self._end!r}, which no order of its {len(self._spans)} calls leaves"
            return Violation("linearizable", Breach.WRONG_VALUE, detail)
        first = min(stuck, key=lambda span: span.returned)
        detail = (
            f"{key}: no order explains s{first.issued.session} {first.issued.kind.name.lower()} "
            f"#{first.issued.serial} returning {first.result!r}; at best {placed.bit_count()} of "
            f"{len(self._spans)} calls, then {value!r}"
        )
        return Violation("linearizable", Breach.WRONG_RESULT, detail)


def _name(key: bytes) -> str:
    return key.decode(errors="replace")
