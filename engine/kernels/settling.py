"""Settling: the kernel that makes an index at rest of the buckets of an image.

    file     main buckets | overflow buckets                      links by the place in the file
    index    main buckets |   ...   | overflow buckets            BEHIND further back, links too

An image is a copy that was made bucket by bucket while others went on (`checkpoint.kinds.index`).

Invariants
  N2  afterwards no entry is tentative, none names what lies at or above the image's `final`, and no overflow
      bucket is in two chains; a link to one that the image has not got is none
  N4  each overflow bucket is in a chain, or without an entry among those that came back

A chart says what the image is, and has a bit for each overflow bucket: set where a link to it was seen.

Threads: any number, over buckets of their own, each with a chart of its own; `free_rest` alone. Nobody else
has the index yet, so words are touched plainly. The source is the one that is compiled (`compilation`), so
every number is an unsigned 64-bit word.
"""

from __future__ import annotations

from . import words as w
from .atomics import Space

__all__ = ["free_rest", "settle"]


def mend(index: Space, chart: Space, base: int) -> bool:
    """Take tentative entries of the bucket for none; False where one names no place of a record."""
    for slot in range(base, base + w.BUCKET_ENTRIES):
        entry = index[slot]
        named = entry & w.LOOKED_AT
        if entry >= w.TENTATIVE:
            index[slot] = 0
        elif named >= chart[w.C_FINAL] or (named % w.WORD_BYTES != 0 and named != w.PENDING_ADDRESS):
            return False
    return True


def count_odd(index: Space, start: int, stop: int, least: int) -> int:
    """Words of the buckets [start, stop) that, taken for entries, are tentative or name no record in `least`
    words of log. One compare for each and no branch: compiled, some of them at once.
    """
    count = 0
    for word in range(start * w.BUCKET_WORDS, stop * w.BUCKET_WORDS):
        named = index[word] & w.LOOKED_AT
        if named >> 3 | (named & 7) << 61 >= least:
            count += 1
    return count


def settle(index: Space, chart: Space, start: int, stop: int) -> int:
    """Settle the buckets [start, stop) of the index (N2): `stop`, or one that none can have."""
    mains = chart[w.C_MAINS]
    used = chart[w.C_USED]
    behind = chart[w.C_BEHIND]
    least = chart[w.C_FINAL] >> 3
    while start < stop:
        end = start + w.SETTLED_AT_ONCE if start + w.SETTLED_AT_ONCE < stop else stop
        count = 0
        for bucket in range(start, end):
            chart[w.C_FOUND + count] = bucket
            if index[bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES] != 0:
                count += 1  # Few have a link: whether one has is nothing to guess.
        odd = count_odd(index, start, end, least)
        for number in range(count):
            bucket = chart[w.C_FOUND + number]
            place = bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES
            link = index[place]
            named = link & w.LOOKED_AT
            if named >> 3 | (named & 7) << 61 >= least:
                odd -= 1
            if link >= used:
                index[place] = 0
                continue
            # Main buckets are in no chain but their own, and each other bucket in one.
            if link < mains:
                return bucket
            word = w.C_LINKED + ((link - mains) >> 6)
            bit = 1 << ((link - mains) & 63)
            if chart[word] & bit != 0:
                return bucket
            chart[word] |= bit
            index[place] = link + behind
        if odd != 0:  # Entries, for links are not among them any more.
            for bucket in range(start, end):
                if not mend(index, chart, bucket * w.BUCKET_WORDS):
                    return bucket
        start = end
    return stop


def free_rest(control: Space, index: Space, chart: Space) -> None:
    """Let the overflow buckets come back that no link led to (N4)."""
    first_of_all = chart[w.C_MAINS] + chart[w.C_BEHIND]
    place = chart[w.C_USED] - chart[w.C_MAINS]
    control[w.OVERFLOW_NEXT] = place
    following = 0
    count = 0
    while place > 0:
        place -= 1
        if chart[w.C_LINKED + (place >> 6)] >> (place & 63) & 1 == 0:
            # Taken after the image was begun, and linked where it had been copied: all of it is linked again.
            base = (first_of_all + place) * w.BUCKET_WORDS
            for slot in range(base, base + w.BUCKET_ENTRIES):
                index[slot] = 0
            index[base + w.BUCKET_ENTRIES] = following | w.REFUSED
            following = first_of_all + place
            count += 1
    if count != 0:
        control[w.OVERFLOW_FREE] = count << w.FREE_SHIFT | following
