"""powercut record: the file it writes, what it says, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from powercut.verifier.programs import record as recorder
from powercut.verifier.programs.recording import load

Called = Callable[..., "CompletedProcess[bytes]"]
SHELL = ("sh", "-c")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


def test_a_program_is_recorded_and_its_output_passed_on(called: Called, folder: Path) -> None:
    script = "echo told; echo wrong >&2; mkdir data/a; exit 3"
    done = called("record", "-o", "run.trace", "--root", "data", "--", *SHELL, script, folder=folder)
    assert done.returncode == 0
    assert done.stdout == b"told\n"
    told = b"recorded: 3 calls of 2 processes, 5 events, exit status 3: run.trace\n"
    assert done.stderr == b"wrong\n" + told
    recording = load((folder / "run.trace").read_bytes())
    assert (recording.root, recording.steps[0].command) == (str(folder / "data"), (*SHELL, script))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("-o", "x", "--root", "absent", "--", "true"), b"--root absent"),
        (("-o", "absent/x", "--root", "data", "--", "true"), b"--out absent/x"),
        (("-o", "data/x", "--root", "data", "--", "true"), b"--out data/x"),
        (("-o", "x", "--root", "data", "--", "no-such-command"), b"no-such-command"),
        (("-o", "x", "--root", "data"), b"COMMAND"),
        (("-o", "x", "--root", "data", "--", *SHELL, "mv data b"), b"renameat2: "),
    ],
)
def test_a_refusal_is_one_line_and_leaves_no_file(
    arguments: tuple[str, ...], named: bytes, called: Called, folder: Path
) -> None:
    done = called("record", *arguments, folder=folder)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"powercut: ")
    assert named in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert not (folder / "x").exists()


@pytest.mark.parametrize(
    ("bug", "said"),
    [
        ("running.is_possible_here = lambda: 'not on a z80'", b"powercut: not on a z80\n"),
        (
            "def refuse(*_): raise PermissionError(1, 'Operation not permitted')\ntracer.ask = refuse",
            b"powercut: processes cannot be traced here: Operation not permitted\n",
        ),
    ],
)
def test_where_nothing_can_be_traced_one_line_says_so(
    bug: str, said: bytes, called: Called, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, import_line, start = recorder._WORKER.partition("from powercut")
    planted = f"{path}from powercut.verifier.programs import running, tracer\n{bug}\n{import_line}{start}"
    monkeypatch.setattr(recorder, "_WORKER", planted)
    done = called("record", "-o", "x", "--root", "data", "--", "true", folder=folder)
    assert (done.returncode, done.stderr) == (2, said)
