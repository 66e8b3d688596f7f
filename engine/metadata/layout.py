"""Layout: the bytes of the root record and of a table block, and nothing else.

FORMAT.md draws both. All numbers are little-endian and unsigned. Decoding never trusts: a wrong
checksum, an unknown version and an impossible length are three different answers.

    root    512 bytes: magic, format version, kind, store id, sequence, life, geometry, the pointer
            to the newest table block, room for what later kinds of checkpoint need, CRC-32C
    block   header, extents, void ranges, places, sessions; its CRC-32C stands in the pointer to it

A checksum is taken over the bytes and then over where they belong: (store id, file, offset, life).
Bytes that are right in the wrong place, or from another life, are wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from fastcrc import crc32

from ..errors import CorruptionError, SerialError, UnsupportedVersionError
from .columns import EXTENT_BYTES, Extent, Extents
from .marks import SessionMark, decode_marks, encode_marks

__all__ = [
    "BLOCK_VERSION",
    "FORMAT_VERSION",
    "KIND_LOG",
    "NO_IMAGE",
    "ROOT_BYTES",
    "Block",
    "Extent",
    "Image",
    "Place",
    "Pointer",
    "Root",
    "Version",
    "VoidRange",
    "checksum",
    "decode_block",
    "decode_root",
    "encode_block",
    "encode_root",
]

FORMAT_VERSION: Final = 1
BLOCK_VERSION: Final = 2  # Of a block; one of version 1 lists all of its sessions.
ROOT_BYTES: Final = 512
ROOT_MAGIC: Final = b"PWRCUTRT"
BLOCK_MAGIC: Final = b"PWRCUTTB"
KIND_STORE: Final = 1
KIND_LOG: Final = 2
KIND_FOLD_OVER: Final = 1
KIND_SNAPSHOT: Final = 2
KIND_INCREMENTAL: Final = 3
KINDS: Final = (KIND_FOLD_OVER, KIND_SNAPSHOT, KIND_INCREMENTAL)
FLAG_FULL: Final = 1  # Of a block; a root has none yet. An unknown flag is another format.
FLAG_PLACED: Final = 2  # There are places: who overlooks them looks for these extents in the wrong file.
FLAG_NAMED: Final = 4
FLAGS: Final = FLAG_FULL | FLAG_PLACED | FLAG_NAMED
NAME_BYTES_MAX: Final = 255

_CRC_AT: Final = ROOT_BYTES - 4
# magic .. geometry, buckets, begin, pointer, flags; zeros up to the checksum
_ROOT = struct.Struct("<8sII16sQQ5QQQQQII380x")
_BLOCK = struct.Struct("<8sIIIIII8QIIQQ6QII16x")
_PLACE = struct.Struct("<16sQQ")
_VOID = struct.Struct("<QQQ")
_PLACED = struct.Struct("<QQQQQ")
assert _ROOT.size == _CRC_AT
assert _BLOCK.size == 192


class Version(NamedTuple):
    """A checkpoint's version: no two lives share one."""

    life: int
    counter: int


class Pointer(NamedTuple):
    """The place of a table block; length 0: there is none."""

    offset: int
    length: int
    crc: int


class VoidRange(NamedTuple):
    """A range [low, high) of which a recovery left the records of version `counter` behind."""

    counter: int
    low: int
    high: int


class Place(NamedTuple):
    """A range [low, high) of the log in the file of checkpoint `version`, from byte `low - base` on."""

    version: Version
    base: int
    low: int
    high: int


class Image(NamedTuple):
    """A copy of the hash index in a file of its own, taken with checkpoint `version`; life 0: there is none.

    start     the log's tail before it was copied: what lies below is named in it, or older than what is
    final     the tail afterwards: it names none from there on
    buckets   main buckets
    used      all buckets that it has, the main ones first
    crc       of the record at the end of the file
    """

    version: Version
    start: int
    final: int
    buckets: int
    used: int
    crc: int


NO_IMAGE: Final = Image(Version(0, 0), 0, 0, 0, 0, 0)


