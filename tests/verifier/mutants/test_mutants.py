"""The planted bugs: the bank fits the source, the right oracle kills, and a harmless edit survives."""

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from itertools import islice
from typing import Any

import pytest

from powercut.verifier.errors import HarnessError
from powercut.verifier.gate.stages import STAGES
from powercut.verifier.mutants import hook, hunt
from powercut.verifier.mutants.bank import BANK, CONTROL, find
from powercut.verifier.mutants.bank.schedule import CONCURRENCY
from powercut.verifier.mutants.client import Server
from powercut.verifier.mutants.hook import install, read_source
from powercut.verifier.mutants.hunt import OPERATIONS_MAX, Row, kill, matrix
from powercut.verifier.mutants.hunts.preempt import programs
from powercut.verifier.mutants.hunts.schedule import FEW
from powercut.verifier.mutants.planted import CONTRACT, MODEL, SCHEDULES, Mutant
from powercut.verifier.programs.reading.syscalls import why_not
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.tape import ANSWERS
from powercut.verifier.verdict import OK, Breach, Violation

ALL = (*BANK, CONTROL)
each_of_all = pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)


@each_of_all
def test_old_text_stands_once_and_the_edit_compiles_to_something_else(mutant: Mutant) -> None:
    source = read_source(mutant)
    edited = mutant.edited(source)
    assert edited != source
    compile(edited, mutant.module, "exec")


@each_of_all
def test_every_bug_has_an_ancestor_and_a_kind(mutant: Mutant) -> None:
    assert mutant.ancestor.partition(":")[2].strip()
    of_programs = {"model", "prefix", "serials", "openable", "structure", "contract", "committed"}
    assert mutant.oracle in of_programs | {
        *(
            "linearizable",
            "progress",
            "faults",
            "damage",
            "pagecache",
            "figures",
            "log",
            "inspection",
            "committed",
            "programs",
        )
    }
    assert mutant.search in {*(stage.name for stage in STAGES), CONTRACT}
    assert mutant.breach in Breach.__members__


def test_names_are_unique_and_at_most_four_bugs_are_below_every_disk_of_ours() -> None:
    assert len({mutant.name for mutant in ALL}) == len(ALL)
    assert sum(mutant.module.endswith(".device.file") for mutant in BANK) <= 4
    assert len(BANK) >= 14


@pytest.mark.parametrize("old", ["no such text", "self"])
def test_text_that_does_not_stand_once_is_refused(old: str) -> None:
    with pytest.raises(HarnessError, match="expected 1"):
        replace(CONTROL, old=old).edited(read_source(CONTROL))


def test_too_late_a_plant_is_refused() -> None:
    from powercut import engine

    assert engine.__name__ in sys.modules
    before = list(sys.meta_path)
    with pytest.raises(HarnessError, match="imported already"):
        install(CONTROL.name)
    assert sys.meta_path == before


def test_a_bug_of_the_verifier_is_planted_before_its_own_module_and_no_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutant = find("folder-sync-taken-for-anothers")
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(hook, "_planted", [])  # Else what is found in this process says that it was there.
    monkeypatch.delitem(sys.modules, mutant.module, raising=False)
    install(mutant.name)
    assert find_spec(mutant.module).loader.get_source(mutant.module).count(mutant.new) == 1  # type: ignore[union-attr]
    monkeypatch.setitem(sys.modules, mutant.module, sys)
    with pytest.raises(HarnessError, match=r"calls.syncs is imported already"):
        install(mutant.name)


def test_a_bug_of_the_recorder_is_killed_by_a_program_that_is_known() -> None:
    if reason := why_not():
        pytest.skip(reason)
    row = kill("folder-sync-taken-for-anothers", seed=1)
    assert row.killed, matrix([row])
    assert (row.oracle, row.stage, row.programs) == ("programs", "programs", 1)


def test_unknown_name_is_a_key_error_that_lists_the_others() -> None:
    with pytest.raises(KeyError, match="data-never-synced"):
        find("no-such-bug")


@pytest.fixture(scope="module")
def never_synced() -> Row:
    """The kill of the best-known bug, hunted once."""
    return kill("data-never-synced", seed=1)


def test_lost_sync_is_killed_by_the_oracle_that_is_named(never_synced: Row) -> None:
    assert never_synced.killed, matrix([never_synced])
    assert (never_synced.oracle, never_synced.kind) == ("openable", Breach.UNOPENABLE.value)
    assert 1 <= never_synced.operations <= OPERATIONS_MAX
    assert "killed" in matrix([never_synced])


def test_tape_of_a_kill_names_its_bug_and_is_ok_on_the_code_as_it_stands(never_synced: Row) -> None:
    assert never_synced.tape is not None
    assert never_synced.tape.bug == "data-never-synced"
    assert not isinstance(play(never_synced.tape).verdict, Violation)


def test_equal_seeds_give_equal_kills(never_synced: Row) -> None:
    again = kill("data-never-synced", seed=1)
    assert (again.tape, again.programs, again.checked) == (
        never_synced.tape,
        never_synced.programs,
        never_synced.checked,
    )


def test_device_that_drops_its_syncs_is_killed_by_the_contract() -> None:
    row = kill("device-sync-does-nothing", seed=1)
    assert row.killed, matrix([row])
    assert row.oracle == "contract"


