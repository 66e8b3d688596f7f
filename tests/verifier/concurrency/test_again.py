"""Programs of two checkpoints beside a session under whose hands pages turn."""

from __future__ import annotations

from powercut.verifier.concurrency.again import again_tapes
from powercut.verifier.concurrency.grounds import play_beside
from powercut.verifier.concurrency.lanes import FAR_LANE, SessionsProgram, lanes_of, split
from powercut.verifier.concurrency.programs import search_lanes
from powercut.verifier.concurrency.schedule import Bounded, Scheduler
from powercut.verifier.tapes.tape import Kind, Operation
from powercut.verifier.verdict import OK


def test_the_checkpoints_come_first() -> None:
    tapes = list(again_tapes("many"))
    assert len(set(tapes)) == len(tapes) == 8
    for tape in tapes:
        lanes = lanes_of(split(tape.eras[-1].program)[1])
        assert list(lanes) == [FAR_LANE, 0]
        assert [each.kind for each in lanes[FAR_LANE]] == [Kind.CHECKPOINT] * 2


def test_sessions_come_first_where_their_operations_do() -> None:
    operations = [Operation(Kind.UPSERT, 1), Operation(Kind.CHECKPOINT), Operation(Kind.UPSERT)]
    assert list(lanes_of(operations)) == [0, 1, FAR_LANE]


def test_a_session_can_go_on_as_a_sync_of_the_checkpoint_returns() -> None:
    """It writes then what the checkpoint has not made durable, and no name stands for."""
    program = SessionsProgram(list(again_tapes("many"))[-1])
    scheduler = Scheduler()
    record = scheduler.run(program.setup(scheduler))
    assert record.verdict == program.judge(record) == OK
    names = [record.describe(code) for code in record.points]
    assert names.count("a sync returns") >= 8  # A segment, the table and two roots each, at the least.


def test_the_store_stands_them() -> None:
    tapes = list(again_tapes("many"))
    assert all(play_beside(tape).verdict == OK for tape in tapes)
    searched = search_lanes(tapes[2], [Bounded(1)], 2_000)
    assert searched.verdict is None
    assert searched.is_complete
