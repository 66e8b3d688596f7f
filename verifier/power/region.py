"""The regions of edits by place: the lines that run wherever what they change runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from ..mutants.planted import Edit, Span
from .source import Source

__all__ = ["regions"]


def regions(
    planted: Edit, mutants: Mapping[str, tuple[Span, ...]], text: str
) -> dict[str, frozenset[int] | None]:
    """Of each mutant of the module, given by its spans, lines of the text with `planted` in it.

    They are those of the statements that it touches, of a block only its head; None: it runs at import.
    """
    source = Source(planted.module, planted.edited(text))
    return {name: _lines(source, planted, spans) for name, spans in mutants.items()}


def _lines(source: Source, planted: Edit, spans: tuple[Span, ...]) -> frozenset[int] | None:
    lines: set[int] = set()
    for span in spans:
        moved = sum(
            len(each.new.encode()) - len(each.old.encode())
            for each in planted.spans
            if each.start < span.start
        )
        statement = _innermost(source.tree, source.data.count(b"\n", 0, span.start + moved) + 1)
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
