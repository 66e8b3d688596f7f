"""The closing line of a run says how many tests it left out, shared between processes or not."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

TESTS = """
import pytest

@pytest.mark.once
@pytest.mark.parametrize("_", range(3))
def test_left_out(_): ...

def test_run(): ...
"""


@pytest.mark.parametrize("processes", [[], ["-n", "1"], ["-n", "2"]])
def test_closing_line_counts_what_was_left_out(root: Path, tmp_path: Path, processes: list[str]) -> None:
    (tmp_path / "conftest.py").write_bytes((root / "tests" / "conftest.py").read_bytes())
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = once\n")
    call = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "not once", *processes, "."]
    ran = subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.stdout, ran.stderr
    assert "1 passed, 3 deselected" in ran.stdout.splitlines()[-1], ran.stdout + ran.stderr
