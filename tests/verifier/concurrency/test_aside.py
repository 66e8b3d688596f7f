"""Truncations in a lane of their own: they meet checkpoints, and what those hold of one is judged exactly."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from msgspec.structs import replace

from powercut.engine.checkpoint import driver
from powercut.engine.checkpoint.running import Running
from powercut.verifier.concurrency.aside import aside_tapes
from powercut.verifier.concurrency.grounds import play_beside
from powercut.verifier.concurrency.lanes import APART_LANE, ASIDE_LANE, FAR_LANE, lanes_of, split
from powercut.verifier.concurrency.programs import search_lanes
from powercut.verifier.concurrency.schedule import Bounded
from powercut.verifier.gate.profile import load_profile
from powercut.verifier.gate.stages.schedule import ASIDE, STAGE, SmallLanes
from powercut.verifier.tapes.tape import Kind, Operation
from powercut.verifier.telling.timeline import tell_beside
from powercut.verifier.verdict import Breach

TAPES = list(aside_tapes())


def test_what_looks_after_a_store_has_lanes_of_its_own_and_the_older_truncation_that_of_checkpoints() -> None:
    met: set[frozenset[Kind]] = set()
    for tape in TAPES:
        beside = split(tape.eras[-1].program)[1]
        lanes = lanes_of(beside)
        aside, far, apart = (
            [Kind(each.kind) for each in lanes.get(lane, [])] for lane in (ASIDE_LANE, FAR_LANE, APART_LANE)
        )
        assert far in ([], [Kind.CHECKPOINT], [Kind.TRUNCATE])
        assert set(aside) <= {Kind.COMPACT, Kind.TRUNCATE_AT}
        assert set(apart) <= {Kind.GROW}
        if beside[0].kind in (Kind.COMPACT, Kind.GROW):
            # It goes on until somebody takes it off.
            assert next(iter(lanes)) == (ASIDE_LANE if beside[0].kind == Kind.COMPACT else APART_LANE)
        met |= {frozenset((one, *rest)) for one, *rest in permutations([*aside, *far, *apart], 2)}
    upkeep = (Kind.GROW, Kind.COMPACT, Kind.CHECKPOINT)
    truncations = {
        frozenset((Kind.GROW, Kind.TRUNCATE)),
        frozenset((Kind.COMPACT, Kind.TRUNCATE)),
        frozenset((Kind.CHECKPOINT, Kind.TRUNCATE_AT)),
    }
    assert met >= {*map(frozenset, combinations(upkeep, 2)), *truncations}
    shared = lanes_of([Operation(Kind.TRUNCATE), Operation(Kind.CHECKPOINT)])
    assert list(shared) == [FAR_LANE]


def test_checkpoint_and_truncation_meet_in_either_order_and_all_stands() -> None:
    searched = search_lanes(TAPES[0], [Bounded(1)], 2_000)
    assert searched.is_complete
    assert searched.verdict is None
    assert searched.reached["truncated aside"] == searched.exploration.schedules
    assert searched.exploration.schedules + searched.spared > 20


def test_begin_that_a_checkpoint_had_and_does_not_hold_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(Running):
        """Has the begin of a log that nobody has truncated."""

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, 64 if name == "begin" else value)

    monkeypatch.setattr(driver, "Running", Forgetful)
    searched = search_lanes(TAPES[0], [Bounded(1)], 2_000)
    assert searched.verdict is not None
    assert searched.verdict.breach is Breach.LOST_ACK
    assert searched.tape is not None
    assert play_beside(searched.tape).verdict == searched.verdict
    assert "truncation" in "\n".join(tell_beside(play_beside(searched.tape)))


def test_profile_that_does_not_name_them_has_the_chunks_of_before() -> None:
    plan = load_profile("ci").schedule
    assert plan is not None
    plain = list(STAGE.chunks(replace(plan, aside=None), "none", 0))
    more = list(STAGE.chunks(plan, "none", 0))
    assert more[: len(plain)] == plain
    added = [chunk for chunk in more[len(plain) :] if isinstance(chunk, SmallLanes)]
    assert sum(chunk.stop - chunk.start for chunk in added) == len(TAPES)
    assert {chunk.geometry for chunk in added} == {ASIDE}
    assert [bound.programs for bound in STAGE.bounds(plan, "none")][-1] == len(TAPES)
