"""The folder while it is recorded: which file, link or folder stands under which name, and who is who.

A node is known by the device and the inode number of the real thing, whatever it is called by: through
a link, a descriptor, another mount. What stands outside of the root is no node.

Invariants
  1  names[key] is a node, and key is among its names; a node without names is unnamed or removed
  2  a number of a real inode that is used again makes a new node, or is outside: a node without names
     whose inode has a link is dead, or has its only names outside
"""

from __future__ import annotations

import os
import stat
from enum import Enum
from typing import Final

from powercut.faultfs.disk.places import ROOT, key_of, split

from .recording import RecordingError

__all__ = ["Kind", "Node", "NotRecordedError", "Tree", "kind_of"]


class NotRecordedError(RecordingError):
    """A program did what no recording can say, or ptrace is not permitted: there is no recording."""


class Kind(Enum):
    """The kinds of things that a recording knows."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


_KINDS: Final = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.FOLDER, stat.S_IFLNK: Kind.LINK}


def kind_of(mode: int) -> Kind | None:
    """The kind of an st_mode; None of sockets, named pipes and device files, which no recording has."""
    return _KINDS.get(stat.S_IFMT(mode))


class Node:
    """A file, symbolic link or folder."""

    __slots__ = ("kind", "name", "names", "number")

    def __init__(self, number: int, kind: Kind) -> None:
        self.number = number
        self.kind = kind
        self.names: dict[str, None] = {}  # Keys, in the order in which it got them.
        self.name = ""  # Its first key, or the last that it had; "" if it never had one.


class Tree:
    """All nodes of the root."""

    def __init__(self, root: str) -> None:
        self.root = Node(ROOT, Kind.FOLDER)
        self.names: dict[str, Node] = {}
        self.numbers: dict[int, Node] = {ROOT: self.root}
        self.path_on_disk = root
        self._title = os.path.basename(root) or "/"
        self._nodes: dict[tuple[int, int], Node] = {}
        self._paths: dict[str, str] = {}
        found = os.stat(root)
        self.device = found.st_dev
        self._nodes[found.st_dev, found.st_ino] = self.root

    def find(self, found: os.stat_result) -> Node | None:
        """The node behind what stat says; None for what stands outside. Invariant 2."""
        node = self._nodes.get((found.st_dev, found.st_ino))
        if node is not None and not node.names and found.st_nlink and node is not self.root:
            return None
        return node

    def folder(self, path: str) -> Node | None:
        """The folder at a path of ours; None for what is no folder of the tree."""
        try:
            node = self.find(os.stat(path))
        except OSError:
            return None
        return node if node is not None and node.kind is Kind.FOLDER else None

    def key(self, folder: Node, name: str) -> str:
        """The key of a name in a folder. Raises NotRecordedError for a name that is not UTF-8."""
        try:
            name.encode()
        except UnicodeEncodeError:
            raise NotRecordedError(f"a name that is not UTF-8 in {self.path(folder)}: {name!a}") from None
        return key_of(folder.number, name)

    def make(self, kind: Kind, found: os.stat_result) -> Node:
        """A new node, without a name. Invariant 2."""
        node = Node(len(self.numbers), kind)
        self.numbers[node.number] = node
        self._nodes[found.st_dev, found.st_ino] = node
        return node

    def bind(self, key: str, node: Node) -> None:
        """Give the node a name, in the place of whichever has it."""
        self.unbind(key)
        self.names[key] = node
        node.names[key] = None
        node.name = next(iter(node.names))

    def unbind(self, key: str) -> None:
        """Take the name away, if it is one."""
        node = self.names.pop(key, None)
        if node is not None:
            del node.names[key]
            node.name = next(iter(node.names), key)
            if node.kind is Kind.FOLDER:
                self._paths.clear()
            else:
                self._paths.pop(key, None)

    def real(self, key: str) -> str:
        """The path of a key on the disk."""
        parts: list[str] = []
        while key:
            folder, name = split(key)
            parts.append(name)
            key = self.numbers[folder].name
        return os.path.join(self.path_on_disk, *reversed(parts))

    def is_as_known(self, key: str) -> bool:
        """False where the disk has another thing under this key."""
        try:
            found = self.find(os.lstat(self.real(key)))
        except FileNotFoundError:
            return key not in self.names
        return found is not None and found is self.names.get(key)

    def path(self, node: Node) -> str:
        """The path of a node as it is told, beginning with the name of the root."""
        if node is self.root:
            return self._title
        if not node.name:
            return f"{self._title}/(no name)"
        text = self.path_of(node.name)
        return text if node.names else f"{text} (removed)"

    def path_of(self, key: str) -> str:
        """The path of a key as it is told."""
        text = self._paths.get(key)
        if text is None:
            folder, name = split(key)
            text = self._paths[key] = f"{self.path(self.numbers[folder])}/{name}"
        return text
