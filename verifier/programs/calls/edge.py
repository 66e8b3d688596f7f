"""The edge of the root: what a rename or a link brings in from outside, and what a rename takes out.

    in     a file is made without a name, written whole, and bound to the name; so one that had the name is
           there until then. A link or folder is made; what is in a folder follows, name by name
    out    the names go, those in a folder first

What was written outside is not recorded: bytes that came in are bytes that nobody has synced, but where a
recorded program synced the file by its descriptor, and its size and time are those of then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from powercut.faultfs import Event, EventKind
from powercut.faultfs.disk.places import split

from ..stops import Stop
from ..tree import Kind, kind_of

__all__ = ["came", "outside", "went"]


def outside(path: str) -> str:
    """A path outside of the root as it is told: the same whichever process says it."""
    folder, _, name = path.rpartition("/")
    return os.path.join(os.path.realpath(folder or "/"), name)


def came(stop: Stop, key: str) -> Iterator[Event]:
    """The events that make what stands at a key now, and all below it. Raises OSError."""
    tree, path = stop.tree, stop.tree.real(key)
    found = os.lstat(path)
    kind, node = kind_of(found.st_mode), tree.find(found)
    if kind is None:  # A socket, a named pipe or a device file, perhaps in the place of another thing.
        yield from went(stop, key)
        return
    if node is not None:
        yield Event(EventKind.LINK, next(iter(node.names), ""), node.number, target=key)
        tree.bind(key, node)
        return
    node = tree.make(kind, found)
    if kind is Kind.LINK:
        yield Event(EventKind.SYMLINK, key, node.number, data=os.fsencode(os.readlink(path)))
    elif kind is Kind.FOLDER:
        yield from stop.with_mode(Event(EventKind.FOLDER, key, node.number), node, found.st_mode)
    else:
        yield from stop.with_mode(Event(EventKind.UNNAMED, inode=node.number), node, found.st_mode)
        with open(path, "rb", buffering=0) as file:
            data = file.readall()
        if data:
            yield Event(EventKind.WRITE, inode=node.number, data=data, size=len(data))
        if stop.context.is_synced(found):
            yield Event(EventKind.SYNC, inode=node.number)
        yield Event(EventKind.LINK, "", node.number, target=key)
    tree.bind(key, node)
    if kind is Kind.FOLDER:
        for name in sorted(os.listdir(path)):
            yield from came(stop, tree.key(node, name))


def went(stop: Stop, key: str) -> Iterator[Event]:
    """The events that take away what stood at a key, and all below it."""
    tree = stop.tree
    node = tree.names.get(key)
    if node is None:
        return
    if node.kind is Kind.FOLDER:
        for below in [each for each in tree.names if split(each)[0] == node.number]:
            yield from went(stop, below)
    yield Event(EventKind.REMOVE, key, node.number)
    tree.unbind(key)
