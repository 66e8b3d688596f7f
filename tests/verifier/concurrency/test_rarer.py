"""Programs in which operations of the rarer kinds stand beside each other."""

from __future__ import annotations

from itertools import combinations_with_replacement

from powercut.verifier.concurrency.lanes import SessionsProgram, lanes_of, split
from powercut.verifier.concurrency.programs import search_lanes
from powercut.verifier.concurrency.rarer import rarer_tapes
from powercut.verifier.concurrency.schedule import Bounded, Scheduler
from powercut.verifier.reach.pairs import BESIDE, counting, pair
from powercut.verifier.tapes.tape import Kind

RARER = ("COMPLETE", "ITEMS", "READ_MANY", "RESUME", "SCAN", "START_READ", "START_RMW", "UPSERT_MANY")


def test_each_rarer_kind_stands_beside_each_other_once() -> None:
    tapes = list(rarer_tapes("narrow"))
    assert len(tapes) == len(set(tapes))
    with counting() as pairs:
        for tape in tapes:
            SessionsProgram(tape).setup(Scheduler())
    for one, other in combinations_with_replacement(RARER, 2):
        assert pair(BESIDE, one, other) in pairs, (one, other)
    for kind in (*RARER, "TRUNCATE"):
        assert pair(BESIDE, *sorted((kind, "TRUNCATE_AT"))) in pairs


def test_a_checkpoint_has_begun_where_it_says_so() -> None:
    phases = set()
    for tape in rarer_tapes("roomy"):
        before, beside = split(tape.eras[-1].program)
        if any(each.kind == Kind.STEP for each in before):
            program = SessionsProgram(tape)
            program.setup(Scheduler())
            phases.add(program._subject.store.phase.name)
            assert len(lanes_of(beside)) == 2
    assert phases == {"WAIT_PENDING", "PERSIST"}


def test_the_store_stands_them() -> None:
    """Those of every seventh: the gate has all of them."""
    for tape in list(rarer_tapes("narrow"))[::7]:
        searched = search_lanes(tape, [Bounded(1, 500)], 500)
        assert searched.verdict is None
        assert searched.is_complete
