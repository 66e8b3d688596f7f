"""Hunts: the order of a search excludes no program, servers leave nothing behind."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import chain, islice

import pytest

from powercut.engine.checkpoint.retention import Kept, gather
from powercut.verifier.finders.damage import Sweep
from powercut.verifier.finders.sites import MEDIA
from powercut.verifier.mutants import client, hunt
from powercut.verifier.mutants.bank import BANK, CONTROL, find
from powercut.verifier.mutants.hunt import Row, kill, matrix
from powercut.verifier.mutants.hunts import contract
from powercut.verifier.mutants.hunts.answers import FAMILY_FEATURES, answers_order
from powercut.verifier.mutants.hunts.cpr import appenders_order, cut_order
from powercut.verifier.mutants.hunts.crash import search_order
from powercut.verifier.mutants.hunts.damage import features as damage_features
from powercut.verifier.mutants.hunts.damage import ordered, small_media
from powercut.verifier.mutants.hunts.faults import Struck, sweeps
from powercut.verifier.mutants.hunts.order import FEATURES, features, likely_first
from powercut.verifier.mutants.hunts.preempt import programs
from powercut.verifier.mutants.planted import CRASHES, CUTS, DAMAGE, FAULTS, MODEL, SCHEDULES, Mutant
from powercut.verifier.mutants.planted import PROGRAMS as EXPLORED
from powercut.verifier.programs.exploring.suite import PROGRAMS
from powercut.verifier.tapes.families import FAMILIES, family_tapes
from powercut.verifier.verdict import Breach

OF_FAMILIES = sum(1 for family in FAMILIES for _ in family_tapes(family))
LISTED = (
    sum(1 for _ in search_order(1)) - 420 - OF_FAMILIES
)  # All but the random tapes, and what follows them.


@pytest.fixture(scope="module")
def never_synced() -> Row:
    """The kill of the best-known bug, hunted once."""
    return kill("data-never-synced", seed=1)


# ---- the order of a search


@cache
def _sweeps() -> list[Sweep]:
    return [Sweep(tape) for tape in chain(small_media(), MEDIA.values())]


@cache
def _damaged() -> tuple[set[frozenset[str]], Iterator[frozenset[str]]]:
    """The features of the damages that were looked at, each once, and of those that were not yet."""
    every = ordered(_sweeps(), frozenset(), is_likely=True)
    return set(), (frozenset(damage_features(sweep, each)) for sweep, damages in every for each in damages)


def _is_damaged(around: tuple[str, ...]) -> bool:
    """True if some damage of the media has these features; the next look goes on where this one ended."""
    seen, others = _damaged()
    if any(each.issuperset(around) for each in seen):
        return True
    for each in others:
        seen.add(each)
        if each.issuperset(around):
            return True
    return False


@cache
def _searched() -> set[frozenset[str]]:
    """The features of the programs among crashes, each once; but for those of the random ones."""
    return {frozenset(features(each.tape)) for each in search_order(1) if not each.is_drawn}


@cache
def _is_answered(around: tuple[str, ...]) -> bool:
    return next(answers_order(1, around))[1]


@pytest.mark.parametrize("mutant", BANK, ids=lambda mutant: mutant.name)
def test_hint_names_features_that_some_program_has(mutant: Mutant) -> None:
    if mutant.search in (CRASHES, CUTS, SCHEDULES):
        assert set(mutant.around) <= FEATURES
    if mutant.around and mutant.search == CRASHES:
        assert any(each.issuperset(mutant.around) for each in _searched())
    elif mutant.around and mutant.search == CUTS:
        assert set(mutant.around) <= features(next(cut_order(list(mutant.around))))
    elif mutant.around and mutant.search == SCHEDULES and mutant.is_of_log:
        assert set(mutant.around) <= features(next(appenders_order(list(mutant.around))))
    elif mutant.around and mutant.search == SCHEDULES:
        tapes = programs(mutant.preemptions, mutant.oracle)
        assert set(mutant.around) <= features(next(likely_first(tapes, mutant.around, features))[0])
    elif mutant.around and mutant.search == FAULTS:
        first, is_likely = next(likely_first(sweeps(), mutant.around, Struck.features))
        assert is_likely
        assert set(mutant.around) <= first.features()
    elif mutant.around and mutant.search == DAMAGE:
        assert _is_damaged(mutant.around)
    elif mutant.search == MODEL:
        assert set(mutant.around) <= FEATURES | FAMILY_FEATURES
        assert not mutant.around or _is_answered(mutant.around)
    elif mutant.search == EXPLORED:
        assert set(mutant.around) <= PROGRAMS.keys()
    else:
        assert not mutant.around


@pytest.mark.parametrize("around", [(), ("paired", "pages")])
def test_seed_draws_what_is_told_to_be_drawn_and_nothing_else(around: tuple[str, ...]) -> None:
    first, other = (list(search_order(seed, around)) for seed in (1, 2))
    assert sum(each.is_drawn for each in first) == 420
    assert [each for each in first if not each.is_drawn] == [each for each in other if not each.is_drawn]
    alike = sum(one == two for one, two in zip(first, other, strict=True) if one.is_drawn)
    assert alike < 42


def test_hint_orders_and_excludes_nothing() -> None:
    plain = [each.tape for each in search_order(1)]
    hinted = [each.tape for each in search_order(1, ("paired", "pages"))]
    assert plain != hinted
    assert sorted(map(repr, plain)) == sorted(map(repr, hinted))
    given, drawn, families = plain[:LISTED], plain[LISTED:-OF_FAMILIES], plain[-OF_FAMILIES:]
    likely = [tape for tape in (*given, *families) if {"paired", "pages"} <= features(tape)]
    assert len(likely) > 50
    left = [[tape for tape in tapes if tape not in likely] for tapes in (given, families)]
    assert hinted == [*likely, *left[0], *drawn, *left[1]]


def test_hint_orders_damages_and_excludes_none() -> None:
    sweeps = [Sweep(tape) for tape in islice(small_media(), 2)]
    plain, likely, others = (
        [
            (place.tape, damage)
            for place, damages in ordered(sweeps, frozenset(around), is_likely=is_likely)
            for damage in damages
        ]
        for around, is_likely in (((), True), (("root", "bit"), True), (("root", "bit"), False))
    )
    hinted = likely + others
    assert plain != hinted
    assert len(plain) > 10_000
    assert sorted(map(repr, plain)) == sorted(map(repr, hinted))
    of = {sweep.tape: sweep for sweep in sweeps}
    assert all({"root", "bit"} <= set(of[tape].site(damage).split()) for tape, damage in likely)
    assert 0 < len(likely) < len(hinted)


def test_hint_orders_the_sweeps_of_faults_and_excludes_none() -> None:
    plain, hinted = (
        list(sweeps()),
        [sweep for sweep, _ in likely_first(sweeps(), ("write", "short"), Struck.features)],
    )
    assert plain != hinted
    assert len(plain) == len(hinted) > 1_000
    assert sorted(map(repr, plain)) == sorted(map(repr, hinted))
    likely = [each for each in plain if {"write", "short"} <= each.features()]
    assert hinted == [*likely, *(each for each in plain if each not in likely)]
    assert {each.limit > 0 for each in likely} == {False, True}


def test_wrong_hint_costs_time_and_hides_nothing(monkeypatch: pytest.MonkeyPatch, never_synced: Row) -> None:
    wrong = replace(find("data-never-synced"), around=("growth",))
    monkeypatch.setattr(hunt, "find", lambda name: wrong)
    row = kill(wrong.name, seed=1)
    assert row.killed, matrix([row])
    assert row.programs > never_synced.programs


def test_wrong_answer_of_a_likely_program_is_found_without_a_crash_state() -> None:
    row = kill("begin-raised-before-the-moves", seed=1)
    assert (row.killed, row.distinct, row.checked) == (True, 0, 0), matrix([row])
    assert row.programs > 0


def test_wrong_answer_of_no_likely_program_is_found_among_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(find("begin-raised-before-the-moves"), around=("fold_over with index",))
    monkeypatch.setattr(hunt, "find", lambda name: wrong)
    row = kill(wrong.name, seed=1, programs_max=3)
    assert (row.killed, row.programs) == (False, 6), matrix([row])  # Played, then searched.


@pytest.mark.parametrize("around", [(), ("colliding", "rmw")])
def test_only_the_last_step_is_left_where_every_prefix_was_searched_before(around: tuple[str, ...]) -> None:
    searched = set()
    continued = 0
    for tape, is_continued, _ in islice(search_order(1, around), LISTED + 50):
        program = tape.eras[-1].program
        if is_continued:
            continued += 1
            assert len(tape.eras) == 1
            assert all((tape.geometry, program[:stop]) in searched for stop in range(1, len(program)))
        if len(tape.eras) == 1:
            searched.add((tape.geometry, program))
    assert continued > 1_000


# ---- the fork server


def test_stem_imports_nothing_but_our_own() -> None:
    asks = (
        "import sys; from importlib import import_module; from powercut.verifier.mutants.server import WARM\n"
        "for name in WARM: import_module(name)\n"
        "before = set(sys.modules); import powercut.verifier.mutants.hunts.crash\n"
        "print([each for each in sys.modules if each not in before and not each.startswith('powercut')])"
    )
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_device_is_judged_as_far_as_it_is_asked_for() -> None:
    """The unchanged one plays again what showed a bug, and not all there is."""
    asks = (
        "from powercut.verifier.finders.kill import judge_files\n"
        "from powercut.verifier.mutants.hunts.contract import judge_device\n"
        "print(judge_device(2), judge_device()[1], judge_files(3))"
    )
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(None, 2) 4 (None, 3)"


def test_server_holds_nothing_of_the_packages_in_which_all_bugs_are() -> None:
    """A bug that is planted afterwards would not be in it."""
    asks = (
        "import sys; from importlib import import_module\n"
        "from powercut.verifier.mutants.server import OURS, WARM\n"
        "for name in (*WARM, *OURS): import_module(name)\n"
        "print(*(each for each in sys.modules if each.startswith('powercut.')))"
    )
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    places = ("powercut.engine.", "powercut.verifier.programs.")
    assert all(mutant.module.startswith(places) for mutant in BANK)
    assert "powercut.verifier.finders.crashes" in done.stdout
    assert not any(f"{each}.".startswith(places) for each in done.stdout.split())


def test_stem_compiles_nothing_of_ours_but_what_is_edited() -> None:
    """And what it runs in the place of the edited module is the edit."""
    asks = (
        "import builtins, sys; from importlib import import_module\n"
        "from powercut.verifier.mutants.compiled import Compiled\n"
        "from powercut.verifier.mutants.hook import install\n"
        "from powercut.verifier.mutants.server import LEFT, OURS, WARM\n"
        "for name in (*WARM, *OURS): import_module(name)\n"
        "ready = Compiled(LEFT); sys.meta_path.insert(0, ready)\n"
        "install('data-never-synced'); before = set(sys.modules)\n"
        "import powercut.verifier.mutants.hunts.crash\n"
        "new = {name: sys.modules[name] for name in sys.modules if name not in before}\n"
        "other = [name for name in new if new[name].__loader__.get_code(name) is not ready.codes.get(name)]\n"
        "print(len(new) > 50, *other)"
    )
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", find("data-never-synced").module]


def test_bug_that_cannot_be_planted_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = replace(CONTROL, name="no-such-bug")
    monkeypatch.setattr(hunt, "find", lambda name: stranger)
    row = kill(CONTROL.name, seed=1)
    assert (row.killed, row.programs) == (False, 0)
    assert "no planted bug 'no-such-bug'" in row.unknown


def test_a_hunt_leaves_nothing_behind_for_the_next_on_its_server(never_synced: Row) -> None:
    others = [kill(name, seed=1) for name in ("root-before-data", "tombstone-taken-for-present")]
    again = kill("data-never-synced", seed=1)
    assert all(row.killed for row in others)
    assert (again.tape, again.programs, again.distinct, again.checked) == (
        *(never_synced.tape, never_synced.programs),
        *(never_synced.distinct, never_synced.checked),
    )


def test_server_ends_with_its_stems_when_nobody_asks_any_more() -> None:
    server = client.Server()
    request = {
        "task": "replay",
        "bug": "",
        "oracle": "",
        "breach": "",
        "search": CRASHES,
        "limit_seconds": 900,
    }
    assert server.ask(request | {"tape": '{"eras": []}'})[0] == ""
    server.close()
    assert server._process.returncode == 0


def test_a_checkpoint_that_went_before_one_that_cannot_be_read_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert contract._judge_kept() is None
    where = "powercut.engine.checkpoint.kinds.cpr.gather"
    monkeypatch.setattr(where, lambda tables, keep: gather(tables, keep) or Kept([], 0))
    violation = contract._judge_kept()
    assert violation is not None
    assert violation.breach is Breach.UNOPENABLE


def test_features_that_no_program_has_are_told() -> None:
    assert not any(each >= {"tiny", "paired"} for each in _searched())
