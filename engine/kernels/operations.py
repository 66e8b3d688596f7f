"""Kernels: the operations, on one key each, in a frame that `batch` has set up.

A kernel sees spaces (`control`, `index`, `log`, `batch`, laid out in `words`) and a few words; it
allocates nothing, raises nothing, and does not spin: what it cannot do, it returns as `why`.

An operation belongs to one version. `fuzzy` is the running checkpoint's L_s (0: none runs), from
which up version bits mean something; `shifted` is the same address for a session that has shifted (0
for one that has not), below which it writes nothing in place.

Invariants
  P2  no byte of a record below `safe_read_only` is written, by any kernel
  P3  a session of version v leaves a record of v + 1 to its next refresh, and one of v + 1
      never writes a record of v in place
  P8  what a record is found to be decides only under a CAS on its link, or on its entry, that
      fails if it has changed since; who locks or seals and does not publish undoes it
  P9  what lies below begin is absent only by a begin that was read before the entry: one that was raised
      since may have been raised over a record that another session had written anew
  P10 who publishes a value that it has made of one from below head has published it before a begin above that
      one is told: it does not begin while a truncation is under way, which waits for those that have

Threads: any number, each inside a batch. The source is the one that is compiled (`compilation`), so
every number is an unsigned 64-bit word.
Source: hybrid log of FASTER (Chandramouli et al., SIGMOD 2018), CPR rules for P3 (Prasaad et
al., SIGMOD 2019).
"""

from __future__ import annotations

from . import words as w
from .atomics import Space, cas, load, store
from .cached import recall
from .moves import move
from .probe import claim_slot, find_record, find_slot, is_of_tag, is_shut, noted_slot
from .records import (
    append,
    copy_out,
    is_ahead,
    is_expected,
    is_old,
    look_before,
    measure_whole,
    sum_up,
    write_locked,
)
from .slots import give_back, make_slot

__all__ = ["run_one"]

# -- changing ----------------------------------------------------------------------------------------


def is_swap_off(log: Space, batch: Space, at: int) -> bool:
    """True if a value that cannot change any more, wherever it is, is not the one that the swap expects."""
    if batch[w.OP_PLACE] == w.WARM:
        return not is_expected(log, batch, at, load(log, at + w.LINK))
    if batch[w.OP_RESULT] == w.ABSENT:
        return batch[w.B_EXPECTED_BYTES] != w.EXPECT_ABSENT
    return batch[w.B_COLD_STATE] != w.COLD_PRESENT


def look_before_frozen(log: Space, batch: Space, at: int) -> int:
    """`look_before` for a record that cannot change any more, wherever it is; ROOM: not in the batch."""
    if batch[w.OP_PLACE] == w.WARM:
        return look_before(log, batch, at, load(log, at + w.LINK))
    batch[w.OP_BEFORE_BYTES] = 0
    if batch[w.OP_RESULT] == w.FOUND:
        if batch[w.B_COLD_STATE] == w.COLD_OTHER:
            return w.ROOM
        batch[w.OP_BEFORE] = batch[w.B_EXPECTED]
        batch[w.OP_BEFORE_BYTES] = batch[w.B_EXPECTED_BYTES]
    return measure_whole(batch)


def copy_frozen(
    control: Space,
    index: Space,
    log: Space,
    batch: Space,
    slot: int,
    entry: int,
    version: int,
    tombstone: int,
) -> int:
    """Append a new record where the key's own cannot change any more, is on the device, or is nowhere.

    No seal: whoever else copies it publishes in the same entry, and one of the two CAS fails.
    """
    kind = batch[w.OP_KIND]
    place = batch[w.OP_PLACE]
    at = (batch[w.OP_ADDRESS] >> 3) & control[w.RING_MASK]
    if kind == w.SWAP and is_swap_off(log, batch, at):
        return w.CHANGED
    if kind == w.ADD:
        if place == w.WARM:
            why = sum_up(log, batch, at, load(log, at + w.LINK))
        elif batch[w.OP_RESULT] == w.FOUND and batch[w.B_COLD_STATE] == w.COLD_OTHER:
            why = w.MISFIT
        else:
            why = sum_up(log, batch, at, w.TOMBSTONE)
            if batch[w.OP_RESULT] == w.FOUND:
                batch[w.OP_SUM] = (batch[w.OP_SUM] + batch[w.B_COLD_VALUE]) & w.MASK64
        if why != w.DONE:
            return why
    if kind == w.APPEND:
        why = look_before_frozen(log, batch, at)
        if why != w.DONE:
            return why
    why = append(control, index, log, batch, slot, entry, version, tombstone)
    if why == w.DONE:
        if place == w.NOWHERE:
            batch[w.N_APPENDED] += 1
        else:
            batch[w.N_COPIED] += 1
    return why


