"""The player of answers: it agrees with the store as it stands, and each of its oracles says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from powercut.engine import FasterKv, Session
from powercut.verifier.answers.drawn import random_answers
from powercut.verifier.answers.families import FAMILIES, family
from powercut.verifier.answers.player import play_answers
from powercut.verifier.cli.tapes import opened
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.kept import UnsupportedTapeError
from powercut.verifier.tapes.tape import ANSWERS, Crash, Era, Kind, Operation, Tape, decode_tape, encode_tape
from powercut.verifier.telling.report import tell
from powercut.verifier.verdict import OK, Breach, Violation

SAVED = (Operation(Kind.PUT, 0, 0, 4), Operation(Kind.PUT, 1, 1, 4), Operation(Kind.CHECKPOINT))
TAPE = Tape(
    (
        Era((*SAVED, Operation(Kind.RMW), Operation(Kind.CHECKPOINT), Operation(Kind.DELETE, 0, 1)), Crash()),
        Era(
            (
                Operation(Kind.READ),
                Operation(Kind.SAVE),
                Operation(Kind.SCAN_FROM, 0, 1, 1),
                Operation(Kind.RMW),
            )
        ),
    ),
    law="strict",
    subject=ANSWERS,
)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("geometry", ["tiny", "roomy", "single", "whole"])
def test_store_as_it_stands_answers_as_the_reference_does(name: str, geometry: str) -> None:
    """A part of each family."""
    for tape in list(family(name, geometry))[::97]:
        assert play_answers(tape).verdict == OK, tape


def test_random_programs_are_answered_as_the_reference_does() -> None:
    from random import Random

    reached = set[str]()
    for tape in random_answers(Random(5), 60, ("colliding", "many", "wide", "paired"), 24):
        run = play_answers(tape)
        assert run.verdict == OK, tape
        reached |= run.reached
    assert reached >= {"power cut", "reopened", "append_many", "scan_from refused", "start_read pending"}


def test_equal_tapes_are_equal_runs_and_a_tape_is_read_back() -> None:
    once, again = play(TAPE), play(decode_tape(encode_tape(TAPE)))
    assert once.verdict == OK
    assert once.digest() == again.digest()
    assert once.digest() != play(Tape((Era(SAVED),), subject=ANSWERS)).digest()


def _wrong(owner: type, name: str, change: Callable[[Any], Any]) -> Callable[[pytest.MonkeyPatch], None]:
    """Makes a call of the store answer something else."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        right = getattr(owner, name)
        patch.setattr(owner, name, lambda *given, **named: change(right(*given, **named)))

    return plant


@pytest.mark.parametrize(
    ("plant", "oracle", "breach"),
    [
        (_wrong(Session, "read", lambda found: None), "model", Breach.WRONG_RESULT),
        (_wrong(Session, "delete", lambda found: 1), "model", Breach.WRONG_RESULT),
        (_wrong(Session, "rmw", lambda found: 1 // 0), "model", Breach.ERROR),
        (_wrong(FasterKv, "items", lambda items: iter(())), "model", Breach.WRONG_VALUE),
        (_wrong(FasterKv, "stats", lambda stats: replace(stats, tail=1)), "figures", Breach.WRONG_RESULT),
        (_wrong(FasterKv, "stats", lambda s: replace(s, device_reads=9)), "figures", Breach.WRONG_RESULT),
        (_wrong(FasterKv, "serials", lambda serials: {}), "figures", Breach.WRONG_SERIAL),
        (_wrong(FasterKv, "checkpoints", lambda points: points[::-1]), "figures", Breach.WRONG_RESULT),
        (_wrong(FasterKv, "close", lambda lost: {}), "figures", Breach.WRONG_RESULT),
        (
            _wrong(FasterKv, "scan", lambda records: (each._replace(address=8) for each in records)),
            "log",
            Breach.WRONG_RESULT,
        ),
        (_wrong(FasterKv, "check", lambda _: _refuse()), "structure", Breach.BROKEN_INVARIANT),
        (_wrong(FasterSubject, "read_older", lambda found: iter(())), "prefix", Breach.WRONG_VALUE),
        (_wrong(FasterSubject, "recovered", lambda serials: {}), "prefix", Breach.WRONG_RESULT),
    ],
)
def test_each_oracle_says_no(
    monkeypatch: pytest.MonkeyPatch,
    plant: Callable[[pytest.MonkeyPatch], None],
    oracle: str,
    breach: Breach,
) -> None:
    plant(monkeypatch)
    verdict = play_answers(TAPE).verdict
    assert isinstance(verdict, Violation)
    assert (verdict.oracle, verdict.breach) == (oracle, breach)


def _refuse() -> None:
    from powercut.engine import InvariantError

    raise InvariantError("A1", "planted")


def test_checkpoint_that_a_power_cut_took_is_a_lost_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store whose syncs do nothing, by the law under which only what was synced is left."""
    from powercut.faultfs import FaultDevice

    monkeypatch.setattr(FaultDevice, "sync", lambda self, name: None)
    verdict = play_answers(TAPE).verdict
    assert isinstance(verdict, Violation)
    assert verdict.breach in (Breach.LOST_ACK, Breach.ERROR)


def test_operation_that_writes_on_and_on_is_a_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(self: Session, key: bytes, value: bytes) -> None:
        while True:
            self._driver.log.ring.open_page(1 << 20)

    monkeypatch.setattr(Session, "upsert", endless)
    verdict = play_answers(TAPE).verdict
    assert isinstance(verdict, Violation)
    assert (verdict.oracle, verdict.breach) == ("progress", Breach.HANG)


def test_story_has_a_line_for_each_question() -> None:
    story = tell(TAPE)
    assert story.startswith("OK  no oracle objects")
    assert "s0 rmw 0/0 -> b'" in story
    assert "s0 scan from an address 1/1 -> [" in story


@pytest.mark.parametrize("era", [Era(faults=(0,) * 7), Era(damage=(1,)), Era(switches=(1, 1))])
def test_tape_with_what_is_not_played_here_is_refused(era: Era) -> None:
    with pytest.raises(UnsupportedTapeError):
        opened(Tape((era,), subject=ANSWERS), "")
