"""Tests that one interpreter is enough for, and folders that the oldest releases are not tried with.

The former judge code that brings of others' packages msgspec alone, by whichever way. The latter have none
that imports another itself: what they call in others' packages others' folders call, whose tests are run.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ALLOWED = {"msgspec", "pytest", "tests", "_typeshed"}  # The last two are there for a type checker alone.
MARK = "pytest.mark.once"
pytestmark = pytest.mark.once


def imports_of(source: str, name: str) -> Iterator[str]:
    """The modules that a module of this name imports, dotted."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = name.split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


@cache
def file_of(root: Path, name: str) -> Path | None:
    """The file of one of our modules; of a name in a module, that module's."""
    parts = name.split(".")[1:]
    for end in range(len(parts), 0, -1):
        place = root.joinpath(*parts[:end])
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return file
    return None


def name_of(root: Path, file: Path) -> str:
    return ".".join(["powercut", *file.relative_to(root).with_suffix("").parts])


def others(root: Path, source: str) -> set[str]:
    """The packages of others that this source brings, by way of ours too."""
    waiting, seen, found = list(imports_of(source, "test")), set[Path](), set[str]()
    while waiting:
        name = waiting.pop()
        if not name.startswith("powercut."):
            found |= {name.partition(".")[0]} - sys.stdlib_module_names
        elif (file := file_of(root, name)) is not None and file not in seen:
            seen.add(file)
            waiting += brought(root, file)
    return found


@cache
def brought(root: Path, file: Path) -> tuple[str, ...]:
    """The modules that one of our files imports; many bring the same ones."""
    return tuple(imports_of(file.read_text(encoding="utf-8"), name_of(root, file)))


def marked(root: Path) -> list[Path]:
    files = root.glob("tests/**/test_*.py")
    return [path for path in files if f"{MARK}\n" in path.read_text(encoding="utf-8")]


def test_what_runs_once_brings_no_package_whose_release_could_matter(root: Path) -> None:
    found = {str(path.relative_to(root)): others(root, path.read_text()) - ALLOWED for path in marked(root)}
    assert {path: names for path, names in found.items() if names} == {}
    assert len(found) > 10


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy.typing", {"numpy"}),
        ("from powercut.faultfs import Trace", {"msgspec"}),
        ("from powercut.verifier.tapes import tape", {"msgspec"}),
        ("def test():\n    from powercut.engine.metadata.layout import Root", {"fastcrc"}),
    ],
)
def test_package_is_found_by_whichever_way_it_comes(root: Path, source: str, expected: set[str]) -> None:
    assert expected <= others(root, source)


def imported_in(root: Path, folder: str) -> set[str]:
    """The packages of others that the modules of a folder import themselves."""
    names = {
        name.partition(".")[0]
        for file in (root / folder).rglob("*.py")
        for name in imports_of(file.read_text(encoding="utf-8"), name_of(root, file))
    }
    return names - sys.stdlib_module_names - {"powercut"}


def test_folder_that_the_oldest_releases_are_not_tried_with_imports_none_of_them(root: Path) -> None:
    text = (root / "tox.ini").read_text(encoding="utf-8").partition("[testenv:oldest]")[2]
    folders = re.findall(r"--ignore=tests/(\S+)", text)
    assert {folder: found for folder in folders if (found := imported_in(root, folder) - ALLOWED)} == {}
    assert len(folders) > 3
    assert [folder for folder in folders if not (root / folder).is_dir()] == []  # It would have no modules.
    assert {"numpy", "greenlet"} <= imported_in(root, "verifier/oracles") | imported_in(
        root, "verifier/concurrency"
    )
