"""Images: the file of an image of the hash index, as bytes.

    byte 0                 the buckets, main ones first, 64 bytes each, in extents of `extent_bytes`
    the next write unit    a record: what a table block says of the image as well, then the CRC-32C of each
                           extent

The record's own checksum stands in the blocks that name the image, so nothing of another image, and of an
attempt that was given up, is ever taken for it. FORMAT.md draws both.

Threads: functions of values.
"""

from __future__ import annotations

import struct
from typing import Final

from ..errors import CorruptionError
from ..kernels import words as w
from .layout import Image, checksum
from .places import image_name

__all__ = ["BUCKET_BYTES", "check_record", "encode_record", "image_bytes", "record_at", "record_bytes"]

IMAGE_MAGIC: Final = b"PWRCUTIX"
IMAGE_VERSION: Final = 1
_RECORD: Final = struct.Struct("<8sII6Q")
BUCKET_BYTES: Final = w.BUCKET_WORDS * w.WORD_BYTES


def image_bytes(image: Image) -> int:
    """The bytes of its buckets."""
    return image.used * BUCKET_BYTES


def record_at(image: Image, write_unit: int) -> int:
    """The byte of the file at which its record begins."""
    return (image_bytes(image) + write_unit - 1) // write_unit * write_unit


def record_bytes(image: Image, extent_bytes: int) -> int:
    """The bytes of its record."""
    return _RECORD.size + 4 * -(-image_bytes(image) // extent_bytes)


def encode_record(image: Image, crcs: list[int]) -> bytes:
    """The record of the image, whatever its `crc` is, over extents of these checksums."""
    body = struct.pack(f"<{len(crcs)}I", *crcs)
    head = _RECORD.pack(IMAGE_MAGIC, IMAGE_VERSION, len(crcs), *image.version, *image[1:5])
    return head + body


def check_record(data: bytes, store_id: bytes, image: Image, place: tuple[int, int]) -> list[int]:
    """The checksums of the extents, from what the file has where the record should stand.

    place   where that is: the byte, and how many from there on

    Raises CorruptionError where it is not as it was written, or of another image.
    """
    name = image_name(image.version)
    offset, length = place
    if len(data) != length:
        raise CorruptionError(name, offset, f"{len(data)} bytes", f"{length} bytes")
    found = checksum(data, store_id, name, offset, image.version.life)
    if found != image.crc:
        raise CorruptionError(name, offset, f"CRC-32C {found:08x}", f"{image.crc:08x}")
    crcs = list(struct.unpack_from(f"<{(length - _RECORD.size) // 4}I", data, _RECORD.size))
    wanted = encode_record(image, crcs)
    if data != wanted:
        fields, ours = _RECORD.unpack_from(data), _RECORD.unpack_from(wanted)
        raise CorruptionError(name, offset, f"a record of {fields[1:]}", f"{ours[1:]}, as the block says")
    return crcs
