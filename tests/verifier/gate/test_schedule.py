"""The stage `schedule`: what its chunks count, when its bound is complete, and that it says no."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from powercut.verifier.cli.summary import tell_gate
from powercut.verifier.concurrency.lanes import SessionsProgram
from powercut.verifier.concurrency.programs import Searched, search_lanes
from powercut.verifier.concurrency.schedule import Record
from powercut.verifier.gate import run_gate
from powercut.verifier.gate.chunks import Deadline, Result
from powercut.verifier.gate.profile import Profile, ProfileError, load_profile, parse_profile
from powercut.verifier.gate.stages import schedule as stage
from powercut.verifier.gate.stages.schedule import (
    FamilyLanes,
    LanesPlan,
    RandomLanes,
    SmallLanes,
    bound_name,
    count_lanes,
    schedule_chunks,
)
from powercut.verifier.tapes.tape import Tape
from powercut.verifier.verdict import Breach, Verdict, Violation

TEXT = """
name = "schedules"
[schedule]
limit = 400
[schedule.exhaustive]
geometries = ["narrow"]
preemptions = 0
chunk = 400
[schedule.random]
geometries = ["colliding"]
programs = 2
schedules = 4
chunk = 1
[schedule.floor]
programs = 100
"""


def profile(**changes: str) -> Profile:
    text = TEXT
    for old, new in changes.items():
        text = text.replace(f"{old} = 0", f"{old} = {new}")
    return parse_profile(text, "schedules")


def test_random_programs_do_not_depend_on_what_their_schedules_draw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[list[Tape]] = []
    genuine = search_lanes

    def noted(tape: Tape, *arguments: Any, **named: Any) -> Searched:
        drawn[-1].append(tape)
        return genuine(tape, *arguments, **named)

    monkeypatch.setattr(stage, "search_lanes", noted)
    for schedules in (1, 7):
        drawn.append([])
        RandomLanes("0:6", 3, schedules, ("narrow", "colliding")).run(Deadline())
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 3


def test_chunks_hold_every_small_program_once() -> None:
    plan = profile().schedule
    assert plan is not None
    chunks = list(schedule_chunks(plan, "", 3))
    small = [chunk for chunk in chunks if isinstance(chunk, SmallLanes)]
    assert (small[0].start, small[0].stop) == (0, 400)
    assert sum(chunk.stop - chunk.start for chunk in small) == count_lanes()
    assert {chunk.seed for chunk in chunks if isinstance(chunk, RandomLanes)} == {"3:0", "3:1"}


def test_a_chunk_counts_programs_orders_and_schedules() -> None:
    result = SmallLanes(300, 303, "narrow", 1, 1_000).run(Deadline())
    seen = result.coverage
    assert result.finding is None
    assert seen.programs == 3
    assert 3 < seen.distinct <= seen.checked == seen.visited == seen.legal
    assert seen.bounded == 0
    assert SmallLanes(300, 303, "narrow", 1, 1).run(Deadline()).coverage.bounded == 3


def test_moves_beside_a_session_are_searched_where_the_profile_names_them() -> None:
    plan = profile().schedule
    assert plan is not None
    without = list(schedule_chunks(plan, "", 3))
    moving = LanesPlan(("narrow",), 2, 6)
    added = list(schedule_chunks(msgspec.structs.replace(plan, moving=moving), "", 3))
    chunks = [each for each in added if each not in without]
    assert [each for each in added if each in without] == without
    assert {each.bound for each in chunks if isinstance(each, SmallLanes)} == {
        bound_name(2, "narrow", is_moving=True)
    }
    assert sum(each.stop - each.start for each in chunks if isinstance(each, SmallLanes)) == count_lanes(
        is_moving=True
    )
    seen = SmallLanes(6, 8, "narrow", 2, 1_000, is_moving=True).run(Deadline()).coverage
    assert (seen.programs, seen.bounded) == (2, 0)
    assert seen.reached["schedules run"] < seen.checked


def test_random_programs_are_a_function_of_the_seed() -> None:
    def run(seed: str) -> Result:
        return RandomLanes(seed, 2, 6, ("narrow", "colliding")).run(Deadline())

    assert run("1:0") == run("1:0")
    assert run("1:0").coverage.checked == 12
    assert run("1:0").coverage != run("2:0").coverage


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """The number of small programs: every sixth. The gate's own stage has all of them."""
    genuine = stage._tapes
    monkeypatch.setattr(stage, "_tapes", lambda geometry: genuine(geometry)[::6])
    return len(genuine("narrow")[::6])


def test_a_gate_of_schedules_is_complete_within_its_bound(tmp_path: Path, few: int) -> None:
    assert count_lanes() == few
    report = run_gate(profile(), findings_folder=tmp_path)
    told = report.stages["schedule"]
    assert report.exit == 0, report.verdict
    (bound,) = told.bounds
    assert bound.complete
    assert bound.programs == bound.programs_visited == count_lanes()
    assert told.programs == count_lanes() + 2
    assert f"all {count_lanes():,} programs of sessions side by side" in tell_gate(report)


@pytest.mark.usefixtures("few")
def test_a_search_that_was_cut_short_is_not_complete(tmp_path: Path) -> None:
    text = TEXT.replace("limit = 400", "limit = 3").replace("preemptions = 0", "preemptions = 1")
    report = run_gate(parse_profile(text, "schedules"), findings_folder=tmp_path)
    (bound,) = report.stages["schedule"].bounds
    assert not bound.complete
    assert bound.bounded > 100


def test_a_violation_ends_the_stage_with_a_tape_that_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = SessionsProgram.judge

    def judge(self: SessionsProgram, record: Record) -> Verdict:
        """A violation, as if a store lost what was done under a preemption."""
        if record.deviations:
            return Violation("linearizable", Breach.WRONG_VALUE, "planted in the judge")
        return honest(self, record)

    monkeypatch.setattr(SessionsProgram, "judge", judge)
    text = TEXT.replace("preemptions = 0", "preemptions = 1")
    report = run_gate(parse_profile(text, "schedules"), findings_folder=tmp_path)
    (violation,) = report.stages["schedule"].violations
    assert report.exit == 1
    assert violation.oracle == "linearizable"
    assert Path(violation.file).exists()
    assert "side by side" in violation.story


def test_shipped_profiles_have_the_stage() -> None:
    for name in ("ci", "nightly"):
        plan = load_profile(name).schedule
        assert plan is not None
        assert plan.exhaustive.preemptions >= 1
    with pytest.raises(ProfileError, match="no_such"):
        parse_profile(TEXT.replace('"colliding"', '"no_such"'), "x")


def test_halves_are_searched_where_a_profile_names_them_and_each_is_in_one_chunk() -> None:
    more = '[schedule.halves]\ngeometries = ["narrow"]\npreemptions = 0\nevery = 7\nchunk = 20\n'
    plan = parse_profile(TEXT + more, "schedules").schedule
    bare = profile().schedule
    assert plan is not None
    assert bare is not None
    assert not any(isinstance(chunk, FamilyLanes) for chunk in schedule_chunks(bare, "", 0))
    parts = [chunk for chunk in schedule_chunks(plan, "", 0) if isinstance(chunk, FamilyLanes)]
    assert [(part.start, part.stop) for part in parts] == [(0, 20), (20, 40), (40, 42)]
    seen = parts[0].run(Deadline())
    assert seen.finding is None
    assert seen.coverage.programs == seen.coverage.reached["halves"] == seen.coverage.reached["pending"] == 20
