"""Judgements: looked up only where the question is the same, and acknowledged inside a recovery too."""

from __future__ import annotations

from powercut.faultfs import Trace
from powercut.verifier.finders.judgements import Judgements
from powercut.verifier.finders.recoveries import Nested, Outcome
from powercut.verifier.spec.history import Life, Segment
from powercut.verifier.spec.model import Issued, replay
from powercut.verifier.spec.subject import Bound
from powercut.verifier.tapes.tape import Kind
from powercut.verifier.verdict import OK, Breach, Verdict, Violation

HISTORY = [Issued(Kind.UPSERT, 0, serial, b"key-0", b"0.%d;" % serial, b"") for serial in (1, 2, 3)]


def segment() -> Segment:
    """Three operations at 10, 20 and 30; the first acknowledged at 15, the second at 25."""
    life = Life(0, [], opened=5, recovered={}, history=HISTORY, issued_at=[10, 20, 30])
    return Segment(Trace(), {}, [life], [(5, {}), (15, {0: 1}), (25, {0: 2})])


def outcome(count: int, *nested: Nested) -> Outcome:
    """A recovery of the first so many operations."""
    recovered = {0: count} if count else {}
    return Outcome(0, recovered=recovered, content=replay(HISTORY, recovered), nested=list(nested))


def breach(verdict: Verdict) -> Breach | None:
    return verdict.breach if isinstance(verdict, Violation) else None


def test_one_outcome_is_judged_again_where_more_is_owed_or_less_was_issued() -> None:
    judgements = Judgements(segment())
    one, two = outcome(1), outcome(2)
    assert judgements.judge(one, (10, 24)) == OK
    assert breach(judgements.judge(one, (10, 25))) is Breach.LOST_ACK
    assert judgements.judge(two, (20, 20)) == OK
    assert breach(judgements.judge(two, (19, 19))) is Breach.WRONG_SERIAL


def test_the_same_question_is_judged_once() -> None:
    judgements = Judgements(segment())
    one = outcome(1)
    spans = [(first, last) for first in range(10, 20) for last in range(15, 25)]
    assert {judgements.judge(one, span) for span in spans} == {OK}
    assert judgements.judged == 1


def test_what_an_opening_reported_is_owed_by_what_a_cut_after_it_leaves() -> None:
    before, after = (Nested(7, (), is_reported, outcome(1), 0) for is_reported in (False, True))
    assert Judgements(segment()).judge(outcome(2, before), (20, 20)) == OK
    judgements = Judgements(segment())
    path: list[Nested] = []
    assert breach(judgements.blame(outcome(2, before, after), (20, 20), path)) is Breach.LOST_ACK
    assert path == [after]


def test_blame_leads_through_several_cuts() -> None:
    bound: Bound = {0: 1}
    inner = Nested(3, (1,), False, Outcome(0, recovered=bound, content={}), 0)
    middle = Nested(9, (), False, outcome(1, inner), 0)
    path: list[Nested] = []
    verdict = Judgements(segment()).blame(outcome(1, middle), (10, 15), path)
    assert breach(verdict) is Breach.HOLE
    assert path == [middle, inner]


def test_cut_that_is_not_named_is_judged_at_every_acknowledgement() -> None:
    unnamed = Outcome(0, content=replay(HISTORY, {0: 1}))
    judgements = Judgements(segment())
    spans = judgements.spans(10, 30, unnamed)
    assert spans == [(10, 10), (15, 15), (25, 25)]
    assert [breach(judgements.judge(unnamed, span)) for span in spans] == [None, None, Breach.LOST_ACK]
    assert judgements.spans(10, 30, outcome(1)) == [(10, 30)]
