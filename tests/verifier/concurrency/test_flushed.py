"""Programs in which the flush worker is a task beside the others."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from powercut.verifier.concurrency.flushed import flushed_tapes
from powercut.verifier.concurrency.grounds import play_beside
from powercut.verifier.concurrency.lanes import BEHIND_LANE, lanes_of, split
from powercut.verifier.concurrency.programs import search_lanes
from powercut.verifier.concurrency.schedule import Bounded
from powercut.verifier.faster.flushing import GATHERING
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.families import family_tapes
from powercut.verifier.tapes.tape import Kind, Tape
from powercut.verifier.verdict import OK


@pytest.mark.parametrize("geometry", GATHERING)
def test_every_program_has_a_worker_beside_it_and_stands_without_a_preemption(geometry: str) -> None:
    tapes = list(flushed_tapes(geometry))
    assert len(set(tapes)) == len(tapes) >= 150
    for tape in tapes:
        lanes = lanes_of(split(tape.eras[-1].program)[1])
        assert BEHIND_LANE in lanes
        assert len(lanes) > 1
        assert play_beside(tape).verdict == OK


def test_a_few_are_completed_and_come_to_a_flush_and_to_a_writer_that_waits() -> None:
    """The gate has all of them."""
    reached: set[str] = set()
    for geometry in GATHERING:
        for tape in list(flushed_tapes(geometry))[30:110:8]:
            searched = search_lanes(tape, [Bounded(1)], 2_000)
            assert searched.verdict is None
            assert searched.is_complete
            reached |= searched.reached.keys()
    assert {"flushed behind", "held back"} <= reached


def without_rounds(tape: Tape) -> Tape:
    eras = [
        replace(era, program=tuple(each for each in era.program if each.kind != Kind.FLUSH))
        for era in tape.eras
    ]
    return replace(tape, eras=tuple(eras))


def test_what_operations_return_does_not_depend_on_the_worker() -> None:
    """W2. Method: equal tapes with its rounds and without, all that was observed of operations compared."""
    rounds = 0
    for tape in family_tapes("gathered"):
        told = []
        for each in (tape, without_rounds(tape)):
            run = play(each)
            assert run.verdict == OK
            segments = [segment.observations for segment in run.segments]
            told.append([[(seen.what, seen.returned) for seen in each] for each in segments])
            rounds += sum(segment.reached.get("flushed beforehand", 0) for segment in run.segments)
        assert told[0] == told[1]
    assert rounds > 20
