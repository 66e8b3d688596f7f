"""Kernels: the operations of a staged batch, plain functions over word spaces.

A kernel sees four spaces (`control`, `index`, `log`, `batch`, laid out in `words`) and a few
integers; it allocates nothing, raises nothing, and does not spin. `run_batch` works staged
operations off in order and returns `(done, why)`: how many are finished, and why it stopped
(`words.DONE` or the slow path that the first unfinished operation needs). The caller does the
slow thing in ordinary Python and calls again from there.

`version`, `fuzzy` and `cut` are fixed for a batch: the session's version; the running
checkpoint's L_s (0: none runs), from which up version bits mean something; and the same address
for a session that has shifted (0 for one that has not), below which it writes nothing in place.

Invariants
  P1  a record is complete before the index names it: written INVALID, published by one CAS on
      its entry, then made valid; a lost CAS leaves it INVALID for ever
  P2  no byte of a record below `read_only` is written, by any kernel
  P3  a session of version v leaves a record of v + 1 to its next refresh, and one of v + 1
      never writes a record of v in place
  P6  the value of a record changes only under its lock bit, and never once it is sealed; who
      seals and does not publish unseals

Threads: one batch at a time over all sessions, in one fixed (phase, version). A swap compares a
value before it locks the record, so beside another writer it could lose an update.
Source: hybrid log of FASTER (Chandramouli et al., SIGMOD 2018), CPR rules for P3 (Prasaad et
al., SIGMOD 2019).
"""

from __future__ import annotations

from . import words as w
from .atomics import Space, cas, copy, load, same, store
from .probe import claim_slot, find_record, find_slot

# -- writing -------------------------------------------------------------------------------------


def append(
    control: Space,
    index: Space,
    log: Space,
    batch: Space,
    op: int,
    slot: int,
    entry: int,
    version: int,
    tombstone: int,
) -> int:
    """Write the operation's record at the tail and publish it in `slot`; why it stopped."""
    value_bytes = 0 if tombstone else batch[op + w.OP_VALUE_BYTES]
    key_bytes = batch[op + w.OP_KEY_BYTES]
    key_words = (key_bytes + 7) >> 3
    value_words = (value_bytes + 7) >> 3
    words = w.RECORD_HEADER_WORDS + key_words + value_words
    address = load(control, w.TAIL)
    if address + (words << 3) > load(control, w.PAGE_END):
        return w.PAGE_FULL
    if not cas(control, w.TAIL, address, address + (words << 3)):
        return w.RETRY
    at = (address >> 3) & control[w.RING_MASK]
    previous = entry & w.ADDRESS_MASK
    if previous == w.PENDING_ADDRESS:
        previous = 0
    link = previous | (version & w.VERSION_BITS) << w.VERSION_SHIFT | tombstone
    store(log, at + w.LINK, link | w.INVALID)
    copy(batch, batch[op + w.OP_KEY], log, at + w.RECORD_HEADER_WORDS, key_words)
    copy(batch, batch[op + w.OP_VALUE], log, at + w.RECORD_HEADER_WORDS + key_words, value_words)
    # Last: a scan that meets a zero sizes word knows the record is not there yet.
    store(log, at + w.SIZES, words | key_bytes << w.KEY_SHIFT | value_bytes << w.VALUE_SHIFT)
    if not cas(index, slot, entry, (entry & ~w.ADDRESS_MASK) | address):
        return w.RETRY
    store(log, at + w.LINK, link)
    batch[op + w.OP_ADDRESS] = address
    return w.DONE


def overwrite(log: Space, batch: Space, op: int, at: int, link: int, tombstone: int) -> int:
    """Change the record at word `at` in place; ROOM where its shape does not allow it."""
    if link & w.TOMBSTONE:
        return w.ROOM
    if tombstone:
        return w.DONE if cas(log, at + w.LINK, link, link | w.TOMBSTONE) else w.RETRY
    sizes = load(log, at + w.SIZES)
    value_bytes = batch[op + w.OP_VALUE_BYTES]
    value = w.RECORD_HEADER_WORDS + ((((sizes >> w.KEY_SHIFT) & w.KEY_MASK) + 7) >> 3)
    value_words = (value_bytes + 7) >> 3
    if value + value_words > sizes & w.ALLOCATED_MASK:
        return w.ROOM
    if not cas(log, at + w.LINK, link, link | w.LOCK):
        return w.RETRY
    copy(batch, batch[op + w.OP_VALUE], log, at + value, value_words)
    store(log, at + w.SIZES, sizes & ((1 << w.VALUE_SHIFT) - 1) | value_bytes << w.VALUE_SHIFT)
    store(log, at + w.LINK, (link & ~w.SEQUENCE_MASK) | ((link + w.SEQUENCE_UNIT) & w.SEQUENCE_MASK))
    return w.DONE


