"""Splits: the kernel that makes a main bucket two, by the next bit of its keys' hashes.

    before   bucket b                    chain of buckets, each entry a chain of records
    after    bucket b, and b + half      an entry in either, or in both

With `first(k, a)` the first record of key k in the chain from address a on, e the entry of k's tag in
bucket b and e' the one in bucket(k) afterwards:

    first(k, e') = first(k, e)

for every key that had an entry here. The keys of an entry's records in memory are looked at: each half names
the first record of its own. What lies below head, or behind PARTED_MOST records, is not looked at: there both
halves name the same record, and share what is behind it. A half none of whose keys can be there has no entry.

Invariants
  S1  none but this one uses a bucket that is split: it is shut (`probe`, H8)
  S2  a bucket is split whole, or not at all: overflow buckets for it are had before anything is changed
  S3  an overflow bucket that is left over has neither entry nor link when it comes back
  S4  a bucket comes back into public use (`publish`) only after a drain: so none that a batch saw as the
      first that came back is that again while the batch goes on

Threads: one at a time, in a row of its own, so that no frame from head up is another page's. The source is
the one that is compiled (`compilation`), so every number is an unsigned 64-bit word.
Source: index growth of FASTER (SplitHashBuckets, TraceBackForOtherChainStart); a bucket at a time in place,
as linear hashing has it (Litwin, VLDB 1980).
"""

from __future__ import annotations

from . import words as w
from .atomics import Space, cas, load, prefetch, store
from .probe import hash_words, take_bucket
from .walks import fetch_ahead

__all__ = ["publish", "split"]


def part_chain(control: Space, log: Space, address: int, bit: int, head: int, kept: int) -> tuple[int, int]:
    """Where the chains of both halves begin, by a bit of the hash: of the half without it, and with it.

    0: none of its keys is there.
    """
    low = 0
    high = 0
    for _ in range(w.PARTED_MOST):
        if address < head or (low != 0 and high != 0):
            break
        at = (address >> 3) & control[w.RING_MASK]
        key_bytes = (load(log, at + w.SIZES) >> w.KEY_SHIFT) & w.KEY_MASK
        hashed = hash_words(log, at + w.RECORD_HEADER_WORDS, key_bytes, control[w.HASH_MASK])
        if hashed & bit == 0:
            if low == 0:
                low = address
        elif high == 0:
            high = address
        address = load(log, at + w.LINK) & w.ADDRESS_MASK
    if address > w.PENDING_ADDRESS and address >= kept:
        if low == 0:
            low = address
        if high == 0:
            high = address
    return low, high


def keep(index: Space, spare: Space, bucket: int) -> None:
    """Put an overflow bucket, whose entries are all 0, to those that are left over."""
    store(index, bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES, spare[w.G_FIRST] | w.REFUSED)
    if spare[w.G_FIRST] == 0:
        spare[w.G_LAST] = bucket
    spare[w.G_FIRST] = bucket
    spare[w.G_COUNT] += 1


def take_kept(index: Space, spare: Space) -> int:
    """One of those that are left over, without a link."""
    bucket = spare[w.G_FIRST]
    word = bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES
    spare[w.G_FIRST] = load(index, word) & w.FREE_MASK
    spare[w.G_COUNT] -= 1
    store(index, word, 0)
    return bucket


def publish(control: Space, index: Space, spare: Space) -> bool:
    """Let everybody have what is left over; False: somebody else was faster. After a drain (S4)."""
    count = spare[w.G_COUNT]
    if count == 0:
        return True
    first = load(control, w.OVERFLOW_FREE)
    word = spare[w.G_LAST] * w.BUCKET_WORDS + w.BUCKET_ENTRIES
    store(index, word, (first & w.FREE_MASK) | w.REFUSED)
    number = (first >> w.FREE_SHIFT) + count
    if not cas(control, w.OVERFLOW_FREE, first, number << w.FREE_SHIFT | spare[w.G_FIRST]):
        return False
    spare[w.G_FIRST] = 0
    spare[w.G_COUNT] = 0
    return True


def have_enough(control: Space, index: Space, spare: Space, bucket: int) -> bool:
    """True if as many overflow buckets are left over as stand behind the main one (S2)."""
    needed = 0
    bucket = load(index, bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES)
    while bucket != 0:
        needed += 1
        bucket = load(index, bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES)
    while spare[w.G_COUNT] < needed:
        fresh = take_bucket(control, index)
        if fresh == 0:
            return False
        keep(index, spare, fresh)
    return True


def cut_behind(index: Space, spare: Space, bucket: int) -> None:
    """End the chain with this bucket; what stands behind it, without an entry, is left over (S3)."""
    word = bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES
    behind = load(index, word)
    store(index, word, 0)
    while behind != 0:
        bucket = behind
        behind = load(index, bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES)
        keep(index, spare, bucket)


def split_bucket(
    control: Space, index: Space, log: Space, spare: Space, bucket: int, half: int, head: int, kept: int
) -> None:
    """Make the bucket, which is shut, two: itself and the one `half` above it, which is all zeros."""
    low_bucket = bucket
    low_count = 0
    high_bucket = bucket + half
    high_count = 0
    while True:
        base = bucket * w.BUCKET_WORDS
        for slot in range(base, base + w.BUCKET_ENTRIES):
            entry = load(index, slot)
            if entry == 0:
                continue
            # What is kept comes to stand no later than it was read: so the chain is packed as it is read.
            store(index, slot, 0)
            if entry >= w.TENTATIVE or entry & w.ADDRESS_MASK == w.PENDING_ADDRESS:
                continue  # Claimed, and nothing is written: whoever wants it claims it again.
            named = entry & ~w.ADDRESS_MASK
            low, high = part_chain(control, log, entry & w.ADDRESS_MASK, half, head, kept)
            if low != 0:
                if low_count == w.BUCKET_ENTRIES:
                    low_bucket = load(index, low_bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES)
                    low_count = 0
                store(index, low_bucket * w.BUCKET_WORDS + low_count, named | low)
                low_count += 1
            if high != 0:
                if high_count == w.BUCKET_ENTRIES:
                    more = take_kept(index, spare)
                    store(index, high_bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES, more)
                    high_bucket = more
                    high_count = 0
                store(index, high_bucket * w.BUCKET_WORDS + high_count, named | high)
                high_count += 1
        bucket = load(index, base + w.BUCKET_ENTRIES)
        if bucket == 0:
            break
    cut_behind(index, spare, low_bucket)


def split(control: Space, index: Space, log: Space, spare: Space, start: int, stop: int) -> int:
    """Make main buckets `start` = MAIN_COUNT to `stop` - 1, by splitting those that they come from, all of
    them shut; each is open once it is made.

    DONE, or OVERFLOW at the one for which no overflow buckets are left. `spare` has those that are left over,
    from the calls before too: with `start` = `stop` they are everybody's, and that is all.
    """
    half = (control[w.BUCKET_MASK] >> 1) + 1
    head = load(control, w.HEAD)
    kept = load(control, w.DURABLE_BEGIN)
    publish(control, index, spare)
    while start < stop:
        bucket = start - half
        prefetch(index, (bucket + w.AHEAD + w.AHEAD) * w.BUCKET_WORDS)
        if bucket + w.AHEAD < half:
            fetch_ahead(control, index, log, bucket + w.AHEAD, head)
        if not have_enough(control, index, spare, bucket):
            return w.OVERFLOW
        split_bucket(control, index, log, spare, bucket, half, head, kept)
        start += 1
        store(control, w.MAIN_COUNT, start)
    return w.DONE
