"""The import hook: plants bugs in this process, of the bank or by place, before their package is imported.

The edited source is compiled in the place of the file's; the file is not touched, and no cache of
compiled code is read or written.

Invariants
  1  the module is the one that the bug was made for (`edited` says so), else nothing is planted
  2  no module of the bug's package was imported before the hook; of a bug in the verifier, whose the hook
     is, the module itself was not

Threads: one, before the first import of what is edited.
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
from .planted import Plantable

__all__ = ["edit_on_import", "install", "note_planted", "plant", "plant_all", "planted", "read_source"]

_planted: list[str] = []


def install(name: str) -> None:
    """Plant the named bug of the bank in this process. Raises KeyError where there is none; as `plant`."""
    plant(find(name))


def plant(bug: Plantable) -> None:
    """Plant the bug in this process.

    Raises HarnessError where its package is imported already, or its module is not what it was made for.
    """
    plant_all((bug,))
    note_planted(bug)


def plant_all(bugs: Sequence[Plantable]) -> None:
    """Plant them together, those of one module in this order. Raises HarnessError as `plant` does."""
    for bug in bugs:
        package = ".".join(bug.module.split(".")[:2])
        place = bug.module if __name__.startswith(package) else package
        if place in sys.modules:
            raise HarnessError(f"{bug.name}: {place} is imported already, the bug would not be in it")
        bug.edited(read_source(bug))
    edit_on_import(bugs)


def edit_on_import(bugs: Sequence[Plantable], module: ModuleType | None = None) -> None:
    """Make these edits in what is imported from now on.

    module  that they are of and that is there already: whoever asks for its source is given the edited one
    """
    if module is None:
        sys.meta_path.insert(0, _Finder(bugs))
    elif module.__spec__ is not None and module.__spec__.origin is not None:
        module.__spec__.loader = _Loader(bugs, module.__name__, module.__spec__.origin)


def note_planted(bug: Plantable) -> None:
    """Let `planted` tell of this bug."""
    _planted.append(bug.name)


def planted() -> str:
    """The bug in this process, so that what is found here can say what it was found with; "": none."""
    return _planted[-1] if _planted else ""


def read_source(bug: Plantable) -> str:
    """The unchanged source of the bug's module, found without importing anything."""
    path: Sequence[str] | None = None
    at = ""
    origin = ""
    for part in bug.module.split("."):
        at = f"{at}.{part}" if at else part
        spec = PathFinder.find_spec(at, path)
        if spec is None or spec.origin is None:
            raise HarnessError(f"{bug.name}: no source of {bug.module} found")
        path, origin = spec.submodule_search_locations, spec.origin
    return Path(origin).read_text(encoding="utf-8")


class _Finder(MetaPathFinder):
    """Finds the modules that are edited; all others are left to the finders behind it."""

    def __init__(self, bugs: Sequence[Plantable]) -> None:
        self._bugs = bugs

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        edits = [bug for bug in self._bugs if bug.module == fullname]
        if not edits:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(edits, fullname, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    """Compiles the edited source, whatever compiled code lies about."""

    def __init__(self, bugs: Sequence[Plantable], fullname: str, path: str) -> None:
        super().__init__(fullname, path)
        self._bugs = bugs

    def get_source(self, fullname: str) -> str:
        """The source with the planted bug; what is compiled to machine code is read from here too."""
        source = Path(self.path).read_text(encoding="utf-8")
        for bug in self._bugs:
            source = bug.edited(source)
        return source

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self.get_source(fullname), self.path, "exec", dont_inherit=True)
        return code
