"""Records: the fields of roots and table blocks by their bytes, as FORMAT.md draws them.

The engine's own decoding refuses what is wrong; this reads and writes it, to see whether the engine does.

Invariant: a field that says a number of anything is here; magic numbers, checksums and reserved bytes are not
(`tests/format` holds this to the document).

Threads: values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

__all__ = [
    *("BLOCK", "COUNTER", "ENTRIES", "HEADER", "LENGTH", "LIFE", "ROOT"),
    *("Entry", "Field", "Listed", "lists_of", "name_of", "rolls_of"),
]

HEADER: Final = 192  # Bytes of a block before its lists.
_FULL: Final = 1  # Of its flags.
_GONE: Final = 1 << 63  # Of the word of a session's serial.
_LIFE_BITS: Final = 32


class Field(NamedTuple):
    """A field of `size` bytes from byte `at`; an address moves by words, too."""

    name: str
    at: int
    size: int
    is_address: bool = False

    def get(self, data: bytes) -> int:
        return int.from_bytes(data[self.at : self.at + self.size], "little")

    def put(self, data: bytes, value: int) -> bytes:
        return data[: self.at] + value.to_bytes(self.size, "little") + data[self.at + self.size :]


class Entry(NamedTuple):
    """One list of a block; `size` of an entry is without what its last field counts, where it `is_named`."""

    name: str
    counted: Field
    size: int
    fields: tuple[Field, ...]
    is_named: bool = False
    flag: int = 0  # Of the block, without which the count means nothing.


class Listed(NamedTuple):
    """A session as a block lists it; `is_gone` says that it was forgotten."""

    name: bytes
    number: int
    serial: int
    is_gone: bool = False


ROOT: Final = (
    *(Field("format version", 8, 4), Field("kind", 12, 4), Field("store id", 16, 16)),
    *(Field("sequence", 32, 8), Field("life", 40, 8)),
    *(Field("page bytes", 48, 8), Field("segment bytes", 56, 8), Field("write unit", 64, 8)),
    *(Field("extent bytes", 72, 8), Field("hash mask", 80, 8), Field("index buckets", 88, 8)),
    *(Field("begin", 96, 8, True), Field("head offset", 104, 8, True), Field("head length", 112, 8, True)),
    Field("flags", 124, 4),
)
_COUNTS: Final = (Field("extent count", 20, 4), Field("void count", 24, 4), Field("session count", 28, 4))
_FLAGS: Final = Field("flags", 16, 4)
LIFE: Final = Field("life", 40, 8)
COUNTER: Final = Field("counter", 48, 8)
_NUMBER: Final = Field("number", 0, 8)
_SERIAL: Final = Field("serial", 8, 8)
LENGTH: Final = Field("length", 32, 8, True)
_TOTAL: Final = Field("session total", 172, 4)
_PLACES: Final = Field("place count", 100, 4)
BLOCK: Final = (
    *(Field("format version", 8, 4), Field("kind", 12, 4), _FLAGS, *_COUNTS, LENGTH),
    *(LIFE, COUNTER),
    *(Field("fuzzy start", 56, 8, True), Field("final", 64, 8, True), Field("begin", 72, 8, True)),
    *(Field("previous offset", 80, 8, True), Field("previous length", 88, 8, True)),
    *(_PLACES, Field("base life", 104, 8), Field("base counter", 112, 8)),
    *(Field("image life", 120, 8), Field("image counter", 128, 8)),
    *(Field("image start", 136, 8, True), Field("image final", 144, 8, True)),
    *(Field("image buckets", 152, 8), Field("image used", 160, 8), _TOTAL),
)
_PLACED: Final = (
    *(Field("life", 0, 8), Field("counter", 8, 8)),
    *(Field("base", 16, 8, True), Field("low", 24, 8, True), Field("high", 32, 8, True)),
)
ENTRIES: Final = (
    Entry(
        "extent",
        _COUNTS[0],
        24,
        (Field("start", 0, 8, True), Field("length", 8, 4, True), Field("life", 16, 8)),
    ),
    Entry(
        "void", _COUNTS[1], 24, (Field("counter", 0, 8), Field("low", 8, 8, True), Field("high", 16, 8, True))
    ),
    Entry("place", _PLACES, 40, _PLACED, flag=2),
    Entry(
        "session",
        _COUNTS[2],
        18,
        (_NUMBER, _SERIAL, Field("name length", 16, 2)),
        is_named=True,
    ),
)


def lists_of(block: bytes) -> list[list[bytes]]:
    """The entries of each list of a block, as its counts say."""
    lists: list[list[bytes]] = []
    at = HEADER
    for entry in ENTRIES:
        lists.append([])
        is_there = not entry.flag or _FLAGS.get(block) & entry.flag
        for _ in range(entry.counted.get(block) if is_there else 0):
            end = at + entry.size
            if entry.is_named:
                end += entry.fields[-1].get(block[at:end])
            lists[-1].append(block[at:end])
            at = end
    return lists


def name_of(block: bytes) -> bytes:
    """The name under which the checkpoint is pinned, which stands behind the lists."""
    return block[HEADER + sum(len(each) for entries in lists_of(block) for each in entries) :]


def rolls_of(blocks: Iterable[bytes]) -> list[dict[int, Listed]] | None:
    """All sessions of each block of a chain, oldest first, by number; None where they contradict others."""
    rolls: list[dict[int, Listed]] = []
    last = 0  # No session that comes has a number up to it.
    for block in blocks:
        before = rolls[-1] if rolls else {}
        roll = _follow(before, block, last, lists_all=not rolls or bool(_FLAGS.get(block) & _FULL))
        if roll is None or len(roll) != _TOTAL.get(block):
            return None
        rolls.append(roll)
        last = max(last, LIFE.get(block) << _LIFE_BITS, *roll)
    return rolls


def _follow(
    before: Mapping[int, Listed], block: bytes, last: int, *, lists_all: bool
) -> dict[int, Listed] | None:
    """The sessions behind those of the block before, as this one lists them."""
    listed = [_listed(each) for each in lists_of(block)[-1]]
    if any(one.name >= two.name for one, two in pairwise(listed)):
        return None
    names = {each.name for each in listed}
    roll = {} if lists_all else {key: each for key, each in before.items() if each.name not in names}
    for each in listed:
        known = before.get(each.number)
        if each.is_gone:
            if lists_all or known != each._replace(is_gone=False):
                return None
            continue
        if known is None and each.number <= last:
            return None
        if known is not None and (known.name != each.name or each.serial < known.serial + (not lists_all)):
            return None
        roll[each.number] = each
    return roll


def _listed(entry: bytes) -> Listed:
    serial = _SERIAL.get(entry)
    return Listed(entry[ENTRIES[-1].size :], _NUMBER.get(entry), serial % _GONE, serial >= _GONE)
