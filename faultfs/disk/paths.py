"""Paths: the way in which the keys of names are told to people, at any time of a trace.

A key says in which folder a name stands by the folder's inode; here the folder's own name at that time is put
in its place, and so on up to the root.

Invariants
  1  path(key, index) of a disk without folders is the key
  2  a folder that has no name at an index is told by the name that it had last, or by `#inode`

Threads: built once, then read only.
"""

from bisect import bisect_right

from .events import Event, EventKind
from .image import Image
from .places import ROOT, split

__all__ = ["Paths"]


class Paths:
    """The names that each folder of a trace has had."""

    def __init__(self, initial: Image, events: list[Event]) -> None:
        self._names: dict[int, list[tuple[int, str]]] = {inode: [] for inode in initial.folders}
        for key, inode in sorted(initial.names.items()):
            if inode in self._names:
                self._names[inode].append((0, key))
        for index, event in enumerate(events, 1):
            if event.kind is EventKind.FOLDER:
                self._names[event.inode] = [(index, event.name)]
            elif self._names and event.kind in (EventKind.RENAME, EventKind.EXCHANGE):
                self._move(index, event)

    def path(self, key: str, index: int) -> str:
        """The path of a name after so many events. O(depth)."""
        folder, name = split(key)
        parts, above = [name], set[int]()
        while folder != ROOT and folder not in above:
            above.add(folder)
            names = self._names.get(folder, [])
            at = bisect_right(names, index, key=lambda named: named[0])
            if not names:
                return "/".join((f"#{folder}", *reversed(parts)))
            folder, name = split(names[max(0, at - 1)][1])
            parts.append(name)
        return "/".join(reversed(parts))

    def folder(self, inode: int, index: int) -> str:
        """The path of a folder after so many events; empty of the root."""
        return self.path(f"{inode}/.", index)[:-2] if inode != ROOT else ""

    def _move(self, index: int, event: Event) -> None:
        other = 0
        if event.kind is EventKind.EXCHANGE:
            last = [inode for inode, names in self._names.items() if names and names[-1][1] == event.target]
            other = last[0] if last else 0
        if event.inode in self._names:
            self._names[event.inode].append((index, event.target))
        if other:
            self._names[other].append((index, event.name))
