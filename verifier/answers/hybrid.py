"""The reference of the hybrid log: where each record stands, and what each operation does to it.

It predicts, for one task that runs alone, the addresses of all records, the boundaries of the log, and
the counters of `stats()`. From the paper and FORMAT.md it has

    in place   a record in the mutable region whose allocated words hold the new value; never a tombstone, and
               never one of the version before the running checkpoint's shift
    copied     all else, for a key that has a record somewhere
    a slot     comes back at a delete in place after which its chain hides nothing (`chains`, dead)
    a page     a record never crosses one; opening the next one evicts the oldest frame of a full ring
    a fold     the tail goes up to the next write unit, and all below is frozen

Invariants
  1  kept <= begin <= head <= flushed <= read_only <= tail
  2  nothing here asks the store

Source: HybridLog of FASTER (Chandramouli et al., SIGMOD 2018, sections 4 and 5).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from ..faster.geometries import GEOMETRIES
from .chains import HEADER_BYTES, WORD, Chains, Record, words_of

__all__ = ["FIRST_ADDRESS", "KEEP", "HybridLog", "MisfitError", "Place"]

FIRST_ADDRESS: Final = 64
MUTABLE_TENTHS: Final = 9
CHANGES_MAX: Final = 255  # Of a record in place, then it is copied.
COUNTER_BYTES: Final = 8

Place = tuple[str, int]  # "warm", "cold" or "nowhere", and the address at which the chain was left.


class MisfitError(Exception):
    """The value there is cannot be changed so."""


class _Keep:
    """In the place of a value: there is nothing to write."""


KEEP: Final = _Keep()


class HybridLog:
    """The log, its index, and the counters of the handles that work on it."""

    def __init__(self, geometry: str) -> None:
        settings = GEOMETRIES[geometry]
        assert settings.ring_pages is not None
        assert settings.index_buckets is not None
        self.settings = settings
        self.page = settings.page_bytes
        self.unit = settings.write_unit
        self.ring = settings.ring_pages * self.page
        self.record_max = self.page - FIRST_ADDRESS
        self._mutable = max(1, settings.ring_pages * MUTABLE_TENTHS // 10) * self.page
        self._buckets = settings.index_buckets
        self.chains = Chains(settings.hash_mask, self._buckets)
        self.version = 1
        self.shifted_at = 0  # The address from which versions count, once the checkpoint has shifted.
        self.counters: Counter[str] = Counter()
        self.reads_more = 0  # Device reads that an append may have made besides.
        self.begin = self.head = self.flushed = self.read_only = self.tail = FIRST_ADDRESS
        self.kept = FIRST_ADDRESS  # The begin of the newest durable checkpoint.
        self._written = 0
        self._page_end = self.page

    # -- finding -----------------------------------------------------------------------------------

    def locate(self, key: bytes) -> tuple[Place, Record | None]:
        """The key's newest record, tombstones too, and where it was found."""
        address = self.chains.find(key, self.head)
        if address >= self.head:
            return ("warm", address), self.chains.records[address]
        if address < max(self.begin, FIRST_ADDRESS):
            return ("nowhere", address), None
        return ("cold", address), self.chains.cold(key, address, self.begin)

    def read(self, key: bytes, told: int = 0) -> tuple[Place, bytes | None]:
        """A read or a peek; `told` is an address that the device has answered already."""
        place, record = self.locate(key)
        self.counters["device_reads"] += place[0] == "cold" and place[1] != told
        self._count(place)
        return place, None if record is None else record.value

    def _count(self, place: Place) -> None:
        where, address = place
        region = "hits_mutable" if address >= self.read_only else "hits_frozen"
        self.counters[{"warm": region, "cold": "hits_cold", "nowhere": "absent"}[where]] += 1

    # -- changing ----------------------------------------------------------------------------------

    def upsert(self, key: bytes, value: bytes) -> None:
        """Set a value; below read-only nobody looks at what there was."""
        self.chains.claim(key, self.kept)
        while True:
            address = self.chains.find(key, self.read_only)
            where = "warm" if address >= self.read_only else "cold" if address else "nowhere"
            if self._change(key, value, (where, address)):
                return self._count((where, address))

    def change(
        self, key: bytes, make: Callable[[bytes | None], bytes | _Keep | None], told: int = 0
    ) -> bytes | None:
        """Set what `make` makes of the value there is, None being a tombstone; the value before.

        Where it gives KEEP nothing is changed. Raises MisfitError where it does: nothing is counted.
        """
        self.chains.claim(key, self.kept)
        return self._alter(key, make, told)

    def delete(self, key: bytes) -> bool:
        """Take the value away; whether there was one."""
        return self._alter(key, lambda old: KEEP if old is None else None, 0) is not None

    def _alter(
        self, key: bytes, make: Callable[[bytes | None], bytes | _Keep | None], told: int
    ) -> bytes | None:
        while True:
            place, record = self.locate(key)
            if place[0] == "cold" and place[1] != told:
                self.counters["device_reads"] += 1
                told = place[1]
            before = None if record is None else record.value
            value = make(before)
            if isinstance(value, _Keep) or self._change(key, value, place):
                self._count(place)
                return before

    def _change(self, key: bytes, value: bytes | None, place: Place) -> bool:
        """Write the value; False if a page had to be opened, and all is to be looked at again."""
        where, address = place
        if where == "warm" and address >= self.read_only:
            record = self.chains.records[address]
            is_old = bool(self.shifted_at) and (address < self.shifted_at or record.version != self.version)
            if not is_old and self._fits(record, value):
                record.value = value
                self.counters["in_place"] += 1
                if value is None:
                    self.chains.bury(key, self.head, self.kept)
                return True
        if not self._append(key, value):
            return False
        self.counters["appended" if where == "nowhere" else "copied"] += 1
        return True

    def _fits(self, record: Record, value: bytes | None) -> bool:
        """True if the record takes the value where it stands; counts a change of several words."""
        if record.value is None:
            return False
        if value is None or (len(value) == len(record.value) and len(value) <= WORD):
            return True
        if record.changes == CHANGES_MAX or words_of(record.key, value) > record.words:
            return False
        record.changes += 1
        return True

    def _append(self, key: bytes, value: bytes | None) -> bool:
        needed = words_of(key, value) * WORD
        if self.tail + needed > self._page_end:
            self.open_page()
            return False
        self.chains.add(self.tail, key, value, self.version)
        self.tail += needed
        return True

    # -- boundaries --------------------------------------------------------------------------------

    def open_page(self) -> None:
        """Begin the next page, of which the ring has room where the oldest goes."""
        start = self._page_end
        head = max(self.head, start + self.page - self.ring)
        self.read_only = max(self.read_only, head, start - self._mutable)
        self._flush(self.read_only)
        self.head = head
        self.tail, self._page_end = start, start + self.page

    def _flush(self, until: int) -> None:
        until -= until % self.unit
        self.flushed = max(self.flushed, self._written)
        if until > self._written:
            self.flushed = self._written = until

    def fold(self) -> int:
        """Freeze and write all there is; the tail that this makes."""
        self.tail += -self.tail % self.unit
        self.read_only = max(self.read_only, self.tail)
        self._flush(self.tail)
        return self.tail

    def truncate(self, address: int) -> int:
        """Give up what lies below; the begin that this makes."""
        begin = min(address, self.head)
        self.begin = max(self.begin, begin - begin % self.page)
        return self.begin

    def grow(self) -> int:
        """Double the main buckets of the index; how many there are then, 0: there is no room."""
        return self.chains.buckets if self.chains.grow(self.head, self.kept) else 0

    def recover(self, begin: int, low: int, end: int, version: int, buckets: int = 0) -> None:
        """Come back to a checkpoint of `version`: L_s at `low`, the log's end at `end`; 0: to none."""
        self.version = version + 1
        self.shifted_at = 0
        self.counters.clear()
        self.reads_more = 0
        self._written = end
        self.tail = self.flushed = self.read_only = max(end, FIRST_ADDRESS)
        self.begin = self.kept = max(begin, FIRST_ADDRESS)
        self._page_end = self.tail + -self.tail % self.page
        self.head = max(self.begin, self._page_end - self.ring)
        self.chains.relink(max(begin, FIRST_ADDRESS), self.tail, low, self.version, buckets)

    def value_max(self, key: bytes) -> int:
        """The longest value that the key can have; negative: none."""
        return self.record_max - HEADER_BYTES - (len(key) + 7) // WORD * WORD
