"""The tree: the paths to which names in folders add up, and the part of an image's key that is no file.

    bindings    keys of `places`, each with its inode
    paths       from the root through folders: "a/b" for the name b in the folder a of the root

A name in a folder that no path leads to is not there. A folder that two names are bound to (half of a rename
between folders) is there under both; a name that leads back to a folder above itself is not there.

Invariants
  1  on a disk without folders paths are keys, and the key of what is no file is 0
  2  equal sets of (path, what is there) give equal keys, whatever the inode numbers are

Threads: values.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from .places import ROOT, split

__all__ = ["FLAT", "Bound", "Forest", "Item", "Kind", "groups_of"]

_KEY_BYTES: Final = 16
_Pairs = Sequence[tuple[str, int]]


class Kind(IntEnum):
    """The kind of what a path leads to."""

    FILE = 0
    FOLDER = 1
    LINK = 2  # A symbolic one.


class Item(NamedTuple):
    """One thing in a tree."""

    kind: Kind
    inode: int  # Equal for two paths iff they share it.
    data: bytes = b""  # The bytes of a file, the target of a symbolic link.


class Bound(NamedTuple):
    """The names of a disk, as far as paths lead to them."""

    bindings: tuple[tuple[str, int], ...]
    files: dict[int, tuple[str, ...]]  # The paths of each file that has any.
    key: int  # The part of the image's key that is of no file.


class Forest(NamedTuple):
    """The inodes that are no files: folders, and the targets of symbolic links."""

    folders: frozenset[int]
    links: Mapping[int, str]

    def has(self, inode: int) -> bool:
        """True for an inode that is no file."""
        return inode in self.folders or inode in self.links

    def told(self, inode: int) -> str:
        """An inode that is no file, in words: a folder is one, a symbolic link is its target."""
        return f"link {self.links[inode]}" if inode in self.links else "folder"

    def bound(self, bindings: _Pairs) -> "Bound":
        """The names that bindings, sorted by key, show."""
        if self is FLAT:
            return Bound(tuple(bindings), groups_of(bindings), 0)
        paths = self.paths(bindings)
        files = groups_of([each for each in paths if not self.has(each[1])])
        return Bound(tuple(self.reached(bindings)), files, self.key(paths))

    def reached(self, bindings: _Pairs) -> list[tuple[str, int]]:
        """The bindings that a path leads to, in their order."""
        if not self.folders:
            return list(bindings)
        inside = _inside(bindings)
        found, waiting = {ROOT}, [ROOT]
        while waiting:
            for _, inode in inside.get(waiting.pop(), ()):
                if inode in self.folders and inode not in found:
                    found.add(inode)
                    waiting.append(inode)
        return [each for each in bindings if split(each[0])[0] in found]

    def paths(self, bindings: _Pairs) -> list[tuple[str, int]]:
        """Every path, with its inode, sorted; the bindings are sorted by key. O(bindings) without folders."""
        if not self.folders:
            return list(bindings)
        inside, found = _inside(bindings), list[tuple[str, int]]()
        waiting = [("", ROOT, frozenset({ROOT}))]
        while waiting:
            before, folder, above = waiting.pop()
            for name, inode in inside.get(folder, ()):
                if inode in above:
                    continue
                found.append((before + name, inode))
                if inode in self.folders:
                    waiting.append((f"{before}{name}/", inode, above | {inode}))
        return sorted(found)

    def key(self, paths: _Pairs) -> int:
        """The part of an image's key that folders and symbolic links add; these are all paths, sorted."""
        if not self.folders and not self.links:
            return 0
        key = 0
        for path, inode in paths:
            if inode in self.folders:
                key ^= _digest(b"folder", path)
        for inode, names in groups_of([each for each in paths if each[1] in self.links]).items():
            key ^= _digest(b"link", "\0".join((self.links[inode], *names)))
        return key


FLAT: Final = Forest(frozenset(), {})


def groups_of(bindings: Iterable[tuple[str, int]]) -> dict[int, tuple[str, ...]]:
    """Inode to its names, from (name, inode) pairs in name order."""
    groups: dict[int, tuple[str, ...]] = {}
    for name, inode in bindings:
        groups[inode] = (*groups.get(inode, ()), name)
    return groups


def _inside(bindings: _Pairs) -> dict[int, list[tuple[str, int]]]:
    """The names of each folder, with their inodes."""
    inside: dict[int, list[tuple[str, int]]] = {}
    for key, inode in bindings:
        folder, name = split(key)
        inside.setdefault(folder, []).append((name, inode))
    return inside


@lru_cache(maxsize=1 << 16)
def _digest(role: bytes, text: str) -> int:
    data = text.encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(data, digest_size=_KEY_BYTES, person=role).digest(), "little")
