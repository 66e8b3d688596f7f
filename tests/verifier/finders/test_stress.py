"""Stress: what a campaign reaches, finds and misses, and that it ends, also where somebody hangs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from time import monotonic
from typing import Any

import pytest

from powercut.engine import CheckpointKind, Compacted, FasterKv, MemoryDevice
from powercut.engine.compiler.compilation import available
from powercut.verifier.cli.summary import tell_gate
from powercut.verifier.finders.stress import campaign, crew, life
from powercut.verifier.finders.stress.campaign import Campaign, run_stress
from powercut.verifier.finders.stress.writer import Writer
from powercut.verifier.gate import run_gate
from powercut.verifier.gate.chunks import Deadline
from powercut.verifier.gate.profile import ProfileError, load_profile, names, parse_profile
from powercut.verifier.gate.stages.stress import (
    Planted,
    Stressed,
    StressedLog,
    StressedWeek,
    WeekPlan,
    stress_chunks,
)
from powercut.verifier.verdict import OK, Breach, Unknown, Verdict, Violation

needs_compiled = pytest.mark.skipif(not available(), reason="compiled kernels need numba")


def breach_of(verdict: Verdict) -> Breach | None:
    return verdict.breach if isinstance(verdict, Violation) else None


# ---- campaigns


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of the first mix alone, whose lives end soon."""
    monkeypatch.setattr(campaign, "MIXES", campaign.MIXES[:1])


@pytest.mark.usefixtures("small")
def test_interpreted_campaign_reaches_what_it_is_for_and_leaves_the_switch_interval() -> None:
    before = sys.getswitchinterval()
    found = run_stress({"appends": 2400}, sessions=4, seed=3, kernels="interpreted")
    assert found.verdict == OK
    assert sys.getswitchinterval() == before
    reached = found.reached
    assert reached["appends"] >= 2400
    assert (reached["rounds"], reached["lives"], reached["recoveries"]) == (1, 3, 2)
    for what in ("in batches", "carried off", "copied", "in place", "device reads", "checkpoints", "audited"):
        assert reached[what] > 0, what


@needs_compiled
def test_compiled_campaign_is_consistent() -> None:
    mix = replace(campaign.MIXES[0], operations=800)  # The gate has lives of all sizes.
    found = run_stress({"pages written": 1}, sessions=4, seed=4, mixes=(mix,))
    assert found.verdict == OK
    assert found.reached["appends"] > 0
    assert found.reached["pages written"] > 0


def test_without_compiled_kernels_nothing_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "available", lambda: False)
    found = run_stress({"appends": 1})
    assert isinstance(found.verdict, Unknown)
    assert "no compiled kernels" in found.verdict.why


@pytest.mark.usefixtures("small")
def test_session_that_hangs_is_undecided_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    begun: list[object] = []
    looks = count(step=1000.0)

    def wait_for_ever(writer: Any, is_over: Callable[[], bool]) -> None:
        begun.append(writer)
        gate.wait()

    # The clock stands still until two writers, the checkpoints and the upkeep have begun.
    for module in (life, crew):
        monkeypatch.setattr(module, "monotonic", lambda: next(looks) if len(begun) == 4 else 0.0)
    monkeypatch.setattr(Writer, "run", wait_for_ever)
    monkeypatch.setattr(life._Checkpointer, "run", wait_for_ever)
    monkeypatch.setattr(life._Keeper, "run", wait_for_ever)
    found = run_stress({"lives": 1}, sessions=2, kernels="interpreted")
    gate.set()
    assert isinstance(found.verdict, Unknown)
    assert "s0: wait" in found.verdict.why
    assert "wait_for_ever" in found.verdict.why


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("what", ["grow_index", "compact"])
def test_upkeep_that_says_what_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    lied = {"grow_index": lambda *_: 7, "compact": lambda *_: Compacted(-1, 0, 0, 0, 0)}
    monkeypatch.setattr(FasterKv, what, lied[what])
    verdict = run_stress({"lives": 12}, sessions=2, kernels="interpreted").verdict
    assert breach_of(verdict) == Breach.WRONG_RESULT


@pytest.mark.usefixtures("small")
def test_checkpoint_that_reports_less_than_had_ended_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = FasterKv.checkpoint

    def forget(store: FasterKv, kind: CheckpointKind, *, timeout: float | None) -> Any:
        assert timeout is None, "an operation that is slow would be a violation"
        point = checkpoint(store, kind, timeout=timeout)
        return type(point)(point.version, dict.fromkeys(point.serials, 0), point.kind)

    monkeypatch.setattr(FasterKv, "checkpoint", forget)
    verdict = run_stress({"lives": 3}, sessions=2, kernels="interpreted").verdict
    assert breach_of(verdict) == Breach.WRONG_SERIAL


