"""Picks: the kernel that goes over frozen log for a compaction, and picks what may be live.

The log stands in the batch, from B_PAGE on: no byte of it changes any more, wherever it was read. What is
picked fills the rows of a MOVE: where its key and its value are, and as its result so far its address. Where
its chain leads from memory, to a record of its key or below head, stands where the entry will be noted.

Invariants, of a record at `a`
  C4  passed by => it is a tombstone, or was never published, or is void, or its key has a published record
      above `a`: it is not live, and will not be again
  C5  picked => nothing: a MOVE looks anew (C2)

So it does not matter what changes meanwhile, and of a bucket that is shut nothing is looked at (H8).

Threads: any number, each inside a row. The source is the one that is compiled (`compilation`), so every
number is an unsigned 64-bit word.
"""

from __future__ import annotations

from . import words as w
from .atomics import Space, cas, load, store
from .probe import fetch_records, find_record, find_slot, hash_keys, is_shut, is_void, noted_slot

__all__ = ["run_pick"]


def stage_rows(control: Space, batch: Space, count: int, most: int) -> int:
    """Stage what may be live by its own words, from row `count` up to `most`; the rows that are filled."""
    unit = control[w.UNIT_MASK]
    results = batch[w.B_RESULTS]
    address = batch[w.B_NEXT]
    while count < most and address < batch[w.B_PAGE_END]:
        at = batch[w.B_PAGE] + ((address - batch[w.B_PAGE_ADDRESS]) >> 3)
        sizes = batch[at + w.SIZES]
        if sizes == 0:
            address = (address | unit) + 1
            continue
        link = batch[at + w.LINK]
        if not link & w.INVALID and not is_void(control, address, link):
            batch[w.B_LISTED] += 1
            if not link & w.TOMBSTONE:
                row = batch[w.B_TABLE] + count * w.T_WORDS
                key_bytes = (sizes >> w.KEY_SHIFT) & w.KEY_MASK
                batch[row + w.T_KEY] = at + w.RECORD_HEADER_WORDS
                batch[row + w.T_KEY_BYTES] = key_bytes
                batch[row + w.T_VALUE] = at + w.RECORD_HEADER_WORDS + ((key_bytes + 7) >> 3)
                batch[row + w.T_VALUE_BYTES] = sizes >> w.VALUE_SHIFT
                batch[results + count] = address
                count += 1
        address += (sizes & w.ALLOCATED_MASK) << 3
    batch[w.B_NEXT] = address
    return count


def led_to(control: Space, index: Space, log: Space, batch: Space, number: int, head: int) -> int:
    """The key's newest record in memory, or the first address of its chain below head; 0: not known."""
    batch[w.OP_HASH] = batch[batch[w.B_HASHES] + number]
    batch[w.OP_SLOT] = batch[batch[w.B_SLOTS] + number]
    if is_shut(control, batch[w.OP_HASH]):
        return 0
    slot = noted_slot(index, batch)
    if slot >= w.REFUSED:
        slot = find_slot(control, index, batch[w.OP_HASH])
    if slot >= w.REFUSED:
        return 0
    row = batch[w.B_TABLE] + number * w.T_WORDS
    batch[w.OP_KEY] = batch[row + w.T_KEY]
    batch[w.OP_KEY_BYTES] = batch[row + w.T_KEY_BYTES]
    return find_record(control, log, batch, load(index, slot) & w.ADDRESS_MASK, head)


def pick(control: Space, index: Space, log: Space, batch: Space) -> int:
    """Fill up to B_COUNT rows, from B_NEXT on; how many."""
    # Read inside the row: no frame from here up is another page's before the row is left.
    head = load(control, w.HEAD)
    most = batch[w.B_COUNT]
    count = 0
    batch[w.B_ASKED] = 0
    while count < most and batch[w.B_NEXT] < batch[w.B_PAGE_END]:
        first = count
        stop = stage_rows(control, batch, first, first + w.GROUP if first + w.GROUP < most else most)
        hash_keys(control, index, batch, first, stop)
        fetch_records(control, index, log, batch, first, stop)
        for number in range(first, stop):
            address = batch[batch[w.B_RESULTS] + number]
            found = led_to(control, index, log, batch, number, head)
            if found < head or found <= address:
                row = batch[w.B_TABLE] + number * w.T_WORDS
                kept = batch[w.B_TABLE] + count * w.T_WORDS
                for word in range(w.T_WORDS):
                    batch[kept + word] = batch[row + word]
                batch[batch[w.B_RESULTS] + count] = address
                batch[batch[w.B_SLOTS] + count] = found
                batch[w.B_ASKED] += 1 if found > address else 0
                count += 1
    return count


def run_pick(control: Space, index: Space, log: Space, epochs: Space, batch: Space) -> int:
    """Enter the row, pick, and leave; B_COUNT is what was picked then. DONE, or TAKEN."""
    row = batch[w.B_ROW]
    if not cas(epochs, row + w.ROW_STATE, w.IDLE, load(control, w.EPOCH)):
        return w.TAKEN
    batch[w.B_COUNT] = pick(control, index, log, batch)
    store(epochs, row + w.ROW_STATE, w.IDLE)
    return w.DONE
