"""The region of an edit by place: the lines that run wherever what it changes runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..mutants.planted import Edit
from .source import Source

__all__ = ["region"]


def region(edit: Edit, text: str) -> frozenset[int] | None:
    """The lines of the statements that it touches, of a block only its head; None: it runs at import."""
    source = Source(edit.module, text)
    lines: set[int] = set()
    for span in edit.spans:
        first = source.data.count(b"\n", 0, span.start) + 1
        statement = _innermost(source.tree, first)
        if statement is None:
            return None
        lines.update(_head(statement))
    return frozenset(lines)


def _innermost(tree: ast.AST, line: int) -> ast.stmt | None:
    """The smallest statement of a function's body around the line."""
    found = None
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for statement in _statements(function.body):
                is_around = statement.lineno <= line <= (statement.end_lineno or 0)
                if is_around and (found is None or _size(statement) <= _size(found)):
                    found = statement
    return None if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) else found


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield from (each for each in ast.walk(statement) if isinstance(each, ast.stmt))


def _size(statement: ast.stmt) -> int:
    return (statement.end_lineno or statement.lineno) - statement.lineno


def _head(statement: ast.stmt) -> range:
    body = getattr(statement, "body", None)
    if isinstance(body, list) and body:
        return range(statement.lineno, max(statement.lineno + 1, body[0].lineno))
    return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
