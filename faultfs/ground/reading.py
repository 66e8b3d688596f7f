"""Reading: what a real folder holds, as a content in words.

Threads: pure, but for the file system that is read.
"""

import os
from collections.abc import Iterator

from ..disk.tree import Item, Kind
from .contents import NOTHING, tell_items


def read_folder(folder: str) -> str:
    """The content of a folder, as text; or what could not be read of it."""
    try:
        return " ".join(tell_items(dict(_items(folder, "", {})))) or NOTHING
    except OSError as error:
        return f"!read {error.errno}"


def files_below(folder: str) -> Iterator[str]:
    """The path of each file below a folder, in order; symbolic links are none."""
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(entry.path)
        elif entry.is_file(follow_symlinks=False):
            yield entry.path


def _items(folder: str, before: str, known: dict[int, bytes]) -> Iterator[tuple[str, Item]]:
    """Each path below a folder with what is there; `known` are the files that were read."""
    for entry in _entries(folder):
        path, inode = before + entry.name, entry.inode()
        if entry.is_symlink():
            yield path, Item(Kind.LINK, inode, os.readlink(entry.path).encode())
        elif entry.is_dir(follow_symlinks=False):
            yield path, Item(Kind.FOLDER, inode)
            yield from _items(entry.path, f"{path}/", known)
        else:
            if inode not in known:
                known[inode] = _read(entry.path)
            yield path, Item(Kind.FILE, inode, known[inode])


def _entries(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        size, data = os.fstat(file).st_size, b""
        while more := os.pread(file, size + 1 - len(data), len(data)):
            data += more
        return data
    finally:
        os.close(file)
