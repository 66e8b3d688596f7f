"""Truncations beside sessions: what they may have taken away, and from whom.

Invariant: a truncation takes a key away once at most, while it runs, and of a key that changes by new records
only no other value than the one that lay below the begin that it made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

from ..oracles.linear import Span, judge_linear
from ..spec.model import Issued
from ..tapes.tape import Kind
from ..verdict import OK, Verdict, Violation

__all__ = ["judge_lanes", "nobodys"]

_NOBODY: Final = -1  # Who looks at a listing: no session, so that no cut holds its calls.


def judge_lanes(
    spans: Sequence[Span],
    content: Mapping[bytes, bytes] | None,
    truncations: Sequence[tuple[float, float]],
    frozen: Mapping[bytes, bytes],
) -> Verdict:
    """`judge_linear`, where each truncation may have taken each key away, between its begin and its end.

    Of a key in `frozen` it can have taken that value alone: newer ones lie above what is truncated.
    """
    verdict = judge_linear(spans, content)
    if not truncations or not isinstance(verdict, Violation):
        return verdict
    for key in sorted({span.issued.key for span in spans} | (content or {}).keys()):
        own = [span for span in spans if span.issued.key == key]
        here = None if content is None else {key: content[key]} if key in content else {}
        judged = judge_linear(own, here)
        for count in range(1, len(truncations) + 1):
            for chosen in combinations(truncations, count):
                if isinstance(judged, Violation):
                    judged = judge_linear(
                        [*own, *(_taken(key, *each, frozen.get(key)) for each in chosen)], here
                    )
        if isinstance(judged, Violation):
            return judged
    return OK


def _taken(key: bytes, invoked: float, returned: float, value: bytes | None) -> Span:
    return Span(nobodys(Kind.DELETE, key), invoked, returned, True, value)


def nobodys(kind: Kind, key: bytes) -> Issued:
    """A call of no session."""
    return Issued(kind, _NOBODY, 1, key, b"", b"")
