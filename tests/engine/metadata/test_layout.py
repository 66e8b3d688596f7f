"""Roots and blocks come back as they were written, and nothing else is taken for one."""

import struct
from typing import Any

import pytest
from fastcrc import crc32

from powercut.engine import CorruptionError, SerialError, UnsupportedVersionError
from powercut.engine.metadata.layout import (
    BLOCK_VERSION,
    KIND_FOLD_OVER,
    KIND_SNAPSHOT,
    Block,
    Extent,
    Place,
    Pointer,
    Root,
    Version,
    VoidRange,
    decode_block,
    decode_root,
    encode_block,
    encode_root,
)
from powercut.engine.metadata.marks import SessionMark

ROOT = Root(bytes(range(16)), 9, 3, (512, 1024, 512, 512, 7), Pointer(4096, 300, 0xDEADBEEF), 64, 16)
BLOCK = Block(
    Version(2, 5),
    64,
    1024,
    64,
    Pointer(512, 200, 77),
    False,
    [Extent(0, 512, 1, 1), Extent(512, 512, 2, 2)],
    [VoidRange(4, 100, 200)],
    [SessionMark("a", 1, 10), SessionMark("zürich", 2, 0)],
    KIND_SNAPSHOT,
    [Place(Version(1, 4), 0, 512, 768), Place(Version(2, 5), 768, 768, 1024)],
)


def signed(data: bytes | bytearray) -> bytes:
    return bytes(data[:508]) + crc32.iscsi(bytes(data[:508])).to_bytes(4, "little")


def test_a_root_comes_back_as_it_was_written() -> None:
    assert decode_root(encode_root(ROOT), "root-a") == ROOT
    assert len(encode_root(ROOT)) == 512


