"""Eight ways to replace a file and to append to one (docs/durable-files.md), on a real folder.

`python idioms.py IDIOM init|write|read FOLDER`: init makes the start, write is the idiom, and read tells what
a user of it reads: the content, or how far a log goes whose records carry checksums.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final

OLD, NEW, RECORD = b"O" * 8192, b"N" * 8192, b"N" * 4096


def put(name: str, data: bytes, offset: int = 0, flags: int = os.O_CREAT, *, sync: str = "") -> None:
    """Write bytes into a file, and sync it as asked."""
    file = os.open(name, os.O_WRONLY | flags, 0o644)
    os.pwrite(file, data, offset)
    if sync:
        getattr(os, sync)(file)
    os.close(file)


def sync_folder() -> None:
    """Sync the names of the folder."""
    folder = os.open(".", os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def replace() -> None:
    """Sync the new file, rename it, sync the folder."""
    put("t", NEW, sync="fsync")
    os.rename("t", "f")
    sync_folder()


def replace_folder_only() -> None:
    """Rename a new file that is not synced."""
    put("t", NEW)
    os.rename("t", "f")
    sync_folder()


def replace_file_only() -> None:
    """Sync the new file and not the folder."""
    put("t", NEW, sync="fsync")
    os.rename("t", "f")


def rewrite() -> None:
    """Empty the file and write it again."""
    put("f", NEW, flags=os.O_TRUNC, sync="fsync")


def append() -> None:
    """Append a record."""
    put("f", RECORD, len(OLD), sync="fdatasync")


def append_then_name() -> None:
    """Append a record, and sync only the file that says how far the log goes."""
    put("f", RECORD, len(OLD))
    put("g", b"1", sync="fsync")


def append_allocated() -> None:
    """Append a record into room that was made before."""
    file = os.open("f", os.O_WRONLY)
    os.posix_fallocate(file, len(OLD), len(OLD))
    os.fsync(file)
    os.close(file)
    put("f", RECORD, len(OLD), sync="fdatasync")


def rotate() -> None:
    """Move the log on and begin a new one."""
    os.rename("g", "h")
    os.rename("f", "g")
    put("f", NEW, sync="fsync")


IDIOMS: Final[dict[str, Callable[[], None]]] = {
    "replace": replace,
    "replace-folder-only": replace_folder_only,
    "replace-file-only": replace_file_only,
    "rewrite": rewrite,
    "append": append,
    "append-then-name": append_then_name,
    "append-allocated": append_allocated,
    "rotate": rotate,
}


def content(name: str) -> bytes:
    """The bytes of a file; none where it is not there."""
    try:
        with open(name, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def read(idiom: str) -> str:
    """The answer of a user's reader."""
    data = content("f")
    if idiom == "rotate":
        return "old log kept" if OLD in (data, content("g")) else "old log lost"
    if not idiom.startswith("append"):
        return f"{len(data)} bytes, {data[:1]!r} to {data[-1:]!r}, {len(set(data))} kinds"
    if idiom == "append-then-name" and content("g") == b"1":
        return "2 records" if data[8192:] == RECORD else "a record that was named is not there"
    has_record = idiom != "append-then-name" and data[8192:12288] == RECORD
    return "2 records" if has_record else "1 record" if data[:8192] == OLD else "none"


def main() -> None:
    """Do one part of one idiom."""
    idiom, what, folder = sys.argv[1:]
    os.chdir(folder)
    if what == "init":
        put("f", OLD, sync="fsync")
        put("g", b"0" if idiom == "append-then-name" else b"X" * 4096, sync="fsync")
    elif what == "write":
        IDIOMS[idiom]()
    else:
        print(read(idiom))


if __name__ == "__main__":
    main()
