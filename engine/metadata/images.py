"""Images: the file of an image of the hash index, as bytes.

    byte 0                 the buckets, main ones first, 64 bytes each, in extents of one length
    the next write unit    a record: what a table block says of the image as well, the length of the extents,
                           then the CRC-32C of each

The record's own checksum stands in the blocks that name the image, so nothing of another image, and of an
attempt that was given up, is ever taken for it. A record of version 1 has no length: there the extents are
those of the log. FORMAT.md draws all of it.

Threads: functions of values.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from ..errors import CorruptionError
from ..kernels import words as w
from .layout import Image, checksum
from .places import image_name

__all__ = [
    "BUCKET_BYTES",
    "Record",
    "check_record",
    "encode_record",
    "image_bytes",
    "record_at",
    "record_most",
]

IMAGE_MAGIC: Final = b"PWRCUTIX"
IMAGE_VERSION: Final = 2
_RECORDS: Final = {1: struct.Struct("<8sII6Q"), 2: struct.Struct("<8sII7Q")}
BUCKET_BYTES: Final = w.BUCKET_WORDS * w.WORD_BYTES


class Record(NamedTuple):
    """The fields of a record that no block says, and how many bytes it has."""

    extent_bytes: int
    crcs: tuple[int, ...]
    length: int


def image_bytes(image: Image) -> int:
    """The bytes of its buckets."""
    return image.used * BUCKET_BYTES


def record_at(image: Image, write_unit: int) -> int:
    """The byte of the file at which its record begins."""
    return (image_bytes(image) + write_unit - 1) // write_unit * write_unit


def record_most(image: Image, extent_bytes: int) -> int:
    """The most bytes that its record can have: no extent of it is shorter than the log's."""
    return _RECORDS[IMAGE_VERSION].size + 4 * -(-image_bytes(image) // extent_bytes)


def encode_record(
    image: Image, extent_bytes: int, crcs: list[int] | tuple[int, ...], version: int = IMAGE_VERSION
) -> bytes:
    """The record of the image, whatever its `crc` is, over extents of this length and these checksums."""
    fields = (*image.version, *image[1:5], *([extent_bytes] if version > 1 else []))
    head = _RECORDS[version].pack(IMAGE_MAGIC, version, len(crcs), *fields)
    return head + struct.pack(f"<{len(crcs)}I", *crcs)


def check_record(data: bytes, store_id: bytes, image: Image, offset: int, extent_bytes: int) -> Record:
    """The record, from what the file has at byte `offset`, where it should stand, and behind.

    extent_bytes   of the log

    Raises CorruptionError where it is not as it was written, or of another image.
    """
    name, version, count = image_name(image.version), *_beginning(data)
    size = _RECORDS[version].size
    length = size + 4 * count
    if len(data) < length:
        raise CorruptionError(name, offset, f"{len(data)} bytes", f"{length} bytes")
    data = data[:length]
    found = checksum(data, store_id, name, offset, image.version.life)
    if found != image.crc:
        raise CorruptionError(name, offset, f"CRC-32C {found:08x}", f"{image.crc:08x}")
    fields = _RECORDS[version].unpack_from(data)
    longest = fields[9] if version > 1 else extent_bytes
    crcs = struct.unpack_from(f"<{count}I", data, size)
    wanted = encode_record(image, longest, crcs, version)
    is_fit = longest >= extent_bytes and longest % BUCKET_BYTES == 0
    if not is_fit or count != -(-image_bytes(image) // longest) or data != wanted:
        ours = _RECORDS[version].unpack_from(wanted)
        raise CorruptionError(name, offset, f"a record of {fields[1:]}", f"{ours[1:]}, as the block says")
    return Record(longest, crcs, length)


def _beginning(data: bytes) -> tuple[int, int]:
    """The version and the number of extents that a record begins with: of a version that is none, or of none
    at all, as if it were of this one. Nothing of it is believed before the checksum was right.
    """
    _, version, count = struct.unpack_from("<8sII", data.ljust(16, b"\0"))
    return (version if version in _RECORDS else IMAGE_VERSION), count
