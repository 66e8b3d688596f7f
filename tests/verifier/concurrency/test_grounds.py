"""Grounds: a run that begins where another did is that of a store of its own; equal ends are judged once."""

from __future__ import annotations

from random import Random

import pytest

from powercut.verifier.concurrency.ends import Kept
from powercut.verifier.concurrency.grounds import ground_of, repeated
from powercut.verifier.concurrency.lanes import SessionsProgram
from powercut.verifier.concurrency.programs import (
    SETTINGS,
    portfolio,
    random_lanes,
    search_lanes,
    small_tapes,
    tape_of,
)
from powercut.verifier.concurrency.schedule import STEPS_MAX, Bounded, Replay, Scheduler
from powercut.verifier.tapes.tape import Kind, Operation, Tape
from powercut.verifier.verdict import OK

FORK, CHECKPOINT = Operation(Kind.FORK), Operation(Kind.CHECKPOINT)
TWO = Operation(Kind.RMW, 0), Operation(Kind.RMW, 1)


def told(program: SessionsProgram, record: object) -> object:
    calls = [(call.issued, call.invoked, call.returned, call.result) for call in program.calls]
    return record.digest(), calls, program.listings, program.alone, program.judge(record)  # type: ignore[attr-defined, arg-type]


def tapes() -> list[Tape]:
    """Every setting, every kind of operation, three geometries."""
    random = Random(3)
    drawn = [random_lanes(random, geometry) for geometry in ("narrow", "colliding", "tiny") for _ in range(3)]
    return [*list(small_tapes("narrow"))[::303], *drawn]


def test_every_run_on_a_ground_is_that_of_a_store_of_its_own() -> None:
    kinds = {operation.kind for tape in tapes() for operation in tape.eras[0].program}
    assert len(kinds) > 12
    for tape in tapes():
        again = repeated(tape, Kept())
        strategies = portfolio(Random(5))
        for strategy in [*strategies, *strategies]:
            program, scheduler, calls = again.start(strategy.next(), STEPS_MAX)  # type: ignore[arg-type]
            assert isinstance(program, SessionsProgram)
            record = scheduler.run(calls)
            own, fresh = SessionsProgram(tape), Scheduler(Replay(record.switches))
            assert told(own, fresh.run(own.setup(fresh))) == told(program, record)
            strategy.learn(record)


def test_programs_that_begin_alike_share_a_ground_and_do_not_meet() -> None:
    program = (*SETTINGS["full"], FORK, *TWO, CHECKPOINT)
    first, second = tape_of(program, "narrow"), tape_of(program[:-1], "narrow")
    assert ground_of(first) == ground_of(second) != ground_of(tape_of(program, "tiny"))
    alone = [search_lanes(tape, [Bounded(1)], 400).exploration for tape in (first, second)]
    turns = [repeated(tape, Kept()) for tape in (first, second, first)]
    for again in turns * 2:  # Each begins anew, although another ran in between.
        program_, scheduler, calls = again.start(Replay(), STEPS_MAX)
        record = scheduler.run(calls)
        assert program_.judge(record) == OK
    assert [search_lanes(tape, [Bounded(1)], 400).exploration for tape in (first, second)] == alone


def test_an_end_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    honest = SessionsProgram._judge

    def judge(self: SessionsProgram, state: object) -> object:
        judged.append(state)
        return honest(self, state)  # type: ignore[arg-type]

    monkeypatch.setattr(SessionsProgram, "_judge", judge)
    tape = tape_of((*SETTINGS["mutable"], FORK, *TWO), "narrow")
    seen = search_lanes(tape, [Bounded(1)], 400)
    assert seen.verdict is None
    assert 1 < len(judged) < seen.exploration.schedules / 2
