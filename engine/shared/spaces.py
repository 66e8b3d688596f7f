"""Spaces: the memory that kernels work on, one allocation each.

    control   boundaries and masks (`words`), then the void ranges; shape (CONTROL_WORDS + 3 n,)
    index     main buckets from the start on, overflow buckets from the end down; shape (8 * buckets,)
    log       the ring of pages, and behind it the read cache, if any; shape ((ring + cache bytes) / 8,)
    epochs    one row a live session or walk; shape (8 * ROWS_MAX,)

All are uint64. Void ranges are known when the spaces are made and never change: only a recovery
adds one, and it makes new spaces. Large spaces are mapped: untouched pages cost no memory. They are
private and anonymous, at a multiple of 2 MiB, so the system may back them by huge pages, without which
random access waits for the tables of pages more than for the memory itself.

Invariants
  1  a mapped space is this process' own: what a child writes after a fork, the parent does not see
  2  a space that is asked for in huge pages starts at a multiple of HUGE_BYTES

Source: transparent huge pages of Linux; shared memory has a switch of its own, off as a rule.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
from collections.abc import Callable, Sequence
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import Final

from ..kernels import words as w
from ..kernels.atomics import copy
from ..metadata.layout import VoidRange
from ..settings import Budget, Settings

__all__ = [
    "HUGE_BYTES",
    "SESSIONS_MAX",
    "Spaces",
    "address_of",
    "huge_bytes",
    "put_bytes",
    "touch",
    "words_of",
]

SESSIONS_MAX = 256  # Live at once,
READERS_MAX = 64  # and so many walks besides, whatever sessions there are.
ROWS_MAX = SESSIONS_MAX + READERS_MAX
MAPPED_BYTES = 1 << 20  # From here on a space is mapped,
HUGE_BYTES = 1 << 21  # and from here on in huge pages, which are as large on x86-64.
CACHE_WORDS: Final = 6  # The least that a kept record takes with its entry.
CACHE_PAGES: Final = 8  # So many pages of it or more, each of at least and at most so many words.
CACHE_PAGE_LEAST: Final = 32
CACHE_PAGE_MOST: Final = 2048
POPULATE_WRITE: Final = 23  # Advice of Linux 5.14 and later; others refuse it.
SWITCH: Final = Path("/sys/kernel/mm/transparent_hugepage/enabled")  # "always [madvise] never": in brackets.
MAPPINGS: Final = Path("/proc/self/smaps")


class Spaces:
    """The four spaces of a store, and the ring as bytes."""

    def __init__(
        self, settings: Settings, budget: Budget, voids: Sequence[VoidRange], cache_bytes: int = 0
    ) -> None:
        buckets = budget.index_buckets
        overflow = budget.overflow_buckets
        self.ring_bytes = budget.ring_pages * settings.page_bytes
        self.control = words_of(w.CONTROL_WORDS + len(voids) * w.VOID_WORDS)
        self.index = words_of((buckets + overflow) * w.BUCKET_WORDS)
        self.cache_bytes = cache_bytes
        self.log = words_of((self.ring_bytes + cache_bytes) // w.WORD_BYTES)
        self.log_bytes = self.log.cast("B")[: self.ring_bytes]
        self.epochs = words_of((ROWS_MAX + 1) * w.ROW_WORDS)  # The last is where closed sessions write.
        self.rows_used = 0  # Rows from here on were never anybody's.
        self.on_break: Callable[[], None] = lambda: None  # Called where a batch broke off in the middle.
        control = self.control
        control[w.EPOCH] = w.FIRST_EPOCH
        control[w.OVERFLOW_END] = buckets + overflow
        control[w.BUCKET_MASK] = buckets - 1
        control[w.MAIN_COUNT] = control[w.MAIN_ROOM] = buckets
        self.index_most = budget.index_most
        control[w.RING_MASK] = self.ring_bytes // w.WORD_BYTES - 1
        control[w.UNIT_MASK] = settings.write_unit - 1
        control[w.HASH_MASK] = settings.hash_mask
        control[w.VOID_COUNT] = len(voids)
        _lay_out(control, self.ring_bytes // w.WORD_BYTES, cache_bytes // w.WORD_BYTES)
        for number, void in enumerate(sorted(voids, key=attrgetter("high"))):  # As `is_void` wants them.
            base = w.CONTROL_WORDS + number * w.VOID_WORDS
            control[base] = void.counter & w.VERSION_BITS
            control[base + 1] = void.low
            control[base + 2] = void.high
            control[w.VOID_TOP] = max(control[w.VOID_TOP], void.high)

    @property
    def huge_pages(self) -> str:
        """The word for `Stats.huge_pages`."""
        return _told(max(self.index.nbytes, self.log.nbytes))

    def copy_log(self, start: int, size: int) -> memoryview:
        """A copy of `size` bytes of the ring from address `start` on, each word whole; others write on."""
        target = memoryview(bytearray(size)).cast("Q")
        frame, words = (start >> 3) & self.control[w.RING_MASK], len(target)
        first = min(words, (self.ring_bytes >> 3) - frame)
        copy(self.log, frame, target, 0, first)
        copy(self.log, 0, target, first, words - first)
        return target.cast("B")


def _lay_out(control: memoryview, start: int, words: int) -> None:
    """Divide the words of the read cache, from `start` on: an entry to so many words of the whole, the rest
    pages, each with its turn. None: no sets.
    """
    if not words:
        return
    shift = min(max(words // CACHE_PAGES, CACHE_PAGE_LEAST), CACHE_PAGE_MOST).bit_length() - 1
    control[w.KEPT_SETS] = sets = words // CACHE_WORDS // w.KEPT_WAYS
    control[w.KEPT_TABLE], control[w.KEPT_SHIFT] = start, shift
    control[w.KEPT_TURNS] = turns = start + sets * w.KEPT_WAYS
    control[w.KEPT_PAGES] = turns + (start + words - turns) // ((1 << shift) + 1)


def words_of(count: int) -> memoryview:
    """A zeroed space of `count` words. Raises OSError, MemoryError, ValueError, OverflowError."""
    size = count * w.WORD_BYTES
    if size < MAPPED_BYTES:
        return memoryview(bytearray(size)).cast("Q")
    if size < HUGE_BYTES or not _has_advice():
        return memoryview(_mapping(size)).cast("Q")
    mapped = _mapping(size + HUGE_BYTES)  # What is never touched of it costs addresses, no memory.
    whole = memoryview(mapped)
    start = -address_of(whole) % HUGE_BYTES
    with suppress(OSError):  # A system without them is slower, not wrong; `_told` says so.
        mapped.madvise(mmap.MADV_HUGEPAGE, start, size)
    return whole[start : start + size].cast("Q")


def _mapping(size: int) -> mmap.mmap:
    """`size` bytes of zeros that are this process' own (invariant 1)."""
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def _has_advice() -> bool:
    return hasattr(mmap, "MADV_HUGEPAGE")


