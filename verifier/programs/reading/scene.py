"""Scenes: a disk content as paths, with what each path is, so that it can stand in a real folder.

A recording knows what kind of file each inode is, and its mode, owner and time; an image knows which names
are bound to which inodes, and their bytes. Both together are a scene.

    Setting(recording).scene(image)      {"": root, "data": folder, "data/wal": file, "data/last": link}

Invariants
  1  a path is in the scene iff bindings of the image lead to it from the root
  2  two paths have the same inode iff they are names of one file
  3  what an inode is besides its bytes does not depend on the crash state: no law loses it
  4  a path for which `moves` is False is the same in every crash state: there or not, with its bytes
"""

from __future__ import annotations

import os
import stat
from typing import Final, NamedTuple

from powercut.faultfs import EventKind, Image
from powercut.faultfs.disk.places import ROOT, key_of, split

from ..recording import Recording

__all__ = ["Entry", "Scene", "Setting"]

_MADE: Final = {EventKind.CREATE: stat.S_IFREG, EventKind.UNNAMED: stat.S_IFREG}
_KINDS: Final = _MADE | {EventKind.FOLDER: stat.S_IFDIR, EventKind.SYMLINK: stat.S_IFLNK}
_BITS: Final = {stat.S_IFREG: 0o644, stat.S_IFDIR: 0o755, stat.S_IFLNK: 0o777}
_NAMING: Final = frozenset({*_KINDS, EventKind.REMOVE, EventKind.RENAME, EventKind.LINK, EventKind.EXCHANGE})
_REMARKS: Final = frozenset({EventKind.MARK, EventKind.FAULT, EventKind.READ, EventKind.SIZE, EventKind.LIST})
_SECOND: Final = 1_000_000_000


class Entry(NamedTuple):
    """The thing that a path leads to. The bytes of a symbolic link are its target; a folder has none."""

    inode: int
    mode: int  # st_mode.
    uid: int
    gid: int
    modified: int  # Nanoseconds since the epoch.
    data: bytes

    @property
    def is_folder(self) -> bool:
        """True for a folder."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """True for a symbolic link."""
        return stat.S_ISLNK(self.mode)


Scene = dict[str, Entry]  # By path below the root, "" the root itself; a folder before what is in it.


class Setting:
    """All that a recording says about inodes, whichever crash state is looked at."""

    def __init__(self, recording: Recording) -> None:
        self.root = recording.root
        self._initial = recording.names
        self._attributes: dict[int, tuple[int, int, int, int]] = {}
        owner = recording.inodes.get(ROOT)
        uid, gid = (owner.uid, owner.gid) if owner else (-1, -1)
        latest = max((each.modified for each in recording.inodes.values()), default=0) + _SECOND
        for number, inode in recording.inodes.items():
            self._attributes[number] = (inode.mode, inode.uid, inode.gid, inode.modified)
        self._attributes.setdefault(ROOT, (stat.S_IFDIR | 0o755, uid, gid, latest))
        self._named: set[str] = set()  # Keys that some event binds or unbinds.
        self._listed: set[int] = set()  # Folders of these.
        self._written: set[int] = set()  # Inodes whose bytes some event changes.
        for event in recording.events:
            if event.kind in _KINDS:
                kind = _KINDS[event.kind]
                self._attributes[event.inode] = (kind | _BITS[kind], uid, gid, latest)
            elif event.kind is EventKind.MODE and event.inode in self._attributes:
                mode, *rest = self._attributes[event.inode]
                bits = stat.S_IMODE(event.size) if event.size else stat.S_IMODE(mode)
                self._attributes[event.inode] = (stat.S_IFMT(mode) | bits, *rest)  # type: ignore[assignment]
            if event.kind in _NAMING:
                for key in filter(None, (event.name, event.target if event.kind not in _KINDS else "")):
                    self._named.add(key)
                    self._listed.add(split(key)[0])
            elif event.kind not in _REMARKS:
                self._written.add(event.inode)
            if event.kind in (EventKind.LINK, EventKind.REMOVE, EventKind.RENAME):
                self._written.add(event.inode)  # The number of its names is a part of what a file is.

    def scene(self, image: Image) -> Scene:
        """The paths of an image. Invariants 1 and 2. O(names)."""
        inside: dict[int, list[tuple[str, int]]] = {}
        for key, inode in image.names.items():
            folder, name = split(key)
            inside.setdefault(folder, []).append((name, inode))
        scene = {"": Entry(ROOT, *self._attributes[ROOT], b"")}
        queue = [("", ROOT)]
        while queue:
            path, folder = queue.pop()
            for name, inode in sorted(inside.get(folder, ())):
                below = f"{path}/{name}" if path else name
                entry = self._entry(inode, image)
                scene[below] = entry
                if entry.is_folder:
                    queue.append((below, inode))
        return scene

    def _entry(self, inode: int, image: Image) -> Entry:
        attributes = self._attributes.get(inode, (stat.S_IFREG | 0o644, -1, -1, _SECOND))
        data = b"" if stat.S_ISDIR(attributes[0]) else image.files.get(inode, b"")
        if stat.S_ISLNK(attributes[0]):
            data = os.fsencode(getattr(image, "links", {}).get(inode, os.fsdecode(data)))
        return Entry(inode, *attributes, data)

    def moves(self, path: str, *, is_listed: bool = False) -> bool:
        """False where nothing about this path differs between crash states; with `is_listed`, its names too.

        Invariant 4. A path that may be a folder is asked without what is in it.
        """
        folder = ROOT
        for name in filter(None, path.split("/")):
            key = key_of(folder, name)
            if key in self._named:
                return True
            inode = self._initial.get(key)
            if inode is None:
                return False  # Never there, in no state.
            if stat.S_ISLNK(self._attributes[inode][0]):
                return True  # What it leads to is asked as a path of its own.
            folder = inode
        return folder in self._written or (is_listed and folder in self._listed)
