"""Placing: a real folder that shows one scene after the other, written by their differences.

Invariants
  1  after `place(scene)` the folder holds exactly the scene: paths, bytes, hard links, modes and times, and
     owners where that is permitted
  2  what somebody else did to the folder in between is undone iff `soiled` or `forget` was told of it
  3  a path whose entry is the same in both scenes is not touched
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterable
from contextlib import suppress

from .scene import Entry, Scene

__all__ = ["Placed"]

_OWN_INODES = 1 << 62  # Of files as they were left: numbers that no scene has.
_TICK = 20_000_000  # Nanoseconds by which the times of files are behind the clock, at most.


class Placed:
    """The folder at `root`, which is this object's alone; it is emptied at first."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.scene: Scene = {}
        self._touched: set[str] = set()  # Folders whose times are no more those of the scene.
        self.inodes: dict[int, str] = {}  # Of the real folder: to one path of the scene each.
        self._since = 0
        self.forget()

    def real(self, path: str) -> str:
        """The absolute path of a path of the scene."""
        return f"{self.root}/{path}" if path else self.root

    def forget(self) -> None:
        """Anything may have happened to the folder: empty it."""
        os.chmod(self.root, 0o700)
        for entry in list(os.scandir(self.root)):
            _remove(entry.path)
        self.scene, self.inodes = {}, {}

    def soiled(self, paths: Iterable[str]) -> None:
        """Somebody has changed these paths, or what is below them: take them away, with all their names."""
        for path in paths:
            if not path:
                self.forget()
                return
            for each in reversed(self._touched_by(path)):
                self._drop(each)
            self._touched.add(_parent(path))
            _remove(self.real(path))

    def _touched_by(self, path: str) -> list[str]:
        """Paths of the scene at and below a path, and the other names of what is there."""
        below = [each for each in self.scene if each == path or each.startswith(path + "/")]
        inodes = {self.scene[each].inode for each in below}
        below += [each for each, entry in self.scene.items() if entry.inode in inodes and each]
        return list(dict.fromkeys(below))

    def left(self, paths: Iterable[str]) -> Scene:
        """The scene as somebody left it who changed these paths; `inodes` knows them now, until `place`.

        A time since the scene was placed is that of a clock, and told as 0. Raises OSError.
        """
        scene = dict(self.scene)
        for path in paths:
            for each in self._touched_by(path):
                scene.pop(each, None)
        for path in paths:
            for each in dict.fromkeys((path, *self._touched_by(path))):
                self._look(each, scene)
            above = _parent(path)
            if above in scene:
                self._look_at(above, scene)
        return scene

    def _look(self, path: str, scene: Scene) -> None:
        """Take in what there is at a path now, and all below it."""
        if self._look_at(path, scene):
            for name in sorted(os.listdir(self.real(path))):
                self._look(f"{path}/{name}" if path else name, scene)

    def _look_at(self, path: str, scene: Scene) -> bool:
        """Take in what there is at a path, nothing too; True for a folder."""
        try:
            found = os.lstat(self.real(path))
        except (FileNotFoundError, NotADirectoryError):
            return False
        known, modified = self.scene.get(path), found.st_mtime_ns
        if modified >= self._since and (known is None or known.modified != modified):
            modified = 0
        is_folder, data = stat.S_ISDIR(found.st_mode), b""
        if stat.S_ISREG(found.st_mode):
            with open(self.real(path), "rb", buffering=0) as file:
                data = file.readall()
        elif stat.S_ISLNK(found.st_mode):
            data = os.fsencode(os.readlink(self.real(path)))
        owner = found.st_uid, found.st_gid
        if known is not None and known.uid < 0 and owner == (os.getuid(), os.getgid()):
            owner = known.uid, known.gid  # Nobody knows whose it was: ours, as it was placed.
        above = scene.get(path)  # A folder in which something was changed.
        inode = above.inode if above is not None else _OWN_INODES + found.st_ino
        scene[path] = Entry(inode, found.st_mode, *owner, modified, data)
        self.inodes[found.st_ino] = path
        return is_folder

    def place(self, scene: Scene) -> None:
        """Make the folder hold this scene. O(paths), and the bytes that differ. Invariant 1."""
        before, after = _links(self.scene), _links(scene)
        moved, self._touched = self._touched, set()
        for path, entry in reversed(list(self.scene.items())):
            new = scene.get(path)
            if path and (new is None or not _fits(entry, new) or before.get(path) != after.get(path)):
                moved.add(_parent(path))
                self._drop(path)
        made: dict[int, str] = {}
        for path, entry in scene.items():
            old = self.scene.get(path)
            if old is not None and (old is entry or old == entry):
                made.setdefault(entry.inode, path)
                continue
            if old is None and path:
                moved.add(_parent(path))
            self._write(path, entry, old, made.get(entry.inode) if not entry.is_folder else None)
            made.setdefault(entry.inode, path)
        for path in moved | {path for path, entry in scene.items() if self.scene.get(path) is not entry}:
            if path in scene:
                self._finish(path, scene[path])
        self.scene = dict(scene)
        self._since = time.time_ns() - _TICK
        self.inodes = {os.lstat(self.real(path)).st_ino: path for path in reversed(list(scene))}

    def _drop(self, path: str) -> None:
        _remove(self.real(path))
        self.scene.pop(path, None)

    def _write(self, path: str, entry: Entry, old: Entry | None, first: str | None) -> None:
        real = self.real(path)
        if entry.is_folder:
            if old is None and path:
                os.mkdir(real)
        elif first is not None:
            if old is None:
                os.link(self.real(first), real, follow_symlinks=False)
        elif entry.is_link:
            if old is None:
                os.symlink(os.fsdecode(entry.data), real)
        else:
            if old is not None:
                os.chmod(real, 0o600)
            with open(real, "wb", buffering=0) as file:
                file.write(entry.data)

    def _finish(self, path: str, entry: Entry) -> None:
        """Give a path its owner, mode and time."""
        real = self.real(path)
        if entry.uid >= 0 and (entry.uid != os.getuid() or entry.gid != os.getgid()):
            with suppress(OSError):  # Not permitted: it belongs to whoever reads it.
                os.chown(real, entry.uid, entry.gid, follow_symlinks=False)
        if not entry.is_link:
            os.chmod(real, stat.S_IMODE(entry.mode))
        os.utime(real, ns=(entry.modified, entry.modified), follow_symlinks=False)


def _fits(old: Entry, new: Entry) -> bool:
    """True if the one can be made of the other in place."""
    if stat.S_IFMT(old.mode) != stat.S_IFMT(new.mode):
        return False
    return old.inode == new.inode and (not old.is_link or old.data == new.data)


def _links(scene: Scene) -> dict[str, tuple[str, ...]]:
    """The names of each file that has several."""
    names: dict[int, list[str]] = {}
    for path, entry in scene.items():
        if not entry.is_folder:
            names.setdefault(entry.inode, []).append(path)
    return {path: tuple(group) for group in names.values() if len(group) > 1 for path in group}


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _remove(real: str) -> None:
    with suppress(FileNotFoundError):
        if os.path.isdir(real) and not os.path.islink(real):
            shutil.rmtree(real, ignore_errors=False)
        else:
            os.unlink(real)
