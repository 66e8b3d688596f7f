"""A source: the text of one module with its syntax tree, by byte and by function.

Everything a change may touch is found by `sites`: no docstring, no annotation, no assertion, no text of an
error, nothing that only a type checker reads. What is left out there cannot be wrong, or shows nothing.

Pure: text in, places out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

from ..mutants.planted import Span

__all__ = ["Source", "read_sources"]

_ROOT: Final = Path(__file__).parents[2]  # The package that has ours.
_UNSEEN: Final = (ast.Assert, ast.Import, ast.ImportFrom, ast.JoinedStr, ast.Global, ast.Nonlocal)
_UNREAD: Final = ("annotation", "returns", "decorator_list", "bases", "type_params")  # Fields of a node.
_TYPES: Final = ("TYPE_CHECKING", "__all__", "__slots__")


class Source:
    """One module, under its name in the package."""

    def __init__(self, module: str, text: str) -> None:
        self.module = module
        self.data = text.encode()
        self.tree = ast.parse(text)
        self._starts = [0]
        for line in self.data.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def at(self, line: int, column: int) -> int:
        """The byte of a place of the tree: lines count from 1, columns are bytes."""
        return self._starts[line - 1] + column

    def place(self, node: ast.AST) -> tuple[int, int]:
        """(start, stop) of a node that has a place, in bytes."""
        line, column = getattr(node, "lineno", 0), getattr(node, "col_offset", 0)
        return self.at(line, column), self.at(
            getattr(node, "end_lineno", 0), getattr(node, "end_col_offset", 0)
        )

    def text(self, node: ast.AST) -> str:
        """The text of a node."""
        start, stop = self.place(node)
        return self.data[start:stop].decode()

    def between(self, start: int, stop: int, new: str) -> Span:
        """Replace the bytes from start to stop."""
        return Span(start, stop, self.data[start:stop].decode(), new)

    def instead(self, node: ast.AST, new: str) -> Span:
        """Replace the node."""
        return self.between(*self.place(node), new)

    def indent(self, statement: ast.stmt) -> str:
        """The white space before a statement that stands alone in its line."""
        start = self._starts[statement.lineno - 1]
        return self.data[start : start + statement.col_offset].decode()

    def stands_alone(self, statement: ast.stmt) -> bool:
        """True if nothing but white space stands before it in its line: what could not be moved or split."""
        return not self.indent(statement).strip()

    @cached_property
    def sites(self) -> list[ast.AST]:
        """Every node that a change may touch, in the order of the text."""
        return list(_seen(self.tree))

    def is_site(self, node: ast.AST) -> bool:
        """True if a change may touch it."""
        return id(node) in self._sites

    @cached_property
    def _sites(self) -> frozenset[int]:
        return frozenset(id(site) for site in self.sites)

    @cached_property
    def blocks(self) -> list[list[ast.stmt]]:
        """Every sequence of statements below a node that a change may touch, without what is not seen."""
        found = []
        for node in [self.tree, *self.sites]:
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list) and block:
                    found.append(block)
        return found

    @cached_property
    def functions(self) -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        """Every function with its dotted name in the module, outer ones first."""
        return list(_functions(self.tree, ""))

    def function_at(self, line: int) -> str:
        """The dotted name of the innermost function around the line; "": none."""
        around = [
            name for name, node in self.functions if node.lineno <= line <= (node.end_lineno or node.lineno)
        ]
        return around[-1] if around else ""


def _seen(node: ast.AST) -> Iterator[ast.AST]:
    for field, value in ast.iter_fields(node):
        children: Iterable[object] = value if isinstance(value, list) else [value]
        if field in _UNREAD or (field == "keywords" and isinstance(node, ast.ClassDef)):
            continue
        for child in children:
            if not isinstance(child, ast.AST) or isinstance(child, _UNSEEN) or _is_unseen(node, field, child):
                continue
            yield child
            yield from _seen(child)


def _is_unseen(parent: ast.AST, field: str, child: ast.AST) -> bool:
    """True of what a reader or a type checker has it for: docstrings, the texts of errors, names of types."""
    if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
        return True
    if isinstance(child, ast.If) and isinstance(child.test, ast.Name):
        return child.test.id in _TYPES
    if isinstance(child, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id in _TYPES for target in child.targets)
    if isinstance(child, ast.Constant) and isinstance(child.value, str):
        return True
    return isinstance(parent, ast.Raise) and field == "cause"


def _functions(node: ast.AST, outer: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{outer}.{child.name}" if outer else child.name
            if not isinstance(child, ast.ClassDef):
                yield name, child
            yield from _functions(child, name)
        else:
            yield from _functions(child, outer)


def read_sources(folders: Iterable[str], root: Path = _ROOT) -> list[Source]:
    """The modules of these folders or files below the package, by name; `__init__` modules hold nothing."""
    found = []
    for folder in folders:
        paths = [root / folder] if folder.endswith(".py") else sorted((root / folder).rglob("*.py"))
        for path in paths:
            if path.name != "__init__.py":
                name = ".".join(path.relative_to(root.parent).with_suffix("").parts)
                found.append(Source(name, path.read_text(encoding="utf-8")))
    return found
