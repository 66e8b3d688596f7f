"""Slots: the kernels that give entries of the hash index back, whose keys are all gone.

A chain is dead from an address down if, with `kept` the begin of the newest durable checkpoint,

    dead(a)  <=>  a < kept, or a is in memory and a tombstone, and dead(previous of a)

Nobody writes a tombstone over or takes it away, `kept` only grows, and `previous` never changes: what is
dead stays so. The entry of a dead chain becomes 0 by one CAS on the very entry that was looked at, so whoever
has found it before, and writes a record behind it, finds his own CAS lost.

Invariants
  G1  a slot is given back only by a CAS from an entry whose chain is dead
  G2  dead is judged by what a power cut leaves, so by `kept` and not by begin: a record of [kept, begin) may
      be there again after it, and then it must be reached through those that were written since
  G3  while an image of the index is copied no slot comes back: an entry that moved would be in it twice

Threads: any number, each inside a batch, so no frame from head up is another page's. The source is the one
that is compiled (`compilation`), so every number is an unsigned 64-bit word.
Source: the stale entries of FASTER (FindTag and its callers take an address below begin for a free one);
by `kept` and for tombstones too it is ours.
"""

from __future__ import annotations

from . import words as w
from .atomics import Space, cas, load
from .probe import bucket_of, claim_slot, extend_bucket

__all__ = ["give_back", "make_slot"]


def is_dead(control: Space, log: Space, address: int) -> bool:
    """True if the chain from `address` on is dead, as far as memory and CHAIN_MOST records tell."""
    kept = load(control, w.DURABLE_BEGIN)
    head = load(control, w.HEAD)
    for _ in range(w.CHAIN_MOST):
        if address < kept:
            return True
        if address < head:
            return False
        link = load(log, ((address >> 3) & control[w.RING_MASK]) + w.LINK)
        if link & w.TOMBSTONE == 0:  # Locked or sealed, by one whose CAS will fail, it is a tombstone still.
            return False
        address = link & w.ADDRESS_MASK
    return False


def give_back(control: Space, index: Space, log: Space, slot: int, entry: int) -> bool:
    """Give the slot back if the chain of `entry`, which it held, is dead; whether it was."""
    if load(control, w.IMAGING) == w.COPIED or not is_dead(control, log, entry & w.ADDRESS_MASK):
        return False
    return cas(index, slot, entry, 0)


def give_chain_back(control: Space, index: Space, log: Space, hashed: int, low: int, high: int) -> bool:
    """Give back all dead slots of the hash's bucket chain that name an address of [low, high); whether there
    was one. O(chain).
    """
    is_any = False
    bucket = bucket_of(control, hashed)
    while True:
        base = bucket * w.BUCKET_WORDS
        for slot in range(base, base + w.BUCKET_ENTRIES):
            entry = load(index, slot)
            is_named = entry != 0 and entry < w.TENTATIVE and low <= entry & w.ADDRESS_MASK < high
            if is_named and give_back(control, index, log, slot, entry):
                is_any = True
        bucket = load(index, base + w.BUCKET_ENTRIES)
        if bucket == 0:
            return is_any


def make_slot(control: Space, index: Space, log: Space, hashed: int) -> int:
    """`claim_slot` where the chain has no free word: slots whose records are below what is durable come back,
    else a bucket is put behind. Only where none is left are records looked at, and slots taken from those who
    have claimed them and written nothing yet.
    """
    kept = load(control, w.DURABLE_BEGIN)
    if (
        give_chain_back(control, index, log, hashed, w.FIRST_ADDRESS, kept)
        or extend_bucket(control, index, hashed)
        or give_chain_back(control, index, log, hashed, 0, w.ADDRESS_LIMIT)
    ):
        return claim_slot(control, index, hashed)
    return w.REFUSED | w.OVERFLOW
