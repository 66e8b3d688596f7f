"""Edges: sizes that no call made, and that a file may be found with while it grows (F7, F24).

A file system moves the size on the disk when it writes a page, or allocates room for one: to the end of that
page, or to the size in memory if that is less. So as soon as something has made a file longer, the end of a
page that was written before is a size too, and so is each edge that an allocation comes past.

    the page in which the file ended before it grew past it   xfs; ext4 if that end was not durable yet,
                                                              and a write made the file longer
    a page that is written below the end, above a size that
    may be on the disk                                        ext4, xfs
    a page that an allocation has reached                     ext4, extent by extent

Such a version has no step of its own, for a law that counts steps passes over it; `Chain.passing` says which
file systems show it.

Source: images of Linux 6.18, see FAULTS.md.
"""

from ..disk.trace import PAGE_BYTES
from .chains import Chain, Shows


class Edges:
    """The sizes that files pass on their way, put into their chains while a trace is replayed."""

    def __init__(self) -> None:
        self._durable: dict[int, int] = {}  # Of a file: the version of its size that may be the oldest left,
        self._set: dict[int, int] = {}  # and the one that a truncation or an allocation made.

    def synced(self, sizes: Chain[int], version: int | None = None) -> None:
        """A sync leaves no version of this size before the newest, or before this one."""
        version = len(sizes.values) - 1 if version is None else version
        self._durable[sizes.inode] = max(version, self._durable.get(sizes.inode, 0))

    def set(self, sizes: Chain[int]) -> None:
        """A truncation or an allocation made the newest version."""
        self._set[sizes.inode] = len(sizes.values) - 1

    def before_write(self, sizes: Chain[int], birth: int, size: int) -> None:
        """The end of the page in which a file ends that a write makes longer."""
        is_dirty = min(self._pending(sizes)) < sizes.values[-1]
        self._pass_end(sizes, birth, size, Shows.XFS | Shows.EXT4 if is_dirty else Shows.XFS)

    def before_truncate(self, sizes: Chain[int], birth: int, size: int) -> None:
        """The same where a truncation makes it longer."""
        self._pass_end(sizes, birth, size, Shows.XFS)

    def before_allocate(self, sizes: Chain[int], birth: int, size: int) -> None:
        """Every edge of a page that an allocation comes past."""
        edge = self._pass_end(sizes, birth, size, Shows.XFS | Shows.EXT4)
        for between in range(edge + PAGE_BYTES, size, PAGE_BYTES):
            sizes.pass_by(birth, between, Shows.EXT4)

    def below(self, sizes: Chain[int], birth: int, edge: int) -> None:
        """The end of a page that is written below the end of its file, unless it is a size already."""
        if edge <= min(self._pending(sizes)):
            return
        size = sizes.values[-1]
        start = max(self._durable.get(sizes.inode, 0), self._set.get(sizes.inode, 0))
        if edge not in sizes.values[start:]:
            sizes.pass_by(birth, edge, Shows.XFS | Shows.EXT4)
            sizes.append(birth, size)

    def _pending(self, sizes: Chain[int]) -> list[int]:
        return sizes.values[self._durable.get(sizes.inode, 0) :]

    def _pass_end(self, sizes: Chain[int], birth: int, size: int, shows: Shows) -> int:
        edge = -(-sizes.values[-1] // PAGE_BYTES) * PAGE_BYTES
        if sizes.values[-1] < edge < size:
            sizes.pass_by(birth, edge, shows)
        return edge