def is_old(address: int, link: int, version: int, fuzzy: int, cut: int) -> bool:
    """Whether a shifted session meets a record of the version before its own."""
    if cut == 0:
        return False
    return address < fuzzy or (link >> w.VERSION_SHIFT) & w.VERSION_BITS != version & w.VERSION_BITS


def is_ahead(address: int, link: int, version: int, fuzzy: int) -> bool:
    """Whether a session meets a record of the version after its own."""
    if fuzzy == 0 or address < fuzzy:
        return False
    return (link >> w.VERSION_SHIFT) & w.VERSION_BITS == (version + 1) & w.VERSION_BITS


def change(
    control: Space,
    index: Space,
    log: Space,
    batch: Space,
    op: int,
    slot: int,
    entry: int,
    address: int,
    version: int,
    fuzzy: int,
    cut: int,
    tombstone: int,
) -> int:
    """Give the key its new value (or tombstone): in place where allowed, else by a new record.

    `address` is what `find_record` returned for `entry`, which `slot` held.
    """
    if address < load(control, w.READ_ONLY):
        if address >= load(control, w.SAFE_READ_ONLY):
            return w.RETRY  # Fuzzy region: a session with an older view may still write it in place.
        return append(control, index, log, batch, op, slot, entry, version, tombstone)
    at = (address >> 3) & control[w.RING_MASK]
    link = load(log, at + w.LINK)
    if link & (w.LOCK | w.SEALED | w.INVALID):
        return w.RETRY
    if not is_old(address, link, version, fuzzy, cut):
        why = overwrite(log, batch, op, at, link, tombstone)
        if why != w.ROOM:
            batch[op + w.OP_ADDRESS] = address
            return why
    # Sealed first, so that no update in place slips in between and is lost (invariant P6).
    if not cas(log, at + w.LINK, link, link | w.SEALED):
        return w.RETRY
    why = append(control, index, log, batch, op, slot, entry, version, tombstone)
    if why != w.DONE:
        store(log, at + w.LINK, link)
    return why


# -- operations ----------------------------------------------------------------------------------


def locate(control: Space, log: Space, batch: Space, op: int, entry: int, version: int, fuzzy: int) -> int:
    """Find the operation's key: DONE with OP_ADDRESS and OP_RESULT set, else why it stopped.

    OP_ADDRESS 0 and OP_COLD_STATE say what the device answered where the record is below head.
    """
    head = load(control, w.HEAD)
    address = find_record(control, log, batch, op, entry & w.ADDRESS_MASK, head)
    batch[op + w.OP_ADDRESS] = address
    if address < head:
        if address <= w.PENDING_ADDRESS:
            batch[op + w.OP_RESULT] = w.ABSENT
            return w.DONE
        if batch[op + w.OP_COLD_STATE] == w.COLD_UNKNOWN or batch[op + w.OP_COLD_ADDRESS] != address:
            return w.ON_DEVICE
        batch[op + w.OP_RESULT] = w.ABSENT if batch[op + w.OP_COLD_STATE] == w.COLD_ABSENT else w.FOUND
        return w.DONE
    link = load(log, ((address >> 3) & control[w.RING_MASK]) + w.LINK)
    if link & (w.INVALID | w.LOCK | w.SEALED):
        return w.RETRY
    if is_ahead(address, link, version, fuzzy):
        return w.SHIFT
    batch[op + w.OP_RESULT] = w.ABSENT if link & w.TOMBSTONE else w.FOUND
    return w.DONE


def copy_out(control: Space, log: Space, batch: Space, op: int) -> int:
    """Copy the value found into the batch; OP_VALUE_BYTES says its length, or the room it needs."""
    address = batch[op + w.OP_ADDRESS]
    if address < load(control, w.HEAD):
        return w.DONE  # The device's answer is the value; the session holds it.
    at = (address >> 3) & control[w.RING_MASK]
    link = load(log, at + w.LINK)
    sizes = load(log, at + w.SIZES)
    value_bytes = sizes >> w.VALUE_SHIFT
    if value_bytes > batch[op + w.OP_VALUE_BYTES]:
        batch[op + w.OP_VALUE_BYTES] = value_bytes
        return w.ROOM
    value = at + w.RECORD_HEADER_WORDS + ((((sizes >> w.KEY_SHIFT) & w.KEY_MASK) + 7) >> 3)
    copy(log, value, batch, batch[op + w.OP_VALUE], (value_bytes + 7) >> 3)
    if load(log, at + w.LINK) != link:
        return w.RETRY  # Written meanwhile: the sequence bits moved.
    batch[op + w.OP_VALUE_BYTES] = value_bytes
    return w.DONE