@pytest.mark.parametrize(
    "name", ["mapping-shared-after-fork", "child-goes-on-after-fork", "metadata-written-where-ctrl-c-reaches"]
)
def test_what_no_stage_does_is_killed_by_the_contract(name: str) -> None:
    row = kill(name, seed=1)
    assert row.killed, matrix([row])
    assert row.oracle == "contract"


@pytest.fixture(scope="module")
def unlooked_at(eighth: Server) -> Row:
    """The kill of a bug that takes two sessions, hunted once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hunt, "_IDLE", [eighth])
        return kill("tentative-entry-not-looked-at-again", seed=1)


def test_a_bug_of_two_sessions_is_killed_with_one_preemption_and_not_without(unlooked_at: Row) -> None:
    assert unlooked_at.killed, matrix([unlooked_at])
    assert unlooked_at.sessions >= 2
    assert unlooked_at.preemptions == 1
    tape = unlooked_at.tape
    assert tape is not None
    assert tape.eras[-1].switches
    # A few programs without a preemption came before, one session alone among them, and few with one.
    few = sum(1 for _ in islice(programs(0, unlooked_at.oracle), 0, None, 8 * FEW))
    assert few < unlooked_at.programs < few + 12
    assert not isinstance(play(tape).verdict, Violation)


def test_bugs_of_several_sessions_are_many_and_looked_for_among_schedules() -> None:
    assert len(CONCURRENCY) >= 15
    assert all(mutant.search == SCHEDULES and mutant.preemptions in (1, 2) for mutant in CONCURRENCY)


def test_harmless_edit_among_schedules_survives(monkeypatch: pytest.MonkeyPatch, eighth: Server) -> None:
    """An eighth of the programs; the stage `schedule` has all of them, with nothing edited."""
    monkeypatch.setattr(hunt, "_IDLE", [eighth])
    harmless = replace(CONTROL, search=SCHEDULES, preemptions=0)
    row = planted(monkeypatch, harmless)(CONTROL.name, seed=1)
    assert not row.killed
    assert (row.unknown, row.why) == ("", "found nothing")
    assert row.checked >= row.programs > 110


def test_harmless_edit_survives() -> None:
    row = kill(CONTROL.name, seed=1, programs_max=60)
    assert not row.killed
    assert (row.unknown, row.why, row.tape) == ("", "found nothing", None)
    assert row.programs == 60
    assert row.checked > 0
    assert "SURVIVED" in matrix([row])


def planted(monkeypatch: pytest.MonkeyPatch, mutant: Mutant) -> Callable[..., Row]:
    """Hunts the named bug, and takes it for `mutant` when it comes to judging."""
    monkeypatch.setattr(hunt, "find", lambda name: mutant)
    return kill


def test_another_violation_than_the_one_expected_is_no_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(find("data-never-synced"), breach="WRONG_RESULT", oracle="model")
    row = planted(monkeypatch, other)(other.name, seed=1, programs_max=12)
    assert not row.killed
    assert row.why.startswith("found openable: ")


def test_child_that_does_not_end_is_unknown_and_not_killed() -> None:
    row = kill(CONTROL.name, seed=1, limit_seconds=1)
    assert not row.killed
    assert row.unknown
    assert "unknown" in matrix([row])


FOUND: dict[str, Any] = {
    "tape": "",
    "operations": 2,
    "others": {},
    "programs": 1,
    "distinct": 1,
    "checked": 1,
}
SAME = {"oracle": "openable", "breach": "UNOPENABLE", "digest": "a"}
FINE = {"oracle": "", "breach": "", "digest": "b"}


@pytest.mark.parametrize(
    ("found", "plays", "why"),
    [
        (FOUND, [SAME, SAME, FINE], ""),
        (FOUND, [SAME, SAME | {"digest": "c"}, FINE], "two replays differ"),
        (FOUND, [SAME, FINE, FINE], "its tape replays as ok"),
        (FOUND, [SAME | {"breach": "LOST_ACK"}, SAME, FINE], "its tape replays as openable LOST_ACK"),
        (FOUND, [SAME, SAME, SAME], "the unchanged code fails too: openable UNOPENABLE"),
        (FOUND | {"operations": 7}, [SAME, SAME, FINE], "it still takes 7 operations"),
    ],
)
def test_kill_needs_two_equal_replays_few_operations_and_innocent_code(
    found: dict[str, Any], plays: list[dict[str, Any]], why: str
) -> None:
    assert hunt.objection(find("data-never-synced"), found, plays) == why


@pytest.mark.parametrize("name", ["long-key-takes-any-value", "closed-store-still-truncates"])
def test_bug_in_an_answer_is_killed_among_programs_whose_every_answer_is_judged(name: str) -> None:
    row = kill(name, seed=1)
    assert row.killed, matrix([row])
    assert row.stage == MODEL
    assert row.tape is not None
    assert row.tape.subject == ANSWERS
    assert play(row.tape).verdict == OK


def test_harmless_edit_among_answers_survives(monkeypatch: pytest.MonkeyPatch) -> None:
    row = planted(monkeypatch, replace(CONTROL, search=MODEL))(CONTROL.name, seed=1, programs_max=200)
    assert not row.killed
    assert (row.unknown, row.why, row.programs) == ("", "found nothing", 200)
