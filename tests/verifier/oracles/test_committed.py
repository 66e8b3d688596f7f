"""The oracle `committed` says no in each of its ways."""

from __future__ import annotations

import pytest

from powercut.verifier.oracles.committed import (
    Appended,
    Appends,
    Back,
    Left,
    Told,
    judge_addresses,
    judge_entries,
    judge_left,
)
from powercut.verifier.verdict import OK, Breach, Violation

BATCH = Appended(((64, b"a"), (69, b"b")), at=2, invoked=1, returned=2)
LATER = Appended(((576, b"c"),), at=6, invoked=3, returned=4)
APPENDS = Appends(
    [BATCH, LATER],
    [Told(4, end=512, number=1), Told(8, begin=69, progress={"mailer": 69})],
    [(5, 69)],
    [(3, "mailer", 69)],
)
ENTRIES = ((64, b"a"), (69, b"b"))


def kind(verdict: object) -> Breach | None:
    return verdict.breach if isinstance(verdict, Violation) else None


def test_what_a_commit_had_is_taken() -> None:
    assert judge_left(APPENDS, 4, Left(0, 512, 1, ENTRIES, {})) == OK
    assert judge_left(APPENDS, 8, Left(69, 1024, 2, ((69, b"b"), (576, b"c")), {"mailer": 69})) == OK


@pytest.mark.parametrize(
    ("index", "left", "breach"),
    [
        (4, Left(0, 0, 0, (), {}), Breach.LOST_ACK),  # Less than was told.
        (4, Left(0, 512, 0, ENTRIES, {}), Breach.LOST_ACK),  # An older commit.
        (4, Left(0, 512, 1, ENTRIES[:1], {}), Breach.HOLE),
        (4, Left(0, 512, 1, (*ENTRIES, (74, b"x")), {}), Breach.PHANTOM),
        (4, Left(0, 512, 1, ((64, b"a"), (69, b"x")), {}), Breach.WRONG_VALUE),
        (4, Left(0, 512, 1, ENTRIES[::-1], {}), Breach.WRONG_RESULT),  # Out of order.
        (4, Left(69, 512, 1, ENTRIES[1:], {}), Breach.PHANTOM),  # A begin that nobody had asked for yet,
        (8, Left(0, 512, 1, ENTRIES, {"mailer": 69}), Breach.LOST_ACK),  # one that was told and is not there;
        (8, Left(69, 512, 1, ENTRIES[1:], {}), Breach.LOST_ACK),  # progress that was,
        (8, Left(69, 512, 1, ENTRIES[1:], {"mailer": 70}), Breach.PHANTOM),  # and that nobody said.
        (4, Left(0, 1024, 2, (*ENTRIES, (576, b"c")), {}), Breach.PHANTOM),  # Appended later.
        (2, Left(0, 66, 1, ENTRIES[:1], {}), Breach.HOLE),  # A part of a batch.
    ],
)
def test_what_no_commit_had_is_refused(index: int, left: Left, breach: Breach) -> None:
    assert kind(judge_left(APPENDS, index, left)) is breach


def test_addresses_are_told_once_and_in_the_order_of_the_calls() -> None:
    assert judge_addresses([LATER, BATCH]) == OK
    again = Appended(((64, b"x"),), invoked=5, returned=6)
    assert kind(judge_addresses([BATCH, again])) is Breach.WRONG_RESULT
    earlier = Appended(((10, b"x"),), invoked=5, returned=6)  # Appended last, and stands first.
    assert kind(judge_addresses([BATCH, earlier])) is Breach.WRONG_RESULT
    assert judge_addresses([BATCH, earlier._replace(invoked=1)]) == OK  # They overlapped.


def test_a_part_of_the_log_is_judged_alone() -> None:
    assert judge_entries([BATCH, LATER], 69, 576, [(69, b"b")]) == OK
    assert kind(judge_entries([BATCH, LATER], 69, 577, [(69, b"b")])) is Breach.HOLE


def test_what_was_rolled_back_is_there_until_that_returned_and_never_with_what_came_in_its_place() -> None:
    instead = Appended(((576, b"d"),), at=8, turn=1)
    more = Appended(((581, b"e"),), at=6)
    appends = Appends([BATCH, LATER, more, instead], [Told(4, end=512, number=1)], backs=[Back(576, at=9)])
    before, after = (*ENTRIES, (576, b"c"), (581, b"e")), (*ENTRIES, (576, b"d"))
    assert judge_left(appends, 8, Left(0, 1024, 2, before, {})) == OK
    assert kind(judge_left(appends, 9, Left(0, 1024, 2, before, {}))) is Breach.WRONG_VALUE
    assert judge_left(appends, 9, Left(0, 1024, 2, after, {})) == OK
    for index in (8, 9):
        mixed = (*after, (581, b"e"))
        assert kind(judge_left(appends, index, Left(0, 1024, 2, mixed, {}))) is not None
    # Of a batch, too, the part that stays.
    assert judge_left(Appends([BATCH], backs=[Back(69, at=3)]), 3, Left(0, 512, 1, ENTRIES[:1], {})) == OK