class Root(NamedTuple):
    """The root record: names the newest checkpoint, and the geometry.

    That of a log has the same fields, and they mean something else: `fasterlog.recovery`.
    """

    store_id: bytes
    sequence: int
    life: int
    geometry: tuple[int, int, int, int, int]
    head: Pointer
    begin: int = 0
    index_buckets: int = 0  # The most any life had: with fewer, chains on the device would merge.
    kind: int = KIND_STORE

    def numbered(self, sequence: int) -> Root:
        """The root with another sequence."""
        return _root((self.store_id, sequence, *self[2:]))


class Block(NamedTuple):
    """A table block: one checkpoint's metadata.

    is_full   its extents are all that there are
    places    all ranges of this checkpoint's log that do not stand in segments, ascending
    base      of an INCREMENTAL the checkpoint that it goes on from
    sessions  where it `lists_all`, all of them; else those that are new or have come further since the block
              before, and `forgotten` those that went, as that one has them; `total` how many it has with all
              that is not listed (`rolls`)
    name      under which it is pinned; "": it is not
    image     of the index, from which an opening goes on; it may be that of an earlier checkpoint
    """

    version: Version
    fuzzy_start: int
    final: int
    begin: int
    previous: Pointer
    is_full: bool
    extents: Sequence[Extent]
    voids: Sequence[VoidRange]
    sessions: Sequence[SessionMark]
    kind: int = KIND_FOLD_OVER
    places: Sequence[Place] = ()
    base: Version = Version(0, 0)
    name: str = ""
    image: Image = NO_IMAGE
    forgotten: Sequence[SessionMark] = ()
    total: int = 0
    format_version: int = BLOCK_VERSION

    @property
    def lists_all(self) -> bool:
        """True if no session has to be looked for in the block before."""
        return self.is_full or self.format_version == 1 or not self.previous.length


# The class called with the fields does the same in Python, and takes four times as long.
_version = partial(tuple.__new__, Version)
_pointer = partial(tuple.__new__, Pointer)
_void = partial(tuple.__new__, VoidRange)
_place = partial(tuple.__new__, Place)
_image = partial(tuple.__new__, Image)
_root = partial(tuple.__new__, Root)
_block = partial(tuple.__new__, Block)


def checksum(data: bytes | bytearray | memoryview, store_id: bytes, file: str, offset: int, life: int) -> int:
    """CRC-32C of the bytes and of the place they belong to."""
    place = _PLACE.pack(store_id, offset, life) + file.encode()
    view = memoryview(data)
    return crc32.iscsi(place, crc32.iscsi(view if view.c_contiguous else bytes(view)))


def encode_root(root: Root) -> bytes:
    """Exactly ROOT_BYTES bytes."""
    store_id, sequence, life, geometry, head, begin, buckets, kind = root
    body = _ROOT.pack(
        ROOT_MAGIC,
        FORMAT_VERSION,
        kind,
        store_id,
        sequence,
        life,
        *geometry,
        buckets,
        begin,
        *head,
        0,
    )
    return body + crc32.iscsi(body).to_bytes(4, "little")


def decode_root(data: bytes, file: str, wanted: int = KIND_STORE) -> Root | str:
    """The root, or the reason why these bytes are none.

    Raises UnsupportedVersionError for a whole record of another format version, or of another kind.
    """
    if len(data) != ROOT_BYTES:
        return f"{len(data)} bytes"
    if crc32.iscsi(data[:_CRC_AT]) != int.from_bytes(data[_CRC_AT:], "little"):
        return "a wrong checksum"
    fields = _ROOT.unpack_from(data)
    magic, version, kind, store_id, sequence, life = fields[:6]
    if magic != ROOT_MAGIC:
        return "another magic number"
    flags = fields[16]
    if version != FORMAT_VERSION or kind != wanted or flags:
        raise UnsupportedVersionError(
            f"{file}: format version {version}, kind {kind}, flags {flags:#x}; "
            f"read here is version {FORMAT_VERSION}, kind {wanted} (1: a store, 2: a log), no flags"
        )
    buckets, begin = fields[11:13]
    return _root((store_id, sequence, life, fields[6:11], _pointer(fields[13:16]), begin, buckets, kind))


