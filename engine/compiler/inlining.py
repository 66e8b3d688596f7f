"""Inlining: the interpreted kernels with each access of theirs written out in its place.

A call of `load` or `store` costs a function of Python, in which there is nothing to do but one access while
no turn hook is set. So the source of the kernels is read once more, as the compiler reads it (`sources`), and

    load(space, word)           becomes  space[word]
    store(space, word, value)   becomes  space[word] = value
    prefetch(space, word)       becomes  pass
    w.NAME                      becomes  its value

Nothing else changes: the same statements in the same order, under the same lines of the same file. What is
made announces no access, and is for when nobody watches (`atomics.is_watched`).

Threads: any, as the kernels themselves.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from ..kernels import (
    atomics,
    batch,
    cached,
    moves,
    near,
    operations,
    picks,
    probe,
    records,
    settling,
    slots,
    splits,
    walks,
    words,
)
from ..kernels.atomics import Space
from .sources import source_of

__all__ = ["Inlined", "load_inlined"]

KERNELS = (
    probe,
    slots,
    records,
    cached,
    moves,
    picks,
    operations,
    near,
    batch,
    walks,
    splits,
    settling,
)  # None calls one of a later module.


class Inlined(NamedTuple):
    """The kernels that Python calls."""

    run_batch: Callable[[Space, Space, Space, Space, Space], int]
    relink: Callable[[Space, Space, Space, Space, int, int], tuple[int, int]]
    run_walk: Callable[[Space, Space, Space, Space, Space], int]
    run_pick: Callable[[Space, Space, Space, Space, Space], int]
    split: Callable[[Space, Space, Space, Space, int, int], int]
    settle: Callable[[Space, Space, int, int], int]
    free_rest: Callable[[Space, Space, Space], None]


@functools.cache
def load_inlined() -> Inlined:
    """The kernels of this package; some 20 ms the first time."""
    names: dict[str, Any] = {name: getattr(atomics, name) for name in atomics.__all__}
    for module in KERNELS:
        exec(_code(source_of(module), module.__file__ or module.__name__), names)
    return Inlined(*(names[name] for name in Inlined._fields))


@functools.cache
def _code(source: str, file: str) -> Any:
    tree = _Inliner().visit(ast.parse(source))
    # What they import from each other stands in one namespace already.
    tree.body = [each for each in tree.body if not isinstance(each, ast.ImportFrom) or not each.level]
    return compile(tree, file, "exec")


class _Inliner(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id="load"), args=[space, word]):
                return ast.copy_location(ast.Subscript(space, word, ast.Load()), node)
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        self.generic_visit(node)
        made: ast.stmt = node
        match node.value:
            case ast.Call(func=ast.Name(id="store"), args=[space, word, value]):
                target = ast.copy_location(ast.Subscript(space, word, ast.Store()), node)
                made = ast.Assign([target], value)
            case ast.Call(func=ast.Name(id="prefetch")):
                made = ast.Pass()
        return ast.copy_location(made, node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        match node:
            case ast.Attribute(value=ast.Name(id="w"), attr=name):
                return ast.copy_location(ast.Constant(getattr(words, name)), node)
        return node
