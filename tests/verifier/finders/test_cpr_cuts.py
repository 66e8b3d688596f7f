"""Power cuts inside schedules: each is judged, one that loses something is told, and a tape plays it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from powercut.verifier.concurrency.cpr import KINDS, cpr_tapes
from powercut.verifier.concurrency.cuts import Ran, judge_recovered
from powercut.verifier.concurrency.ends import Kept
from powercut.verifier.concurrency.grounds import play_beside
from powercut.verifier.concurrency.lanes import SessionsProgram
from powercut.verifier.concurrency.programs import SETTINGS, tape_of
from powercut.verifier.concurrency.schedule import Bounded, replay_schedule
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.finders.cpr.cuts import search_cuts
from powercut.verifier.tapes.tape import Crash, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Breach, Violation

FORK = Operation(Kind.FORK)


def program(kind: str) -> Tape:
    taken = Operation(Kind.CHECKPOINT, 0, 0, KINDS.index(kind))
    return tape_of((*SETTINGS["mutable"], FORK, Operation(Kind.RMW), Operation(Kind.RMW, 1), taken), "narrow")


@pytest.mark.parametrize("kind", KINDS)
def test_every_cut_of_every_schedule_is_judged_and_stood(kind: str) -> None:
    searched, tally = search_cuts(program(kind), Bounded(1), 10_000)
    assert searched.verdict is None
    assert searched.is_complete
    assert tally.legal == tally.visited > 20
    assert tally.traces > 2
    assert tally.contents > tally.traces
    assert 0 < tally.owing < tally.judged
    assert tally.bounded == 0
    assert tally.lossy


def test_the_programs_of_a_kind_are_other_ones_each() -> None:
    tapes = [tape for kind in KINDS for tape in cpr_tapes(kind, "narrow")]
    assert len(set(tapes)) >= len(tapes) - 2 * len(KINDS)
    sizes = [len(tape.eras[-1].program) for tape in cpr_tapes("snapshot", "narrow")]
    assert len(sizes) > 200


def test_an_acknowledgement_that_comes_early_is_told_with_the_cut_that_shows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Goal: the checker says no. The bench says that a checkpoint holds an operation more than it does."""
    genuine = FasterSubject.checkpoint

    def more(self: FasterSubject) -> dict[int, int]:
        bound = genuine(self)
        return bound | {1: bound.get(1, 0) + 1} if 1 in self.sessions else bound

    monkeypatch.setattr(FasterSubject, "checkpoint", more)
    searched, _ = search_cuts(program("fold_over"), Bounded(0), 1)
    assert searched.verdict is not None
    assert (searched.verdict.oracle, searched.verdict.breach) == ("prefix", Breach.LOST_ACK)
    assert "acknowledged" in searched.verdict.detail


def test_a_tape_with_a_crash_plays_that_cut_and_says_what_it_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: the found tape fails by itself, with equal digests, and is fine where the store is."""
    genuine = FasterSubject.told_at
    monkeypatch.setattr(FasterSubject, "told_at", lambda self: genuine(self) and 1)  # Told at once.
    searched, _ = search_cuts(program("snapshot"), Bounded(0), 1)
    assert searched.tape is not None
    assert searched.tape.eras[-1].crash is not None
    runs = [play_beside(searched.tape) for _ in range(2)]
    assert runs[0].digest() == runs[1].digest()
    assert isinstance(runs[0].verdict, Violation)
    assert runs[0].verdict.breach is Breach.LOST_ACK
    assert "power cut" in runs[0].verdict.detail
    monkeypatch.undo()
    assert play_beside(searched.tape).verdict == OK


@pytest.mark.parametrize("sync", range(6))
def test_a_crash_at_any_place_of_a_sound_run_is_stood(sync: int) -> None:
    tape = program("incremental")
    crashed = replace(tape, eras=(replace(tape.eras[-1], crash=Crash(sync, 0, (1, 1, 1))),))
    assert play_beside(crashed).verdict == OK


def test_what_was_not_issued_by_then_is_no_part_of_what_a_cut_leaves() -> None:
    runs: list[Ran] = []

    class Seen:
        def judge(self, ran: Ran) -> object:
            runs.append(ran)
            return OK

    kept = Kept(cuts=Seen())  # type: ignore[arg-type]
    replay_schedule(lambda: SessionsProgram(program("fold_over"), kept), ())
    ran = runs[-1]
    assert not any(ran.issuer.issued_by(-1).values())
    assert ran.acked_by(ran.begun) == {}
    issued = ran.issuer.issued_by(len(ran.trace))
    wrong = judge_recovered(ran.issuer, ({}, {0: 2}), issued, {})
    assert isinstance(wrong, Violation)
    assert wrong.breach is Breach.WRONG_SERIAL
    lost = judge_recovered(ran.issuer, ({}, {0: 1, 1: 1, 3: 1}), issued, {})
    assert isinstance(lost, Violation)
    assert lost.oracle == "prefix"
