"""Slots that come back where the index is full: those that the kernels cannot judge, and those that are held.

A chain whose first record is on the device is dead if all its records down to the durable begin are
tombstones (`kernels.slots`); the kernel that found no slot has looked at those in memory already. An image of
the index that is being copied keeps all slots where they are: it is given up.

Invariant: G1 and G3 of `kernels.slots` hold here too, the latter as the slot is given back inside the row.

Threads: the session's own, with its row idle.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..kernels import words as w
from ..kernels.atomics import load, store
from ..kernels.probe import is_void
from ..log import HybridLog
from ..log.index import HashIndex

__all__ = ["win_slots"]


def win_slots(log: HybridLog, index: HashIndex, row: int, hashed: int) -> bool:
    """Give slots of the hash's bucket chain back, or see to it that the kernels can; whether to try again.

    Raises OSError, CorruptionError. O(chain) reads of the device.
    """
    control, cas = index.spaces.control, index.mode.cas
    if cas(control, w.IMAGING, w.COPIED, w.SPOILED):
        return True
    with log.pins.hold() as begin:
        dead = [
            (slot, entry)
            for slot, entry in index.chain_of(hashed)
            if _is_dead(log, entry & w.ADDRESS_MASK, begin)
        ]
    if not dead:
        return False
    epochs, state = index.spaces.epochs, row + w.ROW_STATE
    if cas(epochs, state, w.IDLE, load(control, w.EPOCH)):
        try:
            if load(control, w.IMAGING) != w.COPIED:
                for slot, entry in dead:
                    cas(index.spaces.index, slot, entry, 0)
        finally:
            store(epochs, state, w.IDLE)
    return True


def _is_dead(log: HybridLog, address: int, begin: int) -> bool:
    control = log.spaces.control
    if not begin <= address < load(control, w.HEAD):
        return False
    return all(_gone(log, address, begin))


def _gone(log: HybridLog, address: int, begin: int) -> Iterator[bool]:
    """For each record of the chain that may be there after a power cut, whether it hides nothing."""
    control = log.spaces.control
    while address >= load(control, w.DURABLE_BEGIN):
        if address < begin:
            yield False  # Truncated, and not for good: its file may be gone by the time it is read.
            return
        record = log.cold.load_record(address)
        yield bool(record.link & w.TOMBSTONE) or is_void(control, address, record.link)
        address = record.previous
