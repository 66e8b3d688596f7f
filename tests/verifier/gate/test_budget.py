"""A gate of a part: of chosen stages, or ended by a budget. It says so, and judges what it has searched."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from time import monotonic
from typing import Any

import pytest
from msgspec.structs import replace

from powercut.verifier.cli.summary import LINES_MAX, tell_gate
from powercut.verifier.finders.kill import Task, run_task
from powercut.verifier.gate import GateReport, Stage, run_gate, runner
from powercut.verifier.gate import chunks as chunks_of_gate
from powercut.verifier.gate.chunks import Chunk, Deadline, Result
from powercut.verifier.gate.plans import Floor
from powercut.verifier.gate.profile import Profile, ProfileError, load_profile
from powercut.verifier.gate.stages import STAGES
from powercut.verifier.gate.stages.crash import RandomTapes, SmallPrograms
from powercut.verifier.gate.stages.damage import Pieces, SomeBits
from powercut.verifier.gate.stages.faults import RandomStrikes, StruckCalls
from powercut.verifier.gate.stages.model import Examples
from powercut.verifier.gate.stages.mutants import PlantedBug
from powercut.verifier.gate.stages.schedule import RandomLanes, SmallLanes
from powercut.verifier.gate.workers import Workers
from powercut.verifier.mutants.bank import CONTROL
from powercut.verifier.mutants.hunt import kill
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape

# One of each kind, of more work than a few looks at the clock let through.
CHUNKS: tuple[Chunk, ...] = (
    Examples(1, "tiny", "posix", 6, 4, 64, "interpreted"),
    SmallPrograms(0, 20, 2, "tiny", "posix", 64, 1),
    RandomTapes((("1", 6),), 3, ("tiny",), "posix", 64, 1),
    StruckCalls("opened", "tiny", "posix", 0, 0, 1),
    RandomStrikes("1", 8, 4, ("tiny",), "posix", 8),
    SomeBits("created", "posix", 0, 60),
    Pieces("created", "posix", "1", 10),
    SmallLanes(0, 40, "narrow", 0, 100),
    RandomLanes("1", 8, 3, ("narrow",)),
)


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is a second later at each look, however fast the machine is."""
    looks = count()
    monkeypatch.setattr(chunks_of_gate, "monotonic", lambda: next(looks))


def figures(report: GateReport) -> Any:
    return json.loads(report.to_json())


# ---- chosen stages


def test_stages_that_are_chosen_are_all_that_is_run_and_owed(tiny: Profile) -> None:
    assert tiny.model is not None
    beyond = replace(tiny, model=replace(tiny.model, floor={"programs": 10**6}))
    report = run_gate(beyond, stages=["crash"])
    assert (report.exit, list(report.stages), report.chosen) == (0, ["crash"], ["crash"])
    assert report.summary == "consistent: 0 violations in 1 stage (of the stages chosen: crash)"
    assert figures(report)["chosen"] == ["crash"]
    alone = run_gate(replace(tiny, model=None))
    assert report.stages["crash"].distinct == alone.stages["crash"].distinct > 0
    both = run_gate(beyond, stages=["crash", "model", "crash"])
    assert (list(both.stages), both.chosen, both.exit) == (["model", "crash"], ["model", "crash"], 3)


@pytest.mark.parametrize("name", ["mutants", "crashes"])
def test_stage_that_the_profile_has_not_is_refused(tiny: Profile, name: str) -> None:
    with pytest.raises(ProfileError, match=f"no stage '{name}' in profile test: there are model, crash"):
        run_gate(tiny, stages=["crash", name])


# ---- budgets


def test_spent_budget_is_inconclusive_for_one_reason_a_stage(tiny: Profile) -> None:
    report = run_gate(tiny, budget=0)
    assert (report.exit, report.verdict) == (4, "inconclusive")
    reason = "not begun: the budget was spent"
    assert report.reasons() == {"model": [reason], "crash": [reason]}
    assert not any(bound.complete for bound in report.stages["crash"].bounds)
    assert [line.split() for line in tell_gate(report).splitlines()[1:]] == [
        [name, "inconclusive:", *reason.split()] for name in ("model", "crash")
    ]


@pytest.mark.usefixtures("ticking")
@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: type(chunk).__name__)
def test_chunk_ends_at_its_deadline_and_has_counted_what_it_searched(chunk: Chunk) -> None:
    part, whole = Deadline(4), Deadline()
    some, everything = chunk.run(part).coverage, chunk.run(whole).coverage
    assert (part.has_cut, whole.has_cut) == (True, False)
    assert 0 < some.programs + some.checked < everything.programs + everything.checked


