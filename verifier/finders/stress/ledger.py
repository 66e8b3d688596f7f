"""The ledger of one session: everything that it did to the store, by serial.

Appends and additions are told apart by the stamps in them, so a ledger is all that is needed to say what a
store must hold, now or after a recovery: `cut(N)` forgets what a recovery took back.

Threads: the session's own while it runs; afterwards one.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np

from .stamps import SERIAL_MASK, Words, identity

__all__ = ["Batch", "Carried", "Ledger"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Operations with consecutive serials, one for each of `keys` (numbers of keys, in order)."""

    first: int
    era: int
    keys: Words

    def identities(self, session: int) -> Words:
        """The identity of each operation."""
        start = identity(session, self.era, self.first)
        return np.arange(start, start + len(self.keys), dtype=np.uint64)

    def cut(self, serial: int) -> Batch:
        """The batch without the operations after `serial`."""
        return Batch(self.first, self.era, self.keys[: max(0, serial - self.first + 1)])


@dataclass(frozen=True, slots=True)
class Carried:
    """A piece of list `number` that operation `serial` replaced by the next one."""

    serial: int
    number: int
    piece: bytes


@dataclass(slots=True)
class Ledger:
    """The operations of session number `session`, in order of serials."""

    session: int
    era: int = 0
    serial: int = 0  # Of the last operation issued.
    ended: int = 0  # Of an operation that had ended; read by others at any time.
    appends: array[int] = field(default_factory=lambda: array("Q"))  # Identities,
    append_keys: array[int] = field(default_factory=lambda: array("Q"))  # and the number of each one's key.
    blind: list[Batch] = field(default_factory=list)  # Appends that did not look.
    carried: list[Carried] = field(default_factory=list)
    additions: list[Batch] = field(default_factory=list)
    upserts: list[Batch] = field(default_factory=list)
    deletes: list[tuple[int, int]] = field(default_factory=list)  # (serial, key)

    def cut(self, serial: int) -> None:
        """Keep the first `serial` operations, as a recovery did; later ones are of another era."""
        kept = sum(1 for each in self.appends if each & SERIAL_MASK <= serial)  # Serials ascend.
        del self.appends[kept:]
        del self.append_keys[kept:]
        self.carried = [each for each in self.carried if each.serial <= serial]
        self.blind = [each.cut(serial) for each in self.blind if each.first <= serial]
        self.additions = [each.cut(serial) for each in self.additions if each.first <= serial]
        self.upserts = [each.cut(serial) for each in self.upserts if each.first <= serial]
        self.deletes = [each for each in self.deletes if each[0] <= serial]
        self.serial = self.ended = serial
        self.era += 1

    def written(self, keys: int) -> tuple[Words, Words]:
        """For each register, serial of the session's last write, 0 for none; and of that, the era and whether
        it is an upsert, as an identity, 0 for a delete. Shapes (keys,)."""
        serials = np.zeros(keys, np.uint64)
        last = np.zeros(keys, np.uint64)
        for batch in self.upserts:
            ids = batch.identities(self.session)
            # Of equal indices the last assignment stays, and serials ascend.
            serials[batch.keys] = ids & np.uint64(SERIAL_MASK)
            last[batch.keys] = ids
        for serial, key in self.deletes:
            if serial > serials[key]:
                serials[key], last[key] = serial, 0
        return serials, last