def change(
    control: Space,
    index: Space,
    log: Space,
    batch: Space,
    slot: int,
    entry: int,
    version: int,
    fuzzy: int,
    shifted: int,
) -> int:
    """Give the key its new value or tombstone: in place where allowed, else by a new record.

    OP_ADDRESS and OP_PLACE are what was found for `entry`, which `slot` held.
    """
    kind = batch[w.OP_KIND]
    tombstone = w.TOMBSTONE if kind == w.DELETE else 0
    address = batch[w.OP_ADDRESS]
    if address < load(control, w.READ_ONLY):
        if address >= load(control, w.SAFE_READ_ONLY):
            return w.RETRY  # Fuzzy region: a session with an older view may still write it in place.
        return copy_frozen(control, index, log, batch, slot, entry, version, tombstone)
    at = (address >> 3) & control[w.RING_MASK]
    link = load(log, at + w.LINK)
    if link & (w.LOCK | w.SEALED | w.INVALID):
        return w.RETRY
    if is_ahead(address, link, version, fuzzy):
        return w.SHIFT
    if kind != w.UPSERT and (link & w.TOMBSTONE != 0) != (batch[w.OP_RESULT] == w.ABSENT):
        return w.RETRY  # Deleted, or written again, since it was found.
    old = is_old(address, link, version, fuzzy, shifted)
    if kind == w.DELETE and not old:
        if not cas(log, at + w.LINK, link, link | w.TOMBSTONE):
            return w.RETRY
        batch[w.N_IN_PLACE] += 1
        give_back(control, index, log, slot, entry)
        return w.DONE
    if not cas(log, at + w.LINK, link, link | w.LOCK):
        return w.RETRY
    if kind == w.SWAP and not is_expected(log, batch, at, link):
        store(log, at + w.LINK, link)
        return w.CHANGED
    if not old:
        why = write_locked(log, batch, at, link)
        if why != w.ROOM:
            if why == w.DONE:
                batch[w.N_IN_PLACE] += 1
            return why
    # Sealed while it is copied, so that no update in place slips in between and is lost (P6).
    store(log, at + w.LINK, link | w.SEALED)
    why = w.DONE
    if kind == w.ADD:
        why = sum_up(log, batch, at, link)
    elif kind == w.APPEND:
        why = look_before(log, batch, at, link)
    if why == w.DONE:
        why = append(control, index, log, batch, slot, entry, version, tombstone)
    if why == w.DONE:
        batch[w.N_COPIED] += 1
    else:
        store(log, at + w.LINK, link)
    return why


# -- finding -----------------------------------------------------------------------------------------


def is_beyond(control: Space, address: int, version: int, fuzzy: int, shifted: int) -> bool:
    """True if the chain goes on below head, where records of the next version may stand by now.

    Version bits of what was evicted are not read: a session that has not shifted asks the system.
    """
    if fuzzy == 0 or shifted != 0 or address < fuzzy:
        return False
    return load(control, w.SYSTEM) >> w.PHASE_BITS != version


def locate(
    control: Space,
    log: Space,
    batch: Space,
    begin: int,
    entry: int,
    version: int,
    fuzzy: int,
    shifted: int,
) -> int:
    """Find the operation's key: DONE with OP_ADDRESS, OP_PLACE and OP_RESULT set, else why it stopped.

    `begin` is the log's, read before the entry (P9).
    """
    head = load(control, w.HEAD)
    address = find_record(control, log, batch, entry & w.ADDRESS_MASK, head)
    batch[w.OP_ADDRESS] = address
    if address < head:
        batch[w.OP_PLACE] = w.NOWHERE
        batch[w.OP_RESULT] = w.ABSENT
        if address <= w.PENDING_ADDRESS or address < begin:
            return w.DONE
        if address < load(control, w.BEGIN):
            return w.RETRY
        if batch[w.OP_KIND] != w.READ and load(control, w.TRUNCATING) != 0:
            return w.RETRY
        if is_beyond(control, address, version, fuzzy, shifted):
            return w.SHIFT
        batch[w.OP_PLACE] = w.COLD
        is_for_this = batch[w.B_COLD_ADDRESS] == address and batch[w.B_COLD_BEGIN] == begin
        if batch[w.B_COLD_STATE] == w.COLD_UNKNOWN or not is_for_this:
            why = recall(control, log, batch, address, begin)
            if why != w.DONE:
                return why
        if batch[w.B_COLD_STATE] != w.COLD_ABSENT:
            batch[w.OP_RESULT] = w.FOUND
        return w.DONE
    batch[w.OP_PLACE] = w.WARM
    link = load(log, ((address >> 3) & control[w.RING_MASK]) + w.LINK)
    if link & (w.INVALID | w.LOCK):
        return w.RETRY
    if is_ahead(address, link, version, fuzzy):
        return w.SHIFT
    batch[w.OP_RESULT] = w.ABSENT if link & w.TOMBSTONE else w.FOUND
    return w.DONE