def _told(size: int) -> str:
    """The word for `Stats.huge_pages` of a store whose largest space has `size` bytes."""
    if size < HUGE_BYTES:
        return "small"
    try:
        switch = SWITCH.read_text(encoding="ascii")
    except OSError:
        return "absent"
    return "absent" if not _has_advice() else "off" if "[never]" in switch else "asked"


def huge_bytes(space: memoryview) -> int:
    """Bytes of a mapped space that stand in huge pages now; 0 where the system does not tell. Linux."""
    first = address_of(space)
    found, is_within = 0, False
    for line in MAPPINGS.read_text(encoding="ascii").splitlines() if MAPPINGS.exists() else []:
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):  # The first line of a mapping: its addresses.
            low, high = (int(part, 16) for part in name.split("-"))
            is_within = first < high and low < first + space.nbytes
        elif is_within and name == "AnonHugePages:":
            found += int(rest.split()[0]) << 10
    return found


def address_of(space: memoryview) -> int:
    """The address of the space's first word, for as long as the space lives."""
    return ctypes.addressof(ctypes.c_char.from_buffer(space))


def touch(space: memoryview, start: int, size: int) -> None:
    """Have the system's memory for these bytes, which do not change; where it refuses, nothing is done.

    The interpreter's lock is given away meanwhile.
    """
    _advise()(address_of(space) + start, size, POPULATE_WRITE)


@functools.cache
def _advise() -> Callable[[int, int, int], int]:
    """The system's own call: that of `mmap` keeps the interpreter's lock."""
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return advise


def put_bytes(target: memoryview, word: int, data: bytes) -> None:
    """Write `data`, zero padded to a word, from word number `word` of a space seen as bytes."""
    start = word * w.WORD_BYTES
    padded = -len(data) % w.WORD_BYTES
    target[start : start + len(data) + padded] = data + bytes(padded) if padded else data
