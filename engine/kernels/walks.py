"""Walks: the kernels that go over all of something: the log for recovery, index or log for whoever lists it.

A walk has a space of its own (`words`, W_): a header, rows, and the bytes that the rows tell of. `run_walk`
fills it as far as there is room and says why it stopped: DONE at the end, ROOM, or that the next entry or
record is not to be listed here: RETRY (somebody is about to change it, or its chain is long) or ON_DEVICE
(it goes on below head). Whoever asked does that one by itself and calls again. SHIFT says that there are
more main buckets by now than W_BUCKETS, or will be: nothing was listed.

Invariants
  R6  `relink` names every published, non-void record of its range, and of one key the last, but for R10
  R10 a tombstone of which no entry, or a `previous` below begin, says that it hides nothing, is named by none
  R9  it stops at a record whose version bits contradict the checkpoint that is recovered
  V1  a frame is looked at only inside the row, and only for an address at or above the head read there
  V2  a record that is not frozen is listed only where its link is the same before and after, and not locked
  V5  an entry is listed whole or not at all: rows of a walk never end within a chain
  V8  a key is listed once: one that has got another entry since stands in the same main bucket with the same
      tag, so there rows are compared; RETRY where those of an earlier batch are to be compared too

Threads: `relink` alone, in recovery; walks any number, each with a row of its own. The source is the one that
is compiled (`compilation`), so every number is an unsigned 64-bit word.
Source: recovery and scans of FASTER (Chandramouli et al., SIGMOD 2018, sections 5 and 6.5).
"""

from __future__ import annotations

from . import words as w
from .atomics import Space, cas, copy, load, prefetch, same, store
from .probe import bucket_of, extend_bucket, hash_words, is_void, seek_slot
from .records import value_word

__all__ = ["next_record", "relink", "run_walk"]


def next_record(control: Space, log: Space, address: int, end: int) -> int:
    """The first record at or after `address`, below `end`; `end` if there is none."""
    ring = control[w.RING_MASK]
    unit = control[w.UNIT_MASK]
    while address < end:
        if load(log, ((address >> 3) & ring) + w.SIZES) != 0:
            return address
        address = (address | unit) + 1
    return end


# -- recovery ----------------------------------------------------------------------------------------


def relink(control: Space, index: Space, log: Space, group: Space, address: int, end: int) -> tuple[int, int]:
    """Make the index name every live record of [address, end), oldest first (R6).

    (address, why): DONE at `end`, else OVERFLOW at the record that found no overflow bucket, or STRANGE at
    one of a version that it cannot have. `group` has room for the addresses and hashes of RELINKED records,
    whose buckets are fetched at once, and says what versions there can be.
    """
    ring = control[w.RING_MASK]
    while address < end:
        count = 0
        while count < w.RELINKED:
            address = next_record(control, log, address, end)
            if address >= end:
                break
            at = (address >> 3) & ring
            link = load(log, at + w.LINK)
            sizes = load(log, at + w.SIZES)
            if address >= group[w.G_CHECKED] and not link & w.INVALID:
                ahead = ((link >> w.VERSION_SHIFT) - group[w.G_VERSION]) & w.VERSION_BITS
                # Below L_s nothing of the next version, above it nothing but that and its own.
                if (ahead == 1 and address < group[w.G_FUZZY]) or (ahead > 1 and address >= group[w.G_FUZZY]):
                    return address, w.STRANGE
            if not link & w.INVALID and not is_void(control, address, link):
                key_bytes = (sizes >> w.KEY_SHIFT) & w.KEY_MASK
                hashed = hash_words(log, at + w.RECORD_HEADER_WORDS, key_bytes, control[w.HASH_MASK])
                prefetch(index, bucket_of(control, hashed) * w.BUCKET_WORDS)
                group[count] = address | link >> 63  # A tombstone's is odd.
                group[w.RELINKED + count] = hashed
                count += 1
                if link & w.TRANSIENT:
                    # Sealed for a copy that is void now, or caught under its lock: no one is in it any more.
                    store(log, at + w.LINK, link & ~w.TRANSIENT)
            address += (sizes & w.ALLOCATED_MASK) << 3
        for number in range(count):
            hashed = group[w.RELINKED + number]
            slot, free = seek_slot(control, index, hashed)
            if group[number] & 1:
                group[number] -= 1
                link = load(log, ((group[number] >> 3) & ring) + w.LINK)
                if slot >= w.REFUSED or link & w.ADDRESS_MASK < load(control, w.DURABLE_BEGIN):
                    if slot < w.REFUSED:
                        store(index, slot, 0)
                    continue  # No older record needs it (R10).
            if slot >= w.REFUSED:
                if free >= w.REFUSED:
                    if not extend_bucket(control, index, hashed):
                        return group[number], w.OVERFLOW
                    slot, free = seek_slot(control, index, hashed)
                slot = free
            store(index, slot, (hashed >> w.TAG_FROM) << w.TAG_SHIFT | group[number])
    return end, w.DONE


