"""Programs of a log of one's own: each step has something to do, and none is of what the log has not."""

from __future__ import annotations

from random import Random

import pytest

from powercut.verifier.spec.appended import KINDS
from powercut.verifier.tapes.appended import faulted_logs, random_log, repeated_logs, rotten_log, small_logs
from powercut.verifier.tapes.tape import Kind, Operation

_PLAIN = frozenset({Kind.ENQUEUE, Kind.CHECKPOINT, Kind.REOPEN})
_ADDED = (Kind.ENQUEUE, Kind.ENQUEUE_MANY)


def test_small_ones_are_as_many_as_there_are() -> None:
    found = list(small_logs(3, KINDS))
    assert len(found) == len(set(found))
    assert [sum(len(each) == steps for each in found) for steps in range(4)] == [1, 4, 16, 72]
    assert [sum(len(each) == steps for each in small_logs(3, _PLAIN)) for steps in range(4)] == [1, 3, 7, 17]


def test_nothing_is_dropped_that_is_not_there() -> None:
    for program in small_logs(4, KINDS):
        committed = waiting = 0
        for each in program:
            if each.kind in _ADDED:
                waiting += 1
            elif each.kind == Kind.CHECKPOINT:
                committed, waiting = committed + waiting, 0
            assert each.kind != Kind.TRUNCATE_AT or committed
            assert each.kind != Kind.ROLLBACK or waiting


@pytest.mark.parametrize("lacking", sorted(KINDS - _PLAIN))
def test_log_is_given_nothing_that_it_has_not(lacking: Kind) -> None:
    kinds = KINDS - {lacking}
    programs = (*small_logs(3, kinds), *repeated_logs(4, 6, kinds), *faulted_logs(kinds), rotten_log(kinds))
    drawn = [random_log(Random(seed), 20, kinds) for seed in range(20)]
    assert {each.kind for program in (*programs, *drawn) for each in program} == kinds
    assert drawn[0] == random_log(Random(0), 20, kinds)


def test_repeated_ones_begin_where_small_ones_end() -> None:
    entry, commit = Operation(Kind.ENQUEUE), Operation(Kind.CHECKPOINT)
    assert list(repeated_logs(2, 3, _PLAIN))[:2] == [(entry, entry, commit), (entry, entry, entry, commit)]
