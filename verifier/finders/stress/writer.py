"""One session at work: the choice of its next operation, and its notes of each.

An append is an `rmw` (or `start_rmw`) whose function gives the value with one more stamp, or one of many in a
kernel call, which looks at no value; nothing about it is idempotent. Appends, additions, upserts and reads of
many keys run in one kernel call without the interpreter's lock, beside those of other sessions. Every value
that is read is checked on the spot: it is whole, and no list of a session ever goes back.

Threads: one a writer. `ledger.ended` may be read by others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from powercut.engine import Session

from ...verdict import Breach, Violation
from .judge import LIST, ORACLE, REGISTER, SUM, judge_piece, key_of
from .ledger import Batch, Carried, Ledger
from .stamps import (
    BLIND_MAX,
    CHECK_BITS,
    FULL_BYTES,
    WORD_BYTES,
    Words,
    blind,
    check_of,
    find_torn,
    head_of,
    identity,
    mixed,
    piece_of,
    registers,
)

__all__ = ["Mix", "ObjectionError", "Writer"]

WIDTHS_MAX: Final = 64  # Words of a register.
HOT: Final = 8  # Keys where sessions meet.
LISTS: Final = 24  # Reads of lists at a time: more than compiled kernels keep the interpreter's lock for.


class ObjectionError(Exception):
    """A writer saw something that it should not have; carries the violation."""

    def __init__(self, breach: Breach, detail: str) -> None:
        super().__init__(detail)
        self.violation = Violation(ORACLE, breach, detail)


@dataclass(frozen=True, slots=True)
class Mix:
    """The number of keys of each kind, and the frequency of each operation of a writer.

    burst      appends by `rmw` at a time
    blind      appends in a kernel call, at most BLIND_MAX
    batch      additions at a time
    written    upserts, and reads of registers, at a time
    width      words of a register; 0: 1 to WIDTHS_MAX
    early      one `rmw` in so many carries a list off before it is full
    weights    of the actions, as `Writer` lists them
    operations of all writers together, after which a life ends
    """

    lists: int
    sums: int
    registers: int
    burst: int
    blind: int
    batch: int
    written: int
    width: int
    early: int
    weights: tuple[int, ...]
    operations: int

    @property
    def keys(self) -> Mapping[bytes, int]:
        return {LIST: self.lists, SUM: self.sums, REGISTER: self.registers}


class _Append:
    """The function of one rmw: the value it is given, with one more stamp; notes what the last call found."""

    __slots__ = ("carries", "found", "head", "is_carried", "stamp")

    def __init__(self, key: int) -> None:
        self.head = key << 32
        self.stamp = 0
        self.carries = False
        self.is_carried = False
        self.found: bytes | None = None

    def __call__(self, found: bytes | None) -> bytes:
        self.found = found
        self.is_carried = False
        if found is None:
            return self.stamp.to_bytes(8, "little")
        stamp = self.stamp | check_of(int.from_bytes(found[-8:], "little"))
        head = head_of(found)
        if len(found) < FULL_BYTES + (8 if head else 0) and not self.carries:
            return found + stamp.to_bytes(8, "little")
        self.is_carried = True
        head = (head or self.head) + 1
        return head.to_bytes(8, "little") + stamp.to_bytes(8, "little")


class Writer:
    """A session, its ledger, and the generator of its choices."""

    def __init__(self, session: Session, ledger: Ledger, mix: Mix, seed: str) -> None:
        self._session = session
        self._ledger = ledger
        self._mix = mix
        self._random = Random(seed)
        self._numpy = np.random.default_rng(self._random.getrandbits(64))
        self._appends = [_Append(key) for key in range(mix.lists)]
        self._list_keys = [key_of(LIST, number) for number in range(mix.lists)]
        self._list_rows = _rows(LIST, mix.lists)
        self._sum_keys = _rows(SUM, mix.sums)
        self._register_keys = [key_of(REGISTER, number) for number in range(mix.registers)]
        self._register_rows = _rows(REGISTER, mix.registers)
        self._seen = [0] * mix.lists  # Of each list, the farthest that was seen: piece, then bytes.
        # Of each list, appends since the last rmw; of the time before this life nothing is known.
        self._unseen = [BLIND_MAX] * mix.lists
        assert mix.blind <= BLIND_MAX
        self.counts = dict.fromkeys(
            ("appends", "in batches", "carried off", "pending", "added", "upserts", "deletes", "reads"), 0
        )
        self._actions: tuple[Callable[[], None], ...] = (
            self._append,
            self._append_many,
            self._start,
            self._add,
            self._upsert,
            self._read_lists,
            self._read_registers,
        )

    def run(self, is_over: Callable[[], bool]) -> None:
        """Act until it is over. Raises ObjectionError, and what the engine raises."""
        ledger = self._ledger
        while not is_over():
            for action in self._random.choices(self._actions, self._mix.weights, k=16):
                action()
                ledger.ended = ledger.serial
        if self._session.serial != ledger.serial:
            detail = f"session {ledger.session} has serial {self._session.serial}: expected {ledger.serial}"
            raise ObjectionError(Breach.WRONG_SERIAL, detail)

    # -- appends -----------------------------------------------------------------------------------

    def _prepare(self, number: int) -> _Append:
        """Take the next serial for an append to list `number`."""
        ledger = self._ledger
        ledger.serial += 1
        append = self._appends[number]
        name = identity(ledger.session, ledger.era, ledger.serial)
        append.stamp = name << CHECK_BITS
        append.carries = self._random.random() * self._mix.early < 1
        ledger.appends.append(name)
        ledger.append_keys.append(number)
        return append

    def _note(self, number: int, serial: int, value: bytes | None) -> None:
        """Note that an append has ended."""
        append = self._appends[number]
        if append.is_carried:
            assert append.found is not None
            self._ledger.carried.append(Carried(serial, number, append.found))
            self.counts["carried off"] += 1
        self.counts["appends"] += 1
        self._unseen[number] = 0
        self._look(number, value)

    def _append_one(self, number: int) -> None:
        append = self._prepare(number)
        self._note(number, self._ledger.serial, self._session.rmw(self._list_keys[number], append))

    def _append(self) -> None:
        draw, lists = self._random.random, self._mix.lists
        for _ in range(self._mix.burst):
            self._append_one(int(draw() * lists))

    def _append_many(self) -> None:
        ledger = self._ledger
        keys = self._draw(self._mix.lists, self._mix.blind)
        counts = np.bincount(keys.astype(np.int64)).tolist()
        for number, more in enumerate(counts):
            if more and self._unseen[number] + more > BLIND_MAX:
                self._append_one(number)
        batch = self._issue(keys)
        ledger.blind.append(batch)
        stamps = blind(batch.identities(ledger.session))
        if self._random.random() < 0.25:
            values = [stamp.tobytes() for stamp in stamps]
            self._session.append_many([self._list_keys[number] for number in keys], values)
        else:
            self._session.append_many(self._list_rows[keys], stamps)
        for number, more in enumerate(counts):
            self._unseen[number] += more
            self._seen[number] += more * WORD_BYTES  # So much longer, or carried off since.
        self.counts["appends"] += len(keys)
        self.counts["in batches"] += len(keys)

    def _start(self) -> None:
        """Start appends that may take effect later, to different lists, so that each list stays in order."""
        tickets = []
        for number in self._random.sample(range(self._mix.lists), min(4, self._mix.lists)):
            append = self._prepare(number)
            ticket = self._session.start_rmw(self._list_keys[number], append)
            tickets.append((number, self._ledger.serial, ticket))
        self.counts["pending"] += self._session.pending
        self._session.complete_pending()
        for number, serial, ticket in tickets:
            self._note(number, serial, ticket.result())

    # -- many keys ---------------------------------------------------------------------------------

    def _draw(self, count: int, size: int) -> Words:
        """Numbers of the keys of a batch; half of the time of few, so that sessions meet."""
        few = count if self._random.random() < 0.5 else min(count, HOT)
        return self._numpy.integers(0, few, size, np.uint64)

    def _issue(self, keys: Words) -> Batch:
        """Take serials for a batch."""
        batch = Batch(self._ledger.serial + 1, self._ledger.era, keys)
        self._ledger.serial += len(keys)
        return batch

    def _add(self) -> None:
        batch = self._issue(self._draw(self._mix.sums, self._mix.batch))
        self._ledger.additions.append(batch)
        self._session.add_many(self._sum_keys[batch.keys], mixed(batch.identities(self._ledger.session)))
        self.counts["added"] += len(batch.keys)

    def _upsert(self) -> None:
        ledger = self._ledger
        batch = self._issue(self._draw(self._mix.registers, self._mix.written))
        ledger.upserts.append(batch)
        values = registers(
            batch.identities(ledger.session), self._mix.width or self._random.randint(1, WIDTHS_MAX)
        )
        self._session.upsert_many(self._register_rows[batch.keys], values.view(np.uint8))
        self.counts["upserts"] += len(batch.keys)
        if self._random.random() < 0.25:
            number = self._random.randrange(self._mix.registers)
            ledger.serial += 1
            ledger.deletes.append((ledger.serial, number))
            self._session.delete(key_of(REGISTER, number))
            self.counts["deletes"] += 1

    def _read_lists(self) -> None:
        numbers = self._draw(self._mix.lists, LISTS).tolist()
        self._ledger.serial += len(numbers)
        for number, value in zip(
            numbers, self._session.read_many([self._list_keys[n] for n in numbers]), strict=True
        ):
            self._look(number, value, is_read=True)
        self.counts["reads"] += len(numbers)

    def _read_registers(self) -> None:
        numbers = self._draw(self._mix.registers, self._mix.written)
        self._ledger.serial += len(numbers)
        if self._mix.width:
            found, is_there = self._session.read_many(
                self._register_rows[numbers], f"V{self._mix.width * WORD_BYTES}"
            )
            values = found[is_there].tolist()
        else:
            values = [
                value
                for value in self._session.read_many([self._register_keys[number] for number in numbers])
                if value is not None
            ]
        place = find_torn(values)
        if place is not None:
            detail = f"session {self._ledger.session} read a register torn: {values[place].hex(' ', 8)}"
            raise ObjectionError(Breach.WRONG_RESULT, detail)
        self.counts["reads"] += len(numbers)

    def _look(self, number: int, value: bytes | None, *, is_read: bool = False) -> None:
        """Check the list that the session sees: whole, and no earlier than it saw it last."""
        if value is None:
            reached, wrong = 0, ""
        else:
            reached = piece_of(value) << 16 | len(value)
            wrong = judge_piece(number, value) if is_read else ""
        if reached < self._seen[number] and not wrong:
            before = self._seen[number]
            wrong = f"it goes back from piece {before >> 16}, {before & 0xFFFF} bytes, to " + (
                "nothing" if value is None else f"piece {reached >> 16}, {len(value)} bytes"
            )
        if wrong:
            detail = f"session {self._ledger.session} saw list {number}: {wrong}"
            raise ObjectionError(Breach.WRONG_RESULT, detail)
        self._seen[number] = reached


def _rows(kind: bytes, count: int) -> NDArray[np.uint8]:
    """The keys of a kind; shape (count, bytes of a key)."""
    return np.frombuffer(b"".join(key_of(kind, n) for n in range(count)), np.uint8).reshape(count, -1)
