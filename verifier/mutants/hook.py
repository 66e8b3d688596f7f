"""The import hook: edits the source of one module on its way into the interpreter.

Invariants
  1  an edit is refused unless its old text occurs exactly once
  2  cached bytecode is neither used nor written for the edited module
  3  nothing on disk changes

Threads: one, before the first import of the module.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

__all__ = ["PlantError", "install", "plant"]


class PlantError(Exception):
    """An edit that cannot be made: the bank and the source have grown apart."""


def plant(module: str, source: str, old: str, new: str) -> str:
    """The source with the edit made. Raises PlantError (invariant 1)."""
    count = source.count(old)
    if count != 1:
        raise PlantError(f"{module}: {old!r} occurs {count} times, expected exactly 1")
    return source.replace(old, new)


class _PlantingLoader(SourceFileLoader):
    """Compiles the edited source, whatever bytecode lies about."""

    def __init__(self, fullname: str, path: str, old: str, new: str) -> None:
        super().__init__(fullname, path)
        self._old = old
        self._new = new

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_source(fullname)
        assert source is not None
        edited = plant(fullname, source, self._old, self._new)
        code: CodeType = compile(edited, self.path, "exec", dont_inherit=True)
        return code


class _PlantingFinder(MetaPathFinder):
    """Finds the edited module first, and leaves all others to whoever comes after."""

    def __init__(self, module: str, old: str, new: str) -> None:
        self._module = module
        self._old = old
        self._new = new

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            raise PlantError(f"{fullname} has no source to edit")
        spec.loader = _PlantingLoader(fullname, spec.loader.path, self._old, self._new)
        return spec


def install(module: str, old: str, new: str) -> None:
    """Edit the module from now on. Raises PlantError where it is already imported."""
    if module in sys.modules:
        raise PlantError(f"{module} is already imported, too late to edit it")
    sys.meta_path.insert(0, _PlantingFinder(module, old, new))
