"""Reading beside the process that writes: which of its commits are durable, as far as the files say.

A commit is confirmed by the root, or by any later block: what is below `confirmed` was durable when that one
was made. A group that is complete in the files may not be durable yet, so it is not read.

Invariants
  1  what is told was durable before it was told; it may be a commit behind the writer
  2  nothing is written, and no file that was there when this began goes meanwhile: the lease holds them

Threads: one at a time.
"""

from __future__ import annotations

from ..device import Device
from ..metadata.layout import KIND_LOG, Root
from ..metadata.roots import read_roots
from .blocks import Block
from .files import LogFiles
from .recovery import Point, confirmed_of, point_of

__all__ = ["Beside"]


class Beside:
    """The commits of a log that another process writes.

    root, last   when it was opened
    """

    def __init__(self, device: Device, files: LogFiles, root: Root, last: Point) -> None:
        self._device = device
        self._files = files
        self._root = root
        self._last = last

    def look(self) -> tuple[Point, int]:
        """The newest confirmed commit, and the begin. Raises CorruptionError, OSError. O(new blocks)."""
        root = read_roots(self._device, self._device.list(), [], KIND_LOG).newest or self._root
        if root.life != self._root.life or root.head.offset > self._last.end:
            self._last = confirmed_of(self._files, root)
        self._root = root
        self._last = self._follow()
        return self._last, root.begin

    def _follow(self) -> Point:
        """The last commit that a block past it confirms."""
        end, link, confirmed = self._last.end, self._last.crc, self._last.end
        ends: list[Block] = []
        while True:
            found = self._files.find(end)
            if isinstance(found, str) or (found.header.life, found.header.link) != (self._root.life, link):
                break  # Not written yet, being written, or given up.
            end, link = found.header.end, found.header.crc
            confirmed = max(confirmed, found.header.confirmed)
            if found.header.is_commit:
                ends.append(found)
        durable = [block for block in ends if block.header.end <= confirmed]
        return point_of(self._files, durable[-1]) if durable else self._last
