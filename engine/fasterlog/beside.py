"""Reading beside the process that writes: which of its commits are durable, as far as the files say.

A commit is confirmed by the root, or by any later block: what is below `confirmed` was durable when that one
was made. A group that is complete in the files may not be durable yet, so it is not read.

Invariants
  1  what is told was durable before it was told; it may be a commit behind the writer
  2  where the writer came back to an older commit, the branch is found exactly: along a log lives never fall,
     and one life only adds to what is confirmed, so below its first block of a later life than the one that
     was seen, or its end, it is as it was seen, and from there on it is not
  3  nothing is written, and no file that was there when this began goes meanwhile: the lease holds them

Threads: one at a time.
"""

from __future__ import annotations

from bisect import bisect_right

from ..device import Device
from ..errors import CorruptionError
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

    def look(self) -> tuple[Root, Point, int]:
        """The root, the newest confirmed commit, and up to where what was told before stands as it was.

        Raises CorruptionError, OSError. O(new blocks).
        """
        root = self._newest()
        while True:
            try:
                last, kept = self._seen(root)
            except CorruptionError:
                before, root = root, self._newest()
                if root == before:
                    raise
                continue  # The writer came back to an older commit while this was read.
            self._root, self._last = root, last
            return root, last, kept

    def _newest(self) -> Root:
        return read_roots(self._device, self._device.list(), [], KIND_LOG).newest or self._root

    def _seen(self, root: Root) -> tuple[Point, int]:
        last, kept = self._last, self._last.end
        if root.life != self._root.life or root.head.offset > last.end:
            last = confirmed_of(self._files, root)
        if root.life != self._root.life:
            kept = min(kept, self._branch(last.end))
        return self._follow(last, root.life), kept

    def _branch(self, end: int) -> int:
        """Where blocks of lives after the one that was seen begin, below `end` (2). O(log pages).

        No commit below the begin can be come back to, and that page is still there (3).
        """
        page, life, load = self._files.settings.page_bytes, self._root.life, self._files.load
        at = self._root.begin & -page
        pages = range(at, end, page)  # Each starts with a block.
        older = bisect_right(pages, life, key=lambda start: load(start).header.life)
        at = pages[older - 1] if older else at
        while at < end and (header := load(at).header).life <= life:
            at = header.end
        return at

    def _follow(self, last: Point, life: int) -> Point:
        """The last commit from that one on that a block past it confirms."""
        end, link, confirmed = last.end, last.crc, last.end
        ends: list[Block] = []
        while True:
            found = self._files.find(end)
            if isinstance(found, str) or (found.header.life, found.header.link) != (life, link):
                break  # Not written yet, being written, or given up.
            end, link = found.header.end, found.header.crc
            confirmed = max(confirmed, found.header.confirmed)
            if found.header.is_commit:
                ends.append(found)
        durable = [block for block in ends if block.header.end <= confirmed]
        return point_of(self._files, durable[-1]) if durable else last
