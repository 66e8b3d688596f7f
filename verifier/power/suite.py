"""The suite: the tests of a checkout, run over a copy of it with mutants in it.

Each mutant is alone with the test files nearest to its module: named for it, then of its folder. Those that
these do not tell go through all files together (`sieve`); a test that fails then is asked for each half.

Invariants
  1  the copy is the checkout but for what is planted, and is what the tests and their processes import
  2  a test that fails without a mutant tells nothing: it is left out
  3  nothing of the checkout is written
  4  no clock tells: a test in which loops go round too often is ended by its work; what a clock ends is not
     decided

Threads: one caller.
"""

from __future__ import annotations

import ast
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ..errors import HarnessError
from ..mutants.planted import Edit
from .generic import ENGINE, HARNESS, Generic
from .sieve import Told, UndecidedError, groups, sift, together

__all__ = ["Suite", "Tested", "order"]

# Which tests speak of what: those of the gate, of the bank and of the tree are another judge, or none.
_OF: Final = {
    ENGINE: ("engine", "contract", "format", "regressions"),
    HARNESS: ("faultfs", "verifier/oracles", "verifier/spec", "verifier/finders", "verifier/concurrency"),
}
_LEFT: Final = (".*", "__pycache__", "findings", "bench", "build", "dist", "*.pyc")
NEAR: Final = 2  # Files that each is alone with.
FILE_SECONDS: Final = 600  # A cap, of the clock: what it ends is not decided.
# Rounds of the package's loops in one test. One that takes more without a mutant is left out by invariant 2.
WORK_MAX: Final = 60_000_000
_PLUGIN: Final = "watching"
_PASSED: Final = (0, 5)  # Exit codes of pytest: all passed, and nothing to do.


class Tested:
    """The answer of the tests: the test that failed, or ""; and why that is not known."""

    def __init__(self) -> None:
        self.told = ""
        self.unknown = ""
        self.cpu_seconds = 0.0


