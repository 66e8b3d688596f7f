"""A block: a checksummed run of entries, the unit in which a log is written and read.

    header   64 bytes: where the block stands, who wrote it, what it follows
    data     the entries, one after another, without gaps
    table    the length of each entry, 4 bytes
    trailer  how far named iterators have come, and the cookie of the commit that the block ends
    zeros    up to a multiple of the write unit

An entry's address is that of its block, plus the header, plus the length of each entry before it in the
block and 4 bytes for its place in the table. So addresses rise, those of empty entries too, and an entry
and its place in the table take as much of the address space as of the device.

Invariants
  B1  a block starts at a multiple of the write unit and never crosses a page; the next one starts where its
      span ends, and every page starts with a block
  B2  its checksum is over the store and over all bytes of it, address and life included: bytes in the wrong
      place, of another log, or of a life that a crash ended are wrong bytes
  B3  `link` is the checksum of the block before it: an older block in the place of a newer one does not fit
  B4  what the header says is bounded before it is used

Pure. FORMAT.md draws the bytes.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import accumulate
from typing import Final, NamedTuple

from fastcrc import crc32

from ..device import Buffer
from ..errors import UnsupportedVersionError
from .progress import decode_progress

__all__ = [
    "ENTRY_BYTES",
    "FLAG_COMMIT",
    "FLAG_PROGRESS",
    "HEADER_BYTES",
    "MAGIC",
    "Block",
    "Header",
    "addresses_of",
    "decode_header",
    "encode_block",
    "header_of",
    "round_up",
    "verify",
]

HEADER_BYTES: Final = 64
ENTRY_BYTES: Final = 4  # Of the table, for each entry.
FLAG_COMMIT: Final = 1  # Of the last block of a group. An unknown flag is another format.
FLAG_PROGRESS: Final = 2  # The trailer begins with the progress of named iterators.
FLAGS: Final = FLAG_COMMIT | FLAG_PROGRESS
MAGIC: Final = b"PCLB"

_HEADER: Final = struct.Struct("<4sIIIQQQIIIIII")
_CRC: Final = struct.Struct("<I")
_CRC_AT: Final = 4
assert _HEADER.size == HEADER_BYTES
assert array("I").itemsize == ENTRY_BYTES


class Header(NamedTuple):
    """The header of a block.

    number      of the commit that its group is for
    confirmed   what is below this address was durable when the block was made
    link        the checksum of the block before it; 0 for the first of the log
    turn        how many rollbacks its life had seen
    span        bytes up to the next block
    """

    crc: int
    flags: int
    life: int
    address: int
    number: int
    confirmed: int
    link: int
    turn: int
    span: int
    entry_count: int
    data_bytes: int
    trailer_bytes: int

    def stored(self, unit: int) -> int:
        """The bytes on the device, a multiple of `unit`."""
        body = HEADER_BYTES + self.data_bytes + ENTRY_BYTES * self.entry_count + self.trailer_bytes
        return round_up(body, unit)

    @property
    def end(self) -> int:
        """The address of the next block."""
        return self.address + self.span

    @property
    def is_commit(self) -> bool:
        """True for the last block of a group."""
        return bool(self.flags & FLAG_COMMIT)


header_of: Final = partial(tuple.__new__, Header)  # As the class does, several times as fast.


class Block(NamedTuple):
    """A block as it was read and verified."""

    header: Header
    image: memoryview

    @property
    def data(self) -> memoryview:
        """The entries, one after another."""
        return self.image[HEADER_BYTES : HEADER_BYTES + self.header.data_bytes]

    @property
    def table(self) -> memoryview:
        """The length of each entry, as it is stored."""
        start = HEADER_BYTES + self.header.data_bytes
        return self.image[start : start + ENTRY_BYTES * self.header.entry_count]

    @property
    def lengths(self) -> array[int]:
        """The length of each entry."""
        lengths = array("I")
        lengths.frombytes(self.table)
        return lengths

    @property
    def trailer(self) -> tuple[bytes, dict[str, int]]:
        """The cookie, the bytes that the caller gave the commit, and how far named iterators had come.

        Raises ValueError where the block says that there is progress, and there is none.
        """
        start = HEADER_BYTES + self.header.data_bytes + ENTRY_BYTES * self.header.entry_count
        data = bytes(self.image[start : start + self.header.trailer_bytes])
        progress, end = decode_progress(data) if self.header.flags & FLAG_PROGRESS else ({}, 0)
        return data[end:], progress

    def entries(self) -> Iterator[tuple[int, memoryview]]:
        """The address and the bytes of each entry."""
        data, at = self.data, 0
        for address, length in zip(self.addresses(), self.lengths, strict=True):
            yield address, data[at : at + length]
            at += length

    def addresses(self) -> list[int]:
        """The address of each entry."""
        return addresses_of(self.header.address + HEADER_BYTES, self.lengths)


def addresses_of(first: int, lengths: array[int]) -> list[int]:
    """The addresses of entries of these lengths, the first of them at `first`."""
    starts = accumulate(lengths, initial=first)
    return [start + ENTRY_BYTES * place for place, start in zip(range(len(lengths)), starts, strict=False)]


def round_up(count: int, unit: int) -> int:
    """The least multiple of `unit` that is not below `count`; `unit` is a power of two."""
    return (count + unit - 1) & -unit


def encode_block(
    header: Header, store_id: bytes, image: memoryview, lengths: array[int], trailer: bytes
) -> Header:
    """Make a block of `image`, all its bytes, the data in place; the header with its checksum."""
    table = HEADER_BYTES + header.data_bytes
    after = table + ENTRY_BYTES * header.entry_count
    end = after + header.trailer_bytes
    image[table:after] = memoryview(lengths).cast("B")
    image[after:end] = trailer
    image[end:] = bytes(len(image) - end)
    fields = header[1:]
    _HEADER.pack_into(image, 0, MAGIC, 0, *fields)
    crc = _checksum(store_id, image)
    _CRC.pack_into(image, _CRC_AT, crc)
    return header_of((crc, *fields))


def decode_header(data: Buffer, address: int, settings: tuple[int, int]) -> Header | str:
    """The header in the first bytes of what was read at `address`, or the reason why there is none (B4).

    settings   bytes of a page, and of the write unit
    """
    fields = _HEADER.unpack_from(data) if len(data) >= HEADER_BYTES else (b"",)
    if fields[0] != MAGIC:
        return "no block"
    page, unit = settings
    header = header_of(fields[1:])
    if header.address != address:
        return f"the block of address {header.address}"
    room = page - address % page
    body = HEADER_BYTES + header.data_bytes + ENTRY_BYTES * header.entry_count + header.trailer_bytes
    if header.span > room or header.span % unit or body > header.span:
        return f"a block of {body} bytes in a span of {header.span}"
    return header


def verify(header: Header, store_id: bytes, image: Buffer) -> str:
    """The reason why these bytes are not the block of that header, or "".

    Raises UnsupportedVersionError for a whole block with flags that this release does not know.
    """
    found = _checksum(store_id, image)
    if found != header.crc:
        return f"CRC-32C {found:08x}, in the block itself {header.crc:08x}"
    if header.flags & ~FLAGS:
        raise UnsupportedVersionError(
            f"a block at address {header.address} with flags {header.flags:#x}; "
            f"this release reads flags {FLAGS:#x}"
        )
    return ""


def _checksum(store_id: bytes, image: Buffer) -> int:
    """CRC-32C of the store and of the block, which begins with MAGIC, the checksum's own bytes as zeros."""
    return crc32.iscsi(memoryview(image)[_CRC_AT + _CRC.size :], _begun(store_id))


@lru_cache(maxsize=16)
def _begun(store_id: bytes) -> int:
    """The checksum up to where the one of every block of the store goes on."""
    return crc32.iscsi(store_id + MAGIC + bytes(_CRC.size))