@pytest.mark.usefixtures("small")
def test_lost_append_is_found_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """One rmw in a thousand writes nothing, and says that it has."""
    from powercut.engine import Session

    rmw, counts = Session.rmw, {"calls": 0}

    def lose(session: Session, key: bytes, function: Any) -> Any:
        counts["calls"] += 1
        if counts["calls"] % 1000:
            return rmw(session, key, function)
        seen: list[bytes] = []
        rmw(session, key, lambda found: seen.append(function(found)))
        return seen[-1]

    monkeypatch.setattr(Session, "rmw", lose)
    verdict = run_stress({"appends": 6000}, sessions=4, kernels="interpreted").verdict
    assert breach_of(verdict) in (Breach.HOLE, Breach.WRONG_RESULT)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("is_lost", [True, False])
def test_append_of_a_batch_that_is_lost_or_done_twice_is_found_at_rest(
    monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    """The last operation of one batch in ten appends nothing, or is done again."""
    from powercut.engine import Session

    append_many, counts = Session.append_many, {"calls": 0}

    def spoil(session: Session, keys: Any, values: Any) -> None:
        counts["calls"] += 1
        is_spoiled = counts["calls"] % 10 == 0
        keys, values = (
            [item.tobytes() for item in given] if hasattr(given, "tolist") else given
            for given in (keys, values)
        )
        if is_spoiled and is_lost:
            values = [*values[:-1], b""]
        append_many(session, keys, values)
        if is_spoiled and not is_lost:
            append_many(session, keys[-1:], values[-1:])
            session._driver.take_back(1)
            session._driver.settle()

    monkeypatch.setattr(Session, "append_many", spoil)
    verdict = run_stress({"appends": 6000}, sessions=4, kernels="interpreted").verdict
    assert isinstance(verdict, Violation)
    assert verdict.breach in (Breach.HOLE if is_lost else Breach.PHANTOM, Breach.WRONG_RESULT)


# ---- in the gate

PROFILE = """
name = "test"
[stress]
cap_seconds = {cap}
sessions = 2
kernels = "interpreted"
[stress.floor.reached]
appends = 200
recoveries = 2
"""


def test_stage_of_the_gate_counts_lives_and_owes_what_was_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "MIXES", (replace(campaign.MIXES[0], operations=800),))
    report = run_gate(parse_profile(PROFILE.format(cap=3600), "test"))
    stage = report.stages["stress"]
    assert (report.exit, stage.programs, stage.unknown) == (0, 3, [])
    assert stage.checked == 5
    assert stage.reached["appends"] >= 200
    assert f"3 lives, {stage.reached['appends']:,} appends on threads, each exactly once" in tell_gate(report)


def test_violation_without_a_tape_fails_the_gate_and_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = Violation("stress", Breach.HOLE, "planted")
    monkeypatch.setattr(campaign, "run_stress", lambda *_, **__: Campaign(verdict))
    text = PROFILE.format(cap=3600) + "[mutants]\n[mutants.floor]\nkilled = 1\n"
    report = run_gate(parse_profile(text, "test"), seed=9)
    assert (report.exit, list(report.stages)) == (1, ["stress"])
    (violation,) = report.stages["stress"].violations
    assert (violation.kind, violation.detail, violation.file) == (Breach.HOLE.value, "planted", "")
    assert violation.repeat == "powercut gate --profile test --seed 9"


def test_campaign_that_decided_nothing_is_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "run_stress", lambda *_, **__: Campaign(Unknown("nobody gets on")))
    report = run_gate(parse_profile(PROFILE.format(cap=3600), "test"))
    assert (report.exit, report.summary) == (4, "inconclusive: stress: nobody gets on")