@pytest.mark.usefixtures("ticking")
def test_program_that_was_cut_among_its_schedules_is_not_counted() -> None:
    deadline = Deadline(4)
    result = SmallLanes(300, 301, "narrow", 1, 100).run(deadline)
    assert deadline.has_cut
    assert (result.coverage.programs, result.coverage.bounded) == (0, 0)


def test_what_a_cut_chunk_has_searched_counts_and_its_bound_is_not_complete(
    tiny: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = SmallPrograms.run

    def cut(chunk: SmallPrograms, deadline: Deadline) -> Result:
        if chunk.start:
            deadline.at = 0
        return run(chunk, deadline)

    monkeypatch.setattr(SmallPrograms, "run", cut)
    report = run_gate(tiny, stages=["crash"], budget=3600)
    stage = report.stages["crash"]
    assert (report.exit, stage.is_cut, stage.programs) == (4, True, 2 + 2 + 4)
    assert report.reasons() == {"crash": ["the budget was spent with 3 of 7 chunks done: 8 programs"]}
    assert [bound.complete for bound in stage.bounds] == [False, False]


def test_budget_is_divided_over_the_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is given an equal part of what is left: what one does not need, the later ones have."""
    now = 100.0
    given: list[float] = []

    def run_stage(
        definition: Any, plan: Any, stage: Stage, lanes: Workers, deadline: float, run: Any
    ) -> None:
        nonlocal now
        given.append(deadline - now)
        now += 1.0 if len(given) == 1 else given[-1]

    monkeypatch.setattr(runner, "monotonic", lambda: now)
    monkeypatch.setattr(runner, "_run_stage", run_stage)
    run_gate(load_profile("ci"), budget=80)
    count = len(STAGES)
    assert given == pytest.approx([80 / count, *[79 / (count - 1)] * (count - 1)])


def test_gate_waits_for_no_lane_once_its_budget_is_spent(
    tiny: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chunk that looks at no clock is left behind; without that this test does not end."""
    released = threading.Event()
    now = 0.0

    def run(chunk: SmallPrograms, deadline: Deadline) -> Result:
        nonlocal now
        now = 100.0
        released.wait()
        return Result()

    for module in (chunks_of_gate, runner):
        monkeypatch.setattr(module, "monotonic", lambda: now)
    monkeypatch.setattr(SmallPrograms, "run", run)
    with ThreadPoolExecutor(1) as executor:
        report = run_gate(tiny, stages=["crash"], budget=1, executor=executor)
        released.set()
    assert report.exit == 4
    assert report.reasons() == {"crash": ["the budget was spent with 0 of 7 chunks done: 0 programs"]}


def test_kills_end_at_a_deadline_with_what_was_killed_until_then() -> None:
    tape = Tape((Era((Operation(), Operation(Kind.CHECKPOINT))),), law="pagecache")
    tally = run_task(Task((tape,) * 10_000), deadline=monotonic() + 0.3)
    assert tally.is_cut
    assert (tally.violation, tally.unknown) == (None, "")
    assert tally.programs < 10_000


def test_hunt_that_a_deadline_ends_is_not_decided() -> None:
    row = kill(CONTROL.name, seed=1, deadline=monotonic())
    assert (row.killed, bool(row.unknown)) == (False, True)
    chunk, deadline = PlantedBug(CONTROL.name, 1), Deadline(monotonic())
    assert (chunk.run(deadline).planted, deadline.has_cut) == ((), True)


# ---- what is told


def test_summary_is_no_longer_than_it_may_be_and_counts_what_it_hides() -> None:
    floor: Floor = {"reached": {f"place {number}": 1 for number in range(30)}}
    report = GateReport("test", 0, {"crash": Stage("posix", floor), "model": Stage("posix", {})})
    report.conclude()
    first, *beneath = tell_gate(report).splitlines()
    assert first.startswith(
        "below its floor: crash: reached 'place 0': 0, at least 1 expected (and 29 more) ("
    )
    assert len(beneath) == LINES_MAX == 15
    assert beneath[-1] == "  and 17 lines more, in the JSON"


def test_failure_of_the_harness_is_told_beside_what_was_not_decided() -> None:
    stage = Stage("posix", {}, unknown=["too slow"], failures=["it broke"])
    report = GateReport("test", 0, {"crash": stage})
    report.conclude()
    beneath = [line.split(None, 1)[-1] for line in tell_gate(report).splitlines()[1:]]
    assert beneath == ["inconclusive: too slow", "it broke"]
