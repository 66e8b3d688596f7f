"""Bugs in compiled kernels, hunted by stress: what is a kill, a survivor, and not decided.

The hunts themselves are in the gate: its stage `stress` has to kill every one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import msgspec
import pytest

from powercut.verifier.errors import HarnessError
from powercut.verifier.finders.stress import campaign
from powercut.verifier.finders.stress.campaign import Campaign
from powercut.verifier.gate import run_gate
from powercut.verifier.gate.profile import ProfileError, load_profile, names, parse_profile
from powercut.verifier.gate.stages import stress as stage
from powercut.verifier.mutants import stressed
from powercut.verifier.mutants.bank.stress import STRESSED, WORD
from powercut.verifier.mutants.hook import read_source
from powercut.verifier.mutants.hunts.stress import Found, Wanted
from powercut.verifier.mutants.planted import Mutant
from powercut.verifier.mutants.stressed import NAMES, Trial, stress_planted

PROFILE = """
name = "test"
[stress]
cap_seconds = 3600
sessions = 2
planted = ["compiled-lock-is-not-taken"]
[stress.floor]
killed = 1
"""


@pytest.mark.parametrize("mutant", [WORD, *STRESSED], ids=lambda mutant: mutant.name)
def test_old_text_stands_once_and_the_edits_compile(mutant: Mutant) -> None:
    source = read_source(mutant)
    edited = mutant.edited(source)
    assert edited != source
    assert "PLANTED" not in edited
    compile(edited, "edited", "exec")


def test_every_bug_has_its_own_number() -> None:
    for number, mutant in enumerate(STRESSED, 1):
        assert f"control[w.CONTROL_WORDS - 1] == {number}" in mutant.new


def test_shipped_profiles_owe_every_one_of_them() -> None:
    for name in names():
        plan = load_profile(name).stress
        assert plan is not None
        assert (plan.planted, plan.floor["killed"]) == (NAMES, len(NAMES))


def found(bug: int, oracle: str = "", unknown: str = "", lives: int = 7) -> Found:
    return Found(bug, oracle, "kind", "detail", unknown, lives, 0.5)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A stand-in for the process, that tells these rows."""

    def tell(*rows: Found) -> None:
        monkeypatch.setattr(stressed, "_ask", lambda wanted: [msgspec.json.encode(row) for row in rows])

    return tell


def test_bug_of_which_all_lives_tell_nothing_survives_by_name(told: Callable[..., None]) -> None:
    told(found(0, lives=3), found(2, lives=2_000), found(3, "prefix"))
    survivor, other = stress_planted(NAMES[1:], seed=1, sessions=2)
    assert (survivor.mutant.name, survivor.killed) == (NAMES[1], False)
    assert survivor.why == "2,000 lives, and nothing found"
    assert (other.killed, other.why) == (False, "7 lives, and prefix found")


def test_a_deadline_leaves_the_rest_undecided(told: Callable[..., None]) -> None:
    told(found(0, lives=3), found(1, "stress"), found(2))
    (row,) = stress_planted(NAMES[:2], seed=1, sessions=2)
    assert (row.mutant.name, row.killed, row.why) == (NAMES[0], True, "")


def test_where_kernels_cannot_be_compiled_nothing_is_decided(told: Callable[..., None]) -> None:
    told(found(0, unknown="no compiled kernels"), found(1))
    (row,) = stress_planted(NAMES[:1], seed=1, sessions=2)
    assert (row.killed, row.found.unknown, row.why) == (False, "no compiled kernels", "")


def test_process_plants_all_of_them_and_tells_of_none_and_of_each() -> None:
    """With its time over before it begins: the gate is where they live."""
    wanted = Wanted((1, 3), seed=1, sessions=2, kernels="interpreted", deadline=monotonic())
    rows = [msgspec.json.decode(line, type=Found) for line in stressed._ask(wanted)]
    assert [(row.bug, row.oracle, row.lives) for row in rows] == [(0, "", 0), (1, "", 0), (3, "", 0)]


def test_what_is_found_while_no_bug_is_at_work_is_a_fault_of_the_harness(
    told: Callable[..., None],
) -> None:
    told(found(0, "stress"))
    with pytest.raises(HarnessError, match="with no bug at work stress found: detail"):
        stress_planted(NAMES, seed=1, sessions=2)


def test_process_that_breaks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stressed, "sys", type("sys", (), {"executable": "false"}))
    with pytest.raises(HarnessError, match="ended with status 1"):
        stress_planted(NAMES, seed=1, sessions=2)


@pytest.mark.parametrize(
    ("rows", "code", "summary"),
    [
        ([found(2, "stress")], 0, "consistent: 0 violations in 1 stage, 1 of 1 planted bugs killed"),
        ([found(2, "prefix")], 3, "below its floor: stress: killed: 0, at least 1 expected (and 1 more)"),
        ([found(2)], 3, "below its floor: stress: killed: 0, at least 1 expected (and 1 more)"),
        ([found(2, unknown="hangs")], 4, "inconclusive: stress: compiled-lock-is-not-taken: hangs"),
        ([], 4, "inconclusive: stress: compiled-lock-is-not-taken: the time was over"),
    ],
)
def test_stage_owes_every_kill(
    monkeypatch: pytest.MonkeyPatch, rows: list[Found], code: int, summary: str
) -> None:
    monkeypatch.setattr(campaign, "run_stress", lambda *_, **__: Campaign())
    hunted = [Trial(STRESSED[row.bug - 1], row) for row in rows]
    monkeypatch.setattr(stage, "stress_planted", lambda *_, **__: hunted)
    report = run_gate(parse_profile(PROFILE, "test"))
    assert (report.exit, report.summary) == (code, summary)


def test_bug_that_there_is_not_is_refused() -> None:
    with pytest.raises(ProfileError, match="no bug planted in compiled kernels lock"):
        parse_profile(PROFILE.replace("compiled-lock-is-not-taken", "lock"), "test")


def test_interpreted_kernels_take_none() -> None:
    with pytest.raises(ProfileError, match="take compiled kernels"):
        parse_profile(PROFILE.replace("planted", 'kernels = "interpreted"\nplanted'), "test")
