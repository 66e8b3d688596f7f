"""Near operations: the short way of a batch, for values of one word whose record lies where it was noted, in
memory.

Most operations of a large batch are such. What they do is what `operations` does for them, with the frame
left out: they are found or changed in place, with the same locks, or left to the long way, which begins anew.

Invariants
  N1  whatever is unusual is left as it was found: an entry that was not noted, a chain's second record, a
      void range, a lock, a seal, a tombstone, another size, a record that may not be written in place
  N2  no checkpoint is under way: version bits decide nothing (P4)
  N3  boundaries are read once a call: of those that move on meanwhile, what is read and written here stays
      in memory, and may be written, until the row is left (E1)

Threads: any number, each inside a batch. The source is the one that is compiled (`compilation`), so every
number is an unsigned 64-bit word.
"""

from __future__ import annotations

from . import words as w
from .atomics import Space, cas, load, same, store

__all__ = ["is_near", "run_near"]


def is_near(batch: Space, fuzzy: int) -> bool:
    """True if the operations of this batch may go the short way."""
    if fuzzy != 0 or batch[w.B_TABLE] != 0 or batch[w.B_KEY_BYTES] == 0:
        return False
    kind = batch[w.B_KIND]
    if kind == w.READ:
        return batch[w.B_ROOM] == 8
    return (kind == w.UPSERT or kind == w.ADD) and 1 <= batch[w.B_VALUE_BYTES] <= 8


def run_near(control: Space, index: Space, log: Space, batch: Space, number: int, stop: int) -> int:
    """Run operations `number` to `stop` - 1, in order, as far as they go the short way; the first left."""
    kind = batch[w.B_KIND]
    keys = batch[w.B_KEYS]
    values = batch[w.B_VALUES]
    results = batch[w.B_RESULTS]
    slots = batch[w.B_SLOTS]
    hashes = batch[w.B_HASHES]
    stride = batch[w.B_KEY_STRIDE]
    key_bytes = batch[w.B_KEY_BYTES]
    more_words = (key_bytes - 1) >> 3  # Of a key, behind the first.
    value_bytes = batch[w.B_VALUE_BYTES]
    ring = control[w.RING_MASK]
    mutable = load(control, w.READ_ONLY)
    floor = load(control, w.HEAD) if kind == w.READ else mutable
    if floor < control[w.VOID_TOP]:
        floor = control[w.VOID_TOP]
    frozen = 0
    first = number
    while number < stop:
        slot = batch[slots + number]
        if slot >= w.REFUSED:
            break
        entry = load(index, slot)
        address = entry & w.ADDRESS_MASK
        if entry >> w.TAG_SHIFT != batch[hashes + number] >> w.TAG_FROM or address < floor:
            break
        at = (address >> 3) & ring
        link = load(log, at + w.LINK)
        sizes = load(log, at + w.SIZES)
        found_bytes = sizes >> w.VALUE_SHIFT
        key_alike = (sizes >> w.KEY_SHIFT) & w.KEY_MASK == key_bytes
        if link & (w.LOCK | w.SEALED | w.INVALID | w.TOMBSTONE) != 0 or not key_alike:
            break
        key = keys + number * stride
        value = at + w.RECORD_HEADER_WORDS + 1
        if load(log, value - 1) != batch[key]:
            break
        if more_words != 0:
            if not same(log, value, batch, key + 1, more_words):
                break
            value += more_words
        if kind == w.READ:
            if not 1 <= found_bytes <= 8:
                break
            batch[values + number] = load(log, value)
            if load(log, at + w.LINK) != link:
                break
            batch[results + number] = w.FOUND | found_bytes << w.RESULT_BITS
            if address < mutable:
                frozen += 1
        else:
            if found_bytes != value_bytes:
                break
            if not cas(log, at + w.LINK, link, link | w.LOCK):
                break  # Somebody else was faster.
            if kind == w.ADD:
                store(log, value, (load(log, value) + batch[values + number]) & w.MASK64)
                batch[results + number] = w.FOUND
            else:
                store(log, value, batch[values + number])
                batch[results + number] = w.DONE
            store(log, at + w.LINK, link)
        number += 1
    done = number - first
    batch[w.N_FROZEN] += frozen
    batch[w.N_MUTABLE] += done - frozen
    if kind != w.READ:
        batch[w.N_IN_PLACE] += done
    if done != 0:
        batch[w.B_COLD_STATE] = w.COLD_UNKNOWN
    return number
