"""Paths of a recording: where each inode stood, for whoever tells of it.

    names of the real run     the key of a name moves with RENAME; what an inode was called last is told
    names of one step         one that nobody uses before or after it is told as `*`

Pure.
"""

from __future__ import annotations

import stat

from powercut.faultfs import Event, EventKind
from powercut.faultfs.disk.places import ROOT, split

from ..recording import Recording

__all__ = ["Paths"]

_MAKES = frozenset({EventKind.CREATE, EventKind.FOLDER, EventKind.SYMLINK})


class Paths:
    """The names of inodes at each event of a recording."""

    def __init__(self, recording: Recording) -> None:
        self._folders = {number for number, inode in recording.inodes.items() if stat.S_ISDIR(inode.mode)} | {
            ROOT
        }
        self._keys: dict[int, str] = {}  # The last name of each inode, by its key.
        self._every: dict[int, list[str]] = {}
        self._bound: dict[str, set[int]] = {}  # The inodes that a name ever had.
        bound = dict(recording.names)
        for key, inode in recording.names.items():
            self._name(inode, key)
        for event in recording.events:
            self._replay(bound, event)
        self._ends = set(bound.values())
        self._lasting = {*recording.names, *bound}
        self._has_one_step = len(recording.steps) < 2

    def _replay(self, bound: dict[str, int], event: Event) -> None:
        if event.kind is EventKind.FOLDER:
            self._folders.add(event.inode)
        if event.kind in _MAKES:
            bound[event.name] = event.inode
            self._name(event.inode, event.name)
        elif event.kind is EventKind.REMOVE:
            bound.pop(event.name, None)
        elif event.kind is EventKind.LINK:
            bound[event.target] = event.inode
            self._name(event.inode, event.target)
        elif event.kind is EventKind.RENAME and bound.get(event.target) != event.inode:
            bound.pop(event.name, None)
            bound[event.target] = event.inode
            self._name(event.inode, event.target)
        elif event.kind is EventKind.EXCHANGE and event.name in bound and event.target in bound:
            bound[event.name], bound[event.target] = bound[event.target], bound[event.name]
            self._name(bound[event.name], event.name)
            self._name(bound[event.target], event.target)

    def _name(self, inode: int, key: str) -> None:
        self._keys[inode] = key
        self._every.setdefault(inode, []).append(key)
        self._bound.setdefault(key, set()).add(inode)

    def is_named(self, inode: int) -> bool:
        """True if the inode has a name at the end."""
        return inode in self._ends

    def of_key(self, key: str) -> str:
        """The path of a name in a folder, by the folder's last name."""
        folder, name = split(key)
        return name if folder == ROOT else f"{self.of(folder)}/{name}"

    def of(self, inode: int) -> str:
        """The last path of an inode; "." of the root."""
        if inode == ROOT:
            return "."
        key = self._keys.get(inode)
        return f"inode {inode}" if key is None else self.of_key(key)

    def every(self, inode: int) -> list[str]:
        """All paths that an inode ever had."""
        return [self.of_key(key) for key in self._every.get(inode, ())]

    def general(self, key: str) -> str:
        """The path of a key; of a name that one step made up and nobody uses again, its folder and `*`."""
        if self._has_one_step or key in self._lasting or len(self._bound[key]) > 1:
            return self.of_key(key)
        folder = split(key)[0]
        return "*" if folder == ROOT else f"{self.of(folder)}/*"

    def folder_of(self, key: str) -> int:
        """The inode of the folder in which a name stands."""
        return split(key)[0]
