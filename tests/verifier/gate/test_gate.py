"""The gate: equal figures however it is spread out, and each of its exits reached."""

from __future__ import annotations

import json
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from powercut.faultfs import FaultDevice
from powercut.verifier.cli.summary import tell_gate
from powercut.verifier.finders.crashes import Coverage, Finding
from powercut.verifier.finders.shared import exhaust
from powercut.verifier.gate import GateReport, Progress, findings, run_gate
from powercut.verifier.gate.chunks import Deadline, Result
from powercut.verifier.gate.profile import Profile, parse_profile
from powercut.verifier.gate.stages import crash, mutants
from powercut.verifier.gate.stages.crash import SmallPrograms
from powercut.verifier.mutants.bank import BANK
from powercut.verifier.mutants.hunt import Row
from powercut.verifier.reducing.passes import count_operations
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.tape import Tape, decode_tape
from powercut.verifier.verdict import Breach, Violation

MUTANTS = """
[mutants]
[mutants.floor]
killed = 1
"""
# A report, and what it told of its progress.
Told = tuple[GateReport, list[Progress]]
LOST = Violation("prefix", Breach.LOST_ACK, "planted")


@pytest.fixture(scope="module")
def alone(tiny: Profile) -> Told:
    """The stage crash of `tiny` in this process, and the progress that it told."""
    seen: list[Progress] = []
    return run_gate(only_crash(tiny), progress=seen.append), seen


@pytest.fixture(scope="module")
def smaller(tiny: Profile) -> Profile:
    """The stage crash alone, of one geometry and one tape."""
    plan = tiny.crash
    assert plan is not None
    exhaustive = replace(plan.exhaustive, geometries=("tiny",))
    less = {"exhaustive": exhaustive, "random": replace(plan.random, tapes=1), "floor": {"programs": 7}}
    return only_crash(replace(tiny, crash=replace(plan, **less)))


@pytest.fixture(scope="module")
def longer(tiny: Profile) -> Profile:
    """The stage crash alone, of the two steps in which something can be lost."""
    assert tiny.crash is not None
    exhaustive = replace(tiny.crash.exhaustive, geometries=("tiny",), steps=2, chunk=25)
    return only_crash(replace(tiny, crash=replace(tiny.crash, exhaustive=exhaustive)))


def without_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_seconds(v) for k, v in value.items() if not k.endswith("seconds")}
    return [without_seconds(each) for each in value] if isinstance(value, list) else value


def figures(report: GateReport) -> Any:
    return without_seconds(json.loads(report.to_json()))


def row(*, killed: bool = True, unknown: str = "") -> Row:
    return Row("bug", "ancestor", "prefix", "kind", killed, 0.5, 3, unknown, "why not", 7, 8, 9, None)


def only_crash(profile: Profile) -> Profile:
    return replace(profile, model=None)


# ---- consistent


def test_two_processes_give_the_document_of_one(tiny: Profile, smaller: Profile, tmp_path: Path) -> None:
    profile = replace(smaller, model=tiny.model)
    alone = run_gate(profile, jobs=1, findings_folder=tmp_path)
    both = run_gate(profile, jobs=2, findings_folder=tmp_path)
    assert (alone.exit, alone.verdict) == (0, "consistent")
    assert figures(alone) == figures(both)
    assert alone.stages["model"].checked > 0
    assert alone.stages["crash"].programs == 6 + 1
    assert not list(tmp_path.iterdir())


