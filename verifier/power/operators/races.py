"""Operators on what others do meanwhile.

cas        a CAS that is a plain store, as if nobody had come between
lock       a lock that is taken a statement later, or not at all
again      a value that was captured is read again where it is used
captured   a value that is read each time is read once: before a loop, or where a function is made
swallowed  an error of the disk, or the one that tells of it, goes unseen
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final

from ..source import Source
from .known import Known
from .shape import Change, called, own_nodes

__all__ = ["again", "captured", "late_locks", "plain_stores", "swallowed"]

_DEVICE: Final = (
    *("sync", "sync_names", "_sync", "write", "write_fully", "create", "remove", "read", "flush", "settle"),
)
_USES: Final = 3  # Of one captured value, at most so many are read again.


def plain_stores(source: Source) -> Iterator[Change]:
    """Each CAS in a condition, as a store before it and a condition that holds."""
    for statement in source.sites:
        if not isinstance(statement, ast.If | ast.Return | ast.Assign | ast.While):
            continue
        whole = statement.test if isinstance(statement, ast.If | ast.While) else statement.value
        for call in ast.walk(whole) if whole is not None else ():
            if called(call) != "cas" or not isinstance(call, ast.Call) or len(call.args) != 4:
                continue
            space, word, _, value = (source.text(each) for each in call.args)
            if isinstance(call.func, ast.Attribute):
                yield Change(
                    call.lineno, (source.instead(call, f"(store({space}, {word}, {value}) or True)"),)
                )
            elif not isinstance(statement, ast.While) and source.stands_alone(statement):
                at, _ = source.place(statement)
                put = f"store({space}, {word}, {value})\n{source.indent(statement)}"
                if _is_first_of_elif(source, statement):
                    continue
                yield Change(call.lineno, (source.between(at, at, put), source.instead(call, "True")))


def _is_first_of_elif(source: Source, statement: ast.stmt) -> bool:
    start, _ = source.place(statement)
    return source.data[start : start + 4] == b"elif"


def late_locks(source: Source) -> Iterator[Change]:
    """Each `with` of a lock: its first statement before it, and without the lock."""
    for site in source.sites:
        if not isinstance(site, ast.With) or len(site.items) != 1 or site.items[0].optional_vars is not None:
            continue
        if not any(
            part in source.text(site.items[0].context_expr).lower()
            for part in ("lock", "flushing", "stepping")
        ):
            continue
        start, _ = source.place(site)
        colon = source.data.index(b":", source.place(site.items[0].context_expr)[1])
        yield Change(site.lineno, (source.between(start, colon, "if True"),))
        first, *rest = site.body
        if rest and isinstance(first, ast.Assign | ast.Expr | ast.AugAssign) and first.lineno > site.lineno:
            moved = source.text(first)
            put = f"{moved}\n{source.indent(site)}"
            yield Change(site.lineno, (source.between(start, start, put), source.instead(first, "pass")))


def again(source: Source, known: Known) -> Iterator[Change]:
    """Each later use of a local that holds what one read gave: the read, once more."""
    for _, function in source.functions:
        stored: dict[str, list[ast.Assign]] = {}
        every = list(own_nodes(function))
        for node in every:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                stored.setdefault(node.id, [])
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                stored.setdefault(node.targets[0].id, []).append(node)
        for name, assigned in stored.items():
            if len(assigned) != 1 or not _is_read(assigned[0].value, known):
                continue
            writes = [
                each
                for each in every
                if isinstance(each, ast.Name) and each.id == name and isinstance(each.ctx, ast.Store)
            ]
            if len(writes) != 1:
                continue
            _, end = source.place(assigned[0])
            uses = [
                each
                for each in every
                if isinstance(each, ast.Name)
                and each.id == name
                and isinstance(each.ctx, ast.Load)
                and source.is_site(each)
                and source.place(each)[0] > end
            ]
            read = source.text(assigned[0].value)
            for use in uses[:_USES] if "\n" not in read else ():
                yield Change(use.lineno, (source.instead(use, read),))


def _is_read(value: ast.expr, known: Known | None = None) -> bool:
    """True if the value is read of something that others change: a word, or such an attribute of a part."""
    if called(value) == "load":
        return True
    if known is None or not isinstance(value, ast.Attribute) or not isinstance(value.value, ast.Attribute):
        return False
    return value.attr in known.changing


def captured(source: Source) -> Iterator[Change]:
    """Each read inside a function without parameters made on the spot, and each at the top of a loop."""
    for site in source.sites:
        if isinstance(site, ast.Lambda) and not site.args.args and not site.args.defaults:
            for read in ast.walk(site.body):
                if called(read) == "load":
                    start, _ = source.place(site)
                    opened = source.between(start, start + len("lambda"), f"lambda seen={source.text(read)}")
                    yield Change(site.lineno, (opened, source.instead(read, "seen")))
        elif isinstance(site, ast.While) and source.stands_alone(site):
            first = site.body[0]
            if isinstance(first, ast.Assign) and _is_read(first.value) and first.lineno > site.lineno:
                start, _ = source.place(site)
                put = f"{source.text(first)}\n{source.indent(site)}"
                yield Change(first.lineno, (source.between(start, start, put), source.instead(first, "pass")))


def swallowed(source: Source) -> Iterator[Change]:
    """Each call of the disk whose OSError goes unseen, and each error in a handler that is not raised."""
    for site in source.sites:
        if isinstance(site, ast.ExceptHandler):
            for each in own_nodes(site):
                if isinstance(each, ast.Raise):
                    yield Change(each.lineno, (source.instead(each, "pass"),))
        elif isinstance(site, ast.Expr) and called(site.value) in _DEVICE and source.stands_alone(site):
            margin = source.indent(site)
            text = source.text(site).replace("\n", "\n    ")
            new = f"try:\n{margin}    {text}\n{margin}except OSError:\n{margin}    pass"
            yield Change(site.lineno, (source.instead(site, new),))
