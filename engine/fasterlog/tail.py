"""The tail of a log: the block that takes entries, and the sealed ones that no commit has acknowledged.

    ... committed | sealed blocks, each written or held | open block | room
                                                        start      at

Invariants
  T1  a sealed block never changes: who writes it again writes the same bytes
  T2  the open block starts where the span of the last sealed one ends
  T3  images held and the open block together stay below `memory`; who would exceed it is told to wait
  T4  entries of one batch stand between two seals for a commit, so one commit has all of them or none

Threads: under the log's lock.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from weakref import WeakSet

from ..device import Buffer
from ..errors import OperationError
from .blocks import (
    ENTRY_BYTES,
    FLAG_COMMIT,
    FLAG_PROGRESS,
    HEADER_BYTES,
    Block,
    Header,
    addresses_of,
    encode_block,
    header_of,
    round_up,
)
from .progress import decode_progress
from .room import Room
from .settings import LogSettings

if TYPE_CHECKING:
    from .batches import Batch

__all__ = ["ADDRESS_LIMIT", "FULL", "Dropped", "Sealed", "Tail"]

ADDRESS_LIMIT: Final = 1 << 47
FULL: Final = -1  # The memory is; nothing was taken.


@dataclass(slots=True)
class Sealed:
    """A block that takes no more entries; its image goes once it is written."""

    header: Header
    image: memoryview | None
    progress: bytes = b""  # In a block that ends a group: of named iterators,
    cookie: bytes = b""  # and what the caller gave it.
    is_tried: bool = False  # A write of it has begun, so the device may hold it.
    is_shown: bool = False  # A reader has its image.

    @property
    def trailer(self) -> tuple[bytes, dict[str, int]]:
        """The cookie and the progress."""
        return self.cookie, decode_progress(self.progress)[0] if self.progress else {}


class Dropped:
    """The lowest address from which on entries were taken back since its owner looked; None: nowhere."""

    __slots__ = ("__weakref__", "address")

    def __init__(self) -> None:
        self.address: int | None = None


class Tail:
    """Entries that no commit holds yet.

    store_id, life   whose blocks these are
    memory           bytes that they may take here
    """

    def __init__(self, settings: LogSettings, store_id: bytes, life: int, memory: int) -> None:
        self._settings = settings
        self._store_id = store_id
        self._life = life
        self._memory = memory
        self.entry_max: Final = settings.page_bytes - HEADER_BYTES - ENTRY_BYTES
        self.sealed: list[Sealed] = []
        self._block = Room(settings.page_bytes, memory)  # Of the open block.
        self._sealed_entries = 0
        self.watched: WeakSet[Dropped] = WeakSet()  # By those who see what may be taken back.
        self.confirmed = 0
        self._durable = b""  # The progress in the last commit.
        self._number = self._link = self._turn = 0
        self._open(0)

    def adopt(self, end: int, number: int, link: int, progress: bytes) -> None:
        """Go on behind the block that ends at `end`, of commit `number`, with the checksum `link`."""
        self.confirmed, self._number, self._link = end, number, link
        self._durable = progress
        self._open(end)

    def _open(self, start: int) -> None:
        self.start = start
        self.at = start + HEADER_BYTES  # The address of the next entry, if it fits.
        page = self._settings.page_bytes
        self._room = page - start % page - HEADER_BYTES
        self._block.clear()
        self._lengths = array("I")

    @property
    def held(self) -> int:
        """Bytes that images keep."""
        return self._block.held

    # -- entries -----------------------------------------------------------------------------------

    def append(self, entry: bytes) -> int:
        """The address of the entry, or FULL. Raises OperationError for one that is too long."""
        need = len(entry) + ENTRY_BYTES
        if need > self._room and not self._make_room(need):
            return FULL
        address = self.at
        self._block.add(entry)
        self._lengths.append(need - ENTRY_BYTES)
        self.at = address + need
        self._room -= need
        return address

    def append_many(self, batch: Batch) -> list[tuple[int, int]] | None:
        """Take the entries of a batch, or none of them: None for FULL. T4.

        They go into one block or several: for each the address of the first there, and how many there are.
        Raises OperationError where one is too long, or all of them are more than half of the memory.
        """
        count = len(batch)
        total = batch.size + ENTRY_BYTES * count
        if total <= self._room:
            return [self._take(batch, 0, count)]
        if batch.longest > self.entry_max:
            raise self._too_long(batch.longest)
        if total > self._memory // 2:
            raise OperationError(
                f"a batch of {total} bytes: expected at most {self._memory // 2}, half of the memory"
            )
        page = self._settings.page_bytes
        if self.held + total + 2 * page > self._memory:
            return None
        self._check_space(2 * total + 2 * page)
        runs: list[tuple[int, int]] = []
        first = 0
        while first < count:
            last = batch.fit(first, self._room)
            if last == first:
                self._seal(to_page_end=True)
                continue
            runs.append(self._take(batch, first, last))
            first = last
        return runs

    def _take(self, batch: Batch, first: int, last: int) -> tuple[int, int]:
        """Take the entries `first` to `last` - 1, for which there is room; the address of the first."""
        address, size = self.at, batch.size_of(first, last)
        batch.copy(first, last, self._block.more(size))
        self._took(size, batch.lengths[first:last])
        return address, last - first

    def _took(self, size: int, lengths: array[int]) -> None:
        """Take in that the open block has so many bytes more, entries of these lengths."""
        need = size + ENTRY_BYTES * len(lengths)
        self._block.filled += size
        self._lengths.extend(lengths)
        self.at += need
        self._room -= need

    def _make_room(self, need: int) -> bool:
        """Seal the open block, for the entry begins the next page; False where the memory is full."""
        page = self._settings.page_bytes
        if need - ENTRY_BYTES > self.entry_max:
            raise self._too_long(need - ENTRY_BYTES)
        if self.held + 2 * page > self._memory:
            return False
        self._check_space(2 * page)
        self._seal(to_page_end=True)
        return True

    def _too_long(self, size: int) -> OperationError:
        return OperationError(f"an entry of {size} bytes: expected at most {self.entry_max} (page_bytes)")

    def _check_space(self, count: int) -> None:
        if self.start + count > ADDRESS_LIMIT:
            raise OperationError(f"the log ends at address {ADDRESS_LIMIT}: there is no room for the entry")

    # -- blocks ------------------------------------------------------------------------------------

    def seal_commit(self, cookie: bytes | None, progress: bytes = b"") -> None:
        """Seal what there is as a group; nothing where nothing is new and no cookie is given.

        progress   of the named iterators, encoded; another one than that of the last group is new too

        A block that ended a group whose commit failed waits still, and is not ended once more. Raises
        OperationError where cookie and progress do not fit into a page.
        """
        is_open = not self._lengths and (not self.sealed or self.sealed[-1].header.is_commit)
        if is_open and cookie is None and progress == self.progress:
            return
        trailer = progress + (cookie or b"")
        longest = self.entry_max + ENTRY_BYTES
        if len(trailer) > longest:
            raise OperationError(
                f"a cookie of {len(cookie or b'')} bytes: expected at most {longest - len(progress)}"
            )
        if len(trailer) > self._room:
            self._check_space(2 * self._settings.page_bytes)
            self._seal(to_page_end=True)
        self._seal(trailer, FLAG_COMMIT | (FLAG_PROGRESS if progress else 0))
        self.sealed[-1].progress, self.sealed[-1].cookie = progress, cookie or b""

    @property
    def pending_entries(self) -> int:
        """Entries that no commit holds."""
        return self._sealed_entries + len(self._lengths)

    @property
    def pending_bytes(self) -> int:
        """Bytes of the address space from where the last commit ends."""
        return self.at - self.confirmed

    @property
    def progress(self) -> bytes:
        """The progress of the named iterators in the last group, encoded."""
        groups = (each.progress for each in reversed(self.sealed) if each.header.is_commit)
        return next(groups, self._durable)

    def _seal(self, trailer: bytes = b"", flags: int = 0, *, to_page_end: bool = False) -> None:
        page, unit = self._settings.page_bytes, self._settings.write_unit
        count, filled = len(self._lengths), self._block.filled
        stored = round_up(filled + ENTRY_BYTES * count + len(trailer), unit)
        # The rest of the page is part of the span: the next block is where every page has one.
        span = page - self.start % page if to_page_end else stored
        sizes = count, filled - HEADER_BYTES, len(trailer)
        before = self.confirmed, self._link, self._turn
        header = header_of((0, flags, self._life, self.start, self._number + 1, *before, span, *sizes))
        image = self._block.seal(stored)
        header = encode_block(header, self._store_id, image, self._lengths, trailer)
        self.sealed.append(Sealed(header, image))
        self._sealed_entries += header.entry_count
        self._link = header.crc
        self._number += bool(flags)
        self._open(header.end)

    def wrote(self, block: Sealed) -> None:
        """Take in that a block is on the device: its image goes."""
        if block.image is not None:
            self._block.free(block.image, is_shown=block.is_shown)
            block.image = None

    def commit(self, last: Sealed) -> None:
        """Take in that all blocks up to `last` are durable."""
        self.sealed = self.sealed[self.sealed.index(last) + 1 :]
        self._sealed_entries = sum(each.header.entry_count for each in self.sealed)
        self.confirmed = last.header.end
        self._durable = last.progress

    def uncommitted(self) -> list[tuple[Header, Buffer | None]]:
        """All that no commit holds: of each sealed block header and image, None for one that is written, and
        the open one as if it were sealed, ending where its next entry would be.
        """
        count, data = len(self._lengths), self._block.data
        header = Header(0, 0, self._life, self.start, 0, 0, 0, 0, self.at - self.start, count, len(data), 0)
        for each in self.sealed:
            each.is_shown = True
        found: list[tuple[Header, Buffer | None]] = [(each.header, each.image) for each in self.sealed]
        return [*found, (header, bytes(HEADER_BYTES) + bytes(data) + self._lengths.tobytes())]

    # -- going back --------------------------------------------------------------------------------

    def hold(self, block: Sealed, image: memoryview) -> None:
        """Take the image of a sealed block that was written back into memory: it has to be written again."""
        if block.image is None:
            block.image = memoryview(bytearray(image))
            self._block.hold(block.image)

    def sealed_at(self, address: int) -> Sealed | None:
        """The sealed block in whose span an uncommitted address is; None: in the open one."""
        return next((each for each in self.sealed if each.header.address <= address < each.header.end), None)

    def boundaries(self, block: Block | None) -> list[int]:
        """Where entries of a block begin, and where the next would; None: of the open one."""
        if block is None:
            return [self.start, *addresses_of(self.start + HEADER_BYTES, self._lengths), self.at]
        header = block.header
        end = header.address + HEADER_BYTES + header.data_bytes + ENTRY_BYTES * header.entry_count
        return [header.address, *block.addresses(), end, header.end]

    def roll_back(self, address: int) -> None:
        """Drop all entries from `address` on; the sealed block that it is in, if any, is held."""
        sealed = self.sealed_at(address)
        if sealed is None:
            self._keep(self._block.data, self._lengths, address)
        else:
            assert sealed.image is not None
            block = Block(sealed.header, sealed.image)
            place = self.sealed.index(sealed)
            for each in self.sealed[place:]:
                self.wrote(each)
            del self.sealed[place:]
            self._sealed_entries = sum(each.header.entry_count for each in self.sealed)
            self._link = sealed.header.link
            self._open(sealed.header.address)
            self._keep(block.data, block.lengths, address)
        self.tell_dropped(address)
        self._turn += 1  # So no block that is made now is one that was dropped.

    def tell_dropped(self, address: int) -> None:
        """Let those who watch know that entries from `address` on are gone."""
        for dropped in self.watched:
            dropped.address = address if dropped.address is None else min(dropped.address, address)

    def _keep(self, data: memoryview, lengths: array[int], address: int) -> None:
        """Leave in the open block those of these entries that stand below `address`."""
        addresses = addresses_of(self.start + HEADER_BYTES, lengths)
        kept = lengths[: sum(each < address for each in addresses)]
        held = bytes(data[: sum(kept)])
        self._open(self.start)
        self._block.more(len(held))[:] = held
        self._took(len(held), kept)
