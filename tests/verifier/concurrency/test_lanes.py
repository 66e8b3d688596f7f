"""Sessions side by side: tapes with a schedule play again, and the oracles say no where they must."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from powercut.verifier.concurrency.calls import Call
from powercut.verifier.concurrency.grounds import play_beside
from powercut.verifier.concurrency.lanes import SessionsProgram, split
from powercut.verifier.concurrency.programs import SETTINGS, search_lanes, tape_of
from powercut.verifier.concurrency.schedule import Bounded, Record, Scheduler
from powercut.verifier.finders.search import search_programs
from powercut.verifier.reducing.shrink import descend
from powercut.verifier.runs.play import play
from powercut.verifier.spec.model import issue
from powercut.verifier.tapes.tape import SESSIONS, SIZES, Era, Kind, Operation, Tape, decode_tape, encode_tape
from powercut.verifier.telling.report import tell
from powercut.verifier.verdict import OK, Breach, Verdict, Violation

FORK = Operation(Kind.FORK)
CHECKPOINT = Operation(Kind.CHECKPOINT)
TWO_RMW = (Operation(Kind.RMW, 0, 0), Operation(Kind.RMW, 1, 0))


def beside(setting: str, *operations: Operation, switches: tuple[int, ...] = ()) -> Tape:
    return tape_of((*SETTINGS[setting], FORK, *operations), "narrow", switches)


def test_what_stands_before_fork_runs_alone() -> None:
    before, after = split((CHECKPOINT, FORK, *TWO_RMW, FORK, CHECKPOINT))
    assert before == [CHECKPOINT]
    assert after == [*TWO_RMW, CHECKPOINT]
    assert split(TWO_RMW) == ([], list(TWO_RMW))


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("switches", [(), (3, 1), (5, 1, 12, 1), (0, 1, 0, 1, 40, 2)])
def test_a_tape_plays_again_to_the_same_digest(setting: str, switches: tuple[int, ...]) -> None:
    tape = decode_tape(encode_tape(beside(setting, *TWO_RMW, CHECKPOINT, switches=switches)))
    run = play(tape)
    assert tape.subject == SESSIONS
    assert run.verdict == OK
    assert run.digest() == play(tape).digest()


def test_another_schedule_is_another_run() -> None:
    plain, switched = beside("mutable", *TWO_RMW), beside("mutable", *TWO_RMW, switches=(5, 1))
    assert play(plain).digest() != play(switched).digest()


def test_every_schedule_of_one_preemption_is_linearizable() -> None:
    strategy = Bounded(1)
    searched = search_lanes(beside("full", *TWO_RMW, CHECKPOINT), [strategy], 2_000)
    assert searched.verdict is None
    assert searched.is_complete
    assert searched.exploration.distinct > 35
    assert searched.reached["copied"] > 0


def run_of(tape: Tape) -> tuple[SessionsProgram, Record]:
    program = SessionsProgram(tape)
    scheduler = Scheduler()
    return program, scheduler.run(program.setup(scheduler))


def forget(calls: list[Call]) -> None:
    calls.pop()


def misremember(calls: list[Call]) -> None:
    calls[-1].result = b"0.7;"


def go_back(calls: list[Call]) -> None:
    """Set the clock back, as if the second call had ended before the first began, and yet saw it."""
    first, second = calls[-2:]
    second.invoked, second.returned = first.invoked - 0.6, first.invoked - 0.5


@pytest.mark.parametrize("spoil", [forget, misremember, go_back])
def test_a_history_that_did_not_happen_is_refused(spoil: Callable[[list[Call]], None]) -> None:
    program, record = run_of(beside("mutable", *TWO_RMW))
    assert program.judge(record) == OK
    spoil(program.calls)
    verdict = program.judge(record)
    assert isinstance(verdict, Violation)
    assert verdict.oracle == "linearizable"


def test_a_serial_that_was_not_issued_is_refused() -> None:
    program, record = run_of(beside("mutable", *TWO_RMW))
    program._issuer.issued[0] += 1
    verdict = program.judge(record)
    assert isinstance(verdict, Violation)
    assert verdict.breach is Breach.WRONG_SERIAL


def judge_after(change: Callable[[SessionsProgram], None]) -> Verdict:
    program, record = run_of(beside("frozen", *TWO_RMW, CHECKPOINT))
    assert program.judge(record) == OK
    change(program)
    return program.judge(record)


def test_an_acknowledgement_that_recovery_does_not_keep_is_refused() -> None:
    def promise_more(program: SessionsProgram) -> None:
        program._acked = {0: 9}

    verdict = judge_after(promise_more)
    assert isinstance(verdict, Violation)
    assert (verdict.oracle, verdict.breach) == ("prefix", Breach.LOST_ACK)


def test_an_effect_beyond_the_cut_is_refused() -> None:
    program, _ = run_of(beside("frozen", *TWO_RMW, CHECKPOINT))
    program._issuer.calls[:] = [call for call in program.calls if call.issued.session != 0]
    verdict = program._judge_cut({})
    assert isinstance(verdict, Violation)
    assert verdict.oracle == "prefix"
    assert "after the cut at" in verdict.detail


def test_a_session_tape_shrinks_by_searching_its_schedules() -> None:
    """A judge that objects to any run in which session 1 changed the key stands in for a bug."""

    class Judged:
        def __init__(self, verdict: Verdict) -> None:
            self.verdict = verdict

    def run(tape: Tape) -> Judged:
        beside_run = play_beside(tape)
        changed = any(call.issued.session == 1 and call.result for call in beside_run.calls)
        return Judged(Violation("model", Breach.WRONG_VALUE, "") if changed else OK)

    large = beside(
        "frozen", *TWO_RMW, Operation(Kind.READ, 0, 0), Operation(Kind.UPSERT, 2, 1), switches=(4, 1)
    )
    small = descend(large, Violation("model", Breach.WRONG_VALUE, ""), run=run)
    kinds = [operation.kind for operation in small.eras[0].program if operation.kind != Kind.FORK]
    assert kinds == [Kind.RMW]
    assert small.eras[0].switches == ()


def test_searching_a_session_tape_runs_its_schedules() -> None:
    found, runs = search_programs(beside("absent", *TWO_RMW))
    assert found is None
    assert runs > 20


def test_the_story_names_calls_tasks_and_preemptions() -> None:
    tape = beside("frozen", *TWO_RMW, CHECKPOINT, switches=(5, 1))
    text = tell(tape)
    assert text == tell(tape)
    for word in ("side by side", "s0  rmw key-0 #1", "1 preemption", "preempted", "checkpoint", "repeat it"):
        assert word in text


def test_a_torn_value_has_no_explanation() -> None:
    """A value of two words, of which one half is another's, has no explanation."""
    program, record = run_of(
        beside("mutable", Operation(Kind.UPSERT, 0, 0, SIZES), Operation(Kind.READ, 1, 0))
    )
    read = program.calls[-1]
    written = issue(Operation(Kind.UPSERT, 0, 0, SIZES), 1).value
    read.result = written[:8] + b"#" * (len(written) - 8)
    verdict = program.judge(record)
    assert isinstance(verdict, Violation)
    assert verdict.breach is Breach.WRONG_RESULT


def test_fork_means_nothing_one_after_another() -> None:
    sequential = Tape((Era((Operation(Kind.UPSERT), FORK, Operation(Kind.READ))),))
    assert play(sequential).verdict == OK
    assert replace(sequential, subject=SESSIONS) != sequential
