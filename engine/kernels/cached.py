"""The read cache: answers in place of the device, from records of the device that are kept in memory.

    log space   ring | sets of 4 entries | a turn a page | pages of kept records
    kept        the address asked for, then the record: sizes, link (its own address, TOMBSTONE), key, value

Let find(a, k) be the newest record of key k at or below a in the chain that goes on at a, a below head. An
entry is believed for the very address at which the chain, read in this batch, leaves memory: whoever writes,
moves or deletes the key puts a record above it, and the cache is not asked, or for another address.

Invariants
  K1  find(a, k) is one record for as long as a store is open: a byte below safe_read_only never changes (A3),
      an address is given out once, void ranges are constants
  K2  an entry names a word of a page in an even turn => the record there = find(asked there, key there)
  K3  believed(a, k, record) => asked = a, key = k, and the page was in one even turn from before its entry
      was seen to name the word until all was copied. It is odd while the page is made free, and only grows
  K4  told = the record if its address >= begin, else nothing; begin was read before the entry (P9)

So told = find(a, k) from begin up, which is what the device says: a cache that is asked changes no answer. It
writes nothing but ASKED_AGAIN, by a CAS that fails where the entry is another by now.

Threads: any number, each inside a batch. The source is the one that is compiled (`compilation`), so every
number is an unsigned 64-bit word.
Source: rules R1 and R2 of FASTER's read cache; there kept records stand in the chains, and whoever changes a
key has to take its own out.
"""

from __future__ import annotations

from . import words as w
from .atomics import Space, cas, copy, load, same
from .records import is_expected, value_word

__all__ = ["recall", "set_of"]

MASK64 = (1 << 64) - 1
_MIX = 0x9E3779B97F4A7C15
_TAG_BITS = 15


def set_of(sets: int, address: int) -> tuple[int, int]:
    """(first word of the address's set, from the table's start; its tag)."""
    mixed = ((address >> 3) * _MIX) & MASK64
    tag = (mixed >> (32 - _TAG_BITS)) & ((1 << _TAG_BITS) - 1)
    return ((mixed >> 32) * sets >> 32) * w.KEPT_WAYS, tag


def answer(log: Space, batch: Space, record: int, sizes: int, link: int) -> int:
    """Tell the operation what a kept record says, in words of the device's answer; its value is copied."""
    kind = batch[w.OP_KIND]
    value = value_word(record, sizes)
    value_bytes = sizes >> w.VALUE_SHIFT
    if kind == w.SWAP:
        return w.COLD_PRESENT if is_expected(log, batch, record, link) else w.COLD_OTHER
    if kind == w.ADD:
        if value_bytes != 8:
            return w.COLD_OTHER
        batch[w.B_COLD_VALUE] = load(log, value)
        return w.COLD_PRESENT
    if kind == w.APPEND:
        if value_bytes > batch[w.B_EXPECTED_ROOM]:
            return w.COLD_OTHER
        copy(log, value, batch, batch[w.B_EXPECTED], (value_bytes + 7) >> 3)
    elif (kind == w.READ or kind == w.PEEK) and value_bytes <= batch[w.OP_VALUE_BYTES]:
        copy(log, value, batch, batch[w.OP_VALUE], (value_bytes + 7) >> 3)
    return w.COLD_PRESENT


def believe(control: Space, log: Space, batch: Space, address: int, begin: int, word: int, entry: int) -> int:
    """Answer by the record that the entry at `word` names (K3): DONE, ROOM, or ON_DEVICE: it is another's."""
    asked = entry & w.ADDRESS_MASK
    turns = control[w.KEPT_TURNS] + ((asked - control[w.KEPT_PAGES]) >> control[w.KEPT_SHIFT])
    turn = load(log, turns)
    if turn & 1 != 0 or (load(log, word) ^ entry) & ~w.ASKED_AGAIN != 0:
        return w.ON_DEVICE
    record = asked + w.KEPT_HEADER
    sizes = load(log, record + w.SIZES)
    link = load(log, record + w.LINK)
    alike = (sizes >> w.KEY_SHIFT) & w.KEY_MASK == batch[w.OP_KEY_BYTES]
    # Asked before the sizes are used: those of a page that is made free may be any word.
    if load(log, asked) != address or not alike or load(log, turns) != turn:
        return w.ON_DEVICE
    key_words = (batch[w.OP_KEY_BYTES] + 7) >> 3
    if not same(log, record + w.RECORD_HEADER_WORDS, batch, batch[w.OP_KEY], key_words):
        return w.ON_DEVICE
    state = w.COLD_ABSENT
    if link & w.TOMBSTONE == 0 and link & w.ADDRESS_MASK >= begin:
        state = answer(log, batch, record, sizes, link)
    if load(log, turns) != turn:
        return w.ON_DEVICE
    batch[w.B_COLD_STATE] = state
    batch[w.B_COLD_ADDRESS] = w.NO_ADDRESS  # It holds for this run: one that begins anew has another begin.
    value_bytes = sizes >> w.VALUE_SHIFT
    if batch[w.OP_KIND] == w.READ or batch[w.OP_KIND] == w.PEEK:
        batch[w.OP_PLACE] = w.KEPT
        if state != w.COLD_ABSENT:
            is_short = value_bytes > batch[w.OP_VALUE_BYTES]
            batch[w.OP_VALUE_BYTES] = value_bytes
            if is_short:
                return w.ROOM
    elif batch[w.OP_KIND] == w.APPEND:
        batch[w.B_EXPECTED_BYTES] = value_bytes
    return w.DONE


def recall(control: Space, log: Space, batch: Space, address: int, begin: int) -> int:
    """Answer for the device, which would be asked from `address` on: DONE, ROOM, or ON_DEVICE if nothing is
    kept. Then B_COLD_STATE is set, and for a READ or a PEEK the value is where one in memory would be.
    """
    sets = control[w.KEPT_SETS]
    if sets == 0:
        return w.ON_DEVICE
    first, tag = set_of(sets, address)
    first += control[w.KEPT_TABLE]
    for word in range(first, first + w.KEPT_WAYS):
        entry = load(log, word)
        if entry != 0 and (entry & ~w.ASKED_AGAIN) >> w.TAG_SHIFT == tag:
            why = believe(control, log, batch, address, begin, word, entry)
            if why != w.ON_DEVICE:
                if entry & w.ASKED_AGAIN == 0:
                    cas(log, word, entry, entry | w.ASKED_AGAIN)
                batch[w.N_HIT] += 1
                return why
    batch[w.N_MISSED] += 1
    return w.ON_DEVICE
