"""Places: a name and the folder in which it stands, as one key.

    key of a name in the root        name                "wal.log"
    key of a name in a folder        inode/name          "12/wal.log", 12 the inode of the folder

So the rename of a folder moves one binding, whatever is below it, and a disk without folders has the keys
that are its names. A folder is an inode without bytes; a path is found by following bindings from the root.

Invariants
  1  split(key_of(folder, name)) == (folder, name)
"""

from typing import Final

__all__ = ["ROOT", "key_of", "split"]

ROOT: Final = 0  # The inode of the root folder, which has no name; those of all others count from 1.


def key_of(folder: int, name: str) -> str:
    """The key of a name in a folder, given the folder's inode; the name alone in the root."""
    return f"{folder}/{name}" if folder else name


def split(key: str) -> tuple[int, str]:
    """The folder's inode and the name. Invariant 1."""
    folder, slash, name = key.rpartition("/")
    return (int(folder), name) if slash else (ROOT, key)
