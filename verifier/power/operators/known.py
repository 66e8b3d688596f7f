"""Known: what a package's own text says of its names: types of parameters, and attributes that change."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..source import Source

__all__ = ["Known", "know"]


class Known(NamedTuple):
    """Of a package, by name alone: what is called alike is taken for one.

    types     the annotations of the parameters of a function, or of the fields of a class; None where two
              definitions differ
    changing  attributes that are set anywhere but in `__init__`
    """

    types: Mapping[str, tuple[str, ...] | None]
    changing: frozenset[str]


def know(sources: Iterable[Source]) -> Known:
    """Read it of these modules."""
    types: dict[str, tuple[str, ...] | None] = {}
    changing: set[str] = set()
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                made = _fields(node) if isinstance(node, ast.ClassDef) else _parameters(node)
                types[node.name] = made if types.get(node.name, made) == made else None
        for name, function in source.functions:
            if not name.endswith("__init__"):
                changing |= {
                    each.attr
                    for each in ast.walk(function)
                    if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
                }
    return Known(types, frozenset(changing))


def _parameters(node: ast.FunctionDef) -> tuple[str, ...]:
    every = [*node.args.posonlyargs, *node.args.args]
    if every and every[0].arg in ("self", "cls"):
        every = every[1:]
    return tuple("" if each.annotation is None else ast.unparse(each.annotation) for each in every)


def _fields(node: ast.ClassDef) -> tuple[str, ...]:
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return _parameters(each)
    return tuple(ast.unparse(each.annotation) for each in node.body if isinstance(each, ast.AnnAssign))