# -- listing -----------------------------------------------------------------------------------------


def list_record(control: Space, log: Space, walk: Space, address: int, frozen: int) -> int:
    """Put the record into the next row: DONE; ROOM where there is none; RETRY: not yet."""
    at = (address >> 3) & control[w.RING_MASK]
    link = load(log, at + w.LINK)
    if address >= frozen and link & w.LOCK:
        return w.RETRY
    count = walk[w.W_COUNT]
    key = walk[w.W_DATA]
    sizes = load(log, at + w.SIZES)
    key_bytes = (sizes >> w.KEY_SHIFT) & w.KEY_MASK
    value = key + ((key_bytes + 7) >> 3)
    value_bytes = 0 if link & w.TOMBSTONE else sizes >> w.VALUE_SHIFT
    behind = value + ((value_bytes + 7) >> 3)
    if count == walk[w.W_ROWS] or behind > walk[w.W_LIMIT]:
        return w.ROOM
    copy(log, at + w.RECORD_HEADER_WORDS, walk, key, value - key)
    copy(log, value_word(at, sizes), walk, value, behind - value)
    if address >= frozen and load(log, at + w.LINK) != link:
        return w.RETRY
    row = walk[w.W_TABLE] + count * w.R_WORDS
    walk[row + w.R_ADDRESS] = address
    walk[row + w.R_KEY] = key << 3
    walk[row + w.R_KEY_END] = (key << 3) + key_bytes
    walk[row + w.R_VALUE] = value << 3
    walk[row + w.R_VALUE_END] = 0 if link & w.TOMBSTONE else (value << 3) + value_bytes
    walk[w.W_DATA] = behind
    walk[w.W_COUNT] = count + 1
    return w.DONE


def is_shadowed(control: Space, log: Space, first: int, address: int) -> bool:
    """True if a live record between the chain's `first` and `address` has the key of the one at `address`."""
    ring = control[w.RING_MASK]
    key = ((address >> 3) & ring) + w.RECORD_HEADER_WORDS
    key_bytes = (load(log, ((address >> 3) & ring) + w.SIZES) >> w.KEY_SHIFT) & w.KEY_MASK
    while first > address:
        at = (first >> 3) & ring
        link = load(log, at + w.LINK)
        if not is_void(control, first, link):
            alike = (load(log, at + w.SIZES) >> w.KEY_SHIFT) & w.KEY_MASK == key_bytes
            if alike and same(log, at + w.RECORD_HEADER_WORDS, log, key, (key_bytes + 7) >> 3):
                return True
        first = link & w.ADDRESS_MASK
    return False


def is_home(control: Space, log: Space, at: int, bucket: int, entry: int) -> bool:
    """True if the key of the record at word `at` is found through this entry of this main bucket."""
    key_bytes = (load(log, at + w.SIZES) >> w.KEY_SHIFT) & w.KEY_MASK
    hashed = hash_words(log, at + w.RECORD_HEADER_WORDS, key_bytes, control[w.HASH_MASK])
    return bucket_of(control, hashed) == bucket and hashed >> w.TAG_FROM == entry >> w.TAG_SHIFT


def is_given(walk: Space, row: int) -> bool:
    """True if a row of the same main bucket, before this one, has its key."""
    key = walk[row + w.R_KEY]
    key_bytes = walk[row + w.R_KEY_END] - key
    for number in range(walk[w.W_FIRST], walk[w.W_COUNT] - 1):
        other = walk[w.W_TABLE] + number * w.R_WORDS + w.R_KEY
        is_alike = walk[other + 1] - walk[other] == key_bytes
        if is_alike and same(walk, walk[other] >> 3, walk, key >> 3, (key_bytes + 7) >> 3):
            return True
    return False


def list_chain(
    control: Space, log: Space, walk: Space, bucket: int, entry: int, head: int, frozen: int
) -> int:
    """List the live keys that the entry names, newest record of each (V5, V8); DONE, or why not."""
    is_again = walk[w.W_TAGS] >> ((entry >> w.TAG_SHIFT) & w.TAGS_MASK) & 1 != 0
    if is_again and walk[w.W_GIVEN] != 0:
        return w.RETRY
    count = walk[w.W_COUNT]
    data = walk[w.W_DATA]
    least = walk[w.W_BEGIN]
    first = entry & w.ADDRESS_MASK
    address = first
    why = w.DONE
    for _ in range(w.CHAIN_MOST):
        if address < least:
            return w.DONE
        if address < head:
            why = w.ON_DEVICE
            break
        at = (address >> 3) & control[w.RING_MASK]
        link = load(log, at + w.LINK)
        if address >= frozen and link & w.INVALID:
            why = w.RETRY  # Named and invalid: whoever appended it is between its two last steps.
            break
        if (
            not is_void(control, address, link)
            and is_home(control, log, at, bucket, entry)
            and (address == first or not is_shadowed(control, log, first, address))
        ):
            listed = walk[w.W_COUNT]
            behind = walk[w.W_DATA]
            why = list_record(control, log, walk, address, frozen)
            if why != w.DONE:
                break
            row = walk[w.W_TABLE] + listed * w.R_WORDS
            if walk[row + w.R_VALUE_END] == 0 or (is_again and is_given(walk, row)):
                walk[w.W_COUNT] = listed
                walk[w.W_DATA] = behind
        if link & w.ADDRESS_MASK >= address:
            why = w.RETRY  # No chain; who looks closer says so (H3).
            break
        address = link & w.ADDRESS_MASK
    if why == w.DONE and address >= least:
        why = w.RETRY  # A long chain.
    if why != w.DONE:
        walk[w.W_COUNT] = count
        walk[w.W_DATA] = data
    return why


