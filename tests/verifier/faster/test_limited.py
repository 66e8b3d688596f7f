"""Limited stores: files never pass the limit, unless the device has damaged something or kept a file."""

from __future__ import annotations

import pytest

from powercut.engine.upkeep.room import Room
from powercut.faultfs import Effect, EventKind, Fault, Plan
from powercut.verifier.finders.faults import search_strike
from powercut.verifier.finders.templates import PROGRAMS
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.tape import Era, Tape
from powercut.verifier.verdict import Breach, Violation

KEPT = Fault(Effect.ERROR, EventKind.REMOVE, number=0, sticky=True)
ONCE = Fault(Effect.ERROR, EventKind.REMOVE, number=0, after=True)


def struck(*faults: Fault) -> Tape:
    return Tape((Era(PROGRAMS["limited"], faults=Plan(*faults).digits), Era()), "bounded")


@pytest.mark.parametrize("fault", [KEPT, ONCE, Fault(Effect.ERROR, EventKind.LIST, number=3)])
def test_room_that_a_fault_keeps_from_being_made_is_made_later_or_refused(fault: Fault) -> None:
    coverage, finding = search_strike(struck(fault), limit=1)
    assert finding is None
    assert sum(coverage.fired.values()) > 0


def test_files_that_pass_the_limit_are_told_where_no_fault_is_to_blame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Room, "ask", lambda *_, **__: None)
    delayed = Fault(Effect.DELAYED, EventKind.WRITE, number=0)
    for faults in (Plan(delayed).digits, ()):
        verdict = play(Tape((Era(PROGRAMS["limited"] * 2, faults=faults), Era()), "bounded")).verdict
        assert isinstance(verdict, Violation)
        assert (verdict.breach, "M1" in verdict.detail) == (Breach.BROKEN_INVARIANT, True)


def test_store_that_never_makes_room_again_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """One to which a file that is gone is one that stays."""
    monkeypatch.setattr("powercut.engine.log.segments.FileNotFoundError", ZeroDivisionError, raising=False)
    finding = search_strike(struck(ONCE), limit=1)[1]
    assert finding is not None
    assert isinstance(finding.verdict, Violation)
    assert finding.verdict.breach is Breach.ERROR
