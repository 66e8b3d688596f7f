"""Tables: the file of checkpoint metadata, blocks chained from the newest back.

Invariants
  1  a block starts at a write unit of its own and is never written again once a root names it
  2  a block names the extents since the block before it; one marked full names all of them,
     but for those of segments that its begin has left
  3  a chain has a full block at most every CHAIN_BLOCKS_MAX blocks, so opening reads no more
     than that many of the newest
  4  no block of a chain lists an extent of a segment that its newest block's begin has left: where
     one would, the newest is full and has none before it

Threads: appended to under the checkpoint's driver.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from ..device import Device, read_exactly, write_fully
from ..errors import CorruptionError
from ..poison import Poison
from .layout import Block, Extent, Pointer, checksum, decode_block, encode_block
from .roots import Finding

__all__ = ["CHAIN_BLOCKS_MAX", "TABLE_FILE", "Link", "Runs", "Tables", "check_extents"]

TABLE_FILE: Final = "tables"
CHAIN_BLOCKS_MAX: Final = 64
NO_BLOCK: Final = Pointer(0, 0, 0)
_LARGE: Final = (
    1 << 20
)  # Bytes of a block for which no memory is taken before the file is known to have them.


class Link(NamedTuple):
    """A block of a chain: where it stands, its bytes, and what they say."""

    pointer: Pointer
    data: bytes
    block: Block


class Runs:
    """The extents that a checkpoint needs, taken in block by block, the newest first.

    is_whole   a full block was taken in: what is older serves older checkpoints alone
    """

    def __init__(self) -> None:
        self.is_whole = False
        self._runs: list[Sequence[Extent]] = []

    def take(self, block: Block) -> None:
        """Take in the next block of the chain, if it is needed."""
        if not self.is_whole:
            self._runs.append(block.extents)
            self.is_whole = block.is_full

    def extents(self) -> list[Extent]:
        """All of them, oldest first."""
        return [extent for run in reversed(self._runs) for extent in run]


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
        self._exists = bool(head.length)
        self.chain_blocks = 0  # Since the last full block, that one included.

    def append(self, block: Block) -> Pointer:
        """Write and sync a block; where it is. `has_new_name` asks for a sync of the names.

        Raises OSError (nothing is named yet, try again) or PoisonedError (the sync failed).
        """
        if not self._exists:
            if TABLE_FILE not in self._device.list():
                self._device.create(TABLE_FILE)
            self._exists = self.has_new_name = True
        end = self.head.offset + self.head.length
        offset = (end + self._unit - 1) // self._unit * self._unit
        data = encode_block(block)
        write_fully(self._device, TABLE_FILE, offset, data)
        try:
            self._device.sync(TABLE_FILE)
        except OSError as error:
            raise self._poison.failed(f"syncing {TABLE_FILE}", error) from error
        return Pointer(offset, len(data), checksum(data, self._store_id, TABLE_FILE, offset, 0))

    def accept(self, head: Pointer, is_full: bool) -> None:
        """Take in that a root that names `head` is durable."""
        self.head = head
        self.chain_blocks = 1 if is_full else self.chain_blocks + 1

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


def check_extents(
    extents: list[Extent], final: int, head: Pointer, begin: int = 0, segment_bytes: int = 1
) -> None:
    """Check that extents follow one another to `final`, from the start of `begin`'s segment or earlier.

    Raises CorruptionError.
    """
    at = extents[0].start if extents else 0
    if at > begin or at % segment_bytes:
        raise CorruptionError(
            TABLE_FILE, head.offset, f"a first extent at {at}", f"the start of a segment, at most {begin}"
        )
    for extent in extents:
        if extent.start != at or not extent.length:
            raise CorruptionError(TABLE_FILE, head.offset, f"an extent at {extent.start}", f"one at {at}")
        at += extent.length
    if at != final:
        raise CorruptionError(TABLE_FILE, head.offset, f"extents up to {at}", f"up to {final}")
