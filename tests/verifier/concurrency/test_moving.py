"""Programs in which a boundary or a phase moves beside a session: so small that two preemptions are tried."""

from __future__ import annotations

from powercut.verifier.concurrency.grounds import play_beside
from powercut.verifier.concurrency.lanes import FAR_LANE, lanes_of, split
from powercut.verifier.concurrency.moving import moving_tapes
from powercut.verifier.concurrency.programs import search_lanes
from powercut.verifier.concurrency.schedule import Bounded
from powercut.verifier.tapes.tape import Kind
from powercut.verifier.verdict import OK


def test_no_two_are_the_same_and_all_are_sound_without_a_preemption() -> None:
    tapes = list(moving_tapes("narrow"))
    assert len(set(tapes)) == len(tapes)
    assert all(play_beside(tape).verdict == OK for tape in tapes)


def test_in_each_something_moves_beside_one_session() -> None:
    for tape in moving_tapes("narrow"):
        lanes = lanes_of(split(tape.eras[-1].program)[1])
        others = [each for lane, operations in lanes.items() if lane for each in operations]
        assert len(lanes) == 2
        assert len(others) == 1
        assert FAR_LANE in lanes or others[0].kind == Kind.UPSERT


def test_two_preemptions_are_completed_with_few_runs() -> None:
    """One program of each kind; the gate has all of them."""
    tapes = list(moving_tapes("narrow"))
    for tape, most in ((tapes[1], 700), (tapes[9], 1_000), (tapes[-2], 200)):
        bounded = Bounded(2)
        searched = search_lanes(tape, [bounded], 2_000)
        assert searched.verdict is None
        assert searched.is_complete
        assert sum(bounded.visited) < most < sum(bounded.spared) + sum(bounded.visited)
