"""Operators on values: a boundary for its neighbour, one too many or too few, an argument for its neighbour.

boundary     one of the log's boundaries in the place of the next one, as a word or as a local name
off-by-one   a number, or the end of a range or slice, one more or one less
argument     two neighbours of one type exchanged; the types are those that the callee's definition gives
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from ..source import Source
from .known import Known
from .shape import Change, names_of

__all__ = ["arguments", "boundaries", "off_by_one"]

# In the order in which they stand in the log.
BOUNDARIES: Final = ("begin", "safe_head", "head", "flushed", "safe_read_only", "read_only", "tail")


def boundaries(source: Source) -> Iterator[Change]:
    """Each boundary that is read or written, and in its place those next to it."""
    for name, function in source.functions:
        known = {each for each in names_of(function) if each in BOUNDARIES}
        for node in ast.walk(function):
            if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
                continue
            if source.is_site(node) and source.function_at(node.lineno) == name:
                yield from _next_ones(source, node, node.id, known)
    for site in source.sites:
        if isinstance(site, ast.Attribute) and isinstance(site.value, ast.Name) and site.value.id == "w":
            for change in _next_ones(source, site, site.attr.lower(), set(BOUNDARIES)):
                (span,) = change.spans
                yield Change(change.line, (span._replace(new=f"w.{span.new.upper()}"),))


def _next_ones(source: Source, node: ast.expr, word: str, known: set[str]) -> Iterator[Change]:
    ranked = [each for each in BOUNDARIES if each in known]
    if word in ranked:
        at = ranked.index(word)
        for other in (*ranked[max(0, at - 1) : at], *ranked[at + 1 : at + 2]):
            yield Change(node.lineno, (source.instead(node, other),))


def off_by_one(source: Source) -> Iterator[Change]:
    """Each whole number one more and one less, and each end of a range or slice that is no number."""
    for site in source.sites:
        if isinstance(site, ast.Constant) and type(site.value) is int:
            for value in (site.value + 1, site.value - 1):
                if value >= 0:
                    yield Change(site.lineno, (source.instead(site, str(value)),))
        elif isinstance(site, ast.Slice):
            for end in (site.lower, site.upper):
                if end is not None and not isinstance(end, ast.Constant):
                    yield Change(site.lineno, (source.instead(end, f"({source.text(end)}) + 1"),))
        elif isinstance(site, ast.Call) and isinstance(site.func, ast.Name) and site.func.id == "range":
            for end in site.args[:2]:
                if not isinstance(end, ast.Constant):
                    yield Change(site.lineno, (source.instead(end, f"({source.text(end)}) + 1"),))


def arguments(source: Source, known: Known) -> Iterator[Change]:
    """Each two neighbours among positional arguments whose parameters have one type."""
    for site in source.sites:
        if not isinstance(site, ast.Call) or any(isinstance(each, ast.Starred) for each in site.args):
            continue
        name = site.func.attr if isinstance(site.func, ast.Attribute) else getattr(site.func, "id", "")
        types = known.types.get(name) or ()
        for at, (one, other) in enumerate(pairwise(site.args)):
            if not source.is_site(one) or not source.is_site(other):
                continue  # A text.
            if at + 1 < len(types) and types[at] and types[at] == types[at + 1]:
                yield Change(
                    site.lineno,
                    (source.instead(one, source.text(other)), source.instead(other, source.text(one))),
                )
