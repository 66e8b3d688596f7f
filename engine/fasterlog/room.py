"""The room of a log's blocks in memory: what the open one stands in, and what sealed ones have left.

Memory that was touched serves block after block: to give it back and ask for it again takes as long as to
copy and check what stands in it.

Invariants
  1  an image never changes until it is freed, and one that a reader was shown not then either
  2  held, the open block and what is spare together are at most `memory`, and the page that grows

Threads: under the log's lock.
"""

from __future__ import annotations

from typing import Final

from .blocks import HEADER_BYTES

__all__ = ["Room"]

_LEAST: Final = 1 << 12  # Bytes at first,
_GROWTH: Final = 4  # and how many times as many, where they are too few.
_SPARE: Final = 4  # Pages at most.


class Room:
    """The bytes of one block after another, each of them at most a page."""

    def __init__(self, page_bytes: int, memory: int) -> None:
        self._page_bytes = page_bytes
        self._memory = memory
        self._spare: list[bytearray] = []
        self.held = 0  # Bytes that images keep.
        self.filled = HEADER_BYTES  # By the open block.
        self._use(bytearray(min(page_bytes, _LEAST)))

    def _use(self, data: bytearray) -> None:
        self._data, self._view, self._size = data, memoryview(data), len(data)

    def clear(self) -> None:
        """Begin another block; its header is filled in with its image."""
        self.filled = HEADER_BYTES

    @property
    def data(self) -> memoryview:
        """The bytes that the open block has behind its header."""
        return self._view[HEADER_BYTES : self.filled]

    def add(self, entry: bytes) -> None:
        """Put the entry behind what is there."""
        end = self.filled + len(entry)
        if end > self._size:
            self._grow(end)
        self._view[self.filled : end] = entry
        self.filled = end

    def more(self, size: int) -> memoryview:
        """Room for so many bytes behind what is there, taken with `filled`."""
        end = self.filled + size
        if end > self._size:
            self._grow(end)
        return self._view[self.filled : end]

    def _grow(self, size: int) -> None:
        before = self._view[: self.filled]
        self._use(bytearray(min(self._page_bytes, max(size, _GROWTH * self._size))))
        self._view[: self.filled] = before

    def seal(self, size: int) -> memoryview:
        """The first bytes, as the image of a block; the next one stands elsewhere."""
        if size > self._size:
            self._grow(size)
        image = self._view[:size]
        if self._spare:
            self._use(self._spare.pop())
        elif 2 * size < self._size:
            image = memoryview(bytearray(image))  # So little that the next one can stand in its place.
        else:
            self._use(bytearray(self._size))
        self.filled = HEADER_BYTES
        self.hold(image)
        return image

    def hold(self, image: memoryview) -> None:
        """Count the image among those that are held."""
        self.held += _whole(image)

    def free(self, image: memoryview, *, is_shown: bool) -> None:
        """Let go of an image; what it stands in serves another block, unless a reader was shown it."""
        self.held -= _whole(image)
        pages = len(self._spare) + 2  # With this one, and the open block.
        if not is_shown and pages < _SPARE + 2 and self.held + pages * self._page_bytes <= self._memory:
            data = image.obj
            assert isinstance(data, bytearray)
            self._spare.append(data)


def _whole(image: memoryview) -> int:
    """Bytes that what the image is part of takes."""
    data = image.obj
    assert isinstance(data, bytearray)
    return len(data)
