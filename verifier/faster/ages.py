"""Ages: devices that hold a store late in a long life, made from its format instead of lived through.

The store holds no key: its counters stand high, its log begins far up, its chain of blocks is long, or its
index is crowded by keys that were deleted. So whatever is searched from there has no history of its own.

    counter      of the newest checkpoint's version
    start        address at which the log begins, the start of a segment
    blocks       checkpoints in the chain; the oldest one is full
    tombstones   deleted keys whose records the log still has, of as many tags: the last value of each, and
                 what hides it
    value_bytes  of each of those last values: a log that is long, of few records
    dead         write units in front of the tables, of blocks that are no more
    voids        records in a void range that a recovery has left, of keys of the programs; the deleted keys'
                 records stand behind them, in chains that lead through them

Invariant: the engine opens each of them, and finds nothing to object to (`inspect_store`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from powercut.engine import Settings
from powercut.engine.kernels import words as w
from powercut.engine.kernels.probe import hash_words
from powercut.engine.metadata.extents import segment_name
from powercut.engine.metadata.layout import (
    Block,
    Extent,
    Pointer,
    Root,
    Version,
    VoidRange,
    checksum,
    encode_block,
    encode_root,
)
from powercut.engine.metadata.roots import LIFE_SHIFT, ROOT_FILES
from powercut.engine.metadata.tables import NO_BLOCK, TABLE_FILE
from powercut.faultfs import Image

__all__ = ["Age", "image_of"]

_STORE: Final = b"a store of an age"[:16]
_LIFE: Final = 1_000
_VOID_KEYS: Final = 2  # By turns.
_VOID_VALUE: Final = b"1.0;" * 80  # Two records to a page of 1 KiB; of a form that oracles read.


@dataclass(frozen=True, slots=True)
class Age:
    """The age of a store: what has gone up in its life."""

    counter: int = 1
    start: int = 0
    blocks: int = 1
    tombstones: int = 0
    value_bytes: int = 0
    dead: int = 0
    voids: int = 0


@lru_cache(maxsize=16)
def image_of(settings: Settings, age: Age) -> Image:
    """The device of a store of these settings and this age, closed cleanly."""
    log, voids = _log(settings, age)
    files: dict[str, bytes] = {}
    extents = []
    for at in range(0, len(log), settings.segment_bytes):
        name = segment_name((age.start + at) // settings.segment_bytes)
        files[name] = log[at : at + settings.segment_bytes]
        for offset in range(0, len(files[name]), settings.extent_bytes):
            data = files[name][offset : offset + settings.extent_bytes]
            crc = checksum(data, _STORE, name, offset, _LIFE)
            extents.append(Extent(age.start + at + offset, len(data), crc, _LIFE))
    files[TABLE_FILE], head = _tables(settings, age, extents, voids, age.start + len(log))
    begin, buckets = max(age.start, w.FIRST_ADDRESS), settings.index_buckets or 0
    for number, file in enumerate(ROOT_FILES):
        sequence = (_LIFE << LIFE_SHIFT) + 1 + number
        root = Root(_STORE, sequence, _LIFE, settings.persisted(), head, begin, buckets)
        files[file] = encode_root(root)
    names = {name: number for number, name in enumerate(sorted(files), 1)}
    return Image(names, {number: files[name] for name, number in names.items()})


def _tables(
    settings: Settings, age: Age, extents: list[Extent], voids: list[VoidRange], final: int
) -> tuple[bytes, Pointer]:
    """The file of blocks, and the pointer to the newest."""
    tables = bytearray(age.dead * settings.write_unit)
    head = NO_BLOCK
    for number in range(age.blocks):
        version = Version(_LIFE, age.counter - age.blocks + 1 + number)
        named = [] if number else extents
        begin = max(age.start, w.FIRST_ADDRESS)
        data = encode_block(Block(version, final, final, begin, head, not number, named, voids, []))
        offset = -(-len(tables) // settings.write_unit) * settings.write_unit
        tables += bytes(offset - len(tables)) + data
        head = Pointer(offset, len(data), checksum(data, _STORE, TABLE_FILE, offset, 0))
    return bytes(tables), head


def _log(settings: Settings, age: Age) -> tuple[bytes, list[VoidRange]]:
    """The bytes of the log from `start` to its tail, and what of it is void."""
    log = bytearray(0 if age.start else w.FIRST_ADDRESS)
    low, void, newest = age.start + len(log), age.counter - 1, w.NO_ADDRESS
    for number in range(age.voids):
        link = (void & w.VERSION_BITS) << w.VERSION_SHIFT | newest
        newest = age.start + _append(log, settings, b"key-%d" % (number % _VOID_KEYS), _VOID_VALUE, link)
    high = age.start + len(log)
    own = (age.counter & w.VERSION_BITS) << w.VERSION_SHIFT
    for key in _keys(settings, age):
        # Else nothing would name the tombstone.
        hidden = age.start + _append(log, settings, key, bytes(age.value_bytes), own | newest)
        last = _append(log, settings, key, b"", w.TOMBSTONE | own | hidden)
        newest = age.start + last if age.voids else w.NO_ADDRESS
    tail = bytes(-len(log) % settings.write_unit or (0 if log else settings.write_unit))
    return bytes(log) + tail, [VoidRange(void, low, high)] if age.voids else []


def _append(log: bytearray, settings: Settings, key: bytes, value: bytes, link: int) -> int:
    """Append a record, on the next page where this one has no room; its place in the log's bytes."""
    data = b"".join(part + bytes(-len(part) % w.WORD_BYTES) for part in (key, value))
    words = w.RECORD_HEADER_WORDS + len(data) // w.WORD_BYTES
    left = settings.page_bytes - len(log) % settings.page_bytes
    if left < words * w.WORD_BYTES:
        log += bytes(left)
    at = len(log)
    sizes = words | len(key) << w.KEY_SHIFT | len(value) << w.VALUE_SHIFT
    log += sizes.to_bytes(w.WORD_BYTES, "little") + link.to_bytes(w.WORD_BYTES, "little") + data
    return at


def _keys(settings: Settings, age: Age) -> Iterator[bytes]:
    """The deleted keys, no two of one tag in one bucket. One that leads to void records shares a chain with
    them, and no other does with a key of the programs.
    """
    buckets = settings.index_buckets or 1
    apart = 0 if age.voids else 8
    seen = {_place(b"key-%d" % number, settings, buckets) for number in range(apart)}
    number, count = 0, age.tombstones
    while count:
        key = b"o%07d" % number
        number += 1
        place = _place(key, settings, buckets)
        if place not in seen:
            seen.add(place)
            count -= 1
            yield key


def _place(key: bytes, settings: Settings, buckets: int) -> tuple[int, int]:
    """The bucket and the tag of a key."""
    words = memoryview(key + bytes(-len(key) % w.WORD_BYTES)).cast("Q")
    hashed = hash_words(words, 0, len(key), settings.hash_mask)
    return hashed & (buckets - 1), hashed >> w.TAG_FROM
