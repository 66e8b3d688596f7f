"""The linearizability oracle, each way in which it says no, and a comparison with all permutations."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from math import inf
from random import Random

import pytest

from powercut.verifier.oracles.linear import Span, judge_linear
from powercut.verifier.spec.model import Issued, Result, apply, issue
from powercut.verifier.tapes.tape import Kind, Operation
from powercut.verifier.verdict import OK, Breach, Unknown, Verdict, Violation


def _issued(kind: Kind, session: int, serial: int, key: int = 0) -> Issued:
    return issue(Operation(kind, session, key), serial)


def _span(kind: Kind, session: int, serial: int, at: tuple[float, float], result: Result = None) -> Span:
    return Span(_issued(kind, session, serial), at[0], at[1], result)


def _breach(verdict: Verdict) -> Breach:
    assert isinstance(verdict, Violation)
    assert verdict.oracle == "linearizable"
    return verdict.breach


WRITTEN = _issued(Kind.UPSERT, 0, 1).value
APPENDED = _issued(Kind.RMW, 1, 1).stamp


def test_overlapping_read_may_see_either_value() -> None:
    write = _span(Kind.UPSERT, 0, 1, (1, 4))
    for seen in (None, WRITTEN):
        assert judge_linear([write, _span(Kind.READ, 1, 1, (2, 3), seen)]) == OK


def test_stale_read_has_no_explanation() -> None:
    write = _span(Kind.UPSERT, 0, 1, (1, 2))
    verdict = judge_linear([write, _span(Kind.READ, 1, 1, (3, 4), None)])
    assert _breach(verdict) is Breach.WRONG_RESULT
    assert isinstance(verdict, Violation)
    assert "s1 read #1 returning None" in verdict.detail


def test_read_from_the_future_has_no_explanation() -> None:
    history = [_span(Kind.READ, 1, 1, (1, 2), WRITTEN), _span(Kind.UPSERT, 0, 1, (3, 4))]
    assert _breach(judge_linear(history)) is Breach.WRONG_RESULT


def test_two_readers_may_not_disagree_on_the_order() -> None:
    history = [
        _span(Kind.UPSERT, 0, 1, (1, 10)),
        _span(Kind.READ, 1, 1, (2, 3), WRITTEN),
        _span(Kind.READ, 2, 1, (4, 5), None),
    ]
    assert _breach(judge_linear(history)) is Breach.WRONG_RESULT
    assert judge_linear([history[0], history[2], _span(Kind.READ, 1, 1, (6, 7), WRITTEN)]) == OK


def test_lost_update_has_no_explanation() -> None:
    mine, other = _issued(Kind.RMW, 0, 1), _issued(Kind.RMW, 1, 1)
    both = [Span(mine, 1, 4, mine.stamp), Span(other, 2, 3, other.stamp)]
    assert _breach(judge_linear(both)) is Breach.WRONG_RESULT
    chained = [both[0], Span(other, 2, 3, mine.stamp + other.stamp)]
    assert judge_linear(chained) == OK
    assert judge_linear(chained, {b"key-0": mine.stamp + other.stamp}) == OK
    assert _breach(judge_linear(chained, {b"key-0": mine.stamp})) is Breach.WRONG_VALUE


def test_torn_value_has_no_explanation() -> None:
    history = [_span(Kind.UPSERT, 0, 1, (1, 4)), _span(Kind.READ, 1, 1, (2, 3), WRITTEN[:-1])]
    assert _breach(judge_linear(history)) is Breach.WRONG_RESULT


def test_resurrected_delete_has_no_explanation() -> None:
    history = [
        _span(Kind.UPSERT, 0, 1, (1, 2)),
        _span(Kind.DELETE, 1, 1, (3, 4), True),
        _span(Kind.READ, 0, 2, (5, 6), WRITTEN),
    ]
    assert _breach(judge_linear(history)) is Breach.WRONG_RESULT
    assert _breach(judge_linear(history[:2], {b"key-0": WRITTEN})) is Breach.WRONG_VALUE
    assert judge_linear(history[:2], {}) == OK


def test_only_one_of_two_inserts_succeeds() -> None:
    twice = [_span(Kind.INSERT, 0, 1, (1, 3), True), _span(Kind.INSERT, 1, 1, (2, 4), True)]
    assert _breach(judge_linear(twice)) is Breach.WRONG_RESULT
    assert judge_linear([twice[0], _span(Kind.INSERT, 1, 1, (2, 4), False)]) == OK


def test_call_that_never_returned_has_its_moment_late_or_not_at_all() -> None:
    pending = _span(Kind.UPSERT, 0, 1, (1, inf))
    for seen in (None, WRITTEN):
        assert judge_linear([pending, _span(Kind.READ, 1, 1, (2, 3), seen)]) == OK
    before = [_span(Kind.READ, 1, 1, (1, 2), WRITTEN), _span(Kind.UPSERT, 0, 1, (3, inf))]
    assert _breach(judge_linear(before)) is Breach.WRONG_RESULT


def test_key_that_no_call_wrote_is_a_phantom() -> None:
    assert _breach(judge_linear([], {b"key-1": b"?"})) is Breach.PHANTOM


def test_violation_on_one_key_is_not_outweighed_by_a_bound_on_another() -> None:
    crowd = [_span(Kind.UPSERT, session, 1, (session, 100 + session)) for session in range(12)]
    crowd.append(_span(Kind.READ, 20, 1, (200, 201), b"never written"))
    assert isinstance(judge_linear(crowd, limit=50), Unknown)
    stale = [Span(_issued(Kind.UPSERT, 30, 1, 1), 1, 2), Span(_issued(Kind.READ, 31, 1, 1), 3, 4, None)]
    assert _breach(judge_linear([*crowd, *stale], limit=50)) is Breach.WRONG_RESULT
    assert _breach(judge_linear(crowd)) is Breach.WRONG_RESULT


def test_bound_on_one_key_leaves_the_history_undecided() -> None:
    crowd = [_span(Kind.UPSERT, session, 1, (session, 100 + session)) for session in range(12)]
    crowd.append(_span(Kind.READ, 20, 1, (200, 201), b"never written"))
    fine = [Span(_issued(Kind.READ, 30, 1, 1), 1, 2)]
    assert isinstance(judge_linear([*crowd, *fine], limit=50), Unknown)


def _brute_force(history: list[Span], final: Mapping[bytes, bytes]) -> bool:
    """True if some permutation of the calls, any of the pending ones left out, explains all of it."""
    pending = [number for number, span in enumerate(history) if span.returned == inf]
    for chosen in range(1 << len(pending)):
        left_out = {number for bit, number in enumerate(pending) if not chosen >> bit & 1}
        spans = [span for number, span in enumerate(history) if number not in left_out]
        if any(_explains(order, final) for order in permutations(spans)):
            return True
    return False


def _explains(order: tuple[Span, ...], final: Mapping[bytes, bytes]) -> bool:
    content: dict[bytes, bytes] = {}
    for number, span in enumerate(order):
        if any(later.returned < span.invoked for later in order[number + 1 :]):
            return False
        if apply(content, span.issued) != span.result and span.returned != inf:
            return False
    return content == final


def _random_history(random: Random) -> tuple[list[Span], dict[bytes, bytes]]:
    """Calls of three sessions on two keys, each carried out at a moment in its span; then some lies."""
    content: dict[bytes, bytes] = {}
    spans: list[Span] = []
    open_calls: dict[int, tuple[Issued, int, list[Result]]] = {}
    serials = [0, 0, 0]
    kinds = (Kind.UPSERT, Kind.DELETE, Kind.RMW, Kind.READ, Kind.INSERT)
    for now in range(40):
        session = random.randrange(3)
        if session in open_calls:
            issued, invoked, results = open_calls[session]
            if not results:
                results.append(apply(content, issued))
            elif random.random() < 0.7:
                del open_calls[session]
                spans.append(Span(issued, invoked, now, results[0]))
        elif len(spans) + len(open_calls) < 6:
            serials[session] += 1
            operation = Operation(random.choice(kinds), session, int(random.random() < 0.3))
            open_calls[session] = (issue(operation, serials[session]), now, [])
    spans += [Span(issued, invoked) for issued, invoked, _ in open_calls.values()]
    if random.random() < 0.6:  # A lie: one call's result is another's.
        liar, other = random.randrange(len(spans)), random.choice(spans)
        spans[liar] = Span(spans[liar].issued, spans[liar].invoked, spans[liar].returned, other.result)
    if random.random() < 0.2 and content:
        content.popitem()
    return spans, content


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_all_permutations(seed: int) -> None:
    random = Random(seed)
    said = {True: 0, False: 0}
    for _ in range(200):
        history, final = _random_history(random)
        expected = _brute_force(history, final)
        assert (judge_linear(history, final) == OK) is expected, history
        said[expected] += 1
    assert min(said.values()) >= 40
