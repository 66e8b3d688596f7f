"""Profiles: the shipped ones owe what they should, and a file that is none is refused."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec
import pytest

from powercut.verifier.finders.crashes import search_tape
from powercut.verifier.finders.shared import exhaust
from powercut.verifier.gate import Stage
from powercut.verifier.gate.plans import COUNTS, TABLES
from powercut.verifier.gate.profile import ProfileError, load_profile, names, parse_profile
from powercut.verifier.tapes.operations import CHECKPOINTS
from powercut.verifier.tapes.programs import random_tapes, small_programs
from powercut.verifier.tapes.tape import LOGS, Era, Kind, Operation, Tape


def test_shipped_profiles_load_and_owe_more_every_night() -> None:
    assert names() == ["ci", "nightly"]
    ci, nightly = load_profile("ci"), load_profile("nightly")
    for stage in ("model", "crash"):
        less, more = getattr(ci, stage).floor, getattr(nightly, stage).floor
        assert less.keys() == more.keys()
        assert less["programs"] < more["programs"]
        assert less["distinct"] < more["distinct"]


@pytest.fixture(scope="module")
def followed() -> set[str]:
    """The device calls of the store that a crash can follow."""
    coverage, _ = exhaust(small_programs(1), "tiny", "posix")
    for tape in random_tapes(Random(0), 8, ("tiny", "paired"), "posix", 14):
        coverage.merge(search_tape(tape, depth=0, limit=64)[0])
    program = (Operation(Kind.ENQUEUE_MANY, 0, 0, 2), Operation(Kind.CHECKPOINT))
    truncate = Operation(Kind.TRUNCATE_AT)
    log = Tape((Era((*program, *program, truncate)),), "tiny", subject=LOGS)
    snapshot = Operation(Kind.CHECKPOINT, size=CHECKPOINTS.index("snapshot"))
    indexed = Operation(Kind.CHECKPOINT, size=CHECKPOINTS.index("fold_over with index"))
    for tape in (log, *(Tape((Era((Operation(Kind.UPSERT), taken)),)) for taken in (snapshot, indexed))):
        coverage.merge(search_tape(tape, depth=0, limit=64)[0])
    steps = ("OPEN ", "PREPARE ", "WAIT_FLUSH ", "PERSIST ", "CLOSE ", "LOG ")
    return {what for what in coverage.reached if what.startswith(steps)}


@pytest.mark.parametrize("name", ["ci", "nightly"])
def test_floors_name_every_device_call_of_the_store_that_a_crash_can_follow(
    name: str, followed: set[str]
) -> None:
    plan = load_profile(name).crash
    assert plan is not None
    owed = plan.floor["reached"]
    assert isinstance(owed, dict)
    of_steps = {what for what in owed if what.split()[0].isupper()}  # Others: what steps came to.
    assert followed == of_steps


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("distinct = 10", "distinct = 0", "distinct|>= 1"),
        ("depth = 1", "dephts = 1", "dephts"),
        ('["paired", "tiny"]', '["square"]', "square"),
        ('["paired", "tiny"]', '["tiny", "tiny"]', "each once"),
        ("depth = 1", 'depth = 1\nlaw = "wishful"', "wishful"),
        ("[crash.floor]", "[crash.floor", "profile test"),
        ("distinct = 10", "distnict = 10", "no figure 'distnict'"),
        ('reached = { "PERSIST sync root" = 1 }', "reached = 10", "no figure 'reached'"),
        ("distinct = 10", "distinct = {all = 10}", "no figure 'distinct'"),
        ("depth = 1", "depth = " + "[" * 100_000, "profile test"),
        ("[crash.floor]", '[mutants]\nonly = ["ghost"]\nfloor = {killed = 1}\n[crash.floor]', "ghost"),
    ],
)
def test_profile_that_is_none_is_refused(tiny_text: str, old: str, new: str, message: str) -> None:
    assert tiny_text.count(old) == 1
    with pytest.raises(ProfileError, match=message):
        parse_profile(tiny_text.replace(old, new), "test")


def test_figures_for_a_floor_are_those_of_a_stage() -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(Stage)}
    assert {name for name, kind in fields.items() if kind is int} == set(COUNTS)
    assert {name for name, kind in fields.items() if kind == dict[str, int]} == set(TABLES)


def test_profile_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_bytes(b'name = "\xff"')
    with pytest.raises(ProfileError, match="utf-8"):
        load_profile(str(own))


def test_profile_is_found_by_path_and_else_refused(tiny_text: str, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(tiny_text, encoding="utf-8")
    assert load_profile(str(own)).name == "test"
    with pytest.raises(ProfileError, match="neither one of ci, nightly nor a file"):
        load_profile("weekly")
