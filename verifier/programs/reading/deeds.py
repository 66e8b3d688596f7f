"""Deeds: what a reading did to the folder, so that the same can be done to another scene, without a reader.

Two scenes that answer alike to all that the first reading asked are read alike, so the same is done to both.
What is left of them may differ where nothing was written; so the second reading is looked up by what is left.

    WRITE       path  offset  bytes
    SIZE        path  size                what is behind it goes, or zeros come
    REMOVE      path
    ATTRIBUTES  path  mode    "uid gid"   as they are afterwards

Invariants
  1  deeds are told of a reading only if done(scene, deeds) is what it left of its own scene (`is_same`)
  2  times of what was changed are told as 0, as in `Placed.left`
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .scene import Entry, Scene

__all__ = ["ATTRIBUTES", "REMOVE", "SIZE", "WRITE", "Deed", "done", "is_same"]

WRITE, SIZE, REMOVE, ATTRIBUTES = range(4)
Deed = tuple[int, str, int, bytes]
_NOW: Final = 0


def done(scene: Scene, deeds: Iterable[Deed]) -> Scene:
    """The scene that is left of another. O(paths), and the bytes of what is changed."""
    left = dict(scene)
    for what, path, number, data in deeds:
        entry = left.get(path)
        if entry is None or entry.is_folder:
            continue
        if what == REMOVE:
            del left[path]
            above = path.rpartition("/")[0]
            if above in left:
                left[above] = left[above]._replace(modified=_NOW)
            continue
        new = _changed(entry, what, number, data)
        for each in [each for each, other in left.items() if other.inode == entry.inode]:
            left[each] = new
    return left


def _changed(entry: Entry, what: int, number: int, data: bytes) -> Entry:
    if what == ATTRIBUTES:
        uid, gid = map(int, data.split())
        return entry._replace(mode=number, uid=uid, gid=gid)
    head = entry.data[:number].ljust(number, b"\0")
    tail = entry.data[number + len(data) :] if what == WRITE else b""
    return entry._replace(data=head + data + tail, modified=_NOW)


def is_same(one: Scene, other: Scene) -> bool:
    """True where nothing but numbers of inodes differs."""
    if one.keys() != other.keys():
        return False
    pairs = [(entry, other[path]) for path, entry in one.items()]
    if any(mine[1:] != theirs[1:] for mine, theirs in pairs):
        return False
    names = {(mine.inode, theirs.inode) for mine, theirs in pairs}
    return len(names) == len({mine for mine, _ in names}) == len({theirs for _, theirs in names})
