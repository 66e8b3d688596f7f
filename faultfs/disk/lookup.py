"""Lookup: from a path to the key of its name, through folders and symbolic links, with the errors of Linux.

    a/b           the name b in the folder a of the root; the empty path is the root itself, where a folder
                  is meant
    refused       EINVAL: an empty part, `.` and `..`, a slash at an end, a NUL; ENAMETOOLONG: a name of more
                  than 255 bytes; ENOENT: no such folder; ENOTDIR: a part that is none; ELOOP: links in a ring

Symbolic links on the way are followed, from the folder in which they stand; one that is absolute or has a
`..` leads out of what is modelled as far as it goes above the root, and stops there, as at a real root.

Threads: one at a time; the device holds its lock.
"""

import errno
from typing import Final

from .arguments import check_name, refused
from .places import ROOT, key_of
from .tree import Item, Kind

__all__ = ["Lookup"]

_LINKS_MAX: Final = 40  # As Linux.


class Lookup:
    """The names of a living disk, and which of its inodes are folders and symbolic links."""

    __slots__ = ("folders", "links", "names")

    def __init__(self, names: dict[str, int], folders: set[int], links: dict[int, str]) -> None:
        self.names = names
        self.folders = folders
        self.links = links

    def key(self, path: str, *, follows: bool = True) -> str:
        """The key of the name at the end of a path, which may be bound to nothing; its folder is there.

        `follows`: where the name is a symbolic link, the key of what it leads to. Raises OSError.
        """
        is_plain = type(path) is not str or "/" not in path or path.startswith("/")
        parts = [path] if is_plain else path.split("/")
        for part in parts:
            check_name(part)
        if len(parts) == 1 and not self.links:
            return path
        key = self._walk(path, parts, follows=follows)
        if key is None:
            raise refused(errno.EISDIR, path)
        return key

    def resolve(self, path: str, *, follows: bool = True) -> str:
        """A path as a program gives it to its system, as the one by which a device knows it: from the root,
        without `.`, `..`, doubled or last slashes, through links; empty for the root.

        The name at its end may be bound to nothing; where the path ends in a slash, only to a folder. Raises
        OSError: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, EINVAL for a NUL.
        """
        if not path:
            raise refused(errno.ENOENT, path)
        if "\0" in path:
            raise refused(errno.EINVAL, path)
        key = self._walk(path, path.split("/"), follows=follows)
        if path.endswith("/") and key is not None and self.names.get(key, 0) not in (0, *self.folders):
            raise refused(errno.ENOTDIR, path)
        return "" if key is None else self.path_of(key)

    def path_of(self, key: str) -> str:
        """The path of a name, from its key. O(names of the disk) for each folder on the way."""
        parts = []
        while True:
            head, slash, name = key.rpartition("/")
            parts.append(name)
            if not slash:
                return "/".join(reversed(parts))
            key = next(each for each, inode in self.names.items() if inode == int(head))

    def name_of(self, inode: int) -> str | None:
        """A path of an inode, None if it has none."""
        key = next((each for each, bound in self.names.items() if bound == inode), None)
        return None if key is None else self.path_of(key)

    def folder(self, path: str) -> int:
        """The inode of a folder, that of the root for the empty path. Raises OSError."""
        if path == "":
            return ROOT
        inode = self.names.get(self.key(path))
        if inode is None:
            raise refused(errno.ENOENT, path)
        if inode not in self.folders:
            raise refused(errno.ENOTDIR, path)
        return inode

    def key_or_path(self, path: str) -> str:
        """The key of the name at the end of a path; the path itself where there is no such name."""
        try:
            return self.key(path) if path else path
        except OSError:
            return path

    def number(self, path: str) -> int:
        """The inode that a path leads to, 0 if there is none."""
        try:
            return self.names.get(self.key(path), 0)
        except OSError:
            return 0

    def is_name(self, path: str) -> bool:
        """True for a path at whose end a name may be, or is."""
        try:
            self.key(path, follows=False)
        except OSError:
            return False
        return True

    def is_free(self, path: str) -> bool:
        """True for a path at whose end a name may be, and is not."""
        return self.is_name(path) and self.key(path, follows=False) not in self.names

    def is_folder(self, path: str) -> bool:
        """True for the path of a folder; for the empty one, of the root."""
        try:
            self.folder(path)
        except OSError:
            return False
        return True

    def children(self, folder: int) -> dict[str, int]:
        """The names in a folder, sorted, each with its inode. O(names of the disk)."""
        before = key_of(folder, "")
        start = len(before)
        found = {
            key[start:]: inode
            for key, inode in self.names.items()
            if (key.startswith(before) if before else "/" not in key)
        }
        return dict(sorted(found.items()))

    def is_below(self, folder: int, above: int) -> bool:
        """True for a folder that is the other one, or below it."""
        places = {inode: key for key, inode in self.names.items() if inode in self.folders}
        while folder not in (above, ROOT) and folder in places:
            head, slash, _ = places[folder].rpartition("/")
            folder = int(head) if slash else ROOT
        return folder == above

    def holds(self, folder: int, inode: int) -> bool:
        """True if a name in this folder, or below it, is bound to the inode."""
        keys = [key for key, bound in self.names.items() if bound == inode and "/" in key]
        return any(self.is_below(int(key.partition("/")[0]), folder) for key in keys)

    def item(self, inode: int, data: bytes = b"") -> Item:
        """The kind of an inode, with its data, or its target."""
        if inode in self.folders or inode == ROOT:
            return Item(Kind.FOLDER, inode)
        if inode in self.links:
            return Item(Kind.LINK, inode, self.links[inode].encode("utf-8", "surrogateescape"))
        return Item(Kind.FILE, inode, data)

    def _walk(self, path: str, parts: list[str], *, follows: bool) -> str | None:
        """The key at the end of the way; None if that is the root."""
        waiting, above, hops = parts[::-1], [("", ROOT)], 0
        while waiting:
            part = waiting.pop()
            if part in ("", "."):
                continue
            if part == "..":
                above = above[:-1] or [("", ROOT)]
                continue
            check_name(part)
            key = key_of(above[-1][1], part)
            inode = self.names.get(key, 0)
            is_last = all(each in ("", ".") for each in waiting)
            if inode in self.links and (follows or waiting):
                hops += 1
                if hops > _LINKS_MAX:
                    raise refused(errno.ELOOP, path)
                target = self.links[inode]
                above = [("", ROOT)] if target.startswith("/") else above
                waiting += target.split("/")[::-1]
            elif inode in self.folders:
                above.append((key, inode))
            elif is_last and not (inode and "." in waiting):
                return key
            else:
                raise refused(errno.ENOTDIR if inode else errno.ENOENT, path)
        return above[-1][0] or None
