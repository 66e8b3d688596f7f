"""FORMAT.md against the code: every offset it prints, every bit, every test vector."""

import re
from pathlib import Path

import pytest
from fastcrc import crc32

from powercut.engine.kernels import words
from powercut.engine.kernels.probe import hash_words
from powercut.engine.metadata import layout
from powercut.engine.metadata.images import encode_record
from powercut.engine.metadata.layout import (
    Block,
    Extent,
    Image,
    Place,
    Pointer,
    Root,
    Version,
    VoidRange,
)
from powercut.engine.metadata.marks import SessionMark
from powercut.engine.settings import MASK64
from powercut.engine.shared.spaces import words_of

DOCUMENT = Path(__file__).parents[2] / "FORMAT.md"
ID = bytes(range(100, 116))
ROOT = Root(ID, 0xA1, 0xA2, (0xA3, 0xA4, 0xA5, 0xA6, 0xA7), Pointer(0xA8, 0xA9, 0xAA), 0xAB, 0xAC)
BLOCK = Block(
    Version(0xB1, 0xB2),
    0xB3,
    0xB4,
    0xB5,
    Pointer(0xB6, 0xB7, 0xB8),
    True,
    [Extent(0xC1, 0xC2, 0xC3, 0xC4)],
    [VoidRange(0xD1, 0xD2, 0xD3), VoidRange(1, 2, 3)],
    [SessionMark("name", 0xE1, 0xE2), SessionMark("b", 4, 5), SessionMark("c", 6, 7)],
    layout.KIND_INCREMENTAL,
    [Place(Version(0xF1, 0xF2), 0xF3, 0xF4, 0xF5), *[Place(Version(1, 2), 3, 4, 5)] * 3],
    Version(0xB9, 0xBA),
    "pinned",
    Image(Version(0xBB, 0xBC), 0xBD, 0xBE, 0xBF, 0xC0, 0xC9),
)
ROOT_FIELDS = {
    "magic": int.from_bytes(b"PWRCUTRT", "little"),
    "format version": 1,
    "kind": 1,
    "store id": int.from_bytes(ID, "little"),
    "sequence": 0xA1,
    "life": 0xA2,
    "page bytes": 0xA3,
    "segment bytes": 0xA4,
    "write unit": 0xA5,
    "extent bytes": 0xA6,
    "hash mask": 0xA7,
    "index buckets": 0xAC,
    "begin": 0xAB,
    "head offset": 0xA8,
    "head length": 0xA9,
    "head checksum": 0xAA,
    "flags": 0,
    "reserved": 0,
    "checksum": crc32.iscsi(layout.encode_root(ROOT)[:508]),
}
BLOCK_FIELDS = {
    "magic": int.from_bytes(b"PWRCUTTB", "little"),
    "format version": 2,
    "kind": 3,
    "flags": 7,
    "extent count": 1,
    "void count": 2,
    "session count": 3,
    "length": len(layout.encode_block(BLOCK)),
    "life": 0xB1,
    "counter": 0xB2,
    "fuzzy start": 0xB3,
    "final": 0xB4,
    "begin": 0xB5,
    "previous offset": 0xB6,
    "previous length": 0xB7,
    "previous checksum": 0xB8,
    "place count": 4,
    "base life": 0xB9,
    "base counter": 0xBA,
    "image life": 0xBB,
    "image counter": 0xBC,
    "image start": 0xBD,
    "image final": 0xBE,
    "image buckets": 0xBF,
    "image used": 0xC0,
    "image checksum": 0xC9,
    "session total": 3,
    "reserved": 0,
}
EXTENT_FIELDS = {"start": 0xC1, "length": 0xC2, "checksum": 0xC3, "life": 0xC4}
VOID_FIELDS = {"counter": 0xD1, "low": 0xD2, "high": 0xD3}
PLACE_FIELDS = {"life": 0xF1, "counter": 0xF2, "base": 0xF3, "low": 0xF4, "high": 0xF5}
IMAGE_FIELDS = {
    "magic": int.from_bytes(b"PWRCUTIX", "little"),
    "format version": 2,
    "extent count": 2,
    "life": 0xBB,
    "counter": 0xBC,
    "start": 0xBD,
    "final": 0xBE,
    "buckets": 0xBF,
    "used": 0xC0,
    "extent bytes": 0x1000,
}
SESSION_FIELDS = {"number": 0xE1, "serial": 0xE2, "name length": 4}


def rows_after(marker: str) -> list[list[str]]:
    """The cells of the first table below the line that begins with `marker`."""
    text = DOCUMENT.read_text()
    below = text[text.index("\n" + marker) :]
    table = re.search(r"\n((?:\|.*\n)+)", below)
    assert table is not None
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[1].splitlines()[2:]]


