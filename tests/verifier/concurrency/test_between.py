"""Two sessions on one key, and what moves a boundary beside them."""

from __future__ import annotations

import pytest

from powercut.engine.shared.epoch import Epochs
from powercut.verifier.concurrency.between import between_tapes
from powercut.verifier.concurrency.lanes import lanes_of, split
from powercut.verifier.concurrency.programs import search_lanes
from powercut.verifier.concurrency.schedule import Bounded
from powercut.verifier.gate.profile import load_profile

TAPES = list(between_tapes("narrow"))


def test_each_has_three_lanes_and_the_gate_has_all_of_them() -> None:
    schedule = load_profile("ci").schedule
    assert schedule is not None
    reached = schedule.floor["reached"]
    assert isinstance(reached, dict)
    assert len(set(TAPES)) == len(TAPES) == reached["between"]
    assert all(len(set(lanes_of(split(tape.eras[-1].program)[1]))) == 3 for tape in TAPES)


@pytest.mark.parametrize("number", [len(TAPES) - 3, len(TAPES) - 2])
def test_truncation_that_waits_for_nobody_is_found_with_two_preemptions(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    drain = Epochs.drain

    def drained(self: Epochs, what: str) -> None:
        if what != "batches that may go on from what is truncated":
            drain(self, what)

    monkeypatch.setattr(Epochs, "drain", drained)
    assert search_lanes(TAPES[number], [Bounded(1)], 1_000).verdict is None
    searched = search_lanes(TAPES[number], [Bounded(2)], 20_000)
    assert searched.verdict is not None
    assert searched.verdict.oracle == "linearizable"
