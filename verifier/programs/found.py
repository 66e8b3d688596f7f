"""The folder as it is found on the disk: at the start of a recording, and when it is checked at its end."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from .recording import Inode
from .tree import Kind, Tree, kind_of

__all__ = ["Found", "start", "walk"]


class Found(NamedTuple):
    """A file, symbolic link or folder."""

    folder: tuple[int, int]  # Device and inode of the folder in which it is.
    name: str
    path: str
    kind: Kind
    stat: os.stat_result

    def data(self) -> bytes:
        """The bytes of a file, the target of a link."""
        if self.kind is Kind.LINK:
            return os.fsencode(os.readlink(self.path))
        if self.kind is Kind.FOLDER:
            return b""
        with open(self.path, "rb") as file:
            return file.read()


def walk(root: str) -> Iterator[Found]:
    """Everything below a folder, each folder before what is in it, names sorted.

    Sockets, named pipes and device files are left out. Raises OSError.
    """
    found = os.stat(root)
    folders = [(root, (found.st_dev, found.st_ino))]
    while folders:
        folder, identity = folders.pop()
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            of = os.lstat(path)
            kind = kind_of(of.st_mode)
            if kind is not None:
                yield Found(identity, name, path, kind, of)
            if kind is Kind.FOLDER:
                folders.append((path, (of.st_dev, of.st_ino)))


def start(root: str, tree: Tree) -> tuple[dict[str, int], dict[int, Inode]]:
    """The names and inodes before the first command; the tree knows them too."""
    names: dict[str, int] = {}
    inodes: dict[int, Inode] = {}
    for found in walk(root):
        folder = tree.folder(os.path.dirname(found.path))
        assert folder is not None
        node = tree.find(found.stat)
        if node is None:
            node = tree.make(found.kind, found.stat)
            at = found.stat
            inodes[node.number] = Inode(at.st_mode, at.st_uid, at.st_gid, at.st_mtime_ns, found.data())
        key = tree.key(folder, found.name)
        tree.bind(key, node)
        names[key] = node.number
    return names, inodes


def rights(mode: int) -> int:
    """The permission bits that are compared: a write takes the others away without a call."""
    return stat.S_IMODE(mode) & 0o777