def fetch_ahead(control: Space, index: Space, log: Space, bucket: int, head: int) -> None:
    """Ask for the lines of the records that a main bucket names. A hint alone."""
    base = bucket * w.BUCKET_WORDS
    for slot in range(base, base + w.BUCKET_ENTRIES):
        address = index[slot] & w.ADDRESS_MASK
        if address >= head:
            prefetch(log, (address >> 3) & control[w.RING_MASK])


def list_entries(control: Space, index: Space, log: Space, walk: Space) -> int:
    """Go on with a walk of the index, inside its row; why it stopped. The entry is in W_ADDRESS; after ROOM
    it is tried again, else it was passed."""
    # Read inside the row: no frame from here up is another page's before the row is left.
    head = load(control, w.HEAD)
    frozen = load(control, w.SAFE_READ_ONLY)
    buckets = walk[w.W_BUCKETS]
    while walk[w.W_BUCKET] < buckets:
        main = walk[w.W_BUCKET]
        if main + w.AHEAD < buckets:
            fetch_ahead(control, index, log, main + w.AHEAD, head)
        while True:
            base = walk[w.W_PART] * w.BUCKET_WORDS
            for number in range(walk[w.W_ENTRY], w.BUCKET_ENTRIES):
                entry = load(index, base + number)
                if entry & w.ADDRESS_MASK > w.PENDING_ADDRESS:
                    why = list_chain(control, log, walk, main, entry, head, frozen)
                    if why != w.ROOM:
                        walk[w.W_TAGS] |= 1 << ((entry >> w.TAG_SHIFT) & w.TAGS_MASK)
                    if why != w.DONE:
                        walk[w.W_ENTRY] = number if why == w.ROOM else number + 1
                        walk[w.W_ADDRESS] = entry
                        return why
            walk[w.W_ENTRY] = 0
            walk[w.W_PART] = load(index, base + w.BUCKET_ENTRIES)
            if walk[w.W_PART] == 0:
                break
        walk[w.W_BUCKET] = main + 1
        walk[w.W_PART] = main + 1
        walk[w.W_TAGS] = 0
        walk[w.W_FIRST] = walk[w.W_COUNT]
        walk[w.W_GIVEN] = 0
    return w.DONE


def list_range(control: Space, log: Space, walk: Space) -> int:
    """Go on with a walk of the log, inside its row; why it stopped, at W_ADDRESS."""
    head = load(control, w.HEAD)
    frozen = load(control, w.SAFE_READ_ONLY)
    end = walk[w.W_END]
    address = walk[w.W_ADDRESS]
    why = w.DONE
    while True:
        if address < head and address < end:
            why = w.ON_DEVICE
            break
        address = next_record(control, log, address, end)
        if address >= end:
            break
        at = (address >> 3) & control[w.RING_MASK]
        link = load(log, at + w.LINK)
        if not link & w.INVALID and not is_void(control, address, link):
            why = list_record(control, log, walk, address, frozen)
            if why != w.DONE:
                break
        address += (load(log, at + w.SIZES) & w.ALLOCATED_MASK) << 3
    walk[w.W_ADDRESS] = address
    return why


def run_walk(control: Space, index: Space, log: Space, epochs: Space, walk: Space) -> int:
    """Enter the row, go on with the walk, and leave; why it stopped. W_BUCKETS 0: a walk of the log."""
    row = walk[w.B_ROW]
    if not cas(epochs, row + w.ROW_STATE, w.IDLE, load(control, w.EPOCH)):
        return w.TAKEN
    if walk[w.W_BUCKETS] == 0:
        why = list_range(control, log, walk)
    elif load(control, w.MAIN_SHUT) != 0 or control[w.MAIN_COUNT] != walk[w.W_BUCKETS]:
        why = w.SHIFT
    else:
        why = list_entries(control, index, log, walk)
    store(epochs, row + w.ROW_STATE, w.IDLE)
    return why
