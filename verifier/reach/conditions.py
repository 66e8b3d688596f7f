"""Conditions: the text of what each branch of a source file asks, by the place at which it stands.

A branch of the machine code carries the place of an expression or a statement in the source. So it is told
by that text, and two branches of one place (the two tests of a `while`, the copies of a `finally`) are one.

What is there for our own mistakes alone is left out, as the places of which no way is owed:
    assert      whatever its test asks
    with        whether leaving it ends an error
    except      that the last one of a `try` does not fit

Threads: one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Conditions", "Place"]


class Place(NamedTuple):
    """A range of a source file, as instructions and nodes of a syntax tree carry it."""

    line: int
    column: int
    end_line: int
    end_column: int


class Conditions:
    """The texts of one source file."""

    def __init__(self, source: str) -> None:
        self._lines = source.splitlines()
        self._bytes = [line.encode() for line in self._lines]  # Columns count bytes.
        self._texts: dict[Place, str] = {}
        self.unowed: set[Place] = set()  # Both ways of these,
        self.last_handlers: set[Place] = set()  # and that these do not fit.
        self.stubs: set[int] = set()  # Lines at which functions without a body begin,
        self.messages: set[int] = set()  # and those, after its first, of an assertion.
        for node in ast.walk(ast.parse(source)):
            for place, text in self._told(node):
                self._texts[place] = text
            self._leave_out(node)

    def text(self, place: Place) -> str:
        """The text at the place, in one line."""
        return self._texts.get(place) or self._segment(place)

    def line(self, number: int) -> str:
        """The text of a line."""
        return self._lines[number - 1].strip()

    def _told(self, node: ast.AST) -> Iterator[tuple[Place, str]]:
        match node:
            case ast.For():
                # The whole statement up to Python 3.12, what it goes through from 3.13 on.
                for part in (node, node.iter):
                    yield _place(part), _loop(node.target, node.iter)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                first = node.generators[0]
                yield _place(node), _loop(first.target, first.iter)
                for each in node.generators:
                    yield _place(each.iter), _loop(each.target, each.iter)
            case ast.ExceptHandler(type=ast.expr() as kind):
                for caught in (node, kind):
                    yield _place(caught), f"except {ast.unparse(kind)}"
            case ast.match_case():
                yield _place(node.pattern), f"case {ast.unparse(node.pattern)}"

    def _leave_out(self, node: ast.AST) -> None:
        match node:
            case ast.Assert():
                self.unowed.update(_place(each) for each in ast.walk(node) if isinstance(each, ast.expr))
                self.unowed.add(_place(node))
                self.messages.update(range(node.lineno + 1, (node.end_lineno or 0) + 1))
            case ast.With():
                self.unowed.update([_place(node), *(_place(item.context_expr) for item in node.items)])
            case ast.Try(handlers=[*_, ast.ExceptHandler() as last]):
                self.last_handlers.add(_place(last))
                if last.type is not None:
                    self.last_handlers.add(_place(last.type))
            case ast.FunctionDef() if all(_is_nothing(each) for each in node.body):
                self.stubs.add(min([node.lineno, *(each.lineno for each in node.decorator_list)]))

    def _segment(self, place: Place) -> str:
        lines = self._bytes[place.line - 1 : place.end_line]
        lines[-1] = lines[-1][: place.end_column]
        lines[0] = lines[0][place.column :]
        return " ".join(b" ".join(lines).decode().split())


def _loop(target: ast.expr, source: ast.expr) -> str:
    return f"for {ast.unparse(target)} in {ast.unparse(source)}"


def _is_nothing(statement: ast.stmt) -> bool:
    """True of a docstring and of an ellipsis."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _place(node: ast.stmt | ast.expr | ast.ExceptHandler | ast.pattern) -> Place:
    return Place(node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)
