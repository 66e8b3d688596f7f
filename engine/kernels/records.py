"""Records: the kernels that write and read one record, whose place is known.

Invariants
  P1  a record is complete before the index names it: written INVALID, published by one CAS on
      its entry, then made valid; a lost CAS leaves it INVALID for ever
  P6  the value of a record changes only under its lock bit, and never once it is sealed
  P7  a value of several words is read between two equal link words. Each change of one moves the
      sequence, and a record whose sequence is spent is copied, so equal means unchanged

Threads: any number, each inside a batch (`batch`). The source is the one that is compiled
(`compilation`), so every number is an unsigned 64-bit word.
Source: hybrid log of FASTER (Chandramouli et al., SIGMOD 2018).
"""

from __future__ import annotations

from . import words as w
from .atomics import Space, cas, copy, load, same, store

__all__ = [
    "allocate",
    "append",
    "copy_out",
    "is_ahead",
    "is_expected",
    "is_old",
    "look_before",
    "measure_whole",
    "sum_up",
    "value_word",
    "write_locked",
]


def allocate(control: Space, words: int) -> int:
    """Address of `words` words at the tail; REFUSED | PAGE_FULL or RETRY."""
    for _ in range(w.ATTEMPTS):
        address = load(control, w.TAIL)
        if address + (words << 3) > load(control, w.PAGE_END):
            return w.REFUSED | w.PAGE_FULL
        if cas(control, w.TAIL, address, address + (words << 3)):
            return address
    return w.REFUSED | w.RETRY


def append(
    control: Space,
    index: Space,
    log: Space,
    batch: Space,
    slot: int,
    entry: int,
    version: int,
    tombstone: int,
) -> int:
    """Write the operation's record at the tail and publish it in `slot`; why it stopped."""
    value_bytes = 0 if tombstone else batch[w.OP_VALUE_BYTES]
    key_bytes = batch[w.OP_KEY_BYTES]
    key_words = (key_bytes + 7) >> 3
    value_words = (value_bytes + 7) >> 3
    words = w.RECORD_HEADER_WORDS + key_words + value_words
    address = allocate(control, words)
    if address >= w.REFUSED:
        return address & w.WHY_MASK
    at = (address >> 3) & control[w.RING_MASK]
    previous = entry & w.ADDRESS_MASK
    if previous == w.PENDING_ADDRESS:
        previous = 0
    link = previous | (version & w.VERSION_BITS) << w.VERSION_SHIFT | tombstone
    store(log, at + w.LINK, link | w.INVALID)
    copy(batch, batch[w.OP_KEY], log, at + w.RECORD_HEADER_WORDS, key_words)
    if batch[w.OP_KIND] == w.APPEND:
        copy_longer(log, batch, at + w.RECORD_HEADER_WORDS + key_words)
    else:
        copy(batch, batch[w.OP_VALUE], log, at + w.RECORD_HEADER_WORDS + key_words, value_words)
    # Last: a scan that meets a zero sizes word knows the record is not there yet.
    store(log, at + w.SIZES, words | key_bytes << w.KEY_SHIFT | value_bytes << w.VALUE_SHIFT)
    if not cas(index, slot, entry, (entry & ~w.ADDRESS_MASK) | address):
        return w.RETRY
    store(log, at + w.LINK, link)
    return w.DONE


def value_word(at: int, sizes: int) -> int:
    """First word of the value of the record at word `at`."""
    return at + w.RECORD_HEADER_WORDS + ((((sizes >> w.KEY_SHIFT) & w.KEY_MASK) + 7) >> 3)


def write_locked(log: Space, batch: Space, at: int, link: int) -> int:
    """Give the record that is locked here its new value and unlock it; ROOM where its shape forbids it."""
    if link & w.TOMBSTONE:
        return w.ROOM
    sizes = load(log, at + w.SIZES)
    value = value_word(at, sizes)
    old_bytes = sizes >> w.VALUE_SHIFT
    if batch[w.OP_KIND] == w.ADD:
        if old_bytes != 8:
            store(log, at + w.LINK, link)
            return w.MISFIT
        store(log, value, (load(log, value) + batch[batch[w.OP_VALUE]]) & w.MASK64)
        store(log, at + w.LINK, link)
        return w.DONE
    new_bytes = batch[w.OP_VALUE_BYTES]
    is_longer = batch[w.OP_KIND] == w.APPEND
    if is_longer:
        new_bytes += old_bytes
    elif new_bytes == old_bytes and new_bytes <= 8:
        # One word: whoever reads it reads the old or the new one (P7), so the sequence may stand.
        copy(batch, batch[w.OP_VALUE], log, value, (new_bytes + 7) >> 3)
        store(log, at + w.LINK, link)
        return w.DONE
    new_words = (new_bytes + 7) >> 3
    is_spent = link & w.SEQUENCE_MASK == w.SEQUENCE_MASK
    if is_spent or value + new_words > at + (sizes & w.ALLOCATED_MASK):
        return w.ROOM
    if is_longer:
        put_behind(log, value, old_bytes, batch, batch[w.OP_VALUE_BYTES])
    else:
        copy(batch, batch[w.OP_VALUE], log, value, new_words)
    store(log, at + w.SIZES, sizes & ((1 << w.VALUE_SHIFT) - 1) | new_bytes << w.VALUE_SHIFT)
    store(log, at + w.LINK, link + w.SEQUENCE_UNIT)
    return w.DONE


