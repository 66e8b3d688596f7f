"""Names: a session under a forgotten name that goes on where the old one was is told."""

from __future__ import annotations

import pytest

from powercut.engine import FasterKv
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape
from powercut.verifier.verdict import OK, Breach, Violation

CHECKPOINT = Operation(Kind.CHECKPOINT)
LEFT = (Operation(Kind.UPSERT, 1), CHECKPOINT, Operation(Kind.REOPEN), Operation(Kind.UPSERT), CHECKPOINT)


def test_name_is_forgotten_and_its_next_session_begins_anew() -> None:
    run = play(Tape((Era((*LEFT, Operation(Kind.RMW, 1), CHECKPOINT)), Era()), "fleeting"))
    assert run.verdict == OK
    assert run.segments[-1].reached["forgotten"] == 1


def test_session_that_does_not_begin_anew_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    right = FasterKv.session

    def used(store: FasterKv, name: str | None = None) -> object:
        session = right(store, name)
        if name == "s1" and store.newest is not None:
            session.read(b"key")
        return session

    monkeypatch.setattr(FasterKv, "session", used)
    verdict = play(Tape((Era((*LEFT, Operation(Kind.RMW, 1))), Era()), "fleeting")).verdict
    assert isinstance(verdict, Violation)
    assert (verdict.breach, "S3" in verdict.detail) == (Breach.BROKEN_INVARIANT, True), verdict
