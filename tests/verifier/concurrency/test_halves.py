"""Programs in halves: each combination once, something left pending in each; a lost answer is found."""

from __future__ import annotations

import pytest

from powercut.engine import Session
from powercut.verifier.concurrency.halves import halves
from powercut.verifier.concurrency.programs import search_lanes
from powercut.verifier.concurrency.schedule import Bounded
from powercut.verifier.verdict import Breach


def test_each_combination_is_there_once_and_begins_something_that_is_left_pending() -> None:
    tapes = list(halves("narrow"))
    assert len(set(tapes)) == len(tapes) == 2 * 8 * 3 * 6
    for tape in tapes[::17]:
        searched = search_lanes(tape, [Bounded(0)], 10)
        assert searched.verdict is None
        assert searched.reached["pending"] == searched.exploration.schedules


def test_ticket_that_ends_before_its_operation_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticket ends before its operation has: it gives nothing, and the operation comes on top."""
    right = Session.complete_pending

    def forgetful(self: Session, wait: bool = True, *, timeout: float | None = None) -> bool:
        for each in self._pending._waiting:
            each.ticket._is_done, each.ticket._value = True, None
        return right(self, wait, timeout=timeout)

    monkeypatch.setattr(Session, "complete_pending", forgetful)
    found = [search_lanes(tape, [Bounded(0)], 10).verdict for tape in list(halves("narrow"))[:60]]
    assert {verdict.breach for verdict in found if verdict is not None} & {
        Breach.WRONG_RESULT,
        Breach.ERROR,
    }
