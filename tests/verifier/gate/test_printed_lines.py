"""Of every stage that has tapes: what it finds goes through the very line that it prints.

A bug is planted in every process of a small gate, by a `sitecustomize` on its path, so in the workers of the
kills too. What the gate prints is run in a process without it: the tape says with which bug it was found, and
a bug is planted before the store is imported. So each line has a process of its own, forked from one
that has imported the command and not yet the store (`forked`).
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from powercut.verifier.mutants.bank import find
from powercut.verifier.runs.play import play
from powercut.verifier.tapes.kept import load
from powercut.verifier.verdict import Ok

_COMMAND = "from powercut.verifier.cli import main; main()"
_PLANTS = "from powercut.verifier.mutants.hook import install\ninstall({!r})\n"


@dataclass(frozen=True, slots=True)
class _Case:
    """A stage in its smallest profile, and a bug that it finds."""

    stage: str
    bug: str
    profile: str
    told: str = ""  # What the story must say besides.


_FAULTS = """
geometries = ["tiny"]
programs = ["saved"]
torn = []
parts = 1
limit = 16
cut = {cut}
random = {{ geometries = ["tiny"], tapes = 1, steps = 2, chunk = 1 }}
"""
_CASES = (
    _Case(
        "model",
        "root-never-synced",
        'geometries = ["tiny"]\nexamples = 2\nsteps = 4\nlimit = 64\nchunk = 2\nkernels = ["interpreted"]',
    ),
    _Case(
        "crash",
        "root-never-synced",
        """
limit = 64
depth = 1
exhaustive = { geometries = ["tiny"], steps = 2, chunk = 58 }
random = { geometries = ["tiny"], tapes = 1, steps = 2, chunk = 1 }
""",
        "THE POWER IS CUT",
    ),
    _Case("faults", "failed-sync-does-not-poison", _FAULTS.format(cut="[]"), "  fault     "),
    _Case("faults", "root-never-synced", _FAULTS.format(cut='["saved"]'), "THE POWER IS CUT"),
    _Case(
        "damage",
        "extent-checksum-not-looked-at",
        'media = ["one checkpoint"]\nbits = []\nbytes = 0\nparts = 1',
        "damaged",
    ),
    _Case(
        "schedule",
        "tentative-entry-not-looked-at-again",
        """
limit = 200
exhaustive = { geometries = ["narrow"], preemptions = 1, chunk = 400 }
random = { geometries = ["narrow"], programs = 1, schedules = 1, chunk = 1 }
""",
        "preempted",
    ),
    _Case(
        "kill",
        "oldest-root-recovered",
        """
geometries = ["tiny"]
steps = 2
sampled = 0
tapes = 1
tape_steps = 2
broad = 0
images = 0
states = 1
chunk = 100
""",
    ),
)


def _named(case: _Case) -> str:
    return f"{case.stage}-{case.bug}"


# The command in a folder, with some paths in front of those of the test.
Powercut = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def powercut(forked: Callable[..., subprocess.CompletedProcess[bytes]]) -> Powercut:
    def call(
        folder: Path, *arguments: str, planting: str = "", path: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        paths = os.pathsep.join([*([str(path)] if path else []), *(each for each in sys.path if each)])
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "0"}
        done = forked(planting + _COMMAND, *arguments, folder=folder, environment=environment)
        return subprocess.CompletedProcess(
            arguments, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return call


def _find(case: _Case, folder: Path, powercut: Powercut) -> dict[str, Any]:
    """The violation that the gate tells."""
    planting = folder / "planting"
    planting.mkdir()
    plants = _PLANTS.format(case.bug)
    (planting / "sitecustomize.py").write_text(plants)  # For the processes that it starts.
    table = f"[{case.stage}]\n{case.profile}\n[{case.stage}.floor]\nprograms = 1\n"
    (folder / "small.toml").write_text(f'name = "small"\n{table}')
    arguments = ["gate", "--profile", "small.toml", "-j", "1", "--json", "gate.json"]
    done = powercut(folder, *arguments, planting=plants, path=planting)
    assert done.returncode == 1, done.stdout + done.stderr
    (violation,) = msgspec.json.decode((folder / "gate.json").read_bytes())["stages"][case.stage][
        "violations"
    ]
    assert violation["repeat"] in done.stdout
    found: dict[str, Any] = violation
    return found


@pytest.mark.parametrize("case", _CASES, ids=_named)
def test_finding_goes_through_the_line_that_was_printed(
    case: _Case, powercut: Powercut, tmp_path: Path
) -> None:
    violation = _find(case, tmp_path, powercut)
    mutant = find(case.bug)
    tape = load(tmp_path / violation["file"]).tape
    assert tape.bug == case.bug
    command, *printed = shlex.split(violation["repeat"])
    assert (command, printed) == ("powercut", ["replay", violation["file"]])

    # The unchanged store stands what was found.
    assert isinstance(play(msgspec.structs.replace(tape, bug="")).verdict, Ok)

    replayed, as_json, shrunk, small = (
        powercut(tmp_path, *line)
        for line in (
            printed,
            [*printed, "--json"],
            ["shrink", violation["file"], "--out", "small.json"],
            ["replay", "small.json", "--json"],
        )
    )
    assert replayed.returncode == 1, replayed.stderr
    assert case.told in replayed.stdout
    assert violation["repeat"] in replayed.stdout
    told = msgspec.json.decode(as_json.stdout)
    shown = told["violation"]
    assert (shown["oracle"], shown["kind"]) == (violation["oracle"], violation["kind"])
    assert shown["detail"] == violation["detail"]
    assert Path(violation["file"]).stem.endswith(told["digest"][:8])
    assert mutant.module.startswith("powercut.engine")

    assert shrunk.returncode == 1, shrunk.stderr
    again = msgspec.json.decode(small.stdout)
    assert (again["exit"], again["outcome"]) == (1, "exact")
    assert again["violation"]["kind"] == violation["kind"]
