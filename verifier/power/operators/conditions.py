"""Operators on conditions.

edge       a comparison that takes its edge in, or leaves it out
dropped    a condition, or one side of an `and` or `or`, that is not asked
negated    a condition the other way round
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ..source import Source
from .shape import Change

__all__ = ["dropped", "edges", "negated"]

EDGES: Final[dict[type[ast.cmpop], tuple[str, str]]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
}


def edges(source: Source) -> Iterator[Change]:
    """Each comparison of sizes with its edge on the other side."""
    for site in source.sites:
        if not isinstance(site, ast.Compare):
            continue
        left = site.left
        for operation, right in zip(site.ops, site.comparators, strict=True):
            if type(operation) in EDGES:
                old, new = EDGES[type(operation)]
                start, stop = source.place(left)[1], source.place(right)[0]
                at = source.data.index(old.encode(), start, stop)
                yield Change(site.lineno, (source.between(at, at + len(old), new),))
            left = right


def dropped(source: Source) -> Iterator[Change]:
    """Each `if` and each choice always and never taken, each `and` and `or` without one of its sides."""
    for site in source.sites:
        if isinstance(site, ast.If):
            for value in ("True", "False"):
                yield Change(site.test.lineno, (source.instead(site.test, value),))
        elif isinstance(site, ast.IfExp):
            for kept in (site.body, site.orelse):
                yield Change(site.lineno, (source.instead(site, f"({source.text(kept)})"),))
        elif isinstance(site, ast.BoolOp):
            for left_out in site.values:
                kept_ones = [each for each in site.values if each is not left_out]
                first, last = source.place(site)
                word = " and " if isinstance(site.op, ast.And) else " or "
                text = word.join(_whole(source, each) for each in kept_ones)
                yield Change(left_out.lineno, (source.between(first, last, text),))


def negated(source: Source) -> Iterator[Change]:
    """Each condition of `if`, `while` and a choice the other way round."""
    for site in source.sites:
        if isinstance(site, ast.If | ast.While | ast.IfExp) and not isinstance(site.test, ast.Constant):
            yield Change(site.test.lineno, (source.instead(site.test, _not(source, site.test)),))


def _not(source: Source, test: ast.expr) -> str:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return f"({source.text(test.operand)})"
    return f"not ({source.text(test)})"


def _whole(source: Source, node: ast.expr) -> str:
    """The text of an operand, in parentheses where it has some of its own around it or could need them."""
    text = source.text(node)
    is_plain = isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant)
    return text if is_plain else f"({text})"
