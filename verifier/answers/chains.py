"""Chains: the reference of the hash index, as the records that each of its entries leads to.

    slot      main bucket and tag of a key's hash; keys of one slot share a chain
    record    its address is its key in `records`; `previous` goes on with the chain, 0 ends it
    kept      the begin of the newest durable checkpoint
    dead      dead(a)  <=>  a < kept, or a is in memory and a tombstone, and dead(previous of a)

Invariants
  1  records stand in the order of their addresses
  2  a tag has an entry from its first claim until its chain is dead, and that is looked at, or its bucket is
     split before anything was written
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..faster.seams import hash_of

__all__ = ["HEADER_BYTES", "WORD", "Chains", "Record", "words_of"]

WORD: Final = 8
HEADER_BYTES: Final = 16
TAG_FROM: Final = 50  # The tag is the top 14 bits of the hash.
BUCKET_ENTRIES: Final = 7
BUCKET_BYTES: Final = 64
CHAIN_MOST: Final = 8  # So many records of a chain are looked at,
PARTED_MOST: Final = 32  # and so many where it comes to part.
SPARE_BUCKETS: Final = 64  # Overflow buckets that there are beside four to a main one.

Slot = tuple[int, int]


@dataclass(slots=True)
class Record:
    """A record of the log; `value` None: a tombstone."""

    key: bytes
    value: bytes | None
    words: int  # Allocated, header and key included.
    previous: int
    version: int
    changes: int = 0  # Of several words, in place.
    is_void: bool = False


def words_of(key: bytes, value: bytes | None) -> int:
    """The words that a record takes."""
    return (HEADER_BYTES + (len(key) + 7) // WORD * WORD + (len(value or b"") + 7) // WORD * WORD) // WORD


class Chains:
    """Entries of the index, and the records of the log."""

    def __init__(self, hash_mask: int, buckets: int) -> None:
        self.records: dict[int, Record] = {}
        self._hash_mask = hash_mask
        self._first = self.buckets = buckets
        self._end = buckets + SPARE_BUCKETS + 4 * buckets
        self._fresh = self._free = 0  # Overflow buckets that were ever taken, and those that came back.
        self._growths = 0
        self._entries: dict[Slot, int] = {}
        self._tags: dict[int, set[int]] = {}
        self._overflows: dict[int, int] = {}  # Overflow buckets of a main bucket, which never come back.
        self._slots: dict[bytes, Slot] = {}

    def slot(self, key: bytes) -> Slot:
        """The slot of a key."""
        slot = self._slots.get(key)
        if slot is None:
            hashed = hash_of(key, self._hash_mask)
            slot = self._slots[key] = hashed & (self.buckets - 1), hashed >> TAG_FROM
        return slot

    def claim(self, key: bytes, kept: int = 0) -> None:
        """Give the key's slot an entry, if it has none; those below `kept` go where there is no room."""
        bucket, tag = self.slot(key)
        tags = self._tags.setdefault(bucket, set())
        if tag in tags:
            return
        if len(tags) == self._room(bucket):
            gone = [each for each in tags if 0 < self._entries.get((bucket, each), 0) < kept]
            for each in gone:
                self._give_back((bucket, each))
            if not gone:
                self._overflows[bucket] = self._overflows.get(bucket, 0) + 1
                self._take()
        tags.add(tag)

    def bury(self, key: bytes, head: int, kept: int) -> None:
        """Give back the entry of a key that was deleted in place, if its chain is dead."""
        slot = self.slot(key)
        address = self._entries[slot]
        for _ in range(CHAIN_MOST):
            if address < kept:
                return self._give_back(slot)
            if address < head or self.records[address].value is not None:
                return None
            address = self.records[address].previous
        return None

    def _give_back(self, slot: Slot) -> None:
        bucket, tag = slot
        self._tags[bucket].discard(tag)
        self._entries.pop(slot, None)

    def _room(self, bucket: int) -> int:
        return (self._overflows.get(bucket, 0) + 1) * BUCKET_ENTRIES

    def _take(self) -> None:
        if self._free:
            self._free -= 1
        else:
            self._fresh += 1

    def grow(self, head: int, kept: int) -> bool:
        """Make two of each main bucket; False: there is no room."""
        half, wide = self.buckets, 2 * self.buckets
        if self._end - wide < max(half // 2, self._fresh + half // 8):
            return False
        entries, overflows, self._tags = self._entries, self._overflows, {}
        self._entries, self._overflows, self._slots, self.buckets = {}, {}, {}, wide
        for (bucket, tag), address in entries.items():
            for part, first in zip(
                (bucket, bucket + half), self._part(address, half, head, kept), strict=True
            ):
                if first:
                    self._entries[part, tag] = first
                    self._tags.setdefault(part, set()).add(tag)
        for bucket in range(half):
            behind = overflows.get(bucket, 0)
            while self._free < behind:
                self._fresh, self._free = self._fresh + 1, self._free + 1
            for part in (bucket, bucket + half):
                count = max(0, (len(self._tags.get(part, ())) - 1) // BUCKET_ENTRIES)
                if count:
                    self._overflows[part] = count
                self._free -= count
            self._free += behind  # Those that the bucket had, as if the first half took others.
        self._growths += 1
        return True

    def _part(self, address: int, half: int, head: int, kept: int) -> tuple[int, int]:
        """Where the chains of the two halves begin; 0: none of its keys is there."""
        firsts = [0, 0]
        for _ in range(PARTED_MOST):
            if address < head or all(firsts):
                break
            record = self.records[address]
            which = int(hash_of(record.key, self._hash_mask) & half > 0)
            firsts[which] = firsts[which] or address
            address = record.previous
        if address >= max(kept, 1):
            firsts = [first or address for first in firsts]
        return firsts[0], firsts[1]

    @property
    def figures(self) -> dict[str, int]:
        """Its part of `stats()`: as many overflow buckets as the entries have needed."""
        overflow = sum(self._overflows.values())
        return {
            "index_bytes": (self.buckets + overflow) * BUCKET_BYTES,
            "buckets": self.buckets,
            "overflow_buckets": overflow,
            "growths": self._growths,
        }

    def add(self, address: int, key: bytes, value: bytes | None, version: int) -> None:
        """Put a record at the end of the log, at the front of its chain."""
        slot = self.slot(key)
        self.records[address] = Record(key, value, words_of(key, value), self._entries.get(slot, 0), version)
        self._entries[slot] = address

    def find(self, key: bytes, floor: int) -> int:
        """The key's newest record at or above `floor`, else the first address of its chain below it."""
        address = self._entries.get(self.slot(key), 0)
        while address >= floor:
            record = self.records[address]
            if record.key == key and not record.is_void:
                return address
            address = record.previous
        return address

    def cold(self, key: bytes, address: int, begin: int) -> Record | None:
        """The key's newest record at or below `address`, not below `begin`."""
        while address >= max(begin, 1):
            record = self.records[address]
            if record.key == key and not record.is_void:
                return record
            address = record.previous
        return None

    def listed(self, begin: int, end: int) -> list[tuple[int, Record]]:
        """The records that a scan of [begin, end) tells."""
        return [
            (address, record)
            for address, record in self.records.items()
            if begin <= address < end and not record.is_void
        ]

    def relink(self, begin: int, end: int, low: int, version: int, buckets: int) -> None:
        """Make the entries anew, as recovery does, of what stands in [begin, end).

        What is of `version` is void from `low` up. A tombstone behind which nothing stands has
        none. There are so many `buckets`; 0: as at first.
        """
        self.records = {address: record for address, record in self.records.items() if address < end}
        self._entries, self._tags, self._overflows, self._slots = {}, {}, {}, {}
        self.buckets = buckets or self._first
        self._end = self.buckets + SPARE_BUCKETS + 4 * self.buckets
        self._fresh = self._free = self._growths = 0
        for address, record in self.records.items():
            record.is_void = record.is_void or (address >= low and record.version == version)
            if address < begin or record.is_void:
                continue
            slot = self.slot(record.key)
            if record.value is not None or (slot in self._entries and record.previous >= begin):
                self.claim(record.key)
                self._entries[slot] = address
            elif slot in self._entries:
                self._give_back(slot)
