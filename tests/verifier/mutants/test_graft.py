"""The graft: what it plants is what an import with the bug would have planted; else it plants nothing."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from powercut.engine.compiler.sources import source_of
from powercut.verifier.mutants import hook
from powercut.verifier.mutants.graft import Imported
from powercut.verifier.mutants.planted import Mutant

SOURCE = """
from dataclasses import dataclass
from functools import cache

LIMIT = 7


def at_import():
    return 1


AT_IMPORT = at_import()


def plain():
    return [each + 1 for each in (10,)]


@cache
def kept():
    return 20


def made():
    def inner():
        return 30

    return inner


@dataclass(slots=True)
class Thing:
    number: int = 0

    def method(self):
        return 40 + self.number

    @property
    def told(self):
        return sum(50 for _ in range(1))


def decorator(function):
    def around():
        return function() + 5

    return around


@decorator
def wrapped():
    return 60


def holds(one, two):
    return lambda: one


HELD = holds(70, 80)


def last():
    raise ValueError
"""


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a module, watched; returns it with what was seen."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(hook, "_planted", [])
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    (tmp_path / "grafted_toy.py").write_text(SOURCE)
    importlib.invalidate_caches()

    def imported() -> tuple[ModuleType, Imported]:
        with Imported() as seen:
            module = importlib.import_module("grafted_toy")
        return module, seen

    yield imported
    sys.modules.pop("grafted_toy", None)


def bug(old: str, new: str) -> Mutant:
    return Mutant("a-toy's", "", "grafted_toy", old, new, "", "")


ANSWERS: list[tuple[str, str, Callable[[ModuleType], Any], Any]] = [
    ("each + 1", "each + 2", lambda toy: toy.plain(), [12]),
    ("[each + 1 for each in (10,)]", "list(each + 3 for each in (10,))", lambda toy: toy.plain(), [13]),
    ("return 20", "if True:\n        return 21", lambda toy: toy.kept(), 21),
    ("return 30", "return 31", lambda toy: toy.made()(), 31),
    ("40 + self.number", "41 + self.number", lambda toy: toy.Thing(1).method(), 42),
    ("sum(50 for", "sum(51 for", lambda toy: toy.Thing().told, 51),
    ("return function() + 5", "return function() + 6", lambda toy: toy.wrapped(), 66),
    ("return 60", "return 61", lambda toy: toy.wrapped(), 66),
]


@pytest.mark.parametrize(("old", "new", "ask", "answer"), ANSWERS)
def test_what_no_import_runs_is_exchanged_in_every_function(
    make: Any, old: str, new: str, ask: Callable[[ModuleType], Any], answer: object
) -> None:
    toy, seen = make()
    planted = bug(old, new)
    assert seen.graft(planted)
    assert ask(toy) == answer
    assert source_of(toy) == planted.edited(SOURCE)
    assert hook.planted() == planted.name
    # Lines that the edit has moved stand where an import would have found them.
    line = planted.edited(SOURCE)[: planted.edited(SOURCE).index("def last")].count("\n") + 1
    assert toy.last.__code__.co_firstlineno == line


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 7", "LIMIT = 8"),
        ("return 1\n", "return 2\n"),
        ("return function() + 5\n\n    return around", "return function()\n\n    return function"),
        ("number: int = 0", "number: int = 1"),
        ("return lambda: one", "return lambda: two"),
        ("AT_IMPORT = at_import()", "AT_IMPORT = True"),
    ],
)
def test_what_an_import_would_make_otherwise_is_left_as_it_is(make: Any, old: str, new: str) -> None:
    toy, seen = make()
    codes = [toy.at_import.__code__, toy.wrapped.__code__, toy.HELD.__code__, toy.Thing.method.__code__]
    assert not seen.graft(bug(old, new))
    assert codes == [
        toy.at_import.__code__,
        toy.wrapped.__code__,
        toy.HELD.__code__,
        toy.Thing.method.__code__,
    ]
    assert source_of(toy) == SOURCE
    assert hook.planted() == ""


def test_constant_of_another_type_is_another_constant(make: Any) -> None:
    _, seen = make()
    assert not seen.graft(bug("return 1\n", "return True\n"))


def test_what_was_not_imported_yet_is_imported_with_the_bug(make: Any) -> None:
    with Imported() as seen:
        pass
    assert seen.graft(bug("LIMIT = 7", "LIMIT = 8"))
    toy, _ = make()
    assert toy.LIMIT == 8


def test_graft_in_the_engine_leaves_the_code_that_an_import_leaves() -> None:
    """The code of every function of the module, and of the kernels without calls."""
    asks = (
        "import gc, sys; from importlib import import_module\n"
        "from types import CodeType, FunctionType\n"
        "from powercut.verifier.mutants.bank import find\n"
        "from powercut.verifier.mutants.hook import install\n"
        "from powercut.verifier.mutants.graft import Imported\n"
        "name, way = sys.argv[1:]\n"
        "if way == 'import': install(name)\n"
        "with Imported() as seen:\n"
        "    import_module('powercut.verifier.mutants.hunts.crash')\n"
        "    import_module('powercut.engine.compiler.inlining').load_inlined()\n"
        "if way == 'graft': assert seen.graft(find(name))\n"
        "inlined = import_module('powercut.engine.compiler.inlining').load_inlined()\n"
        "rows = [*inlined.run_batch.__globals__.values(), *vars(sys.modules[find(name).module]).values()]\n"
        "rows += [each for row in rows if type(row) is type for each in vars(row).values()]\n"
        "def inner(code):\n"  # Before Python 3.12 a comprehension is a function of its own.
        "    yield code\n"
        "    for each in code.co_consts:\n"
        "        if type(each) is CodeType: yield from inner(each)\n"
        "codes = [code for each in rows if type(each) is FunctionType for code in inner(each.__code__)]\n"
        "for code in sorted(codes, key=lambda each: (each.co_qualname, each.co_firstlineno)):\n"
        "    kept = [sorted(map(repr, each)) if type(each) is frozenset else getattr(each, 'co_name', each)\n"
        "            for each in code.co_consts]\n"
        "    print(code.co_qualname, code.co_firstlineno, code.co_code.hex(), code.co_names, kept)"
    )
    for name in ("tombstone-taken-for-present", "serial-captured-late"):
        told = [
            subprocess.run(
                [sys.executable, "-c", asks, name, way], capture_output=True, text=True, check=True
            ).stdout.splitlines()
            for way in ("import", "graft", "neither")
        ]
        with_import, with_graft, neither = told
        assert with_import == with_graft
        assert with_graft != neither