def test_any_flipped_bit_of_a_root_is_a_wrong_checksum() -> None:
    data = encode_root(ROOT)
    for bit in range(512 * 8):
        harmed = bytearray(data)
        harmed[bit // 8] ^= 1 << bit % 8
        assert decode_root(bytes(harmed), "root-a") == "a wrong checksum"


def test_short_zeroed_and_foreign_records_are_no_roots() -> None:
    assert decode_root(b"", "root-a") == "0 bytes"
    assert decode_root(encode_root(ROOT)[:511], "root-a") == "511 bytes"
    assert decode_root(bytes(512), "root-a") == "a wrong checksum"
    assert decode_root(signed(b"FOREIGN!" + encode_root(ROOT)[8:]), "root-a") == "another magic number"


@pytest.mark.parametrize("at", [8, 12, 124])
def test_a_root_of_unknown_version_kind_or_flag_is_unsupported(at: int) -> None:
    data = bytearray(encode_root(ROOT))
    data[at] ^= 8
    with pytest.raises(UnsupportedVersionError, match="root-a"):
        decode_root(signed(data), "root-a")


def test_a_block_without_places_is_what_a_release_without_them_wrote_and_reads() -> None:
    data = encode_block(BLOCK._replace(kind=KIND_FOLD_OVER, places=[]))
    assert data[12:20] == (1).to_bytes(4, "little") + bytes(4)  # Kind and flags.
    assert data[100:192] == bytes(92)  # Of how many sessions there are with those that are not listed, too.
    reserved = bytearray(data)
    reserved[100] = 1  # A reserved word is not looked at.
    assert decode_block(bytes(reserved), "tables", 0).places == []


@pytest.mark.parametrize(
    "changed",
    [
        {"is_full": True},
        {"is_full": False},
        {"format_version": 1},
        {"previous": Pointer(0, 0, 0)},
        {"forgotten": [SessionMark("b", 3, 7), SessionMark("c", 4, 0)], "total": 9},
    ],
    ids=str,
)
def test_a_block_comes_back_as_it_was_written(changed: dict[str, Any]) -> None:
    block = BLOCK._replace(**changed)
    assert decode_block(encode_block(block), "tables", 0) == block


def test_sessions_and_forgotten_ones_stand_in_one_list_by_name() -> None:
    data = encode_block(BLOCK._replace(forgotten=[SessionMark("b", 3, 7)], total=5))
    assert data.index(b"a", 192) < data.index(b"b", 192) < data.index("zürich".encode(), 192)
    assert struct.unpack_from("<I", data, 28) == (3,)
    assert struct.unpack_from("<I", data, 172) == (5,)


@pytest.mark.parametrize("changed", [{"is_full": True}, {"format_version": 1}], ids=str)
def test_a_block_with_all_of_its_sessions_forgets_none(changed: dict[str, Any]) -> None:
    data = encode_block(BLOCK._replace(**changed, forgotten=[SessionMark("b", 3, 7)]))
    with pytest.raises(SerialError, match="expected a serial below"):
        decode_block(data, "tables", 0)


def test_a_full_block_that_says_another_number_of_sessions_is_a_serial_error() -> None:
    data = bytearray(encode_block(BLOCK._replace(is_full=True)))
    struct.pack_into("<I", data, 172, 3)
    with pytest.raises(SerialError, match="found 2 sessions, expected 3"):
        decode_block(bytes(data), "tables", 0)


@pytest.mark.parametrize("at", [8, 12, 17])
def test_a_block_of_unknown_version_kind_or_flag_is_unsupported(at: int) -> None:
    data = bytearray(encode_block(BLOCK))
    data[at] ^= 8
    with pytest.raises(UnsupportedVersionError, match="tables"):
        decode_block(bytes(data), "tables", 0)


@pytest.mark.parametrize("version", [0, BLOCK_VERSION + 1])
def test_a_block_of_a_version_next_to_those_that_are_read_is_unsupported(version: int) -> None:
    data = bytearray(encode_block(BLOCK))
    struct.pack_into("<I", data, 8, version)
    with pytest.raises(UnsupportedVersionError, match=f"version {version}, "):
        decode_block(bytes(data), "tables", 0)


def test_a_block_that_begins_otherwise_is_corrupt() -> None:
    data = bytearray(encode_block(BLOCK))
    data[0] ^= 8
    with pytest.raises(CorruptionError, match="no table block"):
        decode_block(bytes(data), "tables", 0)


def test_a_block_cut_or_grown_anywhere_is_corrupt() -> None:
    data = encode_block(BLOCK)
    for size in [*range(len(data)), len(data) + 1]:
        with pytest.raises(CorruptionError):
            decode_block((data + b"\0")[:size], "tables", 0)


@pytest.mark.parametrize(("at", "count"), [(20, 3), (20, 1 << 31), (24, 2), (28, 1), (28, 3)])
def test_a_block_that_counts_wrongly_is_corrupt(at: int, count: int) -> None:
    data = bytearray(encode_block(BLOCK))
    struct.pack_into("<I", data, at, count)
    with pytest.raises(CorruptionError):
        decode_block(bytes(data), "tables", 0)


@pytest.mark.parametrize(
    "marks",
    [
        [SessionMark("a", 1, 1), SessionMark("a", 2, 1)],
        [SessionMark("a", 1, 1), SessionMark("b", 1, 1)],
        [SessionMark("a", 1, 1 << 63)],
    ],
    ids=["one name twice", "one number twice", "a serial past its limit"],
)
def test_session_marks_that_contradict_each_other_are_a_serial_error(marks: list[SessionMark]) -> None:
    block = Block(Version(1, 1), 64, 512, 64, Pointer(0, 0, 0), True, [], [], marks)
    with pytest.raises(SerialError):
        decode_block(encode_block(block), "tables", 0)


def test_a_session_name_that_is_no_text_is_corrupt() -> None:
    data = encode_block(BLOCK).replace("zürich".encode(), b"z\xff\xffrich")
    with pytest.raises(CorruptionError, match="UTF-8"):
        decode_block(data, "tables", 0)


@pytest.mark.parametrize("name", ["x", "name", "é" * 127])
def test_the_name_of_a_pinned_block_is_read_back_and_no_other(name: str) -> None:
    block = Block(
        Version(1, 1), 0, 0, 0, Pointer(0, 0, 0), True, [], [], [SessionMark("s", 1, 2)], 1, [], name=name
    )
    data = encode_block(block)
    assert decode_block(data, "tables", 0) == block
    length = struct.pack("<Q", len(data) + 300)
    for wrong in (data[:32] + length + data[40:] + bytes(300), data[:-1] + b"\xff"):
        with pytest.raises(CorruptionError):
            decode_block(wrong, "tables", 0)
