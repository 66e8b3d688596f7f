"""Probes: the kernels that find things, in the hash index, along a chain, through the log.

Invariants
  H1  a bucket chain has at most one entry of a tag that is not tentative
  H2  an entry's address is PENDING_ADDRESS or that of a record below the tail
  H3  following `previous` strictly lowers the address
  H6  a slot may come back between two loads of it (`slots`): only an entry that has the tag is used
  H7  the bucket of a hash is `bucket_of`: as many low bits of it as name a main bucket that there is
  H8  a batch uses no bucket that is shut, and shutting waits for those that were under way (`splits`)
  P4  version bits are looked at only from a checkpoint's L_s up, and in void ranges
  P5  a void record is stepped through, never returned; nothing marks it

Threads: any number, each inside a batch (`kernels`). Nothing here raises or spins: a lost race is
REFUSED | RETRY. Every number is an unsigned 64-bit word.
Source: the index of FASTER (Chandramouli et al., SIGMOD 2018, section 3); void ranges are ours.
"""

from __future__ import annotations

from . import words as w
from .atomics import Space, cas, fetch_add, load, prefetch, same, store

MASK64 = (1 << 64) - 1
_MIX_A = 0x9E3779B97F4A7C15
_MIX_B = 0xBF58476D1CE4E5B9
_MIX_C = 0x94D049BB133111EB


def hash_words(space: Space, word: int, size: int, kept: int) -> int:
    """64-bit hash of the `size` bytes that start at `word` (zero padded), with the mask `kept`.

    A splitmix64 step a word; the same on every platform and in both kernel modes.
    """
    mixed = (size * _MIX_A) & MASK64
    for number in range(word, word + ((size + 7) >> 3)):
        mixed = ((mixed ^ space[number]) + _MIX_A) & MASK64
        mixed = ((mixed ^ (mixed >> 30)) * _MIX_B) & MASK64
        mixed = ((mixed ^ (mixed >> 27)) * _MIX_C) & MASK64
        mixed ^= mixed >> 31
    return mixed & kept


# -- index ---------------------------------------------------------------------------------------


def bucket_of(control: Space, hashed: int) -> int:
    """The main bucket of a hash, of which there are `c` = MAIN_COUNT, with the mask `m` = BUCKET_MASK (H7):

        bucket(h) = h & m  if h & m < c  else  h & (m >> 1)

    Both words are read as they are: who has seen that the bucket is not shut finds the same one under all
    values that they have till his row is left.
    """
    bucket = hashed & control[w.BUCKET_MASK]
    if bucket >= control[w.MAIN_COUNT]:
        bucket = hashed & (control[w.BUCKET_MASK] >> 1)
    return bucket


def is_shut(control: Space, hashed: int) -> bool:
    """True while the hash's bucket is split, or is the half that is split off."""
    shut = load(control, w.MAIN_SHUT)
    if shut == 0:
        return False
    half = control[w.BUCKET_MASK] >> 1
    made = (hashed & half) + half + 1
    return load(control, w.MAIN_COUNT) <= made < shut


def find_slot(control: Space, index: Space, hashed: int) -> int:
    """Word number of the entry that has the hash's tag and is not tentative; REFUSED if none has."""
    tag = hashed >> w.TAG_FROM
    bucket = bucket_of(control, hashed)
    while True:
        base = bucket * w.BUCKET_WORDS
        for slot in range(base, base + w.BUCKET_ENTRIES):
            entry = load(index, slot)
            if entry != 0 and entry >> w.TAG_SHIFT == tag:
                return slot
        bucket = load(index, base + w.BUCKET_ENTRIES)
        if bucket == 0:
            return w.REFUSED


def is_tag_elsewhere(control: Space, index: Space, hashed: int, own: int) -> bool:
    """True if a word of the chain other than `own` has the tag, tentative or not."""
    tag = hashed >> w.TAG_FROM
    bucket = bucket_of(control, hashed)
    while True:
        base = bucket * w.BUCKET_WORDS
        for slot in range(base, base + w.BUCKET_ENTRIES):
            if slot != own:
                entry = load(index, slot)
                if entry != 0 and (entry >> w.TAG_SHIFT) & w.TAG_MASK == tag:
                    return True
        bucket = load(index, base + w.BUCKET_ENTRIES)
        if bucket == 0:
            return False


