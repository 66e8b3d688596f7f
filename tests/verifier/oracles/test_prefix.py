"""The prefix oracle, and each way in which it says no."""

from __future__ import annotations

import pytest

from powercut.verifier.oracles.prefix import judge_listed, judge_recovery, judge_report, show
from powercut.verifier.spec.model import (
    FORGOTTEN,
    TRUNCATIONS,
    Issued,
    Model,
    Prefix,
    longest_cut,
    replay,
    truncation,
)
from powercut.verifier.spec.subject import Bound
from powercut.verifier.tapes.tape import Kind, Operation
from powercut.verifier.verdict import OK, Breach, Verdict, Violation


@pytest.fixture
def history() -> list[Issued]:
    model = Model()
    for kind, session, key in (
        (Kind.UPSERT, 0, 0),
        (Kind.RMW, 1, 0),
        (Kind.UPSERT, 1, 1),
        (Kind.DELETE, 0, 0),
        (Kind.RMW, 1, 1),
    ):
        model.apply(model.next(Operation(kind, session, key)))
    return model.history


def _breach(verdict: Verdict) -> tuple[str, Breach]:
    assert isinstance(verdict, Violation)
    return verdict.oracle, verdict.breach


def test_every_prefix_of_the_history_is_legal(history: list[Issued]) -> None:
    for count in range(len(history) + 1):
        bounds = {issued.session: issued.serial for issued in history[:count]}
        assert judge_recovery(history, {}, bounds, replay(history, bounds)) == OK


def test_cut_below_the_acknowledged_is_a_lost_acknowledgement(history: list[Issued]) -> None:
    bounds = {0: 1, 1: 0}
    verdict = judge_recovery(history, {1: 1}, bounds, replay(history, bounds))
    assert _breach(verdict) == ("prefix", Breach.LOST_ACK)


def test_session_that_is_gone_is_a_lost_acknowledgement(history: list[Issued]) -> None:
    assert _breach(judge_recovery(history, {0: 1}, {}, {})) == ("prefix", Breach.LOST_ACK)


def test_serial_that_was_never_issued_is_refused(history: list[Issued]) -> None:
    verdict = judge_recovery(history, {}, {0: 3}, replay(history, {0: 3}))
    assert _breach(verdict) == ("serials", Breach.WRONG_SERIAL)


def test_operation_beyond_the_cut_is_a_phantom(history: list[Issued]) -> None:
    verdict = judge_recovery(history, {}, {0: 1, 1: 0}, {b"key-0": b"0.1;1.1;"})
    assert _breach(verdict) == ("prefix", Breach.PHANTOM)


def test_missing_operation_is_a_hole(history: list[Issued]) -> None:
    assert _breach(judge_recovery(history, {}, {0: 1, 1: 1}, {b"key-0": b"0.1;"})) == ("prefix", Breach.HOLE)
    assert _breach(judge_recovery(history, {}, {0: 1}, {})) == ("prefix", Breach.HOLE)


def test_forgotten_tombstone_is_a_hole(history: list[Issued]) -> None:
    content = {b"key-0": b"0.1;1.1;", b"key-1": b"1.2;"}
    assert _breach(judge_recovery(history, {}, {0: 2, 1: 2}, content)) == ("prefix", Breach.HOLE)


def test_garbled_value_is_a_wrong_value(history: list[Issued]) -> None:
    verdict = judge_recovery(history, {}, {0: 1}, {b"key-0": b"0.1;...."})
    assert _breach(verdict) == ("prefix", Breach.WRONG_VALUE)


def test_unnamed_cut_is_searched_between_its_bounds(history: list[Issued]) -> None:
    assert judge_recovery(history, 2, None, {b"key-0": b"0.1;1.1;"}) == OK
    assert _breach(judge_recovery(history, 3, None, {b"key-0": b"0.1;1.1;"})) == ("prefix", Breach.LOST_ACK)
    assert _breach(judge_recovery(history, 0, None, {b"key-0": b"1.1;"})) == ("prefix", Breach.HOLE)


def test_counted_cut_is_held_to_its_count(history: list[Issued]) -> None:
    assert judge_recovery(history, 1, 2, {b"key-0": b"0.1;1.1;"}) == OK
    assert _breach(judge_recovery(history, 3, 2, {b"key-0": b"0.1;1.1;"})) == ("prefix", Breach.LOST_ACK)
    assert _breach(judge_recovery(history, 0, 9, {})) == ("serials", Breach.WRONG_SERIAL)
    assert _breach(judge_recovery(history, 0, 2, {b"key-0": b"0.1;"})) == ("prefix", Breach.HOLE)


def test_report_outside_what_was_issued_is_refused(history: list[Issued]) -> None:
    assert judge_report(history, {}, {0: 2, 1: 3}, {0: 2}) == OK
    for reported in ({0: 3, 1: 3}, {0: 1, 1: 3}, {1: 3}):
        verdict = judge_report(history, {}, reported, {0: 2, 1: 3})
        assert _breach(verdict) == ("serials", Breach.WRONG_SERIAL)
    assert _breach(judge_report(history, {0: 2}, {0: 1}, {})) == ("serials", Breach.WRONG_SERIAL)
    assert judge_report(history, 2, 5, {}) == OK
    assert _breach(judge_report(history, 2, 6, {})) == ("serials", Breach.WRONG_SERIAL)
    assert _breach(judge_report(history, 2, 1, {})) == ("serials", Breach.WRONG_SERIAL)


