"""Shared: what a process and its copies have in common, and how it was before the first of them.

A copy has the memory of its template, but its open files are the same ones: what one copy has read of a file
that was open before, or of a folder, the next would find read. So offsets are put back before each copy.

Invariants
  1  after `hold` said True, `restore` makes everything that copies share with the template what it was then
  2  pipes, sockets, events and memory that is shared and writable cannot be put back: `hold` says False
  3  what is below the root may be another file or folder in the next state: a process that is in one, or has
     one open, is not held either

Threads: that of the tracer. Linux only.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from ...tracing.requests import take_descriptor

__all__ = ["Shared"]

_OURS: Final = 3  # Standard input, output and error.


class Shared:
    """The open files of one stopped process."""

    def __init__(self) -> None:
        self._held: list[tuple[int, int]] = []  # A descriptor of ours for each, and its offset.

    def hold(self, pid: int, root: str) -> bool:
        """Take down what it shares; False where that cannot be put back. Invariants 2 and 3."""
        self.drop()
        if _shares_memory(pid) or _is_below(os.readlink(f"/proc/{pid}/cwd"), root):
            return False
        handle = os.pidfd_open(pid)
        try:
            for name in os.listdir(f"/proc/{pid}/fd"):
                if int(name) < _OURS:
                    continue
                link = os.readlink(f"/proc/{pid}/fd/{name}")
                if not link.startswith("/") or _is_below(link, root):
                    return False
                ours = take_descriptor(handle, int(name))
                if ours < 0:
                    return False
                self._held.append((ours, 0))
                with suppress(OSError):  # A device without an offset.
                    self._held[-1] = (ours, os.lseek(ours, 0, os.SEEK_CUR))
        finally:
            os.close(handle)
        return True

    def restore(self) -> None:
        """Put the offsets back."""
        for ours, offset in self._held:
            with suppress(OSError):
                os.lseek(ours, offset, os.SEEK_SET)

    def drop(self) -> None:
        """The process is gone."""
        for ours, _ in self._held:
            os.close(ours)
        self._held = []


def _is_below(path: str, root: str) -> bool:
    return path.startswith(root + "/")


def _shares_memory(pid: int) -> bool:
    for line in Path(f"/proc/{pid}/maps").read_bytes().splitlines():
        rights = line.split(b" ", 2)[1]
        if rights[1:2] == b"w" and rights[3:4] == b"s":
            return True
    return False