def test_executor_of_the_caller_is_used_and_left_open(tiny: Profile, alone: Told, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as executor:
        report = run_gate(only_crash(tiny), jobs=2, executor=executor, findings_folder=tmp_path)
        assert executor.submit(int).result() == 0
    assert figures(report) == figures(alone[0])


def test_another_seed_gives_other_random_programs_and_the_same_bounds(tiny: Profile, alone: Told) -> None:
    one, other = alone[0].stages["crash"], run_gate(only_crash(tiny), seed=2).stages["crash"]
    assert one.bounds == other.bounds
    assert one.distinct != other.distinct


def test_summary_says_what_was_searched_and_what_is_complete(alone: Told) -> None:
    report, _ = alone
    assert report.summary == "consistent: 0 violations in 1 stage"
    first, stage, bound = tell_gate(report).splitlines()
    assert first.startswith(f"{report.summary} (profile test, seed 0, ")
    assert f"crash     {2 * 6 + 4} programs, " in stage
    assert bound.strip() == "complete: all 6 programs of <= 1 steps in tiny, colliding"


def test_progress_counts_every_chunk_and_the_states_so_far(alone: Told) -> None:
    report, seen = alone
    assert [(each.stage, each.done, each.total) for each in seen] == [("crash", done, 7) for done in range(8)]
    assert [each.states for each in seen] == sorted(each.states for each in seen)
    assert (seen[0].states, seen[-1].states) == (0, report.stages["crash"].distinct)


def test_other_law_owes_the_programs_alone(tiny: Profile, alone: Told) -> None:
    report = run_gate(only_crash(tiny), law="strict")
    assert report.exit == 0
    assert report.stages["crash"].law == "strict"
    assert report.stages["crash"].floor == {"programs": 16, "checked": 1}
    assert report.stages["crash"].distinct < alone[0].stages["crash"].distinct


def test_law_that_does_not_exist_is_refused(tiny: Profile) -> None:
    with pytest.raises(ValueError, match="no law 'wishful'"):
        run_gate(tiny, law="wishful")


def test_planted_bug_is_hunted_alike_here_and_in_a_lane(tmp_path: Path) -> None:
    name = BANK[0].name
    profile = parse_profile(f'name = "m"\n[mutants]\nonly = ["{name}"]\n[mutants.floor]\nkilled = 1', "m")
    alone, lanes = (run_gate(profile, jobs=jobs, findings_folder=tmp_path) for jobs in (1, 2))
    assert (alone.exit, [each.name for each in alone.stages["mutants"].mutants]) == (0, [name])
    assert alone.summary == "consistent: 0 violations in 1 stage, 1 of 1 planted bugs killed"
    assert figures(alone) == figures(lanes)


# ---- below a floor


def test_stage_below_its_floor_is_an_environment_failure(smaller: Profile) -> None:
    assert smaller.crash is not None
    floor = {"distinct": 10**6, "reached": {"PERSIST sync root": 1, "PERSIST rename root": 1}}
    report = run_gate(replace(smaller, crash=replace(smaller.crash, floor=floor)))
    assert (report.exit, report.verdict) == (3, "below its floor")
    distinct = report.stages["crash"].distinct
    misses = [
        f"distinct: {distinct}, at least 1000000 expected",
        "reached 'PERSIST rename root': 0, at least 1 expected",
    ]
    assert report.reasons() == {"crash": misses}
    assert report.summary == f"below its floor: crash: {misses[0]} (and 1 more)"
    assert [line.split(":", 1)[1].strip() for line in tell_gate(report).splitlines()[1:]] == misses


def test_chunk_that_fails_is_the_harness_and_not_the_store(
    tiny: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(crash, "search_each", fail)
    report = run_gate(only_crash(tiny))
    assert report.exit == 3
    assert "RuntimeError: planted" in report.summary
    assert all(bound.complete for bound in report.stages["crash"].bounds)


def test_lane_that_is_gone_is_the_harness_and_not_the_store(tiny: Profile) -> None:
    class Dying(ThreadPoolExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            if args[0].start:
                raise BrokenExecutor("planted")
            return super().submit(fn, *args, **kwargs)

    with Dying(1) as executor:
        report = run_gate(only_crash(tiny), executor=executor)
    assert report.exit == 4, "its bounds are open"
    assert report.stages["crash"].failures == ["a process of the gate is gone: planted"]


def test_planted_bug_that_survives_fails_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = parse_profile('name = "m"\n' + MUTANTS, "m")
    monkeypatch.setattr(mutants, "BANK", BANK[:2])
    rows = iter([row(), row(killed=False)])
    monkeypatch.setattr(mutants, "kill", lambda name, **_: next(rows))
    report = run_gate(profile)
    assert report.exit == 3
    assert report.summary == "below its floor: mutants: planted bug bug survived: why not"
    assert report.stages["mutants"].killed == 1


# ---- inconclusive


def test_planted_bug_that_was_not_decided_is_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = parse_profile('name = "m"\n' + MUTANTS, "m")
    monkeypatch.setattr(mutants, "BANK", BANK[:1])
    monkeypatch.setattr(mutants, "kill", lambda name, **_: row(killed=False, unknown="too slow"))
    report = run_gate(profile)
    assert (report.exit, report.summary) == (4, "inconclusive: mutants: bug: too slow")


def test_bound_that_lost_a_state_is_not_complete(smaller: Profile, monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(*arguments: Any, **options: Any) -> tuple[Coverage, Finding | None]:
        coverage, finding = exhaust(*arguments, **options)
        coverage.visited -= 1
        return coverage, finding

    monkeypatch.setattr(crash, "exhaust", forgetful)
    report = run_gate(smaller)
    assert report.exit == 4
    assert "<= 1 steps in tiny: not complete" in report.reasons()["crash"]


# ---- violation


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every device forgets to sync segments."""
    sync = FaultDevice.sync

    def skip(device: FaultDevice, name: str) -> None:
        if not name.startswith("segment"):
            sync(device, name)

    monkeypatch.setattr(FaultDevice, "sync", skip)


@pytest.mark.usefixtures("careless")
def test_violation_is_shrunk_written_and_told(longer: Profile, tmp_path: Path) -> None:
    profile = replace(longer, mutants=parse_profile('name = "m"\n' + MUTANTS, "m").mutants)
    report = run_gate(profile, findings_folder=tmp_path / "findings")
    assert (report.exit, report.verdict) == (1, "violation")
    assert list(report.stages) == ["crash"], "nothing is planted in a broken store"
    (violation,) = report.stages["crash"].violations
    assert [str(path) for path in (tmp_path / "findings").iterdir()] == [violation.file]
    tape = decode_tape(Path(violation.file).read_bytes())
    verdict = play(tape).verdict
    assert isinstance(verdict, Violation)
    assert (verdict.oracle, verdict.breach.value) == (violation.oracle, violation.kind)
    assert count_operations(tape) == violation.operations <= 2
    assert violation.repeat == f"powercut replay {violation.file}"
    assert violation.repeat in report.summary
    assert violation.repeat in violation.story


@pytest.mark.usefixtures("careless")
def test_violation_whose_tape_cannot_be_written_is_a_violation(
    longer: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "tell", lambda *_, **__: "")  # It takes long, and is not asked for here.
    (tmp_path / "file").touch()
    report = run_gate(longer, seed=5, findings_folder=tmp_path / "file" / "findings")
    (violation,) = report.stages["crash"].violations
    assert report.exit == 1
    assert violation.file == ""
    assert violation.repeat == "powercut gate --profile test --seed 5"


def test_first_violation_in_order_of_chunks_counts(
    tiny: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second chunk has a finding; the third, already out, has one too and is not merged."""

    def run(chunk: SmallPrograms, deadline: Deadline) -> Result:
        finding = Finding(Tape(), LOST) if chunk.start else None
        return Result(Coverage(programs=1), finding)

    monkeypatch.setattr(SmallPrograms, "run", run)
    with ThreadPoolExecutor(4) as executor:
        report = run_gate(only_crash(tiny), jobs=4, executor=executor, findings_folder=tmp_path)
    assert report.stages["crash"].programs == 2
    assert len(report.stages["crash"].unstable) == 1


@pytest.mark.usefixtures("careless")
def test_violation_that_cannot_be_shrunk_or_told_is_a_violation(
    longer: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(findings, "shrink", fail)
    monkeypatch.setattr(findings, "tell", fail)
    report = run_gate(longer, findings_folder=tmp_path)
    (violation,) = report.stages["crash"].violations
    assert report.exit == 1
    assert isinstance(play(decode_tape(Path(violation.file).read_bytes())).verdict, Violation)
    assert len(report.stages["crash"].failures) == 2


# ---- nondeterminism


def test_finding_that_does_not_come_back_is_nondeterminism(
    tiny: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crash, "exhaust", lambda *_, **__: (Coverage(), Finding(Tape(), LOST)))
    report = run_gate(only_crash(tiny), findings_folder=tmp_path)
    assert (report.exit, report.verdict) == (5, "nondeterminism")
    assert "lost acknowledged operation was found; replayed: no violation" in report.summary
    (file,) = tmp_path.iterdir()
    assert decode_tape(file.read_bytes()) == Tape()
    assert report.summary.endswith(f"powercut replay {file}")
