"""A change: what an operator makes of a source at one place. And what several operators ask of a tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from ...mutants.planted import Span

__all__ = ["Change", "called", "names_of", "own_nodes"]


class Change(NamedTuple):
    """Spans in their order, and the line in which the first of them stands for a reader."""

    line: int
    spans: tuple[Span, ...]


def names_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The parameters and locals of a function."""
    names = {each.arg for each in ast.walk(function) if isinstance(each, ast.arg)}
    stored = (each for each in ast.walk(function) if isinstance(each, ast.Name))
    return names | {each.id for each in stored if isinstance(each.ctx, ast.Store)}


def called(node: ast.AST) -> str:
    """The last name of what is called; "" of anything else."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def own_nodes(statement: ast.AST) -> Iterator[ast.AST]:
    """The nodes below it that are run with it: nothing of a function or class that is defined there."""
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        yield child
        yield from own_nodes(child)