def test_campaign_that_reaches_its_cap_is_inconclusive_and_names_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The clock runs ahead: not even a slow machine may fail for it."""
    from powercut.verifier.gate.stages import stress as stressed

    monkeypatch.setattr(stressed, "monotonic", lambda: monotonic() - 3600)
    report = run_gate(parse_profile(PROFILE.format(cap=3600), "test"))
    assert report.exit == 4
    assert report.reasons() == {
        "stress": ["its cap of 3600 s was reached with 0 of 200 appends, 0 of 2 recoveries"]
    }
    assert not report.stages["stress"].is_cut


@pytest.mark.parametrize("figure", ["retries", "percent copied", "seconds"])
def test_floor_that_no_amount_of_work_reaches_for_certain_is_refused(figure: str) -> None:
    text = PROFILE.format(cap=3600).replace("recoveries", f'"{figure}"')
    with pytest.raises(ProfileError, match=f"no amount of work {figure}"):
        parse_profile(text, "test")


def test_shipped_floors_are_amounts_of_work() -> None:
    for name in names():
        plan = load_profile(name).stress
        assert plan is not None
        chunk, logs, weeks, hunts = stress_chunks(plan, "", 0)
        assert isinstance(logs, StressedLog)
        assert isinstance(weeks, StressedWeek)
        assert isinstance(chunk, Stressed)
        assert isinstance(hunts, Planted)
        assert len(hunts.names) == plan.floor["killed"] == 5
        assert dict(chunk.amounts).keys() > {"lives", "judged", "device reads", "checkpoints"}


def test_a_chunk_of_weeks_owes_amounts_of_weeks_alone() -> None:
    plan = WeekPlan(keys=700, operations=40, laws=("posix", "ext4"))
    chunk = StressedWeek(0, (("appends", 1), ("week days", 1), ("log scans", 1)), 600, "interpreted", plan)
    result = chunk.run(Deadline())
    assert (result.unknown, result.objection) == ("", None)
    assert result.coverage.reached["week days"] == 7
    late = chunk.run(Deadline(monotonic() - 1))
    assert late.how_far == "0 of 1 week days"


def test_amounts_of_weeks_want_a_week_and_its_laws_are_known() -> None:
    text = PROFILE.format(cap=3600).replace("recoveries", '"week days"')
    with pytest.raises(ProfileError, match="amounts of weeks take a `week`"):
        parse_profile(text, "test")
    week = '\n[stress.week]\nkeys = 700\noperations = 40\nlaws = ["moon"]\n'
    with pytest.raises(ProfileError, match="no law 'moon'"):
        parse_profile(text + week, "test")
    with pytest.raises(ProfileError, match="under btrfs"):
        parse_profile(text + week.replace("moon", "btrfs"), "test")


@pytest.mark.usefixtures("small")
def test_campaign_goes_on_until_every_amount_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A life more than one round has: a second round is begun for it, and lived to its end."""
    monkeypatch.setattr(campaign, "MIXES", (replace(campaign.MIXES[0], operations=400),))
    amounts = {"lives": 4, "device reads": 1}
    found = run_stress(amounts, sessions=2, kernels="interpreted")
    assert (found.verdict, found.missing(amounts)) == (OK, [])
    assert (found.reached["rounds"], found.reached["lives"]) == (2, 6)


@pytest.mark.usefixtures("small")
def test_life_ends_after_so_many_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    mix = campaign.MIXES[0]
    monkeypatch.setattr(campaign, "MIXES", (replace(mix, operations=200),))
    found = run_stress({"lives": 1}, sessions=2, kernels="interpreted")
    issued = sum(found.reached[what] for what in ("appends", "added", "upserts", "deletes", "reads"))
    assert 3 * 200 <= issued < 3 * 200 * 20


def test_error_of_the_engine_in_a_writer_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness has no fault here: the error was raised in a module of the engine."""
    from powercut.engine import Session

    rmw = Session.rmw

    def fail(session: Session, key: bytes, function: Any) -> Any:
        session.close()
        return rmw(session, key, function)

    monkeypatch.setattr(Session, "rmw", fail)
    verdict = run_stress({"lives": 1}, sessions=2, kernels="interpreted").verdict
    assert breach_of(verdict) == Breach.ERROR


def test_store_that_cannot_be_opened_again_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(MemoryDevice):
        """Truncates every segment and snapshot while it is closed."""

        def close(self) -> None:
            for name in self.list():
                if name.startswith(("segment", "snapshot")):
                    self.truncate(name, 0)
            super().close()

    monkeypatch.setattr(campaign, "MemoryDevice", Forgetful)
    # The newest checkpoint of a life may be of an empty store; where they come so often, not of each life.
    mix = replace(campaign.MIXES[0], operations=200)
    verdict = run_stress({"lives": 30}, sessions=2, kernels="interpreted", mixes=(mix,)).verdict
    assert breach_of(verdict) == Breach.UNOPENABLE
