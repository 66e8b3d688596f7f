"""Programs in which one session is a version behind."""

from __future__ import annotations

from powercut.verifier.concurrency.lanes import SessionsProgram, split
from powercut.verifier.concurrency.programs import search_lanes
from powercut.verifier.concurrency.schedule import Bounded, Scheduler
from powercut.verifier.concurrency.skewed import skewed_tapes
from powercut.verifier.tapes.tape import Kind


def test_the_checkpoint_has_begun_where_the_lanes_begin() -> None:
    tapes = list(skewed_tapes("narrow"))
    assert len(tapes) == len(set(tapes)) == 106
    for tape in tapes[::18]:
        program = SessionsProgram(tape)
        program.setup(Scheduler())
        assert program._subject.store.phase.name == "WAIT_PENDING"
        kinds = [Kind(each.kind) for each in split(tape.eras[-1].program)[1]]
        assert kinds[-1] is Kind.CHECKPOINT
        assert len(kinds) == 3


def test_the_store_stands_them() -> None:
    """Some schedules of a few of them: the gate has more of each, and of more."""
    for tape in list(skewed_tapes("narrow"))[::30]:
        searched = search_lanes(tape, [Bounded(2, 60)], 60)
        assert searched.verdict is None
        assert searched.exploration.schedules == 60
