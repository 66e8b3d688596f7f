"""Tables: the file of checkpoint metadata, blocks chained from the newest back.

Invariants
  1  a block starts at a write unit of its own and is never written again while a root names its chain
  2  a block names the extents of the log since the block before it, and what its checkpoint wrote beside the
     log; one marked full names all of them, but for those of segments that its begin has left
  3  a chain has a full block at most every CHAIN_BLOCKS_MAX blocks, so opening reads no more
     than that many of the newest
  4  no block of a chain lists an extent of a segment that its newest block's begin has left: where
     one would, the newest is full and has none before it

Threads: appended to under the checkpoint's driver.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Final, NamedTuple

from ..device import Device, give_up_behind, read_exactly, write_fully
from ..errors import CorruptionError
from ..poison import Poison
from .columns import Extents
from .extents import segment_number
from .layout import Block, Extent, Place, Pointer, checksum, decode_block, encode_block
from .places import CHAIN_FILES_MAX, Places, image_version, snapshot_version
from .roots import ROOT_FILES, Finding

__all__ = [
    "CHAIN_BLOCKS_MAX",
    "TABLE_FILE",
    "Link",
    "Runs",
    "Tables",
    "check_extents",
    "check_places",
    "is_of_log",
    "is_ours",
    "needed",
]

TABLE_FILE: Final = "tables"
CHAIN_BLOCKS_MAX: Final = 64
NO_BLOCK: Final = Pointer(0, 0, 0)
_LARGE: Final = 1 << 20  # Bytes of a block for which no memory is taken before the file has them.
_START: Final = attrgetter("start")


class Link(NamedTuple):
    """A block of a chain: where it stands, its bytes, and what they say."""

    pointer: Pointer
    data: bytes
    block: Block


class Runs:
    """The extents that a checkpoint needs and the files that hold them, taken in block by block from its own.

    Of an older block the extents below those that newer ones list: what it wrote beside the log may since
    have gone to the log.

    is_whole   a full block was taken in: what is older serves older checkpoints alone
    """

    def __init__(self) -> None:
        self.is_whole = False
        self._runs: list[Extents] = []
        self._ranges: Sequence[Place] | None = None

    def take(self, block: Block) -> None:
        """Take in the next block of the chain, if it is needed."""
        if self.is_whole:
            return
        if self._ranges is None:
            self._ranges = block.places
        run = Extents.of(block.extents)
        if self._runs and run and (newer := self._runs[-1][0].start) <= run[-1].start:
            run = run[: bisect_left(run, newer, key=_START)]
        if run:
            self._runs.append(run)
        self.is_whole = block.is_full

    def __iter__(self) -> Iterator[Extents]:
        """The runs, oldest first; none is empty."""
        return reversed(self._runs)

    def extents(self) -> Extents:
        """All of them, oldest first. O(their number)."""
        return Extents(b"".join(run.data for run in self))

    def needed(self, begin: int) -> list[Extent]:
        """Those that the checkpoint needs whose begin this is: what lies below may be holes by now."""
        return needed(self.extents(), begin)

    def places(self, store_id: bytes, segment_bytes: int) -> Places:
        """In which file each of them stands."""
        return Places(store_id, segment_bytes, self._ranges or ())

    def files(self, segment_bytes: int) -> set[str]:
        """The names of all files that hold one of them. O(extents)."""
        find = self.places(b"", segment_bytes).find
        return {find(extent.start)[0] for extent in self.extents()}


class Tables:
    """Appends blocks and reads chains of them."""

    def __init__(
        self, device: Device, poison: Poison, store_id: bytes, write_unit: int, head: Pointer
    ) -> None:
        self._device = device
        self._poison = poison
        self._store_id = store_id
        self._unit = write_unit
        self.head = head
        self.has_new_name = False
        self._is_long = False  # Dead blocks lie behind the newest.
        self._exists = bool(head.length)
        self._is_cut = False  # Of what an earlier life has left behind its newest block.
        self.chain_blocks = 0  # Since the last full block, that one included.

    def append(self, block: Block) -> Pointer:
        """Write and sync a block; where it is. `has_new_name` asks for a sync of the names.

        Raises OSError (nothing is named yet, try again) or PoisonedError (the sync failed).
        """
        offset = self._rounded(self.head.offset + self.head.length)
        data = encode_block(block)
        self._write(offset, data)
        return self._point(offset, data)

    def rewrite(self, blocks: Sequence[Block], room: int) -> Pointer:
        """Write and sync a chain of these blocks, each but the first behind another; where the last one is.

        It goes to the front of the file, where the first `room` bytes, which nobody needs, are enough; else
        behind the newest block. Raises as `append`.
        """
        data, head = self._chained(blocks, 0)
        if len(data) > room:
            offset = self._rounded(self.head.offset + self.head.length)
            data, head = self._chained(blocks, offset)
            self._write(offset, data)
        else:
            self._write(0, data)
        return head

    def _chained(self, blocks: Sequence[Block], offset: int) -> tuple[bytes, Pointer]:
        """The bytes of a chain from `offset` on, and the pointer to its last block."""
        data, head = bytearray(), NO_BLOCK
        for block in blocks:
            data += bytes(self._rounded(len(data)) - len(data))
            at = offset + len(data)
            own = encode_block(block._replace(previous=head))
            head = self._point(at, own)
            data += own
        return bytes(data), head

    def _point(self, offset: int, data: bytes) -> Pointer:
        return Pointer(offset, len(data), checksum(data, self._store_id, TABLE_FILE, offset, 0))

    def _rounded(self, at: int) -> int:
        return (at + self._unit - 1) // self._unit * self._unit

    def _write(self, offset: int, data: bytes) -> None:
        if not self._exists:
            if TABLE_FILE not in self._device.list():
                self._device.create(TABLE_FILE)
            self._exists = self.has_new_name = True
        if not self._is_cut and offset >= self.head.offset + self.head.length:
            give_up_behind(self._device, TABLE_FILE, offset)
            self._is_cut = True
        write_fully(self._device, TABLE_FILE, offset, data)
        try:
            self._device.sync(TABLE_FILE)
        except OSError as error:
            raise self._poison.failed(f"syncing {TABLE_FILE}", error) from error

    def accept(self, head: Pointer, is_full: bool) -> None:
        """Take in that a root that names `head` is durable."""
        self._is_long = self._is_long or head.offset < self.head.offset
        self.head = head
        self.chain_blocks = 1 if is_full else self.chain_blocks + 1

    def shrink(self) -> None:
        """Shorten the file to the newest block, where dead ones lie behind: nobody reads an older chain."""
        if self._is_long:
            with suppress(OSError):  # Nothing depends on it.
                self._device.truncate(TABLE_FILE, self._rounded(self.head.offset + self.head.length))
            self._is_long = False

    def chain(self, pointer: Pointer, findings: list[Finding]) -> Iterator[Block]:
        """The blocks from `pointer` back to the first. Raises CorruptionError at a damaged one."""
        return (link.block for link in self.links(pointer, findings))

    def links(self, pointer: Pointer, findings: list[Finding]) -> Iterator[Link]:
        """The chain's blocks with their bytes, newest first. Raises CorruptionError at a damaged one."""
        while pointer.length:
            data = self._load(pointer, findings)
            block = decode_block(data, TABLE_FILE, pointer.offset)
            yield Link(pointer, data, block)
            if block.previous.length and block.previous.offset >= pointer.offset:
                raise CorruptionError(
                    TABLE_FILE,
                    pointer.offset,
                    f"a block before it at {block.previous.offset}",
                    "one that lies before",
                )
            pointer = block.previous

    def _load(self, pointer: Pointer, findings: list[Finding]) -> bytes:
        try:
            if pointer.length > _LARGE and (size := self._device.size(TABLE_FILE)) < sum(pointer[:2]):
                raise CorruptionError(
                    TABLE_FILE, pointer.offset, f"{size} bytes of file", f"{pointer.length} bytes from here"
                )
            data = read_exactly(self._device, TABLE_FILE, pointer.offset, pointer.length)
        except FileNotFoundError:
            findings.append(Finding(TABLE_FILE, pointer.offset, pointer.length, "absent"))
            raise CorruptionError(TABLE_FILE, pointer.offset, "no file", f"{pointer.length} bytes") from None
        found = checksum(data, self._store_id, TABLE_FILE, pointer.offset, 0)
        is_right = len(data) == pointer.length and found == pointer.crc
        findings.append(
            Finding(TABLE_FILE, pointer.offset, pointer.length, "accepted" if is_right else "rejected")
        )
        if len(data) != pointer.length:
            raise CorruptionError(TABLE_FILE, pointer.offset, f"{len(data)} bytes", f"{pointer.length} bytes")
        if found != pointer.crc:
            raise CorruptionError(TABLE_FILE, pointer.offset, f"CRC-32C {found:08x}", f"{pointer.crc:08x}")
        return data


