"""The import hook: plants bugs of the bank in this process, before the engine is imported.

The edited source is compiled in the place of the file's; the file is not touched, and no cache of
compiled code is read or written.

Invariants
  1  the old text stands in the module exactly once, else nothing is planted
  2  no module of the bug's package was imported before the hook

Threads: one, before the first import of the engine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from ..errors import HarnessError
from .bank import find
from .planted import Mutant

__all__ = ["edit", "install", "install_all", "planted", "read_source"]

_planted: list[str] = []


def install(name: str) -> None:
    """Plant the named bug in this process.

    Raises KeyError where the bank has no such name, HarnessError where the package is imported
    already or the old text is not there exactly once.
    """
    install_all((find(name),))
    _planted.append(name)


def install_all(mutants: Sequence[Mutant]) -> None:
    """Plant them together, those of one module in this order. Raises HarnessError as `install` does."""
    for mutant in mutants:
        package = ".".join(mutant.module.split(".")[:2])
        if package in sys.modules:
            raise HarnessError(f"{mutant.name}: {package} is imported already, the bug would not be in it")
        edit(read_source(mutant), mutant)
    sys.meta_path.insert(0, _Finder(mutants))


def planted() -> str:
    """The bug in this process, so that what is found here can say what it was found with; "": none."""
    return _planted[-1] if _planted else ""


def edit(source: str, mutant: Mutant) -> str:
    """The source with the bug in it. Raises HarnessError unless the old text is there once."""
    count = source.count(mutant.old)
    if count != 1:
        raise HarnessError(f"{mutant.name}: the old text stands {count} times in {mutant.module}: expected 1")
    return source.replace(mutant.old, mutant.new)


def read_source(mutant: Mutant) -> str:
    """The unchanged source of the bug's module, found without importing anything."""
    path: Sequence[str] | None = None
    at = ""
    origin = ""
    for part in mutant.module.split("."):
        at = f"{at}.{part}" if at else part
        spec = PathFinder.find_spec(at, path)
        if spec is None or spec.origin is None:
            raise HarnessError(f"{mutant.name}: no source of {mutant.module} found")
        path, origin = spec.submodule_search_locations, spec.origin
    return Path(origin).read_text(encoding="utf-8")


class _Finder(MetaPathFinder):
    """Finds the modules that are edited; all others are left to the finders behind it."""

    def __init__(self, mutants: Sequence[Mutant]) -> None:
        self._mutants = mutants

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        edits = [mutant for mutant in self._mutants if mutant.module == fullname]
        if not edits:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(edits, fullname, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    """Compiles the edited source, whatever compiled code lies about."""

    def __init__(self, mutants: Sequence[Mutant], fullname: str, path: str) -> None:
        super().__init__(fullname, path)
        self._mutants = mutants

    def get_source(self, fullname: str) -> str:
        """The source with the planted bug; what is compiled to machine code is read from here too."""
        source = Path(self.path).read_text(encoding="utf-8")
        for mutant in self._mutants:
            source = edit(source, mutant)
        return source

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self.get_source(fullname), self.path, "exec", dont_inherit=True)
        return code
