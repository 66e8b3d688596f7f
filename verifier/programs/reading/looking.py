"""Looking: the questions to a folder that a call of a reader amounts to, and what it changes there.

Invariants
  1  a path is asked under every name that leads to it: each folder on the way, and where links lead
  2  an open file is known by its inode in the folder, whatever became of its name; one that the reader made
     is no part of the scene, and nothing is asked of it
  3  what is the same in every crash state (Setting.moves) is not asked; of a scene that was changed since
     everything is, for other scenes were not changed there

Threads: that of the tracer.
"""

from __future__ import annotations

import ctypes
import os
import re
from functools import lru_cache
from typing import Final

from .asking import FILE, LIST, NAME, READ, STAT, TREE, Question
from .deeds import ATTRIBUTES, REMOVE, SIZE, WRITE, Deed
from .placing import Placed
from .scene import Setting
from .syscalls import Call

__all__ = ["Looking"]

_PATH_BYTES: Final = 4096
_HERE: Final = -100  # AT_FDCWD
_PLAIN: Final = re.compile(r"(?:/(?!\.{0,2}(?:/|$))[^/]+)+")  # No empty name, none of dots alone.
_MAP_SHARED, _PROT_WRITE = 1, 2
_REMOVEDIR: Final = 0x200
_DEED_BYTES, _FILE_BYTES = 1 << 20, 1 << 30  # More is not told as a deed.
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class _Span(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Looking:
    """Questions and changes of one reading so far."""

    def __init__(self, placed: Placed, setting: Setting) -> None:
        self._placed = placed
        self._setting = setting
        self._root = placed.root
        self._head = placed.root + "/"
        self._moves = lru_cache(1 << 14)(setting.moves)
        self._lists = lru_cache(1 << 14)(lambda path: setting.moves(path, is_listed=True))
        self._outside: dict[str, bool] = {}
        self._buffer = ctypes.create_string_buffer(_PATH_BYTES)
        self._has_links = True  # A path may lead elsewhere than it says.
        self._asks_all = False
        self.is_there = False  # A call has had to do with something in the folder.
        self.asked: dict[Question, None] = {}
        self.soiled: dict[str, None] = {}
        self.deeds: list[Deed] | None = []  # None where it did what no deed says.

    def begin(self, *, is_changed: bool = False) -> None:
        """A new reading; of a scene that somebody has changed, anything may be asked. Invariant 3."""
        self.asked, self.soiled, self._asks_all, self.deeds = {}, {}, is_changed, []
        self.is_there = False
        self._has_links = any(entry.is_link for entry in self._placed.scene.values())

    def see_all(self) -> None:
        """Something happened that nobody understands: everything may have been asked, and changed."""
        self.is_there = True
        self.asked[TREE, "", 0, 0] = None
        self._soil("")

    def see(self, pid: int, call: Call, values: list[int]) -> None:
        """Take in a call that is about to be done."""
        self._has_links |= call.name in ("symlink", "symlinkat")
        for folder, place in call.paths:
            for path in self._paths(pid, _HERE if folder < 0 else values[folder], values[place]):
                self._see_path(call, path, values)
        if call.deed == "both":
            for value in values[:3]:
                self._see_file(pid, "whole", value, values)
                self._see_file(pid, "write", value, values, call.name)
        elif call.descriptor >= 0:
            self._see_file(pid, call.deed, values[call.descriptor], values, call.name)

    def _see_path(self, call: Call, path: str, values: list[int]) -> None:
        self.is_there = True
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            self._ask(NAME, "/".join(parts[:end]))
        deed = call.deed
        if deed == "stat":
            self._ask(STAT, path)
        elif deed == "whole":
            self._ask(FILE, path)
        elif deed == "open":
            flags = values[1 if call.name == "open" else 2]
            is_new = flags & os.O_CREAT and not os.path.lexists(self._placed.real(path))
            if call.name == "openat2" or is_new or flags & os.O_TRUNC or flags & os.O_TMPFILE == os.O_TMPFILE:
                self._soil(path)
        elif deed == "rename":
            self._ask(TREE, path)
            self._soil(path)
        elif deed == "remove":
            self._ask(LIST, path)
            is_file = call.name == "unlink" or (call.name == "unlinkat" and not values[2] & _REMOVEDIR)
            self._soil(path, (REMOVE, path, 0, b"") if is_file and not self._has_links else None)
        elif deed == "change":
            self._soil(path)

    def _see_file(self, pid: int, deed: str, descriptor: int, values: list[int], call: str = "") -> None:
        try:
            here = f"/proc/{pid}/fd/{ctypes.c_int(descriptor).value}"
            path = self._placed.inodes.get(os.stat(here).st_ino)
            if path is None or self._below(os.readlink(here)) is None:
                return
        except OSError:
            return
        self.is_there = True
        if deed == "write":
            self._soil(path, self._deed(pid, call, path, descriptor, values))
        elif deed == "pread":
            self._ask(READ, path, values[3], values[2])
        elif deed == "read":
            self._ask(READ, path, _position(pid, descriptor)[0], values[2])
        elif deed == "list":
            self._ask(LIST, path)
        elif deed == "size":
            self._ask(STAT, path)
        else:
            self._ask(FILE, path)
            if deed == "map" and values[3] & _MAP_SHARED and values[2] & _PROT_WRITE:
                self._soil(path)

    def _soil(self, path: str, deed: Deed | None = None) -> None:
        self.soiled[path] = None
        if deed is None:
            self.deeds = None
        elif self.deeds is not None:
            self.deeds.append(deed)

    def _deed(self, pid: int, call: str, path: str, descriptor: int, values: list[int]) -> Deed | None:
        """The deed of a call by a descriptor; None where no deed can say it."""
        if call in ("fchown", "fchmod"):
            self._ask(STAT, path)
            return ATTRIBUTES, path, 0, b""
        position, flags = _position(pid, descriptor)
        if flags & os.O_APPEND or not flags & (os.O_WRONLY | os.O_RDWR):
            return None
        if call == "ftruncate":
            return (SIZE, path, values[1], b"") if values[1] <= _FILE_BYTES else None
        offset = {"pwrite64": values[3], "write": position}.get(call, -1)
        data = self._bytes(pid, values[1], values[2]) if offset >= 0 and values[2] <= _DEED_BYTES else b""
        is_told = 0 <= offset <= _FILE_BYTES and len(data) == values[2]
        return (WRITE, path, offset, data) if is_told else None

    def _bytes(self, pid: int, address: int, count: int) -> bytes:
        """Bytes of the reader's memory; fewer where they are not there."""
        try:
            with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
                memory.seek(address)
                return memory.read(count)
        except (OSError, OverflowError):
            return b""

    def _ask(self, what: int, path: str, offset: int = 0, length: int = 0) -> None:
        moves = self._lists if what in (LIST, STAT, TREE) else self._moves
        if what == TREE or self._asks_all or moves(path):
            self.asked[what, path, offset, length] = None

    def _paths(self, pid: int, folder: int, address: int) -> list[str]:
        """The paths below the root that a call names, also through links; none where it is elsewhere."""
        text = os.fsdecode(self._text(pid, address))
        if not text:
            self._see_file(pid, "size", folder, [])  # The descriptor itself (AT_EMPTY_PATH).
            return []
        if not text.startswith("/"):
            folder = ctypes.c_int(folder).value
            try:
                base = os.readlink(f"/proc/{pid}/cwd" if folder == _HERE else f"/proc/{pid}/fd/{folder}")
            except OSError:
                return []
            text = f"{base}/{text}"
        if self._outside.get(text):
            return []
        if text.startswith(self._head) and not self._has_links and _PLAIN.fullmatch(text):
            return [text[len(self._head) :]]
        lexical, real = os.path.normpath(text), os.path.realpath(text)
        found = [self._below(each) for each in dict.fromkeys((lexical, real))]
        paths = [each for each in found if each is not None]
        if not paths:
            self._outside[text] = True
        return paths

    def _below(self, path: str) -> str | None:
        if path == self._root:
            return ""
        return path[len(self._head) :] if path.startswith(self._head) else None

    def _text(self, pid: int, address: int) -> bytes:
        """The string at an address of the reader."""
        text = b""
        while address and len(text) < _PATH_BYTES:
            length = _PATH_BYTES - address % _PATH_BYTES
            ours = _Span(ctypes.addressof(self._buffer), length)
            theirs = _Span(address, length)
            count = _LIBC.process_vm_readv(
                pid, ctypes.byref(ours), ctypes.c_ulong(1), ctypes.byref(theirs), ctypes.c_ulong(1), 0
            )
            if count <= 0:
                break
            piece, end, _ = self._buffer.raw[:count].partition(b"\0")
            text += piece
            if end:
                break
            address += count
        return text


def _position(pid: int, descriptor: int) -> tuple[int, int]:
    """The place and the flags of an open file."""
    with open(f"/proc/{pid}/fdinfo/{ctypes.c_int(descriptor).value}", "rb", buffering=0) as file:
        words = file.read(64).split(None, 4)
    return int(words[1]), int(words[3], 8)
