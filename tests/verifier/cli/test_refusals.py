"""The command line: a refusal is one line on stderr with the right exit code, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from powercut.engine import FasterKv
from powercut.faultfs.faults.plan import Effect
from powercut.faultfs.faults.rot import How
from powercut.verifier.tapes.tape import Era, Kind, Operation, Tape, encode_tape

OK = Tape((Era((Operation(), Operation(Kind.CHECKPOINT))),))


def store(folder: Path) -> None:
    with FasterKv.open(folder / "store", create=True) as opened:
        opened.checkpoint()


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("frobnicate",), 2),
        (("replay",), 2),
        (("replay", "nowhere.json"), 2),
        (("replay", "store"), 2),
        (("replay", "note.txt"), 2),
        (("replay", "torn.json"), 1),
        (("replay", "later.json"), 3),
        (("replay", "geometry.json"), 3),
        (("replay", "law.json"), 3),
        (("replay", "subject.json"), 2),
        (("shrink", "subject.json"), 2),
        (("mend", "subject.json"), 2),
        (("replay", "fine.json", "--store", "nowhere:Log"), 2),
        (("replay", "kinds.json"), 1),
        (("replay", "short.json"), 1),
        (("replay", "fields.json"), 1),
        (("replay", "half.json"), 1),
        (("replay", "effects.json"), 3),
        (("mend", "hows.json"), 3),
        (("replay", "kernels.json"), 3),
        (("replay", "switches.json"), 3),
        (("shrink", "faults.json"), 3),
        (("replay", "nested.json"), 1),
        (("replay", ""), 2),
        (("shrink", "note.txt"), 2),
        (("shrink", "fine.json", "--out", "nowhere/out.json"), 2),
        (("inspect", "nowhere"), 2),
        (("inspect", "note.txt"), 2),
        (("inspect", "folder"), 2),
        (("inspect", ""), 2),
        (("backup", "nowhere", "copy"), 2),
        (("backup", "folder", "copy"), 2),
        (("backup", "store", "store"), 3),
        (("backup", "store", "note.txt"), 2),
        (("backup", "store", ""), 2),
        (("gate", "--profile", "none"), 2),
        (("power", "--profile", "none"), 2),
        (("power", "--module", "none"), 2),
        (("power", "--tests", "nowhere"), 2),
        (("gate", "--profile", "latin.toml"), 2),
        (("gate", "--findings", "note.txt"), 2),
        (("gate", "--findings", "note.txt/below"), 2),
        (("gate", "--law", "none"), 2),
        (("gate", "--budget", "soon"), 2),
        (("gate", "-j", "0"), 2),
        (("gate", "--stage", "none"), 2),
        (("gate", "--stage", "crash", "--stage", ""), 2),
        (("gate", "--json", "nowhere/gate.json"), 2),
        (("mutants", "--only", "none"), 2),
        (("bench",), 3),
    ],
    ids=str,
)
def test_refusal_is_one_line_and_changes_nothing(
    called: Callable[..., CompletedProcess[bytes]], tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    store(tmp_path)
    (tmp_path / "note.txt").write_text("no tape, no store")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "other").write_text("not a store's")
    (tmp_path / "fine.json").write_bytes(encode_tape(OK))
    (tmp_path / "torn.json").write_bytes(encode_tape(OK)[:-9])
    (tmp_path / "later.json").write_text('{"eras": [], "format": 99}')
    (tmp_path / "geometry.json").write_text('{"eras": [], "geometry": "huge"}')
    (tmp_path / "law.json").write_text('{"eras": [], "law": "none"}')
    (tmp_path / "subject.json").write_text('{"eras": [], "subject": "other"}')
    (tmp_path / "kernels.json").write_text('{"eras": [], "kernels": "other"}')
    (tmp_path / "switches.json").write_text('{"eras": [{"switches": [1, 1]}]}')
    (tmp_path / "half.json").write_text('{"eras": [{"switches": [1]}], "subject": "sessions"}')
    faults = '{"eras": [{"faults": [0, 0, 0, 0, 0, 0, 0]}], "subject": "sessions"}'
    (tmp_path / "faults.json").write_text(faults)
    (tmp_path / "effects.json").write_text(
        f'{{"eras": [{{"faults": [{max(Effect) + 1}, 0, 0, 0, 0, 0, 0]}}]}}'
    )
    (tmp_path / "hows.json").write_text(f'{{"eras": [{{"damage": [{max(How) + 1}]}}]}}')
    (tmp_path / "kinds.json").write_text('{"eras": [{"program": [[99, 0, 0, 0]]}]}')
    (tmp_path / "short.json").write_text('{"eras": [{"program": [[0, 0]]}]}')
    (tmp_path / "fields.json").write_text('{"eras": [], "speed": 3}')
    (tmp_path / "nested.json").write_text('{"eras": ' + "[" * 100_000)
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    before = files(tmp_path)
    done = called(*arguments, folder=tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stdout == b""
    assert done.stderr.startswith(b"powercut: ")
    assert done.stderr.count(b"\n") == 1
    assert files(tmp_path) == before