def holds(control: Space, log: Space, batch: Space, op: int) -> bool:
    """Whether the value found is the one that a swap expects."""
    expected_bytes = batch[op + w.OP_EXPECTED_BYTES]
    if batch[op + w.OP_RESULT] != w.FOUND:
        return expected_bytes == w.EXPECT_ABSENT
    if expected_bytes == w.EXPECT_ABSENT:
        return False
    address = batch[op + w.OP_ADDRESS]
    if address < load(control, w.HEAD):
        return batch[op + w.OP_COLD_STATE] != w.COLD_OTHER
    at = (address >> 3) & control[w.RING_MASK]
    sizes = load(log, at + w.SIZES)
    if sizes >> w.VALUE_SHIFT != expected_bytes:
        return False
    value = at + w.RECORD_HEADER_WORDS + ((((sizes >> w.KEY_SHIFT) & w.KEY_MASK) + 7) >> 3)
    whole = expected_bytes >> 3
    if not same(log, value, batch, batch[op + w.OP_EXPECTED], whole):
        return False
    rest = (1 << ((expected_bytes & 7) << 3)) - 1
    return rest == 0 or (load(log, value + whole) ^ batch[batch[op + w.OP_EXPECTED] + whole]) & rest == 0


def upsert(
    control: Space,
    index: Space,
    log: Space,
    batch: Space,
    op: int,
    slot: int,
    version: int,
    fuzzy: int,
    cut: int,
) -> int:
    """Blind below the mutable region: the old value is not needed, so the device is not asked."""
    entry = load(index, slot)
    floor = load(control, w.SAFE_READ_ONLY)
    address = find_record(control, log, batch, op, entry & w.ADDRESS_MASK, floor)
    if address >= floor:
        link = load(log, ((address >> 3) & control[w.RING_MASK]) + w.LINK)
        if is_ahead(address, link, version, fuzzy):
            return w.SHIFT
    return change(control, index, log, batch, op, slot, entry, address, version, fuzzy, cut, 0)


def run_one(
    control: Space, index: Space, log: Space, batch: Space, op: int, version: int, fuzzy: int, cut: int
) -> int:
    """One staged operation; why it stopped."""
    kind = batch[op + w.OP_KIND]
    hashed = batch[op + w.OP_HASH]
    if kind == w.READ or kind == w.DELETE:
        slot = find_slot(control, index, hashed)
        if slot < 0:
            batch[op + w.OP_RESULT] = w.ABSENT
            return w.DONE
    else:
        slot = claim_slot(control, index, hashed)
        if slot < 0:
            return -slot
    if kind == w.UPSERT:
        return upsert(control, index, log, batch, op, slot, version, fuzzy, cut)
    entry = load(index, slot)
    why = locate(control, log, batch, op, entry, version, fuzzy)
    if why != w.DONE:
        return why
    found = batch[op + w.OP_RESULT] == w.FOUND
    if kind == w.READ:
        return copy_out(control, log, batch, op) if found else w.DONE
    if (kind == w.DELETE and not found) or (kind == w.INSERT and found):
        return w.DONE
    if kind == w.SWAP and not holds(control, log, batch, op):
        batch[op + w.OP_RESULT] = w.CHANGED
        return w.DONE
    tombstone = w.TOMBSTONE if kind == w.DELETE else 0
    address = batch[op + w.OP_ADDRESS]
    return change(control, index, log, batch, op, slot, entry, address, version, fuzzy, cut, tombstone)


def run_batch(
    control: Space,
    index: Space,
    log: Space,
    batch: Space,
    start: int,
    count: int,
    version: int,
    fuzzy: int,
    cut: int,
) -> tuple[int, int]:
    """Work operations `start` to `count` - 1 off; (how many are done, why it stopped)."""
    for number in range(start, count):
        why = run_one(control, index, log, batch, number * w.OP_WORDS, version, fuzzy, cut)
        if why != w.DONE:
            return number, why
    return count, w.DONE