def needed(extents: Sequence[Extent], begin: int) -> list[Extent]:
    """Those of the extents that do not lie wholly below `begin`."""
    return [extent for extent in extents if extent.start + extent.length > begin]


def is_of_log(name: str) -> bool:
    """True for the name of a file that extents stand in."""
    return segment_number(name) is not None or snapshot_version(name) is not None


def is_ours(name: str) -> bool:
    """True for the name of a file of a store."""
    return name in ROOT_FILES or name == TABLE_FILE or is_of_log(name) or image_version(name) is not None


def check_places(block: Block, head: Pointer) -> None:
    """Check that a block's places ascend, are disjoint and lie in its log. Raises CorruptionError."""
    at = 0
    for place in block.places:
        if not (at <= place.low < place.high <= block.final and place.base <= place.low):
            raise CorruptionError(
                TABLE_FILE,
                head.offset,
                f"a place [{place.low}, {place.high}) from {place.base}",
                f"one between {at} and {block.final}",
            )
        at = place.high
    files = {place.version for place in block.places if place.version.life == block.version.life}
    if len(files) > CHAIN_FILES_MAX or any(version > block.version for version in files):
        raise CorruptionError(
            TABLE_FILE,
            head.offset,
            f"places in the files of {sorted(map(tuple, files))}",
            f"at most {CHAIN_FILES_MAX}, none later than {tuple(block.version)}",
        )


def check_extents(
    runs: Iterable[Extents], final: int, head: Pointer, begin: int = 0, segment_bytes: int = 1
) -> None:
    """Check that extents follow one another to `final`, from the start of `begin`'s segment or earlier.

    runs   oldest first, none of them empty

    Raises CorruptionError.
    """
    runs = list(runs)
    at = runs[0][0].start if runs else 0
    if at > begin or at % segment_bytes:
        raise CorruptionError(
            TABLE_FILE, head.offset, f"a first extent at {at}", f"the start of a segment, at most {begin}"
        )
    for run in runs:
        follows = run[0].start == at and run.follow()
        for extent in () if follows else run:
            if extent.start != at or not extent.length:
                raise CorruptionError(TABLE_FILE, head.offset, f"an extent at {extent.start}", f"one at {at}")
            at += extent.length
        at = run[-1].start + run[-1].length
    if at != final:
        raise CorruptionError(TABLE_FILE, head.offset, f"extents up to {at}", f"up to {final}")