@pytest.mark.parametrize(
    ("listed", "acked"),
    [
        ([{0: 2, 1: 1}, {0: 2}, {}], {0: 2, 1: 1}),
        ([{0: 2, 1: 0}], {0: 2}),  # A session that has done nothing is in it or not.
        ([{0: 2, -1: 9}, {0: 1, -1: 12}], {0: 2, -1: 5}),  # Truncations are not looked at.
        ([{0: 2}], 7),  # A store that counts says nothing of sessions.
        ([], {}),
        ([], {0: 0}),
    ],
)
def test_checkpoints_that_are_listed_may_be_these(listed: list[Bound], acked: Bound) -> None:
    assert judge_listed(listed, acked) == OK


@pytest.mark.parametrize(
    ("listed", "acked"),
    [
        ([{0: 1}], {0: 2}),
        ([{0: 2, 1: 1}], {0: 2}),
        ([], {0: 1}),
        ([{0: 1}], {}),
        ([{0: 2}, {0: 3}], {0: 2}),
        ([{0: 2}, {0: 1}, {0: 2}], {0: 2}),
        ([{0: 2}, {1: 1}], {0: 2}),
    ],
)
def test_a_list_that_is_not_of_what_was_acknowledged_or_out_of_order_is_refused(
    listed: list[Bound], acked: Bound
) -> None:
    assert _breach(judge_listed(listed, acked)) == ("serials", Breach.WRONG_SERIAL)


def test_values_are_shown_as_stamps_and_padding() -> None:
    assert show(b"0.1;1.2;" + b"." * 7) == "'0.1;1.2;' and 7 bytes"
    assert show(None) == "nothing"


def test_judgements_that_share_the_prefixes_of_a_history_are_those_of_each_alone(
    history: list[Issued],
) -> None:
    shared: list[Prefix] = []
    told = set()
    for acked in ({}, {0: 1, 1: 1}, {0: 2, 1: 3}, 4):
        for count in range(len(history) + 1):
            for content in (replay(history[:count], {0: 9, 1: 9}), {b"key-0": b"%d" % count}):
                verdict = judge_recovery(history, acked, None, content, shared)
                assert verdict == judge_recovery(history, acked, None, content)
                told.add(verdict is OK)
    assert told == {True, False}
    assert len(shared) == len(history) + 1


def test_truncation_without_a_name_may_be_there_where_what_was_before_it_is_not() -> None:
    model = Model()
    for _ in range(2):
        model.apply(model.next(Operation(Kind.ENQUEUE)))
    first, second = (b"0.%d;" % serial for serial in (1, 2))
    model.apply(truncation(1, frozenset({first})))
    model.apply(model.next(Operation(Kind.ENQUEUE)))
    third = b"0.3;"
    history = model.history

    def left(acked: Bound, *entries: bytes) -> Verdict:
        return judge_recovery(history, acked, None, {entry: entry for entry in entries})

    assert left({0: 1}) == OK  # The truncation is durable, and the second entry is lost.
    assert left({0: 1}, first) == OK
    assert left({0: 1}, first, second, third) == OK
    assert left({0: 1}, second, third) == OK
    assert _breach(left({0: 1}, third)) == ("prefix", Breach.HOLE)
    assert _breach(left({0: 2}, first)) == ("prefix", Breach.LOST_ACK)
    assert _breach(left({0: 2, TRUNCATIONS: 1}, first, second)) == ("prefix", Breach.LOST_ACK)
    assert _breach(left(3, first, second)) == ("prefix", Breach.LOST_ACK)  # The third is the truncation.
    assert left(3, second) == OK
    assert left(2, first, second) == OK
    assert longest_cut(history, {}) == {0: 1, TRUNCATIONS: 1}
    assert longest_cut(history, {second: second}) == {0: 2, TRUNCATIONS: 1}
    assert longest_cut(history, {third: third}) == {}


def test_key_that_is_written_after_a_truncation_is_there_in_every_prefix_that_holds_it() -> None:
    model = Model()
    model.apply(model.next(Operation(Kind.UPSERT)))
    model.apply(truncation(1, frozenset({b"key-0"})))
    model.apply(model.next(Operation(Kind.UPSERT)))
    assert judge_recovery(model.history, {0: 2, TRUNCATIONS: 1}, None, {b"key-0": b"0.2;"}) == OK


# ---- names that a store forgets


def test_forgotten_name_takes_nothing_along_and_is_gone_once_that_is_acknowledged() -> None:
    model = Model()
    for operation in (Operation(Kind.UPSERT, 1), Operation(Kind.UPSERT, 0, 1)):
        model.apply(model.next(operation))
    model.apply(model.forgetting(1))
    model.apply(model.next(Operation(Kind.RMW, 1)))
    history, both = model.history, {b"key-0": b"1.1;", b"key-1": b"0.1;"}
    assert judge_recovery(history, {1: 1}, {0: 1, 1: 1}, both) == OK
    assert judge_recovery(history, {1: 1}, {0: 1}, both) == OK
    assert judge_recovery(history, {1: 1}, {0: 1, 1: 1}, both | {b"key-0": b"1.1;11.1;"}) == OK
    lost = judge_recovery(history, {1: 1}, {0: 1}, {b"key-1": b"0.1;"})
    assert _breach(lost) == ("prefix", Breach.LOST_ACK)  # As if it had never been forgotten.
    acked = {0: 1, 1: 1, FORGOTTEN: 1}
    assert judge_recovery(history, acked, {0: 1}, both) == OK
    assert _breach(judge_recovery(history, acked, {0: 1}, {b"key-1": b"0.1;"})) == ("prefix", Breach.HOLE)
    back = judge_recovery(history[:-1], acked, {0: 1, 1: 1}, both)
    assert _breach(back) == ("serials", Breach.WRONG_SERIAL)