def is_old(address: int, link: int, version: int, fuzzy: int, shifted: int) -> bool:
    """True if a shifted session meets a record of the version before its own."""
    if shifted == 0:
        return False
    return address < fuzzy or (link >> w.VERSION_SHIFT) & w.VERSION_BITS != version & w.VERSION_BITS


def is_ahead(address: int, link: int, version: int, fuzzy: int) -> bool:
    """True if a session meets a record of the version after its own."""
    if fuzzy == 0 or address < fuzzy:
        return False
    return (link >> w.VERSION_SHIFT) & w.VERSION_BITS == (version + 1) & w.VERSION_BITS


def is_expected(log: Space, batch: Space, at: int, link: int) -> bool:
    """True if the record, locked or frozen, has the value that a swap expects."""
    expected_bytes = batch[w.B_EXPECTED_BYTES]
    if expected_bytes == w.EXPECT_ABSENT or link & w.TOMBSTONE:
        return expected_bytes == w.EXPECT_ABSENT and link & w.TOMBSTONE != 0
    sizes = load(log, at + w.SIZES)
    if sizes >> w.VALUE_SHIFT != expected_bytes:
        return False
    value = value_word(at, sizes)
    whole = expected_bytes >> 3
    if not same(log, value, batch, batch[w.B_EXPECTED], whole):
        return False
    rest = (1 << ((expected_bytes & 7) << 3)) - 1
    return rest == 0 or (load(log, value + whole) ^ batch[batch[w.B_EXPECTED] + whole]) & rest == 0


def sum_up(log: Space, batch: Space, at: int, link: int) -> int:
    """The new value of a counter that will be copied; `link` has TOMBSTONE where it starts at 0."""
    total = batch[batch[w.OP_VALUE]]
    if link & w.TOMBSTONE == 0:
        sizes = load(log, at + w.SIZES)
        if sizes >> w.VALUE_SHIFT != 8:
            return w.MISFIT
        total = (total + load(log, value_word(at, sizes))) & w.MASK64
    batch[w.OP_SUM] = total
    batch[w.OP_VALUE] = w.OP_SUM
    return w.DONE


def look_before(log: Space, batch: Space, at: int, link: int) -> int:
    """Find the value that is appended to and copied; OP_VALUE_BYTES is then the length of the whole.

    `link` has TOMBSTONE where there is none.
    """
    batch[w.OP_BEFORE_BYTES] = 0
    if link & w.TOMBSTONE == 0:
        sizes = load(log, at + w.SIZES)
        batch[w.OP_BEFORE] = value_word(at, sizes)
        batch[w.OP_BEFORE_BYTES] = sizes >> w.VALUE_SHIFT
    return measure_whole(batch)


def measure_whole(batch: Space) -> int:
    """Make OP_VALUE_BYTES the length of the value before and the one appended; TOO_LONG for no record."""
    whole = batch[w.OP_BEFORE_BYTES] + batch[w.OP_VALUE_BYTES]
    batch[w.OP_VALUE_BYTES] = whole
    words = w.RECORD_HEADER_WORDS + ((batch[w.OP_KEY_BYTES] + 7) >> 3) + ((whole + 7) >> 3)
    return w.TOO_LONG if words > batch[w.B_RECORD_WORDS] else w.DONE


def copy_longer(log: Space, batch: Space, value: int) -> None:
    """Write the value before and the one appended to word `value` of a record that is nobody's yet."""
    before = batch[w.OP_BEFORE_BYTES]
    words = (before + 7) >> 3
    if batch[w.OP_PLACE] == w.COLD:
        copy(batch, batch[w.OP_BEFORE], log, value, words)
    else:
        copy(log, batch[w.OP_BEFORE], log, value, words)
    put_behind(log, value, before, batch, batch[w.OP_VALUE_BYTES] - before)


def put_behind(log: Space, value: int, before: int, batch: Space, size: int) -> None:
    """Write `size` bytes at OP_VALUE behind the first `before` bytes of the value at word `value`."""
    source = batch[w.OP_VALUE]
    at = value + (before >> 3)
    words = (size + 7) >> 3
    rest = before & 7
    if rest == 0:
        copy(batch, source, log, at, words)
        return
    shift = rest << 3
    held = load(log, at) & ((1 << shift) - 1)
    for number in range(words):
        word = batch[source + number]
        store(log, at + number, held | ((word << shift) & w.MASK64))
        held = word >> (64 - shift)
    # Not where it has no byte of the value: there the record may be at its end.
    if (rest + size + 7) >> 3 > words:
        store(log, at + words, held)


def copy_out(control: Space, log: Space, batch: Space) -> int:
    """Copy the value found in memory into the batch; OP_VALUE_BYTES says its length, or the room it needs."""
    at = (batch[w.OP_ADDRESS] >> 3) & control[w.RING_MASK]
    for _ in range(w.ATTEMPTS):
        link = load(log, at + w.LINK)
        if link & (w.LOCK | w.INVALID) == 0:
            if link & w.TOMBSTONE:
                batch[w.OP_RESULT] = w.ABSENT
                return w.DONE
            sizes = load(log, at + w.SIZES)
            value_bytes = sizes >> w.VALUE_SHIFT
            is_short = value_bytes > batch[w.OP_VALUE_BYTES]
            if not is_short:
                copy(log, value_word(at, sizes), batch, batch[w.OP_VALUE], (value_bytes + 7) >> 3)
            if load(log, at + w.LINK) == link:
                batch[w.OP_VALUE_BYTES] = value_bytes
                return w.ROOM if is_short else w.DONE
    return w.RETRY
