"""Stage `reach`: equal figures wherever the work is done, and below its floor where something is missing."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from msgspec.structs import replace

from powercut.verifier.cli.summary import tell_gate
from powercut.verifier.gate import GateReport, Stage, run_gate, runner
from powercut.verifier.gate.chunks import Definition
from powercut.verifier.gate.profile import Profile, ProfileError, parse_profile
from powercut.verifier.gate.stages import reach
from powercut.verifier.reach import collector, reasons
from powercut.verifier.reach.monitor import IS_WATCHING

FEW = """
name = "few"
[crash]
limit = 64
depth = 0
[crash.exhaustive]
geometries = ["tiny"]
steps = 1
chunk = 3
[crash.random]
geometries = ["tiny"]
tapes = 4
steps = 4
chunk = 2
[crash.floor]
programs = 1
[damage]
media = ["one checkpoint"]
bits = []
bytes = 0
parts = 1
[damage.floor]
programs = 1
[reach.floor.reached]
"branches in 1,000" = 1
"""
watching = pytest.mark.skipif(not IS_WATCHING, reason="there is no monitor before Python 3.12")


@pytest.fixture(scope="module")
def few() -> Profile:
    return parse_profile(FEW, "few")


@pytest.fixture(scope="module")
def alone(few: Profile) -> GateReport:
    """The whole profile, in this process. No shipped reason has anything to say of so few programs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reach, "load_reasons", lambda: reasons.NO_REASONS)
        return run_gate(few)


@watching
def test_unreached_branches_are_below_a_floor_of_all(few: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "load_reasons", lambda: reasons.NO_REASONS)
    assert few.reach is not None
    strict = replace(few, reach=replace(few.reach, floor={"reached": {"branches in 1,000": 1000}}))
    report = run_gate(strict, stages=["reach"])
    assert report.exit == 3
    assert "branches in 1,000" in report.summary
    assert len([each for each in report.stages["reach"].unreached if not each.why]) > 100


@watching
def test_share_is_of_what_is_owed_and_what_is_missed_is_listed(alone: GateReport) -> None:
    stage = alone.stages["reach"]
    assert alone.exit == 0
    assert (stage.programs, stage.checked) == tuple(
        sum(getattr(alone.stages[name], figure) for name in ("crash", "damage"))
        for figure in ("programs", "checked")
    )
    for what in ("lines", "branches", "pairs"):
        reached, owed = stage.reached[what], stage.reached[f"of {what}"]
        assert 0 < reached < owed
        assert stage.reached[f"{what} in 1,000"] == 1000 * reached // owed
    listed = [each.what for each in stage.unreached]
    assert any(each.startswith("engine/device/memory.py:") and each.endswith(" entered") for each in listed)
    assert any("operation x phase: SCAN, PERSIST" in each for each in listed)
    assert "% of" in tell_gate(alone)


@watching
def test_explained_branch_is_not_owed_and_a_stale_reason_is_a_shortfall(
    few: Profile, alone: GateReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = reasons.parse_reasons(
        '[[ways]]\nwhy = "as a test"\nat = [["device/memory.py", "MemoryDevice.list", "", "entered"]]'
    )
    monkeypatch.setattr(reach, "load_reasons", lambda: told)
    stage = run_gate(few, stages=["reach"]).stages["reach"]
    assert stage.reached["branches"] == alone.stages["reach"].reached["branches"]
    assert stage.reached["of branches"] == alone.stages["reach"].reached["of branches"] - 1
    (explained,) = [each for each in stage.unreached if each.why]
    assert explained.why == "as a test"

    stale = reasons.parse_reasons('[[ways]]\nwhy = "no"\nat = [["store.py", "FasterKv.open", "", "entered"]]')
    monkeypatch.setattr(reach, "load_reasons", lambda: stale)
    report = run_gate(few, stages=["reach"])
    assert report.exit == 3
    assert "refused: store.py, FasterKv.open: entered was reached after all" in report.summary


@watching
def test_figures_do_not_depend_on_where_chunks_run(few: Profile, alone: GateReport) -> None:
    """In one process that starts as the gate's own do: two would take the same time again."""
    with pytest.MonkeyPatch.context() as patch, ProcessPoolExecutor(1, get_context("spawn")) as executor:
        patch.setattr(reach, "load_reasons", lambda: reasons.NO_REASONS)
        spread = run_gate(few, jobs=2, executor=executor)
    one, other = (replace(each.stages["reach"], seconds=0.0) for each in (alone, spread))
    assert one == other


def test_stage_that_is_asked_for_takes_those_along_that_it_watches(
    few: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "load_reasons", lambda: reasons.NO_REASONS)
    assert [*run_gate(few, stages=["reach"]).stages] == ["crash", "damage", "reach"]
    assert [*run_gate(few, stages=["crash"]).stages] == ["crash"]


def test_without_a_monitor_one_line_says_that_nothing_was_measured(
    few: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "IS_WATCHING", False)
    report = run_gate(few, stages=["reach"])
    assert report.exit == 0
    (line,) = [each for each in tell_gate(report).splitlines() if each.startswith("  reach")]
    assert "not measured" in line
    assert report.stages["reach"].reached == {reach._NOT_MEASURED: 1}


def test_budget_that_was_spent_leaves_it_undecided(few: Profile) -> None:
    report = run_gate(few, stages=["reach"], budget=0.0)
    stage = report.stages["reach"]
    assert report.exit == 4
    assert stage.is_cut
    assert not stage.reached


def test_stage_that_is_cut_short_leaves_it_undecided(few: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    run_stage = runner._run_stage

    def cut_short(definition: Definition[Any], plan: Any, stage: Stage, *rest: Any) -> None:
        run_stage(definition, plan, stage, *rest)
        stage.is_cut = stage.is_cut or definition.name == "crash"

    monkeypatch.setattr(runner, "_run_stage", cut_short)
    stage = run_gate(few, stages=["reach"]).stages["reach"]
    assert stage.is_cut
    assert stage.unknown == ["not judged: the budget was spent in crash"]
    assert not stage.reached


def test_floor_of_a_figure_that_it_has_not_is_refused() -> None:
    with pytest.raises(ProfileError, match="fired"):
        parse_profile(FEW.replace("[reach.floor.reached]", "[reach.floor.fired]"), "few")
