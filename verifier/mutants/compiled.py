"""Compiled: the code of modules that every stem imports, compiled once and run in each.

Where compiled code lies beside the sources this saves little; where none may be written it is a third of all
that a stem does before its first question.

Invariants
  1  nothing that is compiled here is run here
  2  the module that is edited is found before, by the hook, and compiled from what the hook made of it

Threads: one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

__all__ = ["Compiled"]

_ROOT: Final = Path(__file__).parents[2]  # The package that has ours.


class Compiled(MetaPathFinder):
    """Finds the modules of these folders and files of the package, with their code at hand."""

    def __init__(self, places: Iterable[str]) -> None:
        self.codes: dict[str, CodeType] = {}
        for place in places:
            single = (_ROOT / place).with_suffix(".py")
            for path in [single] if single.is_file() else sorted((_ROOT / place).rglob("*.py")):
                name = _name_of(path)
                code = SourceFileLoader(name, str(path)).get_code(name)
                if code is not None:
                    self.codes[name] = code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        code = self.codes.get(fullname)
        if code is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin, code)
        return spec


class _Loader(SourceFileLoader):
    """Runs the code that is at hand."""

    def __init__(self, fullname: str, path: str, code: CodeType) -> None:
        super().__init__(fullname, path)
        self._code = code

    def get_code(self, fullname: str) -> CodeType:
        return self._code


def _name_of(path: Path) -> str:
    parts = path.relative_to(_ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
