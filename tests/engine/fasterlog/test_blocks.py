"""Headers are bounded before they are used, and a checksum is of one place of one log."""

from array import array

import numpy as np
import pytest

from powercut.engine import UnsupportedVersionError
from powercut.engine.fasterlog.batches import addresses_in
from powercut.engine.fasterlog.blocks import HEADER_BYTES, Header, decode_header, encode_block, verify

STORE = bytes(16)


def encoded(header: Header, store_id: bytes = STORE) -> tuple[bytearray, Header]:
    image = bytearray(b"!" * 512)
    image[HEADER_BYTES : HEADER_BYTES + 3] = b"abc"
    made = encode_block(header, store_id, memoryview(image), array("I", [3]), b"")
    return image, made


def a_header(**changes: int) -> Header:
    return Header(0, 1, 1, 1024, 1, 0, 0, 0, 512, 1, 3, 0)._replace(**changes)


def test_a_block_comes_back_as_it_was_written() -> None:
    image, made = encoded(a_header())
    assert decode_header(image, 1024, (1024, 512)) == made
    assert verify(made, STORE, image) == ""


@pytest.mark.parametrize(
    "changes", [{"span": 1536}, {"span": 500}, {"data_bytes": 1 << 31}, {"entry_count": 1 << 30}]
)
def test_a_length_that_cannot_be_is_refused_before_anything_is_read(changes: dict[str, int]) -> None:
    image, _ = encoded(a_header())
    names = Header._fields
    for name, value in changes.items():
        at = {"span": 48, "entry_count": 52, "data_bytes": 56}[name]
        assert name in names
        image[at : at + 4] = value.to_bytes(4, "little")
    assert str(decode_header(image, 1024, (1024, 512))).startswith("a block of")


def test_a_block_in_another_place_or_of_another_log_is_none() -> None:
    image, made = encoded(a_header())
    assert decode_header(image, 2048, (1024, 512)) == "the block of address 1024"
    assert verify(made, b"1" * 16, image).startswith("CRC-32C")


def test_a_flag_that_is_not_known_is_another_format() -> None:
    image, made = encoded(a_header(flags=4))
    with pytest.raises(UnsupportedVersionError):
        verify(made, STORE, image)


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 40])
def test_addresses_of_few_are_those_of_many(count: int) -> None:
    lengths = array("I", [number * 7 % 5 for number in range(count)])
    wanted, at = [], 640
    for length in lengths:
        wanted.append(at)
        at += length + 4
    found = addresses_in([(640, count)], lengths)
    assert found.dtype == np.int64
    assert found.tolist() == wanted
