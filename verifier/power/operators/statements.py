"""Operators on whole statements.

statement  one is left out: a call for its effect, a store, a raise; named for what is lost
sync       where that call is one that makes something durable
drain      where it waits for others, or is deferred until they have gone
retry      what is tried again is not: a `continue` is gone, a loop runs once, a lost race is told as done
exchange   two neighbours change places: two stores, two calls; not where nobody else looks, in a batch or in
           an object that is being made
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from ..source import Source
from .shape import Change, called, own_nodes

__all__ = ["drains", "exchanged", "left_out", "retries", "syncs"]

SYNCS: Final = ("sync", "sync_names", "flush", "settle", "fsync", "fdatasync", "_sync")
DRAINS: Final = ("drain", "until", "wait", "defer", "join", "shift_all", "_await_frozen")


def left_out(source: Source) -> Iterator[Change]:
    """Each call for its effect, each store and raise, but for syncs and drains."""
    for statement in _droppable(source):
        if isinstance(statement, ast.Expr) and called(statement.value) in (*SYNCS, *DRAINS):
            continue
        yield _without(source, statement)


def syncs(source: Source) -> Iterator[Change]:
    """Each call that makes something durable."""
    for statement in _droppable(source):
        if isinstance(statement, ast.Expr) and called(statement.value) in SYNCS:
            yield _without(source, statement)


def drains(source: Source) -> Iterator[Change]:
    """Each call that waits for others."""
    for statement in _droppable(source):
        if isinstance(statement, ast.Expr) and called(statement.value) in DRAINS:
            yield _without(source, statement)


def retries(source: Source) -> Iterator[Change]:
    """Each `continue` left out, each lost race told as done, each loop around a CAS that runs once."""
    for site in source.sites:
        if isinstance(site, ast.Continue):
            yield Change(site.lineno, (source.instead(site, "pass"),))
        elif isinstance(site, ast.Attribute) and source.text(site) == "w.RETRY":
            if any(isinstance(each, ast.Return) and each.value is site for each in source.sites):
                yield Change(site.lineno, (source.instead(site, "w.DONE"),))
        elif isinstance(site, ast.While) and not site.orelse and _is_race(site):
            start, _ = source.place(site)
            yield Change(site.lineno, (source.between(start, start + len("while"), "if"),))


def exchanged(source: Source) -> Iterator[Change]:
    """Each two neighbours of one block that are both calls for their effect, or both stores."""
    for block in source.blocks:
        for one, other in pairwise(block):
            are_calls = all(isinstance(each, ast.Expr) and called(each.value) for each in (one, other))
            are_stores = all(_is_store(each) and not _is_own(each) for each in (one, other))
            are_stores &= not source.function_at(one.lineno).endswith("__init__")
            if (are_calls or are_stores) and source.stands_alone(one) and source.stands_alone(other):
                yield Change(
                    one.lineno,
                    (source.instead(one, source.text(other)), source.instead(other, source.text(one))),
                )


def _is_race(loop: ast.While) -> bool:
    """True if it goes on until a CAS has succeeded, and ends by its condition alone."""
    inner = list(own_nodes(loop))
    if any(isinstance(each, ast.Break | ast.Continue) for each in inner):
        return False
    return any(called(each) == "cas" for each in ast.walk(loop.test))


def _droppable(source: Source) -> Iterator[ast.stmt]:
    for site in source.sites:
        is_call = isinstance(site, ast.Expr) and isinstance(site.value, ast.Call)
        if is_call or isinstance(site, ast.Raise) or (isinstance(site, ast.stmt) and _is_store(site)):
            assert isinstance(site, ast.stmt)
            # Without its attribute an object breaks at the first use: nothing is learnt of that.
            if not (isinstance(site, ast.Assign) and source.function_at(site.lineno).endswith("__init__")):
                yield site


def _is_store(statement: ast.stmt) -> bool:
    """True if it changes something that is there already."""
    if isinstance(statement, ast.AugAssign):
        return True
    if isinstance(statement, ast.Assign):
        return all(isinstance(target, ast.Attribute | ast.Subscript) for target in statement.targets)
    return isinstance(statement, ast.Expr) and called(statement.value) == "store"


def _is_own(statement: ast.stmt) -> bool:
    """True if all that it changes are words of a batch, which is one session's own."""
    if not isinstance(statement, ast.Assign):
        return False
    bases = [target.value for target in statement.targets if isinstance(target, ast.Subscript)]
    names = [getattr(base, "attr", getattr(base, "id", "")) for base in bases]
    return len(names) == len(statement.targets) and set(names) == {"batch"}


def _without(source: Source, statement: ast.stmt) -> Change:
    return Change(statement.lineno, (source.instead(statement, "pass"),))