def encode_block(block: Block) -> bytes:
    """The block's bytes, of any length."""
    parts = [Extents.of(block.extents).data]
    parts += [_VOID.pack(*void) for void in block.voids]
    parts += [_PLACED.pack(*place.version, *place[1:]) for place in block.places]
    parts.append(encode_marks(block.sessions, block.forgotten))
    if block.name:
        parts.append(block.name.encode())
    body = b"".join(parts)
    total = len(block.sessions) if block.lists_all else block.total
    header = _BLOCK.pack(
        BLOCK_MAGIC,
        block.format_version,
        block.kind,
        FLAG_FULL * block.is_full | FLAG_PLACED * bool(block.places) | FLAG_NAMED * bool(block.name),
        len(block.extents),
        len(block.voids),
        len(block.sessions) + len(block.forgotten),
        _BLOCK.size + len(body),
        block.version.life,
        block.version.counter,
        block.fuzzy_start,
        block.final,
        block.begin,
        *block.previous,
        len(block.places),
        *block.base,
        *block.image.version,
        *block.image[1:],
        0 if block.format_version == 1 else total,
    )
    return header + body


def decode_block(data: bytes, file: str, offset: int) -> Block:
    """The block whose checksum was right. Raises CorruptionError, SerialError, UnsupportedVersionError."""
    if len(data) < _BLOCK.size or data[:8] != BLOCK_MAGIC:
        raise CorruptionError(file, offset, "no table block", "a table block")
    f = _BLOCK.unpack_from(data)
    if not 1 <= f[1] <= BLOCK_VERSION or f[2] not in KINDS or f[3] & ~FLAGS:
        raise UnsupportedVersionError(
            f"{file} at byte {offset}: table block of version {f[1]}, kind {f[2]}, flags {f[3]:#x}; "
            f"this release reads versions 1 to {BLOCK_VERSION}, kinds {KINDS}, flags {FLAGS}"
        )
    extents_count, voids_count, sessions_count, length = f[4:8]
    # Without the flag the count is a reserved word, which is not looked at.
    places_count = f[16] if f[3] & FLAG_PLACED else 0
    ends = [_BLOCK.size, _BLOCK.size + extents_count * EXTENT_BYTES]
    for count, each in ((voids_count, _VOID), (places_count, _PLACED)):
        ends.append(ends[-1] + count * each.size)
    if length != len(data) or ends[-1] > length:
        raise CorruptionError(file, offset, f"a block of {length} bytes", f"{len(data)} bytes")
    extents = Extents(data[ends[0] : ends[1]])
    voids = list(map(_void, _VOID.iter_unpack(data[ends[1] : ends[2]])))
    placed = _PLACED.iter_unpack(data[ends[2] : ends[3]])
    places = [_place((_version(each[:2]), *each[2:])) for each in placed]
    is_full = bool(f[3] & FLAG_FULL)
    sessions, forgotten, at = decode_marks(
        data, ends[3], sessions_count, (file, offset), may_forget=f[1] > 1 and not is_full
    )
    name = _decode_name(data, at, file, offset) if f[3] & FLAG_NAMED else ""
    version, previous, base = _version(f[8:10]), _pointer(f[13:16]), _version(f[17:19])
    total = f[26]
    if f[1] > 1 and (is_full or not previous.length):
        if total != len(sessions):
            raise SerialError(file, offset, f"{len(sessions)} sessions", f"{total}, as it says")
        total = 0
    if not name and at != len(data):
        raise CorruptionError(file, offset, f"{len(data) - at} bytes too many", "the end of the session list")
    image = _image((_version(f[19:21]), *f[21:26])) if f[19] else NO_IMAGE
    fields = (
        version,
        *f[10:13],
        previous,
        is_full,
        extents,
        voids,
        sessions,
        f[2],
        places,
        base,
        name,
        image,
        forgotten,
        0 if f[1] == 1 else total,
        f[1],
    )
    return _block(fields)


def _decode_name(data: bytes, at: int, file: str, offset: int) -> str:
    """The name of a checkpoint, which ends its block."""
    try:
        name = data[at:].decode()
    except UnicodeDecodeError:
        name = ""
    if not 1 <= len(data) - at <= NAME_BYTES_MAX or not name:
        raise CorruptionError(file, offset, f"{len(data) - at} bytes for a name", "1 to 255 bytes of UTF-8")
    return name
