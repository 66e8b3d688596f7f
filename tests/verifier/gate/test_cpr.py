"""The stage `cpr`: what its chunks count, what they refuse, and that they say no."""

from __future__ import annotations

import pytest

from powercut.verifier.concurrency.cpr import KINDS
from powercut.verifier.faster.subject import FasterSubject
from powercut.verifier.finders.cpr import cutting, killed
from powercut.verifier.finders.cpr.cutting import Searched
from powercut.verifier.finders.cpr.killed import KillsTally
from powercut.verifier.gate.chunks import Deadline
from powercut.verifier.gate.profile import ProfileError, load_profile, parse_profile
from powercut.verifier.gate.stages.cpr import STAGE, CutLanes, KilledLoads, Loads, StuckPrograms, cpr_chunks
from powercut.verifier.verdict import Breach, Unknown, Violation

TEXT = """
name = "cuts"
[cpr]
law = "posix"
[cpr.cuts]
kinds = ["snapshot"]
geometries = ["narrow"]
preemptions = 0
every = 100
chunk = 2
limit = 400
[cpr.stuck]
every = 12
chunk = 1
[cpr.floor]
programs = 5
"""


def test_every_program_of_the_plan_is_in_one_chunk_and_counted() -> None:
    plan = parse_profile(TEXT, "cuts").cpr
    assert plan is not None
    chunks = list(cpr_chunks(plan, "posix", 0))
    results = [chunk.run(Deadline()) for chunk in chunks]
    shown = STAGE.begin(plan, None)
    lanes = [
        (chunk, result) for chunk, result in zip(chunks, results, strict=True) if isinstance(chunk, CutLanes)
    ]
    assert sum(result.coverage.programs for _, result in lanes) == shown.bounds[0].programs == 3
    assert {chunk.bound for chunk, _ in lanes} == {shown.bounds[0].name}
    assert sum(isinstance(chunk, StuckPrograms) for chunk in chunks) == 2
    for result in results:
        assert result.finding is None
        assert result.objection is None
        assert result.coverage.distinct > 0
    assert all(result.coverage.legal == result.coverage.visited > 0 for _, result in lanes)


def test_a_violation_is_a_finding_with_its_tape(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = FasterSubject.checkpoint
    monkeypatch.setattr(FasterSubject, "checkpoint", lambda self: dict.fromkeys(genuine(self), 9))
    result = CutLanes("snapshot", 0, 2, "narrow", "posix", 0, 400, 100).run(Deadline())
    assert result.finding is not None
    assert result.finding.verdict.breach is Breach.LOST_ACK
    assert result.finding.tape.eras[-1].crash is not None or "acknowledged" in result.finding.verdict.detail


def test_a_deadline_that_is_over_counts_no_program() -> None:
    for chunk in (
        CutLanes("snapshot", 0, 2, "narrow", "posix", 0, 400, 100),
        StuckPrograms(0, 2, "posix", 1),
    ):
        deadline = Deadline(0.0)
        assert chunk.run(deadline).coverage.programs == 0
        assert deadline.has_cut


def test_a_load_that_is_undecided_says_why_and_one_that_fails_is_no_pass(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = Loads("0", 1, 1, 1, 1, "interpreted")
    monkeypatch.setattr(cutting, "search_load", lambda *_, **__: Searched(Unknown("no time")))
    assert load.run(Deadline()).unknown == "no time"
    assert load.run(Deadline(0.0)).how_far == "no time"
    wrong = Violation("prefix", Breach.HOLE, "one is missing")
    monkeypatch.setattr(cutting, "search_load", lambda *_, **__: Searched(wrong))
    assert load.run(Deadline()).objection == wrong


def test_killed_loads_are_counted_and_one_that_fails_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    kills = "[cpr.kills]\nfolders = 5\nlives = 3\nchunk = 2\n"
    plan = parse_profile(TEXT + kills, "kills").cpr
    assert plan is not None
    chunks = [chunk for chunk in cpr_chunks(plan, "posix", 7) if isinstance(chunk, KilledLoads)]
    assert [(chunk.folders, chunk.lives) for chunk in chunks] == [(2, 3), (2, 3), (1, 3)]
    assert len({chunk.seed for chunk in chunks}) == 3
    wrong = Violation("prefix", Breach.HOLE, "one is missing")
    tallies = iter((KillsTally({"kills": 6}), KillsTally(violation=wrong), KillsTally(is_cut=True)))
    monkeypatch.setattr(killed, "run_kills", lambda *_: next(tallies))
    whole, told = (chunks[0].run(Deadline()) for _ in range(2))
    assert (whole.objection, whole.unknown) == (None, "")
    assert (whole.coverage.checked, whole.coverage.programs) == (6, 1)
    assert told.objection == wrong
    over = Deadline(0.0)
    assert chunks[0].run(over).coverage.programs == 0
    assert over.has_cut


@pytest.mark.parametrize(
    ("old", "new"),
    [('"snapshot"', '"index"'), ('"narrow"', '"wrong"'), ('"posix"', '"none"'), ("chunk = 2", "chunk = 0")],
)
def test_what_is_not_there_is_refused(old: str, new: str) -> None:
    with pytest.raises(ProfileError):
        parse_profile(TEXT.replace(old, new, 1), "cuts")


def test_shipped_profiles_owe_every_part_of_it() -> None:
    for name in ("ci", "nightly"):
        plan = load_profile(name).cpr
        assert plan is not None
        assert set(plan.cuts.kinds) == set(KINDS)
        assert plan.stuck is not None
        assert plan.load is not None
        reached = plan.floor["reached"]
        assert isinstance(reached, dict)
        assert reached["operations"] == plan.load.rounds * plan.load.operations * 12
        assert reached["checkpoints"] == plan.load.rounds * plan.load.checkpoints
        assert reached["cuts"] == plan.load.rounds * plan.load.cuts
        assert plan.kills is not None
        assert reached["kills"] == plan.kills.folders * plan.kills.lives
        assert reached["in a later life"] == plan.kills.folders * (plan.kills.lives - 1)
