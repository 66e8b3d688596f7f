"""The suite: the tests of a checkout, run over a copy of it with a mutant in it.

Test files are asked one after the other, those that are named for the mutant's module first, then those of
its folder, then the others that import its package; the first that fails tells, and the rest is not asked.
Each file is run once without a mutant, watched (`seen`): one that does not run the changed lines, in whatever
process, is not asked. Compiled code is not seen, so where kernels are changed all are asked.

Invariants
  1  the copy is the checkout but for one file, and is what the tests import, also in processes of theirs
  2  a file that fails without the mutant tells nothing: it is left out
  3  nothing of the checkout is written

Threads: one caller.
"""

from __future__ import annotations

import ast
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from ..errors import HarnessError
from .generic import COMPILED, ENGINE, HARNESS, Generic
from .region import region

__all__ = ["Suite", "Tested", "order"]

# Which tests speak of what: those of the gate, of the bank and of the tree are another judge, or none.
_OF: Final = {
    ENGINE: ("engine", "contract", "format", "regressions"),
    HARNESS: ("faultfs", "verifier/oracles", "verifier/spec", "verifier/finders", "verifier/concurrency"),
}
_LEFT: Final = (".*", "__pycache__", "findings", "bench", "build", "dist", "*.pyc")
FILE_SECONDS: Final = 600  # A cap, of the clock: what it ends is not decided.
_FAILED, _NOTHING = 1, 5  # Exit codes of pytest.


class Tested:
    """The answer of the tests: the file that failed, or ""; and why that is not known."""

    def __init__(self) -> None:
        self.told = ""
        self.unknown = ""
        self.files = 0
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
        self._tests = self._root / self._folder.name
        every = [path for part in _OF[of] for path in sorted((self._tests / part).rglob("test_*.py"))]
        self._files = every
        shutil.copy(Path(__file__).with_name("seen.py"), self._root / "sitecustomize.py")
        self._ran: dict[Path, dict[str, set[int]] | None] = {}

    def close(self) -> None:
        """Remove the copy."""
        self._home.cleanup()

    def ask(self, mutant: Generic) -> Tested:
        """The first file that fails with the mutant, and passes without it."""
        file = self._root.joinpath(*mutant.module.split(".")).with_suffix(".py").resolve()
        before = file.read_text(encoding="utf-8")
        found = Tested()
        lines = region(mutant.edit(), before)
        try:
            for test in order(self._files, self._tests, mutant.module):
                if not self._is_run(test, mutant.module, lines):
                    continue
                found.files += 1
                file.write_text(mutant.edit().edited(before), encoding="utf-8")
                code, spent = self._run(test)
                found.cpu_seconds += spent
                if code is None:
                    found.unknown = f"{test.relative_to(self._tests)}: no answer within {FILE_SECONDS} s"
                elif code not in (0, _NOTHING):
                    found.told, found.unknown = str(test.relative_to(self._tests)), ""
                    return found
                file.write_text(before, encoding="utf-8")  # What is watched next is watched without it.
            return found
        finally:
            file.write_text(before, encoding="utf-8")

    def _is_run(self, test: Path, module: str, lines: frozenset[int] | None) -> bool:
        """True if the file stands without a mutant, and runs one of the lines, or may run them unseen."""
        if test not in self._ran:
            self._ran[test] = self._watched(test)
        ran = self._ran[test]
        if ran is None:
            return False
        is_compiled = module.removeprefix("powercut.").startswith(COMPILED)
        if lines is None or is_compiled or sys.version_info < (3, 12):
            return True
        return not lines.isdisjoint(ran.get(module, ()))

    def _watched(self, test: Path) -> dict[str, set[int]] | None:
        """The lines that the file runs, by module; None where it fails."""
        package = self._root / "powercut"
        with TemporaryDirectory(prefix="powercut-power-") as folder:
            code, _ = self._run(test, POWERCUT_SEEN=folder, POWERCUT_ROOT=str(package))
            if code not in (0, _NOTHING):
                return None
            ran: dict[str, set[int]] = {}
            for told in Path(folder).iterdir():
                for file, numbers in json.loads(told.read_text(encoding="utf-8")).items():
                    name = ".".join(Path(file).relative_to(self._root).with_suffix("").parts)
                    ran.setdefault(name, set()).update(numbers)
            return ran

    def _run(self, test: Path, **more: str) -> tuple[int | None, float]:
        """(exit code of pytest, None where it did not end; processor seconds); `more` of its environment."""
        before = _children()
        environment = {
            **os.environ,
            "PYTHONPATH": str(self._root),
            "PYTHONDONTWRITEBYTECODE": "1",  # Two edits of one length within a second would be taken for one.
            "POWERCUT_CACHE": str(Path(self._home.name) / "cache"),
            **more,
        }
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
        try:
            done = subprocess.run(
                [*command, str(test)],
                cwd=self._root,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=FILE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return None, _children() - before
        return done.returncode, _children() - before


def order(files: list[Path], tests: Path, module: str) -> list[Path]:
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
