"""The aftermath of failed syncs, as Linux 6.18 leaves it: one table, and what it makes of the chains.

    every file system   the living content stays new until its page leaves the cache; what was dirty is clean:
                        no later sync writes it, until it is written again (F33)
    ext4                the next good sync writes the size, over zeros. A page that the failed write was to
                        allocate stays unwritten for good: written again and synced, it reads zeros (F39)
    xfs                 the size is written with the data only: not until those are written again (F39)
    btrfs               the next good sync may write the size, over zeros, and a clean unmount takes it back:
                        it is durable once the data are written again (F39)

A page that a truncation has given up is a new one. A sync within a write_through concerns the pages of its
bytes, and a size that ends in one of them.

Source: one data write that fails, on each file system, and what came after it (FAULTS.md, F33 and F39).
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeAlias

from ..disk.events import Aftermath, Event, EventKind
from ..disk.trace import PAGE_BYTES
from .chains import FOREVER, Chain

_ALL: Final = range(FOREVER)
# The kind of the event that made what is born with an index; None for what there was at the start.
Kinds: TypeAlias = Callable[[int], EventKind | None]


class After(NamedTuple):
    """The ways of a file system after a data write that failed."""

    writes_size: bool = True  # The next sync that succeeds makes the size durable.
    allocates: bool = True  # A page that was to be allocated is durable when written again and synced.
    has_data: bool = False  # No size is found without its data.


TABLE: Final[dict[Aftermath, After]] = {
    Aftermath.KEPT: After(),
    Aftermath.LATE: After(),
    Aftermath.LOST: After(),
    Aftermath.EXT4: After(allocates=False),
    Aftermath.XFS: After(writes_size=False, has_data=True),
    Aftermath.BTRFS: After(writes_size=False),
}


class Failures:
    """The syncs of one history that failed, and what they keep from being durable."""

    def __init__(self, sector_bytes: int, initial_bytes: dict[int, int]) -> None:
        self._width = sector_bytes
        self._failed: dict[int, list[tuple[int, range]]] = {}  # Of a file: index, and the sectors concerned.
        # Of a sector that rotted: when it was on the disk.
        self._rotten: dict[tuple[int, int], list[int]] = {}
        self._allocated: dict[int, set[int]] = {
            inode: set(range(-(-size // PAGE_BYTES))) for inode, size in initial_bytes.items()
        }
        # Pages that stay unwritten, and from when to when.
        self._lost: dict[tuple[int, int], list[range]] = {}
        # Of a file: the syncs after which its size is not written, and the version of it that is.
        self._sizes: dict[int, list[tuple[int, int]]] = {}
        self._waiting: set[int] = set()  # Files whose size waits for data that are written again.

    def fail(self, index: int, event: Event, sectors: Iterable[int], size: Chain[int], kinds: Kinds) -> None:
        """A sync failed; `sectors` have been written to the file, events of these kinds made its sizes."""
        inode, after = event.inode, TABLE[Aftermath(event.size)]
        start, stop = event.offset, event.offset + len(event.data)
        if event.size != Aftermath.LOST:  # The system writes whole pages.
            start, stop = start // PAGE_BYTES * PAGE_BYTES, -(-stop // PAGE_BYTES) * PAGE_BYTES
        concerned = range(start // self._width, -(-stop // self._width) if event.data else FOREVER)
        self._failed.setdefault(inode, []).append((index, concerned))
        if not after.allocates:
            written = (sector for sector in sectors if sector in concerned)
            for page in self._pages(written) - self._allocated.get(inode, set()):
                if not self._is_lost(inode, page):
                    self._lost.setdefault((inode, page), []).append(range(index, FOREVER))
        is_grown = kinds(size.births[-1]) is EventKind.WRITE
        if not after.writes_size and is_grown and (size.values[-1] - 1) // self._width in concerned:
            floor = len(size.values) - 1 if event.data and inode not in self._waiting else 0
            while floor and size.values[floor] > start and kinds(size.births[floor]) is EventKind.WRITE:
                floor -= 1
            self._sizes.setdefault(inode, []).append((index, floor))
            self._waiting.add(inode)

    def synced(self, inode: int, sectors: Iterable[int], span: range = _ALL) -> None:
        """A sync of these bytes succeeded: the pages of them that were written have their place."""
        first, last = span.start // PAGE_BYTES, (span.stop - 1) // PAGE_BYTES
        pages = {page for page in self._pages(sectors) if first <= page <= last}
        pages = {page for page in pages if not self._is_lost(inode, page)}
        self._allocated.setdefault(inode, set()).update(pages)

    def truncated(self, index: int, inode: int, size: int) -> None:
        """Pages past the end are given up: what is written there again gets a new place."""
        for (owner, page), spans in self._lost.items():
            if owner == inode and page * PAGE_BYTES >= size and spans[-1].stop == FOREVER:
                spans[-1] = range(spans[-1].start, index + 1)
        allocated = self._allocated.get(inode, set())
        allocated -= {page for page in allocated if page * PAGE_BYTES >= size}

    def is_written_again(self, inode: int, page: int, size: int) -> bool:
        """True, once, where data are written to the page whose size was not."""
        is_due = inode in self._waiting and page == (size - 1) // PAGE_BYTES
        self._waiting -= {inode} if is_due else set()
        return is_due

    def rot(self, event: Event, birth: int) -> None:
        """Damage of the medium: nothing else can be found of these sectors from the next index on."""
        for start in range(event.offset, event.offset + len(event.data)):
            self._rotten.setdefault((event.inode, start // self._width), []).append(birth)

    def seal(self, inode: int, sizes: Chain[int], sectors: dict[int, Chain[bytes]], syncs: list[int]) -> None:
        """Fixes the kills of the chains of one file."""
        waits = self._sizes.get(inode, ())
        sizes.seal(syncs, [index for index, _ in waits], [floor for _, floor in waits])
        failures = self._failed.get(inode, [])
        if not failures and not self._rotten:
            for chain in sectors.values():
                chain.seal(syncs)
            return
        for sector, chain in sectors.items():
            lost = self._lost.get((inode, sector * self._width // PAGE_BYTES), [])
            failed = [index for index, concerned in failures if sector in concerned]
            chain.covers = [cover for cover in chain.covers if not any(cover[0] in span for span in lost)]
            written = [index for index in syncs if not any(index in span for span in lost)]
            chain.seal(sorted({*written, *self._rotten.get((inode, sector), [])}), failed)

    def _is_lost(self, inode: int, page: int) -> bool:
        spans = self._lost.get((inode, page))
        return spans is not None and spans[-1].stop == FOREVER

    def _pages(self, sectors: Iterable[int]) -> set[int]:
        return {sector * self._width // PAGE_BYTES for sector in sectors}


def has_its_data(event: Event) -> bool:
    """True if after this failed sync there is no size without its data."""
    return event.size in TABLE and TABLE[Aftermath(event.size)].has_data