# -- operations ----------------------------------------------------------------------------------


def read(
    control: Space, index: Space, log: Space, batch: Space, version: int, fuzzy: int, shifted: int
) -> int:
    """The value, or that there is none, or the address from which the device has to be asked."""
    slot = noted_slot(index, batch)
    if slot >= w.REFUSED:
        slot = find_slot(control, index, batch[w.OP_HASH])
    if slot >= w.REFUSED:
        batch[w.OP_RESULT] = w.ABSENT
        batch[w.OP_PLACE] = w.NOWHERE
        return w.DONE
    begin = load(control, w.BEGIN)
    entry = load(index, slot)
    if not is_of_tag(entry, batch[w.OP_HASH]):
        return w.RETRY
    why = locate(control, log, batch, begin, entry, version, fuzzy, shifted)
    if why == w.ON_DEVICE and batch[w.B_LEAVE] != 0 and batch[w.OP_KIND] == w.READ:
        batch[w.OP_RESULT] = w.LEFT
        return w.DONE
    if why == w.DONE and batch[w.OP_PLACE] == w.WARM and batch[w.OP_RESULT] == w.FOUND:
        return copy_out(control, log, batch)
    return why


def upsert(
    control: Space, index: Space, log: Space, batch: Space, slot: int, version: int, fuzzy: int, shifted: int
) -> int:
    """Set the key's value; below the mutable region the old one is not needed, so the device is not asked."""
    entry = load(index, slot)
    if not is_of_tag(entry, batch[w.OP_HASH]):
        return w.RETRY
    floor = load(control, w.SAFE_READ_ONLY)
    address = find_record(control, log, batch, entry & w.ADDRESS_MASK, floor)
    batch[w.OP_ADDRESS] = address
    batch[w.OP_RESULT] = w.DONE
    batch[w.OP_PLACE] = w.WARM if address >= floor else w.COLD if address > w.PENDING_ADDRESS else w.NOWHERE
    if address < floor and is_beyond(control, address, version, fuzzy, shifted):
        return w.SHIFT
    return change(control, index, log, batch, slot, entry, version, fuzzy, shifted)


def run_one(
    control: Space, index: Space, log: Space, batch: Space, version: int, fuzzy: int, shifted: int
) -> int:
    """Run the operation in the batch's frame; why it stopped."""
    kind = batch[w.OP_KIND]
    if is_shut(control, batch[w.OP_HASH]):
        return w.RETRY
    if kind == w.READ or kind == w.PEEK:
        return read(control, index, log, batch, version, fuzzy, shifted)
    if kind == w.MOVE:
        return move(control, index, log, batch, version)
    if kind == w.DELETE:
        slot = noted_slot(index, batch)
        if slot >= w.REFUSED:
            slot = find_slot(control, index, batch[w.OP_HASH])
        if slot >= w.REFUSED:
            batch[w.OP_RESULT] = w.ABSENT
            batch[w.OP_PLACE] = w.NOWHERE
            return w.DONE
    else:
        slot = noted_slot(index, batch)
        if slot >= w.REFUSED:
            slot = claim_slot(control, index, batch[w.OP_HASH])
        if slot == w.REFUSED | w.OVERFLOW:
            slot = make_slot(control, index, log, batch[w.OP_HASH])
        if slot >= w.REFUSED:
            return slot & w.WHY_MASK
    if kind == w.UPSERT:
        return upsert(control, index, log, batch, slot, version, fuzzy, shifted)
    begin = load(control, w.BEGIN)
    entry = load(index, slot)
    if not is_of_tag(entry, batch[w.OP_HASH]):
        return w.RETRY
    why = locate(control, log, batch, begin, entry, version, fuzzy, shifted)
    if why != w.DONE:
        return why
    found = batch[w.OP_RESULT] == w.FOUND
    if (kind == w.DELETE and not found) or (kind == w.INSERT and found):
        return w.DONE
    return change(control, index, log, batch, slot, entry, version, fuzzy, shifted)
