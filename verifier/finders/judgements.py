"""Judgements: outcomes of recoveries held against the history of one segment, each question once.

    span      (issued by, acknowledged by): the crash index whose operations may be in effect, and the one
              whose acknowledgements must be
    a content legal from first to last is judged at (first, last): the least issued, the most acknowledged

Contents that are recovered alike share an outcome, and between two operations nothing changes in what was
issued, between two acknowledgements nothing in what is acknowledged. So a judgement is looked up by
(outcome, how much was issued, what was acknowledged), and made once; that of a power cut in an opening too.

Invariants
  1  a verdict is that of judge_recovery on issued_by and acked_by of the span, cuts inside the opening
     included: what an opening reported is an acknowledgement for what was legal after it returned
  2  judged counts the judgements made, not those looked up
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

from ..oracles.prefix import explained, judge_recovery
from ..spec.history import Segment
from ..spec.model import Issued, Prefix
from ..spec.subject import Bound
from ..verdict import Verdict, Violation
from .recoveries import Nested, Outcome

__all__ = ["Judgements"]

Span = tuple[int, int]


class Judgements:
    """Verdicts of the prefix oracle on outcomes, over the spans of one segment."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.judged = 0
        self._known: dict[tuple[int, int, object], Verdict] = {}
        self._issued: dict[int, list[Issued]] = {}  # By how many of _issues have passed.
        self._prefixes: dict[int, list[Prefix]] = {}
        self._kept: list[Outcome] = []  # What _known names by id stays alive.
        turns = [at for life in segment.lives for at in (life.start, *life.issued_at)]
        self._issues = sorted(turns + [p.opened for p in segment.lives if p.opened is not None])
        self._acks = [index for index, _ in segment.acks]
        # From there on less may be in effect than before: a store was opened without it, or has dropped it.
        self._drops = [
            life.opened for life in segment.lives if life.opened is not None and life.base < len(life.before)
        ]
        self._turns = sorted({*self._acks, *self._drops})
        self._owed: dict[int, object] = {}

    def owed(self, index: int) -> object:
        """The bound acknowledged by a crash index, as a value to count by."""
        place = bisect_right(self._acks, index)
        if place not in self._owed:
            self._owed[place] = _frozen(self.segment.acked_by(index))
        return self._owed[place]

    def spans(self, first: int, last: int, outcome: Outcome) -> list[Span]:
        """The spans over which to judge a content that is legal from first to last.

        A prefix that is named is the same at every index, so the least issued and the most acknowledged are
        one question. A prefix that is looked for may be another one after each acknowledgement. And where
        something was dropped less is issued than before.
        """
        if outcome.error is not None:
            return [(first, last)]
        named = outcome.recovered is not None
        later = self._drops if named else self._turns
        spans = [(index, index) for index in later if first < index <= last]
        return [(first, last if named else first), *spans]

    def judge(self, outcome: Outcome, span: Span) -> Verdict:
        """The verdict over a span, of the opening and of every opening after a power cut inside it."""
        issued_by, acked_by = span
        place = bisect_right(self._issues, issued_by)
        if place not in self._issued:
            self._issued[place], self._prefixes[place] = self.segment.issued_by(issued_by), []
        return self._judge(outcome, place, self.segment.acked_by(acked_by))

    def blame(self, outcome: Outcome, span: Span, path: list[Nested]) -> Verdict:
        """The verdict over a span, with the `path` through the power cuts to what is objected to."""
        verdict = self.judge(outcome, span)
        place, acked = bisect_right(self._issues, span[0]), self.segment.acked_by(span[1])
        while isinstance(verdict, Violation) and verdict != self._judge_opening(outcome, place, acked):
            for nested in outcome.nested:
                inner = _acked_inside(outcome, nested, acked, self._issued[place])
                if self._judge(nested.outcome, place, inner) == verdict:
                    path.append(nested)
                    outcome, acked = nested.outcome, inner
                    break
        return verdict

    def _judge(self, outcome: Outcome, place: int, acked: Bound) -> Verdict:
        key = id(outcome), place, _frozen(acked)
        verdict = self._known.get(key)
        if verdict is None:
            self._kept.append(outcome)
            verdict = self._judge_opening(outcome, place, acked)
            for nested in outcome.nested:
                if isinstance(verdict, Violation):
                    break
                inner = _acked_inside(outcome, nested, acked, self._issued[place])
                verdict = self._judge(nested.outcome, place, inner)
            self._known[key] = verdict
        return verdict

    def _judge_opening(self, outcome: Outcome, place: int, acked: Bound) -> Verdict:
        self.judged += 1
        if (error := outcome.error or outcome.spared) is not None:
            return error
        issued, prefixes = self._issued[place], self._prefixes[place]
        return judge_recovery(issued, acked, outcome.recovered, outcome.content, prefixes)


def _acked_inside(outcome: Outcome, nested: Nested, acked: Bound, issued: list[Issued]) -> Bound:
    """The acknowledged bound after a crash inside an opening: the one it reported, if it had."""
    told = outcome.recovered
    if not nested.is_reported or told is None:
        return acked
    if isinstance(told, Mapping) and isinstance(acked, Mapping):
        return explained(issued, acked, told, outcome.content)[1]
    return told


def _frozen(bound: Bound) -> object:
    # A number is the most frequent, and asking an abstract class about it the dearest.
    return bound if type(bound) is int or not isinstance(bound, Mapping) else tuple(sorted(bound.items()))
