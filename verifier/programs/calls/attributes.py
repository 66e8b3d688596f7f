"""Calls that change extended attributes: one that changes more than permission bits ends the recording."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from powercut.faultfs import Event, EventKind

from ..stops import Script, Stop, Wish
from ..tracees import AT_FDCWD
from ..tree import Node

__all__ = ["attribute", "attribute_at", "attribute_of_descriptor"]


def _changed(
    stop: Stop, node: Node, name: str, value: Callable[[], bytes], mode: Callable[[], int]
) -> Script:
    """An access list that says no more than permission bits (`cp -p` writes one) is recorded as these."""
    value_before, mode_before = _value(value), mode()
    if (yield Wish.GO) != 0:
        return
    if _value(value) != value_before:
        stop.end(f"extended attribute {name} of {stop.tree.path(node)}")
    if mode() != mode_before:
        said = f"{stop.tree.path(node)}, {name}, {mode():o}"
        stop.add(said, Event(EventKind.MODE, node.name, node.number, size=mode()))


def _value(value: Callable[[], bytes]) -> bytes | None:
    try:
        return value()
    except OSError:
        return None  # There is none.


def _of_path(stop: Stop, path: str, name: str, *, follows: bool) -> Script:
    def mode() -> int:
        return stat.S_IMODE(os.stat(path, follow_symlinks=follows).st_mode)

    yield Wish.ALONE
    try:
        node = stop.tree.find(os.stat(path, follow_symlinks=follows))
    except OSError:
        node = None
    if node is None:
        yield Wish.GO  # Alone in any case, as in `names`.
    else:
        yield from _changed(stop, node, name, lambda: os.getxattr(path, name, follow_symlinks=follows), mode)


def attribute(stop: Stop) -> Script:
    """setxattr(path, name, ...), lsetxattr, removexattr, lremovexattr."""
    path = stop.thread.path(AT_FDCWD, stop.thread.text(stop.arguments[0]))
    return _of_path(stop, path, stop.thread.text(stop.arguments[1]), follows=stop.name[0] != "l")


def attribute_at(stop: Stop) -> Script:
    """setxattrat(folder, path, flags, name, ...), removexattrat."""
    path = stop.thread.path(stop.arguments[0], stop.thread.text(stop.arguments[1]))
    name = stop.thread.text(stop.arguments[3])
    return _of_path(stop, path, name, follows=not stop.arguments[2] & 0x100)


def attribute_of_descriptor(stop: Stop) -> Script:
    """fsetxattr(fd, name, ...), fremovexattr."""
    name = stop.thread.text(stop.arguments[1])
    with stop.thread.descriptor(stop.arguments[0]) as taken:
        node = stop.tree.find(os.fstat(taken)) if taken >= 0 else None
        if node is not None:
            yield Wish.ALONE
            own = f"/proc/self/fd/{taken}"

            def mode() -> int:
                return stat.S_IMODE(os.fstat(taken).st_mode)

            yield from _changed(stop, node, name, lambda: os.getxattr(own, name), mode)