@pytest.mark.parametrize(
    ("marker", "fields", "data", "size"),
    [
        ("## The root record", ROOT_FIELDS, layout.encode_root(ROOT), 512),
        ("## A table block", BLOCK_FIELDS, layout.encode_block(BLOCK), 192),
        ("### An image of the index", IMAGE_FIELDS, encode_record(BLOCK.image, 0x1000, [1, 2])[:72], 72),
        ("An extent:", EXTENT_FIELDS, layout.encode_block(BLOCK)[192:], 24),
        ("A void range:", VOID_FIELDS, layout.encode_block(BLOCK)[192 + 24 :], 24),
        ("A place:", PLACE_FIELDS, layout.encode_block(BLOCK)[192 + 24 + 48 :], 40),
        ("A session;", SESSION_FIELDS, layout.encode_block(BLOCK)[192 + 24 + 48 + 160 :], 18),
    ],
)
def test_every_byte_stands_where_the_document_draws_it(
    marker: str, fields: dict[str, int], data: bytes, size: int
) -> None:
    at = 0
    seen = []
    for offset, length, field, *_ in rows_after(marker):
        assert int(offset) == at, field
        value = int.from_bytes(data[at : at + int(length)], "little")
        assert value == fields[field], field
        seen.append(field)
        at += int(length)
    assert at == size
    assert seen == list(fields)


def test_the_checksum_binds_what_the_document_says() -> None:
    marker = "bytes and then over the place they belong to:"
    rows = [(field, at, size) for at, size, field in rows_after(marker)]
    assert rows[0] == ("store id", "0", "16")
    assert rows[1] == ("offset in the file", "16", "8")
    assert rows[2][1:] == ("24", "8")
    assert rows[3] == ("name of the file", "32", "rest")
    place = ID + (77).to_bytes(8, "little") + (5).to_bytes(8, "little") + b"tables"
    expected = crc32.iscsi(b"bytes" + place)
    assert layout.checksum(b"bytes", ID, "tables", 77, 5) == expected
    others = [
        layout.checksum(b"bytez", ID, "tables", 77, 5),
        layout.checksum(b"bytes", bytes(16), "tables", 77, 5),
        layout.checksum(b"bytes", ID, "table", 77, 5),
        layout.checksum(b"bytes", ID, "tables", 78, 5),
        layout.checksum(b"bytes", ID, "tables", 77, 6),
    ]
    assert expected not in others


def bits_of(mask: int) -> str:
    low = (mask & -mask).bit_length() - 1
    high = mask.bit_length() - 1
    assert mask == (1 << high + 1) - (1 << low)
    return f"{low}-{high}" if high > low else str(low)


def test_record_words_have_their_bits_where_the_document_draws_them() -> None:
    assert {field: bits for bits, field, _ in rows_after("The link word:")} == {
        "previous": bits_of(words.ADDRESS_MASK),
        "version": bits_of(words.VERSION_BITS << words.VERSION_SHIFT),
        "sequence": bits_of(words.SEQUENCE_MASK),
        "lock": bits_of(words.LOCK),
        "sealed": bits_of(words.SEALED),
        "invalid": bits_of(words.INVALID),
        "tombstone": bits_of(words.TOMBSTONE),
    }
    assert {field: bits for bits, field, _ in rows_after("The sizes word:")} == {
        "allocated": bits_of(words.ALLOCATED_MASK),
        "key": bits_of(words.KEY_MASK << words.KEY_SHIFT),
        "value": bits_of((1 << words.VALUE_BITS) - 1 << words.VALUE_SHIFT),
    }


def test_a_record_on_the_device_has_its_parts_in_the_order_of_the_document() -> None:
    order = [row[2] for row in rows_after("## Records")]
    assert order == ["sizes", "link", "key", "value"]
    data = (DOCUMENT.parent / "tests/format/golden/two-checkpoints/segment-00000000").read_bytes()
    sizes, link = (int.from_bytes(data[at : at + 8], "little") for at in (64, 72))
    assert data[:64] == bytes(64)
    assert sizes == 3 | 6 << 22 | 0 << 39  # The program's first value is empty.
    assert link & ~words.TRANSIENT == 1 << 48
    assert data[80:88] == b"key-00\0\0"


def test_the_hash_gives_the_printed_vectors() -> None:
    rows = rows_after("* `index_buckets` is the number that")
    assert len(rows) == 3
    for key, printed in rows:
        data = key.strip("`").encode()
        space = words_of(4)
        space.cast("B")[: len(data)] = data
        assert f"{hash_words(space, 0, len(data), MASK64):016x}" == printed.strip("`")
