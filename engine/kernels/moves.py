"""Moves: the kernel that writes a record anew at the tail, which a compaction makes of what is live.

Invariants, with `a` = B_MOVED, a record that nobody changes any more, and `e` the entry that was looked at
  C1  what is published is the record at `a`, as it was read: its key, its value, no tombstone
  C2  published => `a` was the newest record of its key in the chain of `e`, and the CAS was from `e`. So
      whoever writes the key in between wins, be it an upsert, a read-modify-write or a delete
  C3  a < begin => nothing is published: who calls sees to it that begin does not move meanwhile

It is no operation: it has no serial, and no reader can tell that it was.

Threads: any number, each inside a batch. The source is the one that is compiled (`compilation`), so every
number is an unsigned 64-bit word.
Source: conditional copy to the tail of FASTER (ConditionalCopyToTail, compaction by lookup).
"""

from __future__ import annotations

from . import words as w
from .atomics import Space, load
from .probe import find_record, find_slot, is_of_tag
from .records import append

__all__ = ["move"]


def is_newest(control: Space, log: Space, batch: Space, entry: int) -> int:
    """DONE where the record at B_MOVED is the newest of its key in the entry's chain, CHANGED where it is
    not, ON_DEVICE from OP_ADDRESS on where only the device can tell.
    """
    moved = batch[w.B_MOVED]
    if moved < load(control, w.BEGIN):
        return w.CHANGED
    head = load(control, w.HEAD)
    address = find_record(control, log, batch, entry & w.ADDRESS_MASK, head)
    batch[w.OP_ADDRESS] = address
    if address == moved:
        return w.DONE
    if address >= head or address < moved:
        return w.CHANGED
    if batch[w.B_COLD_STATE] == w.COLD_UNKNOWN or batch[w.B_COLD_ADDRESS] != address:
        return w.ON_DEVICE
    return w.DONE if batch[w.B_COLD_STATE] == w.COLD_PRESENT else w.CHANGED


def move(control: Space, index: Space, log: Space, batch: Space, version: int) -> int:
    """Write the record at B_MOVED anew: DONE, and FOUND if it was the newest of its key; or why not yet."""
    batch[w.OP_PLACE] = w.NOWHERE
    batch[w.OP_RESULT] = w.ABSENT
    slot = find_slot(control, index, batch[w.OP_HASH])
    if slot >= w.REFUSED:
        return w.DONE
    entry = load(index, slot)
    if not is_of_tag(entry, batch[w.OP_HASH]):
        return w.RETRY
    why = is_newest(control, log, batch, entry)
    if why != w.DONE:
        return w.DONE if why == w.CHANGED else why
    why = append(control, index, log, batch, slot, entry, version, 0)
    if why == w.DONE:
        batch[w.OP_RESULT] = w.FOUND
        words = ((batch[w.OP_KEY_BYTES] + 7) >> 3) + ((batch[w.OP_VALUE_BYTES] + 7) >> 3)
        batch[w.N_MOVED] += 1
        batch[w.N_MOVED_BYTES] += (w.RECORD_HEADER_WORDS + words) << 3
    return why
