"""Spaces: the memory that kernels work on, one allocation each.

    control   boundaries and masks (`words`), then the void ranges; shape (CONTROL_WORDS + 3 n,)
    index     main buckets, then overflow buckets; shape (8 * buckets,)
    log       the ring of pages; shape (ring bytes / 8,)
    epochs    one row a live session; shape (8 * SESSIONS_MAX,)

All are uint64. Void ranges are known when the spaces are made and never change: only a recovery
adds one, and it makes new spaces. Large spaces are mapped: untouched pages cost no memory, and
the system may back them by huge ones, which is what random access is bound by.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Sequence
from contextlib import suppress

from ..kernels import words as w
from ..metadata.layout import VoidRange
from ..settings import Budget, Settings

__all__ = ["SESSIONS_MAX", "Spaces", "address_of", "put_bytes", "words_of"]

SESSIONS_MAX = 256  # Live at once.
MAPPED_BYTES = 1 << 20  # From here on a space is mapped.


class Spaces:
    """The four spaces of a store, and the ring as bytes."""

    def __init__(self, settings: Settings, budget: Budget, voids: Sequence[VoidRange]) -> None:
        buckets = budget.index_buckets
        overflow = budget.overflow_buckets
        self.ring_bytes = budget.ring_pages * settings.page_bytes
        self.control = words_of(w.CONTROL_WORDS + len(voids) * w.VOID_WORDS)
        self.index = words_of((buckets + overflow) * w.BUCKET_WORDS)
        self.log = words_of(self.ring_bytes // w.WORD_BYTES)
        self.log_bytes = self.log.cast("B")
        self.epochs = words_of((SESSIONS_MAX + 1) * w.ROW_WORDS)  # The last is where closed sessions write.
        self.rows_used = 0  # Rows from here on were never anybody's.
        self.on_break: Callable[[], None] = lambda: None  # Called where a batch broke off in the middle.
        control = self.control
        control[w.EPOCH] = w.FIRST_EPOCH
        control[w.OVERFLOW_NEXT] = buckets
        control[w.OVERFLOW_END] = buckets + overflow
        control[w.BUCKET_MASK] = buckets - 1
        control[w.RING_MASK] = self.ring_bytes // w.WORD_BYTES - 1
        control[w.UNIT_MASK] = settings.write_unit - 1
        control[w.HASH_MASK] = settings.hash_mask
        control[w.VOID_COUNT] = len(voids)
        for number, void in enumerate(voids):
            base = w.CONTROL_WORDS + number * w.VOID_WORDS
            control[base] = void.counter & w.VERSION_BITS
            control[base + 1] = void.low
            control[base + 2] = void.high
            control[w.VOID_TOP] = max(control[w.VOID_TOP], void.high)


def words_of(count: int) -> memoryview:
    """A zeroed space of `count` words."""
    size = count * w.WORD_BYTES
    if size < MAPPED_BYTES:
        return memoryview(bytearray(size)).cast("Q")
    mapped = mmap.mmap(-1, size)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):  # A system without them is slower, not wrong.
            mapped.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(mapped).cast("Q")


def address_of(space: memoryview) -> int:
    """The address of the space's first word, for as long as the space lives."""
    return ctypes.addressof(ctypes.c_char.from_buffer(space))


def put_bytes(target: memoryview, word: int, data: bytes) -> None:
    """Write `data`, zero padded to a word, from word number `word` of a space seen as bytes."""
    start = word * w.WORD_BYTES
    padded = -len(data) % w.WORD_BYTES
    target[start : start + len(data) + padded] = data + bytes(padded) if padded else data
