"""Spaces: the memory that kernels work on, one allocation each.

    control   boundaries and masks (`words`), then the void ranges; shape (CONTROL_WORDS + 3 n,)
    index     main buckets, then overflow buckets; shape (8 * buckets,)
    log       the ring of pages; shape (ring bytes / 8,)

All are uint64. Void ranges are known when the spaces are made and never change: only a recovery
adds one, and it makes new spaces. Untouched pages of the index cost no memory: the system maps
zeros until the first write.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import words as w
from .layout import VoidRange
from .settings import Budget, Settings

__all__ = ["OVERFLOW_FACTOR", "Spaces"]

OVERFLOW_FACTOR = 4  # Overflow buckets reserved for each main bucket.
OVERFLOW_LEAST = 64


class Spaces:
    """The three spaces of a store, and the ring as bytes."""

    def __init__(self, settings: Settings, budget: Budget, voids: Sequence[VoidRange]) -> None:
        buckets = budget.index_buckets
        overflow = buckets * OVERFLOW_FACTOR + OVERFLOW_LEAST
        self.ring_bytes = budget.ring_pages * settings.page_bytes
        self.control = words_of(w.CONTROL_WORDS + len(voids) * w.VOID_WORDS)
        self.index = words_of((buckets + overflow) * w.BUCKET_WORDS)
        self.log = words_of(self.ring_bytes // w.WORD_BYTES)
        self.log_bytes = self.log.cast("B")
        control = self.control
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
    return memoryview(bytearray(count * w.WORD_BYTES)).cast("Q")