def seek_slot(control: Space, index: Space, hashed: int) -> tuple[int, int]:
    """(word number of the tag's entry, that of the chain's first free word); REFUSED where there is none.

    A free word is looked for up to the entry: where there is an entry nobody needs one.
    """
    tag = hashed >> w.TAG_FROM
    free = w.REFUSED
    bucket = bucket_of(control, hashed)
    while True:
        base = bucket * w.BUCKET_WORDS
        for slot in range(base, base + w.BUCKET_ENTRIES):
            entry = load(index, slot)
            if entry == 0:
                if free == w.REFUSED:
                    free = slot
            elif entry >> w.TAG_SHIFT == tag:
                return slot, free
        bucket = load(index, base + w.BUCKET_ENTRIES)
        if bucket == 0:
            return w.REFUSED, free


def claim_slot(control: Space, index: Space, hashed: int) -> int:
    """Word number of the tag's entry, made if need be; REFUSED | OVERFLOW or RETRY where it cannot be.

    Two-phase insert: a free word becomes tentative, then the whole chain is read again; whoever
    finds the tag elsewhere, tentative or not, gives its word back. So no tag has two entries.
    """
    slot, free = seek_slot(control, index, hashed)
    if slot < w.REFUSED:
        return slot
    if free == w.REFUSED:
        return w.REFUSED | w.OVERFLOW
    tag = hashed >> w.TAG_FROM
    if not cas(index, free, 0, w.TENTATIVE | (tag << w.TAG_SHIFT)):
        return w.REFUSED | w.RETRY
    if is_tag_elsewhere(control, index, hashed, free):
        store(index, free, 0)
        return w.REFUSED | w.RETRY
    store(index, free, (tag << w.TAG_SHIFT) | w.PENDING_ADDRESS)
    return free


def take_bucket(control: Space, index: Space) -> int:
    """Number of an overflow bucket without entry or link that is nobody's; 0 if none is left.

    One that came back is not taken twice: between two times that it does, all rows have been left (H8).
    """
    for _ in range(w.ATTEMPTS):
        first = load(control, w.OVERFLOW_FREE)
        if first == 0:
            break
        bucket = first & w.FREE_MASK
        link = load(index, bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES) & w.FREE_MASK
        rest = 0
        if link != 0:
            rest = first - bucket - (1 << w.FREE_SHIFT) + link
        if cas(control, w.OVERFLOW_FREE, first, rest):
            store(index, bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES, 0)
            return bucket
    taken = fetch_add(control, w.OVERFLOW_NEXT, 1)
    if taken >= control[w.OVERFLOW_END] - load(control, w.MAIN_ROOM):
        return 0
    return control[w.OVERFLOW_END] - 1 - taken


def extend_bucket(control: Space, index: Space, hashed: int) -> bool:
    """Link one overflow bucket behind the last of the hash's chain; False if none is left.

    A lost CAS means that another session's bucket is there now: it goes on behind that one.
    """
    fresh = take_bucket(control, index)
    if fresh == 0:
        return False
    bucket = bucket_of(control, hashed)
    while True:
        word = bucket * w.BUCKET_WORDS + w.BUCKET_ENTRIES
        if cas(index, word, 0, fresh):
            return True
        bucket = load(index, word)


# -- chains --------------------------------------------------------------------------------------


def is_void(control: Space, address: int, link: int) -> bool:
    """True if the record belongs to a version that a recovery left behind (invariant P5).

    Ranges are disjoint and ascend, so one at most holds the address. O(log ranges).
    """
    if address >= control[w.VOID_TOP]:
        return False
    low = 0
    high = control[w.VOID_COUNT] - 1  # Its range ends at VOID_TOP, so above the address.
    while low < high:
        middle = (low + high) >> 1
        if control[w.CONTROL_WORDS + middle * w.VOID_WORDS + 2] <= address:
            low = middle + 1
        else:
            high = middle
    base = w.CONTROL_WORDS + low * w.VOID_WORDS
    inside = control[base + 1] <= address < control[base + 2]
    return inside and (link >> w.VERSION_SHIFT) & w.VERSION_BITS == control[base]


