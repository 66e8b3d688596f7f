"""The command line: every exit code, one line for an error, and nothing changed by a refusal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import typer

from powercut.engine import FasterKv
from powercut.verifier.cli.errors import UsageError, explain
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.kept import UnstableError, keep, load
from powercut.verifier.tapes.tape import Crash, Era, Kind, Operation, Tape, encode_tape

_OK = Tape((Era((Operation(), Operation(Kind.CHECKPOINT))),))


Called = Callable[..., "subprocess.CompletedProcess[bytes]"]


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# -- consistent, violation -----------------------------------------------------------------------------


def test_tape_without_violation_exits_0(command: Called) -> None:
    done = command("replay", "-", given=encode_tape(_OK))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"OK")


def test_tape_with_its_planted_bug_exits_1_and_without_it_0(command: Called, called: Called) -> None:
    bugged = Tape((Era((Operation(Kind.CHECKPOINT),)),), bug="no-such")
    assert command("replay", "-", given=encode_tape(bugged)).returncode == 3
    kept = Path(__file__).parents[2] / "regressions" / "root-never-synced.json"
    shown = command("replay", str(kept))
    assert shown.returncode == 1
    assert b"exact" in shown.stdout
    assert str(kept).encode() in shown.stdout
    tape = load(kept).tape
    unchanged = Tape(tape.eras, tape.geometry, tape.law)
    assert called("replay", "-", "--json", given=encode_tape(unchanged)).returncode == 0


def test_replay_tells_its_findings_as_json(command: Called) -> None:
    kept = Path(__file__).parents[2] / "regressions" / "closed-session-dropped.json"
    done = command("replay", str(kept), "--json")
    told = msgspec.json.decode(done.stdout)
    assert (told["exit"], told["violation"]["oracle"]) == (1, "serials")


def test_shrink_keeps_a_smaller_tape_of_the_same_kind(command: Called, tmp_path: Path) -> None:
    tape = load(Path(__file__).parents[2] / "regressions" / "root-never-synced.json").tape
    first, *rest = tape.eras
    longer = Era((Operation(Kind.READ, 1, 2), Operation(1, 1, 1), *first.program), first.crash)
    large = Tape((longer, *rest), tape.geometry, tape.law, tape.bug)
    out = tmp_path / "small.json"
    done = command("shrink", "-", "--out", str(out), given=encode_tape(large))
    assert done.returncode == 1, done.stderr
    assert b"shrunk from 4 operations" in done.stdout
    small = load(out)
    assert len(small.tape.eras[0].program) == 2
    assert command("replay", str(out)).returncode == 1
    # What is there already is not written over.
    before = out.read_bytes()
    assert command("shrink", "-", "--out", str(out), given=encode_tape(large)).returncode == 2
    assert out.read_bytes() == before


def test_shrink_of_a_tape_without_violation_says_that_nothing_was_written(
    called: Called, tmp_path: Path
) -> None:
    out = tmp_path / "small.json"
    done = called("shrink", "-", "--out", str(out), given=encode_tape(_OK))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"{out} was not written\n".encode())
    assert f"powercut replay {out}".encode() not in done.stdout
    assert not out.exists()


def test_sound_store_exits_0_and_a_damaged_one_1(called: Called, store: Path) -> None:
    before = _files(store)
    assert called("inspect", str(store)).returncode == 0
    segment = next(path for path in store.iterdir() if path.name.startswith("segment"))
    data = bytearray(segment.read_bytes())
    data[100] ^= 1
    segment.write_bytes(data)
    done = called("inspect", str(store))
    assert done.returncode == 1
    assert f"damage     {segment.name}".encode() in done.stdout
    told = msgspec.json.decode(called("inspect", str(store), "--json").stdout)
    assert told["is_sound"] is False
    assert told["damage"][0]["file"] == segment.name
    segment.write_bytes(before[str(segment)])
    assert _files(store) == before


def test_a_copy_is_made_once(called: Called, store: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    before = _files(store)
    done = called("backup", str(store), str(out))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{out}: checkpoint 1 of life 1".encode())
    assert called("inspect", str(out)).returncode == 0
    copied = _files(out)
    again = called("backup", str(store), str(out))
    assert (again.returncode, again.stderr.count(b"\n")) == (2, 1)
    assert (_files(store), _files(out)) == (before, copied)


# -- refusals ------------------------------------------------------------------------------------------


def test_locked_store_exits_3(called: Called, store: Path) -> None:
    """To write a command wants it alone; to look it is let in beside the writer."""
    with FasterKv.open(store):
        done = called("checkpoints", "drop", str(store), "1.1")
        assert called("inspect", str(store)).returncode == 0
    assert done.returncode == 3
    assert done.stderr.count(b"\n") == 1


def test_no_command_is_a_question_for_help(called: Called) -> None:
    done = called()
    assert done.returncode == 2
    assert b"replay" in done.stderr
    assert called("--help").returncode == 0
    assert called("--version").stdout.startswith(b"powercut ")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnstableError("x"), 5),
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
        (UsageError("x"), 2),
        (typer.BadParameter("x"), 2),
        (PermissionError(13, "Permission denied", "f"), 3),
        (OSError(5, "Input/output error", "f"), 3),
        (FileNotFoundError(2, "No such file", "f"), 2),
    ],
)
def test_each_error_has_its_code(error: BaseException, code: int) -> None:
    found, line = explain(error)
    assert found == code
    assert line


def test_error_of_our_own_making_names_its_place_in_one_line() -> None:
    try:
        raise ZeroDivisionError("a\nb")
    except ZeroDivisionError as error:
        code, line = explain(error)
    assert code == 3
    assert line.startswith("internal error: ZeroDivisionError: a b (test_cli.py:")


def test_store_is_not_imported_before_a_bug_can_be_planted() -> None:
    looks = "import sys, powercut.verifier.cli as c; c.main; sys.exit('powercut.engine' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", looks], check=False, env=_environment()).returncode == 0


def test_kept_tape_that_is_gone_exits_0_and_says_so(called: Called, tmp_path: Path) -> None:
    """A tape is kept as failing that the unchanged store stands."""
    path = tmp_path / "kept.json"
    keep(path, _OK, play(_OK))
    text = path.read_text().replace(
        '"expected": null', '"expected": {"oracle": "prefix", "breach": "wrong value"}'
    )
    path.write_text(text)
    done = called("replay", str(path))
    assert done.returncode == 0, done.stderr
    assert b"gone: " in done.stdout


def test_mend_names_the_missing_sync_and_its_place(command: Called, called: Called) -> None:
    program = Era((Operation(), Operation(Kind.CHECKPOINT)), Crash(0, 0, (1, 1)))
    tape = encode_tape(Tape((program, Era()), bug="root-never-synced"))
    told = command("mend", "-", given=tape)
    assert told.returncode == 1
    assert b"sync the root after `PERSIST write root`" in told.stdout
    document = msgspec.json.decode(command("mend", "-", "--json", given=tape).stdout)
    assert document["exit"] == 1
    assert [sync["after"] for sync in document["syncs"]] == ["PERSIST write root"]
    unchanged = called("mend", "-", given=encode_tape(Tape((program, Era()))))
    assert unchanged.returncode == 0
    assert b"the tape shows no violation" in unchanged.stdout
