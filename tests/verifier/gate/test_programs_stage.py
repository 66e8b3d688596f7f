"""Stage `programs`: what is known of a program is found, with system calls and without, and no other."""

from __future__ import annotations

import pytest

from powercut.verifier.gate.chunks import Deadline
from powercut.verifier.gate.profile import load_profile
from powercut.verifier.gate.stages.programs import STAGE, Explored
from powercut.verifier.programs.exploring import suite
from powercut.verifier.programs.exploring.suite import PROGRAMS, Program, try_program
from powercut.verifier.programs.exploring.verdicts import Verdict
from powercut.verifier.programs.reading.syscalls import why_not

NAME = "other-folder"


def test_the_profiles_have_every_program_and_their_floor_is_all_of_it() -> None:
    for name in ("ci", "nightly"):
        plan = load_profile(name).programs
        assert plan is not None
        assert set(plan.names) == set(PROGRAMS)
        verdicts = [program.verdicts for program in PROGRAMS.values()]
        counts = {each.value: sum(each in found for found in verdicts) for each in Verdict}
        counts = {each: count for each, count in counts.items() if count}
        assert plan.floor["reached"] == {"silent": verdicts.count(frozenset()), **counts}
        assert plan.floor["programs"] == len(list(STAGE.chunks(plan, "posix", 0)))


def test_a_program_has_the_same_figures_where_nothing_can_be_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = Explored(NAME).run(Deadline())
    monkeypatch.setattr(suite, "why_not", lambda: "not here")
    device = Explored(NAME).run(Deadline())
    assert traced.objection is None
    assert device.objection is None
    assert device.coverage.reached.pop("by device calls: not here") == 1
    for figure in ("programs", "distinct", "judged", "reached"):
        assert getattr(device.coverage, figure) == getattr(traced.coverage, figure)


def test_another_verdict_than_the_known_one_is_an_objection(monkeypatch: pytest.MonkeyPatch) -> None:
    known = PROGRAMS[NAME]
    monkeypatch.setitem(PROGRAMS, NAME, Program(known.calls, known.file))
    objection = Explored(NAME).run(Deadline()).objection
    assert objection is not None
    assert objection.detail == f"the program {NAME}: found lost acknowledged, expected nothing"


def test_a_recording_with_other_states_than_the_calls_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    if reason := why_not():
        pytest.skip(reason)
    other = PROGRAMS["rewrite"]
    device = suite._of_device
    monkeypatch.setattr(suite, "_of_device", lambda program, root: device(PROGRAMS["replace"], root))
    assert "other crash states" in try_program(other).why


def test_a_bounded_search_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "LIMIT", 1)
    assert try_program(PROGRAMS["rewrite"]).why.startswith("bounded(")