class Suite:
    """The tests in `folder`, which stands beside the package's own folders."""

    def __init__(self, folder: Path, of: str) -> None:
        self._folder = folder.resolve()
        root = self._folder.parent
        if not (root / "powercut").is_dir() or not any(self._folder.rglob("test_*.py")):
            raise HarnessError(f"{folder}: no tests of a checkout of powercut")
        self._home = TemporaryDirectory(prefix="powercut-power-")
        self._root = Path(self._home.name) / "tree"
        shutil.copytree(root, self._root, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT))
        shutil.copy(Path(__file__).with_name(f"{_PLUGIN}.py"), self._root)
        self.tests = self._root / self._folder.name
        self.files = [path for part in _OF[of] for path in sorted((self.tests / part).rglob("test_*.py"))]
        self._sound: set[str] = set()  # Tests that pass without a mutant,
        self._broken: list[str] = []  # and those that do not.

    def close(self) -> None:
        """Remove the copy."""
        self._home.cleanup()

    def sift(self, mutants: Sequence[Generic]) -> Iterator[tuple[Generic, Tested]]:
        """Each with the first test that fails with it, and passes without it."""
        left = []
        found = {mutant.name: Tested() for mutant in mutants}
        for mutant in mutants:
            near = _Together(self, order(self.files, self.tests, mutant.module)[:NEAR], found)
            for each, told in sift([mutant], near):
                _note(found[each.name], told)
                yield each, found[each.name]
                break
            else:
                left.append(mutant)
        for group in groups(left, self._read):
            decided = set()
            for mutant, told in sift(group, _Together(self, self.files, found)):
                _note(found[mutant.name], told)
                decided.add(mutant.name)
                yield mutant, found[mutant.name]
            yield from ((each, found[each.name]) for each in group if each.name not in decided)

    def failed(self, test: str, mutants: Sequence[Generic]) -> tuple[str, float]:
        """(the first test of these that fails with the mutants and not without, or "", processor seconds).

        test  a file below the root of the copy, or one test of it as pytest names it
        Raises UndecidedError.
        """
        spent = 0.0
        while True:
            with self._planted(mutants):
                failed, more = self._run(test)
            spent += more
            if not failed or failed in self._sound:
                return failed, spent
            fails_too, more = self._run(failed)
            spent += more
            if not fails_too:
                self._sound.add(failed)
            elif failed == test:
                return "", spent
            else:
                self._broken.append(failed)

    @contextmanager
    def _planted(self, mutants: Sequence[Generic]) -> Iterator[None]:
        before = {}
        try:
            for edit in together(mutants):
                file = self._file(edit)
                before[file] = self._read(edit)
                file.write_text(edit.edited(before[file]), encoding="utf-8")
            yield
        finally:
            for file, text in before.items():
                file.write_text(text, encoding="utf-8")

    def _file(self, edit: Edit) -> Path:
        return self._root.joinpath(*edit.module.split(".")).with_suffix(".py").resolve()

    def _read(self, edit: Edit) -> str:
        return self._file(edit).read_text(encoding="utf-8")

    def _run(self, test: str) -> tuple[str, float]:
        """(the first test that fails or "", processor seconds). Raises UndecidedError."""
        before = _children()
        told = Path(self._home.name) / "told"
        told.write_text("", encoding="utf-8")
        environment = {
            **os.environ,
            "PYTHONPATH": str(self._root),
            "PYTHONDONTWRITEBYTECODE": "1",  # Two edits of one length within a second would be taken for one.
            "POWERCUT_CACHE": str(Path(self._home.name) / "cache"),
            "POWERCUT_TOLD": str(told),
            "POWERCUT_WORK": f"{WORK_MAX} {self._root / 'powercut'}",
        }
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
        command += [f"--deselect={each}" for each in self._broken if each != test]
        try:
            done = subprocess.run(
                [*command, "-p", _PLUGIN, "--tb=no", test],
                cwd=self._root,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=FILE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise UndecidedError(f"{test}: no answer within {FILE_SECONDS} s") from None
        spent = _children() - before
        lines = told.read_text(encoding="utf-8").splitlines()
        failed = [line.removeprefix("failed ") for line in lines if line.startswith("failed ")]
        if done.returncode in _PASSED:
            return "", spent
        # One that took the process with it is the last that was begun.
        failed += [line.removeprefix("begun ") for line in reversed(lines) if line.startswith("begun ")]
        return (failed or [test])[0], spent


class _Together:
    """Asks files with mutants planted together; each bears its share of the price."""

    def __init__(self, suite: Suite, files: Sequence[Path], found: dict[str, Tested]) -> None:
        self._suite = suite
        self._files = files
        self._found = found

    def first(self, mutants: Sequence[Generic], start: int) -> Told | None:
        """Ask file after file."""
        for at in range(start, len(self._files)):
            name = self._files[at].relative_to(self._suite.tests.parent)
            told = self._asked(mutants, at, name.as_posix())
            if told is not None:
                return told
        return None

    def again(self, mutants: Sequence[Generic], told: Told) -> Told | None:
        """Ask the one test."""
        return self._asked(mutants, told.place, told.words)

    def _asked(self, mutants: Sequence[Generic], at: int, test: str) -> Told | None:
        failed, spent = self._suite.failed(test, mutants)
        for mutant in mutants:
            self._found[mutant.name].cpu_seconds += spent / len(mutants)
        return Told(at, failed) if failed else None


def _note(found: Tested, told: Told | str) -> None:
    if isinstance(told, Told):
        found.told = told.words
    else:
        found.unknown = told


def order(files: Sequence[Path], tests: Path, module: str) -> list[Path]:
    """The files that can reach the module, the nearest first: by name, by folder, by what they import."""
    _, package, *folders, name = module.split(".")
    home = tests.joinpath(package, *folders)

    def distance(path: Path) -> tuple[int, int, int]:
        is_named = path.stem == f"test_{name}" or path.stem.startswith(f"test_{name}_")
        shared = len(os.path.commonpath([path.parent, home]))
        is_near = is_named and path.is_relative_to(tests / package)
        return (0 if is_near else 1, -shared, len(path.parts))

    return sorted((path for path in files if _imports(path, package)), key=distance)


def _imports(path: Path, package: str) -> bool:
    """True if the file names something of the package, itself or by a fixture of its folder."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("powercut"):
            return True
        if isinstance(node, ast.Import) and any(each.name.startswith("powercut") for each in node.names):
            return True
    return package in path.parts


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
