"""Edges: the keys, lengths and batches with which something changes in a store of some geometry.

    key      number 0 to 7: two of five bytes, of a word, a word and a byte, one byte, number 3 with three
             NULs behind it, of half a page, and the longest that there is
    length   number 0 to 16: nothing; around one word and two; up to the end of a write unit and an extent;
             the longest but a word, but a byte, the longest, and a byte more, which is refused
    batch    its size, around nothing, the kernels' group of 16 and their batch of 1,024; and its pattern

A value tells who wrote it, as far as it is long enough: the stamp, again and again.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .hybrid import FIRST_ADDRESS, HybridLog

__all__ = [
    "COUNTS",
    "FORMS",
    "KEYS",
    "LENGTHS",
    "LONG",
    "ODD",
    "Batch",
    "OddError",
    "batch_of",
    "filled",
    "key_of",
    "length_of",
]

COUNTS: Final = (0, 1, 2, 15, 16, 17, 33, 1023, 1024, 1025)
LONG: Final = 4  # The pattern of which each value fills a page.
# The patterns after it: in what form the operations are handed over. As rows of bytes, as big-endian
# integers, in items longer than they are, as `bytearray` and `memoryview`, as items without a type.
FORMS: Final = {5: "rows", 6: "big", 7: "padded", 8: "views", 9: "void"}
KEYS: Final = 8
LENGTHS: Final = 17
NULS: Final = 5  # The key that differs from another one in NULs behind it alone.
LEAD: Final = 48  # Bytes of the longest key's record that are left to header and value.


def key_of(number: int, log: HybridLog) -> bytes:
    """The key of that number."""
    if number < 2:
        return b"key-%d" % number
    long = (log.record_max // 2 - 1, log.record_max - LEAD)
    if number == NULS:
        return key_of(number - 2, log) + bytes(3)
    size = (8, 9, 1, 0, *long)[number - 2]
    return (b"%d" % number * size)[:size]


def length_of(number: int, key: bytes, log: HybridLog) -> int:
    """The length of that number, for a value under the key."""
    most = log.value_max(key)
    unit, extent = log.unit, log.settings.extent_bytes
    header = log.record_max - most
    small = (0, 1, 7, 8, 9, 15, 16, 17, unit - FIRST_ADDRESS - header, unit - header - 1, unit - header)
    edges = (*small, unit - header + 1, extent - header, most - 8, most - 1, most, most + 1)
    return min(max(edges[number], 0), most + 1)


def filled(stamp: bytes, length: int) -> bytes:
    """A value of that length, made of the stamp."""
    return (stamp * (length // len(stamp) + 1))[:length]


class Batch(NamedTuple):
    """The operations of a batch.

    keys      in order
    is_array  they are handed over as an array; else one by one
    form      of the array, or of each: a name of FORMS; "": the plain one
    is_bad    one of them, or its value, cannot be taken
    is_long   its values are the longest that there are: each fills a page, under a key of its own
    """

    keys: list[bytes]
    is_array: bool
    is_bad: bool
    is_long: bool
    form: str = ""


def batch_of(first: int, size: int, log: HybridLog) -> Batch:
    """The batch of that size's number, from a first key on."""
    count, pattern = COUNTS[size % len(COUNTS)], size // len(COUNTS)
    if pattern == LONG:  # Under keys of their own: one that was there would be written in place.
        return Batch([b"page-%04d" % place for place in range(count)], False, False, True)
    if form := FORMS.get(pattern, ""):
        keys = [key_of(2 if form == "big" else first % 2, log)] * count
        return Batch(keys, form != "views", form == "padded" and count > 0, False, form)
    if pattern == 0:
        numbers = [first % 6] * count  # Keys of another width than those of the batch before, perhaps.
    elif pattern == 1:  # The last one is of another key: where it stops there, all others are done.
        numbers = [(first + (place == count - 1)) % 2 for place in range(count)]
    else:
        numbers = [(first + place) % 6 for place in range(count)]
    return Batch([key_of(number, log) for number in numbers], pattern < 2, pattern == 3, False)


class OddError(Exception):
    """A function of a read-modify-write raises."""


# What functions of read-modify-writes make of the value before, by number; "stamp" stands for a value.
ODD: Final[tuple[str, ...]] = (
    *("nothing", "raises", "a number", "too long", "a bytearray", "a view", "an operation", "the same"),
)
