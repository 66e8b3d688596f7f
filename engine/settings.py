"""Settings: the geometry of a store.

The first five are written into the root record when the store is created and hold for its life;
opening it with others is an error. The last three are of this process: its memory, and its writes.

Invariants
  1  every size is a power of two
  2  512 <= write_unit <= extent_bytes <= page_bytes <= segment_bytes
  3  page_bytes <= 2**25, the widest record the sizes word can describe
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .errors import SettingsError

__all__ = ["MASK64", "Budget", "Settings", "check_disk", "plan_memory", "settings_for"]

MASK64 = (1 << 64) - 1

SEGMENT_BYTES_MAX = 1 << 46
SECTOR_BYTES = 512  # The smallest unit a disk writes without tearing, and the size of a root record.
PAGE_BYTES_MAX = 1 << 25
RING_PAGES_MIN = 2
BUCKET_BYTES = 64
OVERFLOW_LEAST = 64
START_PART, START_LEAST = 4, 1 << 12
CACHE_LEAST = 1024  # Bytes: three pages of the smallest.
DISK_PARTS = 64  # Of a disk's budget: so many segments at least are made of it, where nobody says more,
DISK_LEAST = 32  # and so many it has to be at least.


@dataclass(frozen=True, slots=True)
class Settings:
    """Geometry of a store; every size in bytes, a power of two.

    page_bytes      a record never crosses a page, so this bounds key plus value
    segment_bytes   one file of the log; truncation removes whole segments
    write_unit      what one flush may not share with a later one; 4096 on real disks
    extent_bytes    the longest checksummed run, so the least that a cold read verifies
    hash_mask       kept bits of every key's hash; fewer bits make collisions, for tests
    ring_pages      pages of log in memory (power of two, at least 2); None: from `memory`
    index_buckets   main hash buckets (power of two); None: from `memory`, and more of them by themselves as
                    keys come; never fewer than an earlier opening for writing had, whatever is said here
    write_bytes     what one write to the log's files has at most (power of two), an extent or more of them;
                    never beyond a segment

    Raises SettingsError where a value breaks an invariant of this module.
    """

    page_bytes: int = 1 << 20
    segment_bytes: int = 1 << 28
    write_unit: int = 4096
    extent_bytes: int = 1 << 14
    hash_mask: int = MASK64
    ring_pages: int | None = None
    index_buckets: int | None = None
    write_bytes: int = 1 << 20

    def __post_init__(self) -> None:
        for name in ("page_bytes", "segment_bytes", "write_unit", "extent_bytes", "write_bytes"):
            value = getattr(self, name)
            if _is_no_power(value, SECTOR_BYTES):
                raise SettingsError(
                    f"{name} is {value!r}: expected a power of two of at least {SECTOR_BYTES}"
                )
        if not self.write_unit <= self.extent_bytes <= self.page_bytes <= self.segment_bytes:
            raise SettingsError(
                f"write_unit {self.write_unit}, extent_bytes {self.extent_bytes}, "
                f"page_bytes {self.page_bytes}, segment_bytes {self.segment_bytes}: "
                "expected each at most the next"
            )
        if self.page_bytes > PAGE_BYTES_MAX:
            raise SettingsError(f"page_bytes is {self.page_bytes}: expected at most {PAGE_BYTES_MAX}")
        if self.segment_bytes > SEGMENT_BYTES_MAX:
            raise SettingsError(
                f"segment_bytes is {self.segment_bytes}: expected at most {SEGMENT_BYTES_MAX}"
            )
        if self.write_bytes > SEGMENT_BYTES_MAX:
            raise SettingsError(f"write_bytes is {self.write_bytes}: expected at most {SEGMENT_BYTES_MAX}")
        if _is_no_mask(self.hash_mask):
            raise SettingsError(f"hash_mask is {self.hash_mask!r}: expected 64 bits")
        for name, least in (("ring_pages", RING_PAGES_MIN), ("index_buckets", 1)):
            value = getattr(self, name)
            if value is not None and _is_no_power(value, least):
                raise SettingsError(
                    f"{name} is {value!r}: expected a power of two of at least {least}, or None"
                )

    @property
    def piece_bytes(self) -> int:
        """The most bytes that one write has: whole extents of one segment."""
        return min(max(self.write_bytes, self.extent_bytes), self.segment_bytes)

    def persisted(self) -> tuple[int, int, int, int, int]:
        """The part that the root record keeps."""
        return (self.page_bytes, self.segment_bytes, self.write_unit, self.extent_bytes, self.hash_mask)


def settings_for(disk: int | None) -> Settings:
    """The geometry of a new store of which nobody says more: the usual one, or smaller files for a budget.

    Raises SettingsError for what is no budget.
    """
    usual = Settings()
    if disk is None:
        return usual
    part = _power_of_two(disk // DISK_PARTS) if type(disk) is int else 0
    if part < usual.write_unit:
        raise SettingsError(
            f"disk is {disk!r}: expected at least {DISK_PARTS * usual.write_unit} bytes, or None"
        )
    page = min(usual.page_bytes, part)
    return Settings(page, min(usual.segment_bytes, part), extent_bytes=min(usual.extent_bytes, page))


def check_disk(disk: int | None, settings: Settings) -> None:
    """Raises SettingsError for a budget that is none, or too small for the segments."""
    least = DISK_LEAST * settings.segment_bytes
    if disk is not None and (type(disk) is not int or disk < least):
        raise SettingsError(
            f"disk is {disk!r}: expected at least {least} bytes for segments of "
            f"{settings.segment_bytes}, or None"
        )


class Budget(NamedTuple):
    """The share of `memory` for each: pages of log, main hash buckets, overflow buckets; main buckets grow
    into the room of those, by themselves to as many as `index_most`.
    """

    ring_pages: int
    index_buckets: int
    overflow_buckets: int
    index_most: int

    def grown(self) -> Budget:
        """The same with all main buckets from the beginning."""
        rest = self.index_buckets + self.overflow_buckets - self.index_most
        return self._replace(index_buckets=self.index_most, overflow_buckets=rest)


def plan_memory(settings: Settings, memory: int, buckets_least: int = 0, read_cache: int = 0) -> Budget:
    """Split `memory` bytes: half for the log's ring, a quarter for the main buckets, and up to a quarter
    more than those for overflow buckets; what the settings fix goes first, with four overflow buckets a
    main one. Of more than START_LEAST main buckets that nobody fixed there are a quarter to begin with.

    `buckets_least` is what an earlier opening had: chains on the device were made under so many, and
    fewer would merge some. Where that is more than a quarter, the ring gets what it leaves. `read_cache`
    bytes are not there to be split. Raises SettingsError, naming the number needed, where not even two
    pages and the index fit.
    """
    if type(memory) is not int or memory <= 0:
        raise SettingsError(f"memory is {memory!r}: expected a positive number of bytes")
    if type(read_cache) is not int or (read_cache != 0 and read_cache < CACHE_LEAST):
        raise SettingsError(f"read_cache is {read_cache!r}: expected at least {CACHE_LEAST} bytes, or 0")
    memory -= read_cache
    share = settings.index_buckets or _power_of_two(memory // 4 // BUCKET_BYTES)
    start = share if settings.index_buckets else max(share // START_PART, min(share, START_LEAST))
    buckets, most = max(start, buckets_least), max(share, buckets_least)
    overflow = OVERFLOW_LEAST + (5 * most // 4 if settings.index_buckets is None else 4 * most)
    room, needed = memory // 2, 4 * BUCKET_BYTES
    ring_least = 0 if settings.ring_pages else RING_PAGES_MIN * settings.page_bytes
    if settings.index_buckets is None and most > share:
        index_bytes = (most + overflow) * BUCKET_BYTES
        room = min(room, memory - index_bytes)
        needed = min(
            index_bytes + ring_least, 4 * BUCKET_BYTES * buckets
        )  # Or as much as makes it a quarter.
    needed = max(needed, 2 * ring_least)
    if min(buckets, memory) < 1 or room < ring_least:
        raise SettingsError(
            f"memory is {memory + read_cache} bytes: expected at least {needed + read_cache} for pages of "
            f"{settings.page_bytes}"
            + (f" and an index of {buckets} buckets" if buckets_least else "")
            + (f", beside a read cache of {read_cache}" if read_cache else "")
        )
    ring = settings.ring_pages or _power_of_two(room // settings.page_bytes)
    return Budget(ring, buckets, most + overflow - buckets, most)


def _is_no_mask(value: object) -> bool:
    return type(value) is not int or not 0 <= value <= MASK64


def _is_no_power(value: object, least: int) -> bool:
    return type(value) is not int or value < least or value & (value - 1) != 0


def _power_of_two(value: int) -> int:
    """The largest power of two <= value; 0 for none."""
    return 1 << (value.bit_length() - 1) if value > 0 else 0
