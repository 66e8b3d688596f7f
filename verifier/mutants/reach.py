"""Reach: which programs run the code that a planted bug edits, seen in the unchanged code.

A program that runs none of the statements which an edit touches runs under the bug as it runs without it: the
same calls, the same points, the same verdict. So where many bugs are hunted through the same programs, each
of these is run once, unchanged and watched, and a bug is looked for in those alone that reach it.

    region   the statements that overlap the edited text, at the innermost level that holds all of it; and
             always, where that is no statement of a function's body: what runs when a module is imported
    reached  a line of the region was run, in whichever code object that stands under its file

Invariants
  1  what is not reached was not run: a region is never smaller than what the edit can change
  2  without a monitor (before Python 3.12) nothing is told, and every program counts as one that reaches

Threads: one.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import CodeType
from typing import Any

from ..reach.monitor import Monitor
from .hook import read_source
from .planted import Mutant

__all__ = ["Watch", "region"]


def region(source: str, mutant: Mutant) -> range | None:
    """The lines that run wherever the edited text matters; None: it matters always."""
    begin = source.index(mutant.old)
    above, below = _trimmed(mutant.old.splitlines(), mutant.new.splitlines())
    first = source.count("\n", 0, begin) + 1 + above
    last = source.count("\n", 0, begin + len(mutant.old.rstrip("\n"))) + 1 - below
    return _narrow(ast.parse(source).body, first, last, is_run=False)


def _trimmed(old: list[str], new: list[str]) -> tuple[int, int]:
    """The number of the first lines, and of the last, that the edit leaves as they are.

    Where it only adds lines, those on either side of them count as edited; all do where one has no code.
    """
    most = min(len(old), len(new))
    above = next((at for at in range(most) if old[at] != new[at]), most)
    most -= above
    below = next((at for at in range(most) if old[-1 - at] != new[-1 - at]), most)
    if above + below < len(old):
        return above, below
    is_between = above and below and _has_code(old[above - 1]) and _has_code(old[above])
    return (above - 1, below - 1) if is_between else (0, 0)


def _has_code(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _narrow(body: Sequence[ast.stmt], first: int, last: int, *, is_run: bool) -> range | None:
    """The innermost statements around these lines; `is_run`: they stand in a function."""
    touched = [each for each in body if _begin(each) <= last and first <= (each.end_lineno or 0)]
    if len(touched) == 1:
        (only,) = touched
        for inner, is_inner_run in _blocks(only, is_run=is_run):
            if inner and _begin(inner[0]) <= first and last <= (inner[-1].end_lineno or 0):
                return _narrow(inner, first, last, is_run=is_inner_run)
    if not touched or not is_run or any(_is_definition(each) for each in touched):
        return None
    return range(_begin(touched[0]), (touched[-1].end_lineno or 0) + 1)


def _begin(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(each.lineno for each in decorators)])


def _is_definition(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def _blocks(statement: ast.stmt, *, is_run: bool) -> Iterator[tuple[list[ast.stmt], bool]]:
    """The statements inside one, block by block, and whether they run after the import."""
    is_run = is_run or isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
    for name in ("body", "orelse", "finalbody"):
        inner: list[Any] = getattr(statement, name, [])
        if isinstance(inner, list):
            yield inner, is_run
    for handler in [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]:
        yield handler.body, is_run


class Watch:
    """Tells which of these bugs' regions were run since it was last asked."""

    def __init__(self, bugs: Sequence[Mutant]) -> None:
        self.always: set[str] = set()  # Bugs whose edit matters whatever runs.
        self._names: dict[tuple[str, int], list[str]] = {}
        self._reached: set[str] = set()
        self._monitor = Monitor(line=self._line)
        for mutant in bugs:
            file = import_module(mutant.module).__file__ or ""
            lines = region(read_source(mutant), mutant)
            if lines is None:
                self.always.add(mutant.name)
            for line in lines or ():
                self._names.setdefault((file, line), []).append(mutant.name)

    def __enter__(self) -> Watch:
        self._monitor.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._monitor.__exit__()

    def _line(self, code: CodeType, line: int) -> object:
        names = self._names.get((code.co_filename, line))
        if names is None:
            return sys.monitoring.DISABLE
        self._reached.update(names)
        return None

    def take(self) -> set[str]:
        """The lines reached since, and those that always are."""
        reached, self._reached = self._reached, set()
        return reached | self.always