def find_record(control: Space, log: Space, batch: Space, address: int, floor: int) -> int:
    """The chain's first live record of the operation's key at or above `floor`;
    else the first address below `floor` (0: the chain ends)."""
    ring = control[w.RING_MASK]
    key = batch[w.OP_KEY]
    key_bytes = batch[w.OP_KEY_BYTES]
    key_words = (key_bytes + 7) >> 3
    while address >= floor:
        at = (address >> 3) & ring
        link = load(log, at + w.LINK)
        if address >= control[w.VOID_TOP] or not is_void(control, address, link):
            sizes = load(log, at + w.SIZES)
            alike = (sizes >> w.KEY_SHIFT) & w.KEY_MASK == key_bytes
            if alike and same(log, at + w.RECORD_HEADER_WORDS, batch, key, key_words):
                return address
        address = link & w.ADDRESS_MASK
    return address


def hash_keys(control: Space, index: Space, batch: Space, start: int, stop: int) -> None:
    """Hash the keys of operations start .. stop - 1, and ask for the lines of their buckets.

    No entry is noted for them yet: one of an earlier batch may be of another bucket.
    """
    table = batch[w.B_TABLE]
    slots = batch[w.B_SLOTS]
    hashes = batch[w.B_HASHES]
    kept = control[w.HASH_MASK]
    keys = batch[w.B_KEYS]
    stride = batch[w.B_KEY_STRIDE]
    key_bytes = batch[w.B_KEY_BYTES]
    for number in range(start, stop):
        key = keys + number * stride
        if table != 0:
            key = batch[table + number * w.T_WORDS + w.T_KEY]
            key_bytes = batch[table + number * w.T_WORDS + w.T_KEY_BYTES]
        hashed = hash_words(batch, key, key_bytes, kept)
        batch[hashes + number] = hashed
        batch[slots + number] = w.REFUSED
        prefetch(index, bucket_of(control, hashed) * w.BUCKET_WORDS)


def fetch_records(control: Space, index: Space, log: Space, batch: Space, start: int, stop: int) -> None:
    """Note the entries of operations start .. stop - 1, and ask for the lines of their records.

    Only the main bucket is looked at, and every word of it: where the tag stands is not to be foreseen, and
    a loop that ends there would be guessed wrongly by the processor. A hint alone: who uses it looks again.
    In a bucket that is shut nothing is noted.
    """
    hashes = batch[w.B_HASHES]
    slots = batch[w.B_SLOTS]
    shut = load(control, w.MAIN_SHUT)
    ring = control[w.RING_MASK]
    head = load(control, w.HEAD)
    for number in range(start, stop):
        hashed = batch[hashes + number]
        tag = hashed >> w.TAG_FROM
        base = bucket_of(control, hashed) * w.BUCKET_WORDS
        found = w.REFUSED
        address = 0
        for slot in range(base, base + w.BUCKET_ENTRIES):
            entry = index[slot]
            is_it = entry >> w.TAG_SHIFT == tag
            found = slot if is_it else found
            address = entry if is_it else address
        if shut != 0 and is_shut(control, hashed):
            found = w.REFUSED
        batch[slots + number] = found
        address &= w.ADDRESS_MASK
        if address >= head:
            prefetch(log, (address >> 3) & ring)


def is_of_tag(entry: int, hashed: int) -> bool:
    """True if the entry is used, and has the hash's tag (H6)."""
    return entry != 0 and entry >> w.TAG_SHIFT == hashed >> w.TAG_FROM


def noted_slot(index: Space, batch: Space) -> int:
    """Word number of the entry that was noted for the operation, if it has the tag; else REFUSED.

    Its slot may come back before it is used: whoever goes on from its entry looks at the tag again (H6).
    """
    slot = batch[w.OP_SLOT]
    if slot < w.REFUSED and is_of_tag(load(index, slot), batch[w.OP_HASH]):
        return slot
    return w.REFUSED
