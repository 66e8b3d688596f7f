"""A module has one noun; 350 lines hold it."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.once

LIMIT_LINES = 350
FOLDERS = ("engine", "faultfs", "verifier", "tests", "bench", "ci", "docs")


def oversized(root: Path, folders: tuple[str, ...], limit: int) -> list[str]:
    """`path: lines` of every Python file below `folders` that has `limit` lines or more."""
    faults = []
    for path in sorted(path for folder in folders for path in (root / folder).rglob("*.py")):
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count >= limit:
            faults.append(f"{path.relative_to(root)}: {count} lines, expected fewer than {limit}")
    return faults


def test_no_file_outgrows_its_noun(root: Path) -> None:
    faults = oversized(root, FOLDERS, LIMIT_LINES)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("count", "expected"), [(9, []), (10, ["deep/long.py: 10 lines, expected fewer than 10"])]
)
def test_file_at_the_limit_is_named(tmp_path: Path, count: int, expected: list[str]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "long.py").write_text("x\n" * count, encoding="utf-8")
    assert oversized(tmp_path, ("deep", "absent"), 10) == expected


def test_tests_are_no_package(root: Path) -> None:
    # With an __init__.py pytest would put the checkout before the wheel on sys.path.
    assert list((root / "tests").rglob("__init__.py")) == []
