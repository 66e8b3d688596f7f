"""The pytest plugin, in processes of its own: what it adds, and that it touches nothing else."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest

_STORES = Path(__file__).parents[2] / "docs" / "own-store"
_BROKEN = "device.sync_names()", "pass"


def _pytest(folder: Path, *arguments: str, plugin: bool = True) -> subprocess.CompletedProcess[str]:
    path = [str(folder), *(each for each in sys.path if each)]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *(("-p", "powercut.verifier.plugin") if plugin else ()), *arguments],
        cwd=folder,
        env={"PYTHONPATH": ":".join(path), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    source = (_STORES / "slotted.py").read_text(encoding="utf-8")
    few = "TestSlotted.settings = settings(stateful_step_count=5, database=None)\n"
    few = f"from hypothesis import settings\n\n{few}"
    (tmp_path / "test_slotted.py").write_text(source + few)
    return tmp_path


def test_passing_machine_is_told_in_a_line_also_by_workers_and_in_junit(home: Path) -> None:
    done = _pytest(home, "-n", "2", "--powercut-examples", "8", "--junitxml", "junit.xml", "-m", "powercut")
    assert done.returncode == 0, done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("SlottedMachine: ")]
    assert "posix lost something in" in line
    properties = ElementTree.parse(home / "junit.xml").iter("property")
    assert [(each.get("name"), each.get("value")) for each in properties] == [("powercut", line)]


def test_law_of_the_command_line_is_that_of_the_machine(home: Path) -> None:
    done = _pytest(home, "--powercut-examples", "8", "--powercut-law", "prefix")
    assert "prefix lost something in" in done.stdout
    refused = _pytest(home, "--powercut-law", "absent")
    assert "no law" in refused.stderr + refused.stdout


def test_a_profile_gives_machines_their_attributes_and_a_strange_one_is_an_error(home: Path) -> None:
    (home / "own.toml").write_text('law = "prefix"\nexamples = 6\nkeys = 1\n')
    done = _pytest(home, "--powercut-profile", "own.toml")
    assert done.returncode == 0, done.stdout
    assert "prefix lost something in" in done.stdout
    for text, told in (("keys = 99", "a number from 1 to"), ("kyes = 1", "no kyes"), ("=", "own.toml")):
        (home / "own.toml").write_text(text)
        done = _pytest(home, "--powercut-profile", "own.toml")
        assert done.returncode == 4, done.stdout
        assert told in done.stderr + done.stdout


def test_a_budget_ends_the_search_and_says_so(home: Path) -> None:
    # How much is searched before the end is the machine's affair; a run below the floor fails, as it should.
    figures = ("programs", "operations", "states", "openings", "lost")
    source = (home / "test_slotted.py").read_text()
    (home / "test_slotted.py").write_text(f"{source}SlottedMachine.floor = {dict.fromkeys(figures, 0)}\n")
    done = _pytest(home, "--powercut-examples", "200", "--powercut-budget", "0.05")
    assert done.returncode == 0, done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("SlottedMachine: ")]
    assert "not searched: the budget was spent" in line


def test_finding_is_a_file_and_the_file_is_a_regression_test(home: Path) -> None:
    source = (home / "test_slotted.py").read_text()
    (home / "test_slotted.py").write_text(source.replace(*_BROKEN))
    done = _pytest(home, "--powercut-findings", "found", "-p", "no:randomly")
    assert done.returncode == 1
    (tape,) = (home / "found").iterdir()
    assert f"powercut replay found/{tape.name}" in done.stdout
    tapes = home / "tapes"
    tapes.mkdir()
    tape.rename(tapes / "lost.json")
    broken = _pytest(home, "tapes")
    assert broken.returncode == 1
    assert "VIOLATION  lost acknowledged operation" in broken.stdout
    (home / "test_slotted.py").write_text(source)
    assert _pytest(home, "tapes").returncode == 0


def test_findings_of_one_kind_of_several_machines_are_a_file_each(home: Path) -> None:
    source = (home / "test_slotted.py").read_text().replace(*_BROKEN)
    (home / "test_slotted.py").write_text(f"{source}TestOther = SlottedMachine.TestCase\n")
    (home / "test_more.py").write_text(f"{source}\n")
    done = _pytest(home, "--powercut-findings", "found", "-p", "no:randomly")
    assert done.returncode == 1
    found = sorted(path.name.rpartition("-")[0] for path in (home / "found").iterdir())
    assert found == [
        "test-more-TestSlotted-runTest",
        "test-slotted-TestOther-runTest",
        "test-slotted-TestSlotted-runTest",
    ]


def test_store_that_differs_from_run_to_run_is_told_so_and_the_other_tests_run(home: Path) -> None:
    source = (home / "test_slotted.py").read_text()
    at_times = "device.sync_names() if __import__('os').urandom(1)[0] < 128 else None"
    broken = source.replace("device.sync_names()", at_times)
    (home / "test_slotted.py").write_text(f"{broken}\n\ndef test_other():\n    pass\n")
    done = _pytest(home)
    assert done.returncode == 1, done.stdout
    assert "1 failed, 1 passed" in done.stdout
    assert "INTERNALERROR" not in done.stdout


def test_fixtures_are_a_device_and_the_states_of_it(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "def test_it(fault_device, crash_states):\n"
        "    fault_device.create('a')\n"
        "    assert sorted(len(image.names) for image in crash_states(fault_device)) == [0, 1]\n"
    )
    assert _pytest(tmp_path).returncode == 0


def test_project_that_does_not_use_it_imports_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "tapes").mkdir()
    (tmp_path / "tapes" / "other.json").write_text("{}")
    (tmp_path / "test_it.py").write_text(
        "import sys\n\n\ndef test_it():\n"
        "    heavy = {'powercut.faultfs', 'powercut.engine', 'powercut.verifier.machine', 'msgspec'}\n"
        "    assert not heavy & set(sys.modules)\n"
    )
    done = _pytest(tmp_path, "-p", "no:hypothesispytest")
    assert done.returncode == 0, done.stdout
    assert "powercut" not in done.stdout.split("plugins:")[-1].split("\n", 1)[-1]


def test_it_is_no_entry_point_or_pytest_would_load_the_kernels_itself() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))[
        "project"
    ]
    assert "entry-points" not in project


_REPLACE = "import os,sys; os.chdir(sys.argv[1]); open('t','w').write('1'); os.rename('t','f')"


def test_a_program_is_a_test_by_a_fixture_or_by_a_workload_file(tmp_path: Path) -> None:
    from powercut.verifier.programs.reading.syscalls import why_not

    if reason := why_not():
        pytest.skip(reason)
    python = f"{sys.executable} -S -E"
    (tmp_path / "put.py").write_text(_REPLACE)
    start = "sh -c 'echo 0 > {root}/f'"
    (tmp_path / "test_program.py").write_text(
        "def test_it(try_program):\n"
        f"    try_program(init=[{start!r}], steps=['{python} put.py {{root}}'], read='cat {{root}}/f')\n"
    )
    (tmp_path / "workloads").mkdir()
    known = "".join(
        f'[[known]]\nverdict = "{each}"\nreason = "no sync"\n' for each in ("lost acknowledged", "mixed")
    )
    (tmp_path / "workloads" / "put.toml").write_text(
        f'folder = ".."\ninit = ["{start}"]\nsteps = ["{python} put.py {{root}}"]\n'
        f'read = "cat {{root}}/f"\n{known}'
    )
    (tmp_path / "workloads" / "idle.toml").write_text('steps = ["true"]\nread = "true"\n')
    done = _pytest(tmp_path, "-m", "powercut", "--junitxml", "junit.xml")
    assert "found: lost acknowledged (" in done.stdout
    assert "no event" in done.stdout, "a search of nothing fails"
    assert "2 failed, 1 passed" in done.stdout, "each of them is marked"
    lines = [line for line in done.stdout.splitlines() if "crash states of" in line and "::" in line]
    assert [line.split(": ")[:2] for line in lines] == [
        ["test_program.py::test_it", "found"],
        ["workloads/put.toml::workload", "as known"],
    ]
    properties = ElementTree.parse(tmp_path / "junit.xml").iter("property")
    assert sorted(str(each.get("value")) for each in properties) == lines
