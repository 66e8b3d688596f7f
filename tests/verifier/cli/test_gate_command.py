"""The command `powercut gate`: its exits, what it tells where, and that it says so where it ran a part."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from powercut.verifier.cli import progress
from powercut.verifier.cli.progress import PAUSE_SECONDS, ProgressLine, describe
from powercut.verifier.gate import Progress

_Called = Callable[..., "subprocess.CompletedProcess[bytes]"]
_COMMAND = (sys.executable, "-c", "from powercut.verifier.cli import main; main()")
_SMALL = """
name = "small"
[crash]
limit = 4096
depth = 0
[crash.exhaustive]
geometries = ["tiny"]
steps = {steps}
chunk = 10
[crash.random]
geometries = ["tiny"]
tapes = 1
steps = 2
chunk = 1
[crash.floor]
programs = {programs}
"""


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _profile(folder: Path, steps: int = 1, programs: int = 1) -> str:
    path = folder / "small.toml"
    path.write_text(_SMALL.format(steps=steps, programs=programs))
    return str(path)


def test_gate_that_meets_its_floor_exits_0_and_writes_its_document(called: _Called, tmp_path: Path) -> None:
    out = tmp_path / "gate.json"
    done = called("gate", "--profile", _profile(tmp_path), "-j", "1", "--json", str(out), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert msgspec.json.decode(out.read_bytes())["exit"] == 0
    assert done.stdout.startswith(b"consistent: 0 violations in 1 stage (profile small, seed 0, ")
    assert done.stderr == b"crash: 0 of 2 chunks\n", "a line in ten seconds at most"
    assert b"\x1b" not in done.stdout + done.stderr
    assert not (tmp_path / "powercut-findings").exists()


def test_gate_below_its_floor_exits_3(called: _Called, tmp_path: Path) -> None:
    done = called("gate", "--profile", _profile(tmp_path, programs=10**6), "-j", "1", folder=tmp_path)
    assert done.returncode == 3
    assert done.stdout.startswith(b"below its floor: crash: programs: ")
    assert done.stdout.count(b"\n") == 2


def test_gate_whose_budget_is_spent_exits_4_and_judges_no_floor(called: _Called, tmp_path: Path) -> None:
    profile = _profile(tmp_path, steps=4, programs=10**6)
    done = called("gate", "--profile", profile, "-j", "1", "--budget", "0.01s", folder=tmp_path)
    assert done.returncode == 4
    first, beneath = done.stdout.splitlines()
    assert first.startswith(b"inconclusive: crash: not begun: the budget was spent (")
    assert beneath.split() == b"crash inconclusive: not begun: the budget was spent".split()


def test_gate_of_chosen_stages_says_so(called: _Called, tmp_path: Path) -> None:
    out = tmp_path / "gate.json"
    arguments = ("gate", "--profile", _profile(tmp_path), "--stage", "crash", "-j", "1", "--json", str(out))
    done = called(*arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert b"0 violations in 1 stage (of the stages chosen: crash)" in done.stdout.splitlines()[0]
    assert msgspec.json.decode(out.read_bytes())["chosen"] == ["crash"]
    refused = called("gate", "--stage", "crashes", folder=tmp_path)
    assert refused.returncode == 2
    there = "model, crash, faults, damage, schedule, cpr, stress, kill, programs, reach, mutants, power"
    assert refused.stderr.decode() == f"powercut: no stage 'crashes' in profile ci: there are {there}\n"


def test_gate_tells_its_verdict_though_its_document_cannot_be_written(
    called: _Called, tmp_path: Path
) -> None:
    done = called("gate", "--profile", _profile(tmp_path), "-j", "1", "--json", "/dev/full", folder=tmp_path)
    assert done.returncode == 3
    assert done.stdout.startswith(b"consistent: ")
    assert done.stderr.splitlines()[-1].startswith(b"powercut: /dev/full: ")
    profile = _profile(tmp_path, steps=4)
    arguments = ("gate", "--profile", profile, "-j", "1", "--budget", "0.01s", "--json", "/dev/full")
    assert called(*arguments, folder=tmp_path).returncode == 4


def test_interrupted_gate_writes_what_it_knows_and_exits_130(tmp_path: Path) -> None:
    out = tmp_path / "gate.json"
    arguments = ("gate", "--profile", _profile(tmp_path, steps=4), "-j", "1", "--json", str(out))
    with subprocess.Popen(
        [*_COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment()
    ) as gate:
        assert gate.stderr is not None
        gate.stderr.readline()  # The first chunk is under way.
        gate.send_signal(signal.SIGINT)
        _, errors = gate.communicate()
    assert gate.returncode == 130, errors
    assert b"Traceback" not in errors
    assert errors.splitlines()[-1:] == [b"powercut: interrupted"]
    assert msgspec.json.decode(out.read_bytes())["interrupted"] is True


# -- progress ------------------------------------------------------------------------------------------


def test_progress_tells_states_their_rate_and_the_time_left() -> None:
    assert describe(Progress("crash", 0, 8, 0, 0.0)) == ""
    assert describe(Progress("crash", 2, 8, 3000, 30.0)) == "3,000 states, 100/s, 1:30 left"


def test_pipe_is_told_a_line_in_ten_seconds_at_most(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 50.0
    monkeypatch.setattr(progress, "monotonic", lambda: now)
    assert PAUSE_SECONDS == 10
    with ProgressLine() as line:
        for done in range(200):
            line.show(Progress("crash" if done < 100 else "kill", done, 200, done, float(done)))
            now += 0.25
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "crash: 0 of 200 chunks"
    assert told[1] == "crash: 40 of 200 chunks, 40 states, 1/s, 2:40 left"
    assert len(told) == 5


@pytest.mark.parametrize("no_color", [False, True])
def test_terminal_is_drawn_a_bar_with_or_without_colour(
    no_color: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal of its own, since rich asks for one; what is drawn has room in it."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    leader, follower = os.openpty()
    with open(follower, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with ProgressLine() as line:
            line.show(Progress("crash", 0, 1, 0, 0.0, ""))  # How many there are it knows later.
            line.show(Progress("crash", 2, 8, 3000, 30.0))
    drawn = b""
    try:
        while part := os.read(leader, 1 << 16):
            drawn += part
    except OSError:  # All was read, and nobody has the other end.
        pass
    os.close(leader)
    assert b"2/8" in drawn
    assert b"3,000 states, 100/s, 1:30 left" in drawn.replace(b"\x1b[0m", b"")
    assert (b"\x1b[3" in drawn) is not no_color
