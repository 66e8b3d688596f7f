"""Shown on real programs: each workload of docs/programs, and the table of idioms in docs/found.md."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import msgspec
import pytest

from powercut.faultfs import Law
from powercut.verifier.programs.exploring.asked import Readings
from powercut.verifier.programs.exploring.ignoring import without
from powercut.verifier.programs.exploring.running import record_workload
from powercut.verifier.programs.exploring.search import Wanted, explore
from powercut.verifier.programs.exploring.workload import Workload, command_of, load_workload
from powercut.verifier.programs.reading.readers import Command
from powercut.verifier.programs.reading.syscalls import why_not
from powercut.verifier.programs.record import record

DOCS = Path(__file__).parents[4] / "docs"
FOUND = (DOCS / "found.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([a-z-]+)` \| ((?:silent|mixed|lost).*) \|$", FOUND, re.MULTILINE)
LAWS = (Law.POSIX, Law.POSIX_SPLIT, Law.EXT4, Law.EXT4_ORDERED, Law.XFS, Law.BTRFS)

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


@pytest.fixture(autouse=True)
def python3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The interpreter of the test, by the name that workloads use."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(os.path.realpath(sys.executable))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")


def shown(workload: Workload, laws: tuple[Law, ...]) -> list[str]:
    """The verdicts under each law, as the table says them."""
    recording = record_workload(workload, record)
    recording = msgspec.structs.replace(without(recording, workload.ignore), sector_bytes=workload.sector)
    told = []
    root = Path(recording.root)
    root.mkdir()
    try:
        command = Command(command_of(workload.read, recording.root), workload.folder)
        with Readings(recording, command) as readings:
            for law in laws:
                found = explore(recording, readings, Wanted(law, workload.ack, limit=workload.limit))
                assert found.completeness == "exhaustive"
                told.append(", ".join(found.first) or "silent")
    finally:
        root.rmdir()
    return told


def test_the_table_has_the_eight_idioms() -> None:
    assert len(ROWS) == 8


@pytest.mark.once
@pytest.mark.parametrize(("name", "row"), ROWS)
def test_an_idiom_is_told_as_the_table_says(name: str, row: str) -> None:
    python = f"python3 -S -E idioms.py {name}"
    workload = Workload(
        read=f"{python} read {{root}}",
        steps=[f"{python} write {{root}}"],
        init=[f"{python} init {{root}}"],
        sector=4096,
        limit=20_000,
        folder=str(DOCS / "programs"),
    )
    assert shown(workload, LAWS) == row.split(" | ")


def test_each_package_that_is_run_by_hand_has_a_row() -> None:
    section = FOUND.partition("## Installed packages")[2].partition("\n## ")[0]
    rows = " ".join(re.findall(r"^\| (.*?) \|", section, re.MULTILINE)).lower()
    programs = (DOCS / "programs" / "packages.py").read_text(encoding="utf-8")
    used = re.findall(r"^def use_(\w+)", programs, re.MULTILINE)
    assert "diskcache" in used
    assert [name for name in used if name not in rows] == []


def test_an_append_to_a_zip_is_told_as_its_row_says() -> None:
    (row,) = re.findall(r"^\| `zipfile` .*? \| (.*?) \| (.*?) \|", FOUND, re.MULTILINE)
    python = "python3 -S -E packages.py zipfile"
    workload = Workload(
        read=f"{python} get {{root}}",
        steps=[f"{python} put {{root}} 1"],
        init=[f"{python} init {{root}} 0"],
        sector=4096,
        limit=4096,
        folder=str(DOCS / "programs"),
    )
    assert shown(workload, (Law.POSIX, Law.EXT4)) == list(row)


@pytest.mark.parametrize("path", sorted((DOCS / "programs" / "installed").glob("*.toml")))
def test_a_program_that_is_run_by_hand_has_a_row_and_a_workload(path: Path) -> None:
    assert load_workload(path).laws == ["ext4", "xfs", "btrfs"]
    assert f"`{path.name}`" in FOUND


@pytest.mark.parametrize("path", sorted((DOCS / "programs").glob("*.toml")), ids=lambda path: path.stem)
def test_a_store_is_told_as_its_workload_says(path: Path) -> None:
    workload = load_workload(path)
    (verdicts,) = shown(workload, (Law.POSIX,))
    assert set(filter("silent".__ne__, verdicts.split(", "))) == {each.verdict for each in workload.known}
    assert f"`{path.name}`" in FOUND
