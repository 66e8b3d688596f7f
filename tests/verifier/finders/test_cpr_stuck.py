"""Checkpoints that a stuck device keeps waiting: all are stood, and each oracle says no."""

from __future__ import annotations

import pytest

from powercut.engine import CheckpointError, FasterKv
from powercut.engine.checkpoint.driver import Checkpointer
from powercut.engine.checkpoint.kinds import cpr
from powercut.engine.sessions.registry import SessionRegistry
from powercut.engine.shared.phases import Phase
from powercut.verifier.finders.cpr.stuck import Stuck, StuckTally, run_stuck, stuck_programs
from powercut.verifier.verdict import OK, Breach, Violation

ONE = Stuck("snapshot", "incremental", 1, 1, "completed")


def test_they_are_given_up_and_a_retry_has_all_of_it() -> None:
    tally = StuckTally()
    programs = list(stuck_programs())
    assert len(set(programs)) == len(programs) == 24
    for program in programs[::5]:
        assert run_stuck(program, "posix", tally) == OK
    assert tally.given_up > tally.retried == 5
    assert tally.contents > 500
    assert tally.bounded == 0


def broken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Break one promise."""
    rest, run, marks = Checkpointer._rest, Checkpointer.run, SessionRegistry.marks

    def spent(self: Checkpointer) -> None:
        self._system.set(self._system.version + 1, self._system.phase)
        rest(self)

    def unnamed(self: Checkpointer, *given: object, **named: object) -> object:
        try:
            return run(self, *given, **named)  # type: ignore[arg-type]
        except CheckpointError:
            raise CheckpointError("try again") from None

    if name == "waits for nobody":
        monkeypatch.setitem(cpr._ENTER, Phase.WAIT_PENDING, lambda parts, running: None)
    elif name == "a version spent":
        monkeypatch.setattr(Checkpointer, "_rest", spent)
    elif name == "nobody named":
        monkeypatch.setattr(Checkpointer, "run", unnamed)
    elif name == "serials late":
        monkeypatch.setattr(SessionRegistry, "marks", lambda self, version: marks(self, version)[:-1])
    else:
        monkeypatch.setattr(FasterKv, "close", lambda self, checkpoint=False: {})
        monkeypatch.setattr(cpr, "_commit", lambda parts, head, begin: None)


@pytest.mark.parametrize(
    ("what", "breach"),
    [
        ("waits for nobody", Breach.LOST_ACK),
        ("a version spent", Breach.WRONG_SERIAL),
        ("nobody named", Breach.WRONG_RESULT),
        ("serials late", Breach.WRONG_SERIAL),
        ("nothing written", Breach.LOST_ACK),
    ],
)
def test_a_broken_promise_is_told(monkeypatch: pytest.MonkeyPatch, what: str, breach: Breach) -> None:
    broken(monkeypatch, what)
    verdict = run_stuck(
        ONE if what != "nothing written" else Stuck("snapshot", "", 1, 1, "closed"), "posix", StuckTally()
    )
    assert isinstance(verdict, Violation)
    assert verdict.breach is breach
