"""The plan: the faults that strike calls of a device, as values made of integers.

    effect      strikes                what it does
    NONE        nothing                nothing
    ERROR       any call               it raises `errno`, before it has done anything or after it has done all
    SHORT       read, write            it moves `amount` bytes (0: half), at least one and not all
    FULL        write                  once files have grown by `amount` bytes: what still fits, then ENOSPC
    KEPT        a sync                 EIO; what was dirty is clean and perhaps not written
    EXT4, XFS, BTRFS
                a sync of a file   as KEPT, with what that file system makes of the size (law/aftermath)
    REVERTED    a sync                 EIO; the file is again what it durably was (btrfs, before 6)
    LATE        a sync                 as KEPT, but it returns; the next sync of the file is EIO
    LYING       a sync                 it returns, and nothing has happened; the next honest one does its work
    ROT         read, write, a sync    before it, byte `amount` of what it is about changes on the medium
    LOST        write                  it returns and every read sees it, but the medium keeps what it had
    MISDIRECTED write                  it lands `amount` sectors further on, or (0) in the next file by name
    STALE       read                   it returns what was there before the newest write
    DELAYED     any call               the device's hook is called with `amount`, then all is well

A LATE sync tells the next sync of the file, not one of names. A `write_through` is two calls: a write, then a
datasync of what it wrote, and of no byte in other pages: whatever strikes a datasync strikes it, but for
REVERTED, which is said of a whole file.

A fault strikes the `number`-th call of its kind, counted from 0; a sticky one that and every later one. FULL
counts bytes in the place of calls; a sticky one stays full, another bites once, and then there is room.

Invariants
  1  seven integers a fault: effect, call, number, sticky, after, errno, amount; 0 is the dullest of each
  2  every sequence of integers is a plan: numbers are clamped, missing ones are 0
  3  Plan.of(plan.digits).faults == plan.faults
  4  `reached` counts the calls of each kind, struck or not; `fired` the faults that did something
  5  the numbers of Effect and the orders of CALLS and ERRNOS are only ever appended to: kept tapes carry them

Threads: the device's lock guards it.
Source: the call-by-call sweep of SQLite's out-of-memory and I/O error tests; for what a failed fsync leaves
behind, Rebello et al., "Can Applications Recover from fsync Failures?" (USENIX ATC 2020).
"""

import errno
import os
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import msgspec

from ..disk.events import EventKind

FAULT_DIGITS: Final = 7
HALF: Final = 0  # The amount of a short transfer that moves half of what was asked for.


class Effect(IntEnum):
    """The effect of a fault. Invariant 5."""

    NONE = 0
    ERROR = 1
    SHORT = 2
    FULL = 3
    KEPT = 4
    REVERTED = 5
    LATE = 6
    LYING = 7
    ROT = 8
    LOST = 9
    MISDIRECTED = 10
    STALE = 11
    DELAYED = 12
    EXT4 = 13
    XFS = 14
    BTRFS = 15

    __hash__ = int.__hash__  # That of its name is a function of Python.


# Invariant 5.
CALLS: Final = (
    *(EventKind.WRITE, EventKind.SYNC, EventKind.READ, EventKind.SYNC_NAMES, EventKind.CREATE),
    *(EventKind.REMOVE, EventKind.LIST, EventKind.SIZE, EventKind.TRUNCATE, EventKind.RENAME, EventKind.LINK),
    *(EventKind.DATASYNC, EventKind.ALLOCATE),
)
ERRNOS: Final = (
    *(errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EINTR, errno.EACCES, errno.EMFILE),
    *(errno.ENOENT, errno.ENXIO),
)
_SYNCS: Final = (EventKind.SYNC, EventKind.SYNC_NAMES, EventKind.DATASYNC)
_WRITES: Final = (EventKind.WRITE,)
_STRIKES: Final[dict[Effect, tuple[EventKind, ...]]] = {
    Effect.SHORT: (EventKind.WRITE, EventKind.READ),
    Effect.FULL: _WRITES,
    Effect.KEPT: _SYNCS,
    Effect.REVERTED: (EventKind.SYNC, EventKind.DATASYNC),
    Effect.LATE: _SYNCS,
    Effect.EXT4: (EventKind.SYNC, EventKind.DATASYNC),
    Effect.XFS: (EventKind.SYNC, EventKind.DATASYNC),
    Effect.BTRFS: (EventKind.SYNC, EventKind.DATASYNC),
    Effect.LYING: _SYNCS,
    Effect.ROT: (EventKind.READ, EventKind.WRITE, EventKind.SYNC),
    Effect.LOST: _WRITES,
    Effect.MISDIRECTED: _WRITES,
    Effect.STALE: (EventKind.READ,),
}


_NAMES: Final = {kind: kind.name.lower() for kind in EventKind}  # Looking a name up costs more than a call.


def calls_of(effect: Effect) -> tuple[EventKind, ...]:
    """The kinds of call that the effect can strike."""
    return _STRIKES.get(effect, CALLS)


class Fault(msgspec.Struct, frozen=True, array_like=True):
    """One fault; see the table. Fields that its effect does not use keep their defaults."""

    effect: Effect = Effect.NONE
    call: EventKind = EventKind.WRITE
    number: int = 0
    sticky: bool = False
    after: bool = False
    errno: int = errno.EIO
    amount: int = 0

    @classmethod
    def of(cls, digits: Sequence[int]) -> "Fault":
        """The fault that seven integers name. Invariant 2."""
        effect, call, number, sticky, after, code, amount = (
            max(0, digit) for digit in (*digits, *[0] * FAULT_DIGITS)[:FAULT_DIGITS]
        )
        chosen = Effect(min(effect, max(Effect)))
        calls = calls_of(chosen)
        return cls(
            chosen,
            calls[min(call, len(calls) - 1)],
            number,
            bool(sticky),
            bool(after),
            ERRNOS[min(code, len(ERRNOS) - 1)],
            amount,
        )

    @property
    def digits(self) -> tuple[int, ...]:
        """The seven integers. Invariant 3."""
        call, code = calls_of(self.effect).index(self.call), ERRNOS.index(self.errno)
        return (self.effect, call, self.number, int(self.sticky), int(self.after), code, self.amount)

    @property
    def name(self) -> str:
        """The kind of the fault, whichever call it strikes: `sync error EIO after, sticky`."""
        call = self.call.name.lower().replace("_", " ")
        text = f"{call} {self.effect.name.lower()}"
        if self.effect is Effect.ERROR:
            text += f" {errno.errorcode[self.errno]} {'after' if self.after else 'before'}"
        return f"{text}, sticky" if self.sticky else text

    def error(self, name: str) -> OSError:
        """The error that the struck call raises, if it raises one."""
        code = {Effect.ERROR: self.errno, Effect.FULL: errno.ENOSPC}.get(self.effect, errno.EIO)
        return OSError(code, os.strerror(code), name)


class Plan:
    """The faults of one stretch of a run, and those that fired."""

    __slots__ = (
        "_numbers",
        "_spent",
        "faults",
        "fired",
        "is_on",
        "late",
        "reached",
        "size_at_start",
        "struck",
    )

    def __init__(self, *faults: Fault) -> None:
        self.faults = faults
        self.reached: dict[str, int] = {}  # Calls of each kind, by its name.
        self.fired: dict[str, int] = {}  # Faults that did something, by their name;
        self.struck: dict[tuple[str, str], int] = {}  # the same by the place of the call too, in words.
        self.is_on = True  # Off, the device is a good one, and nothing is counted.
        self.late: dict[int, Fault] = {}  # Inodes (or 0, the names) whose next sync tells of the last one.
        self.size_at_start: int | None = None  # Bytes in all files, for FULL.
        self._numbers: dict[EventKind, int] = {}
        self._spent: set[Fault] = set()

    @classmethod
    def of(cls, digits: Sequence[int]) -> "Plan":
        """The plan that these integers name. Invariant 2."""
        starts = range(0, len(digits), FAULT_DIGITS)
        return cls(*(Fault.of(digits[start : start + FAULT_DIGITS]) for start in starts))

    def copy(self) -> "Plan":
        """The same plan with what came of it so far, to go on with apart."""
        return Plan(*self.faults).follow(self)

    def follow(self, other: "Plan") -> "Plan":
        """This plan, as if it had been there, and done nothing, while the other one was."""
        self.reached, self.fired, self.struck = dict(other.reached), dict(other.fired), dict(other.struck)
        self.is_on, self.late, self.size_at_start = other.is_on, dict(other.late), other.size_at_start
        self._numbers, self._spent = dict(other._numbers), set(other._spent)
        return self

    def counted(self, call: EventKind) -> int:
        """The number of calls of this kind so far; the next one has this number."""
        return self._numbers.get(call, 0)

    @property
    def digits(self) -> tuple[int, ...]:
        """The integers of the plan. Invariant 3."""
        return tuple(digit for fault in self.faults for digit in fault.digits)

    @property
    def has_budget(self) -> bool:
        """True if the size of all files matters."""
        return any(fault.effect is Effect.FULL for fault in self.faults)

    def strike(self, call: EventKind, grown: int = 0) -> Fault | None:
        """Count a call, after which files will have grown by so many bytes; the fault that strikes it.

        The first of the plan that does; one call is struck once.
        """
        number = self._numbers.get(call, 0)
        self._numbers[call] = number + 1
        name = _NAMES[call]
        self.reached[name] = self.reached.get(name, 0) + 1
        for fault in self.faults:
            if fault.call is not call or fault.effect is Effect.NONE:
                continue
            if fault.effect is Effect.FULL:
                is_due = grown > fault.amount and fault not in self._spent
            else:
                is_due = number == fault.number or (fault.sticky and number > fault.number)
            if is_due:
                return fault
        return None

    def tell(self, fault: Fault, place: str) -> None:
        """Take in that the fault has done something to a call at this place."""
        self.fired[fault.name] = self.fired.get(fault.name, 0) + 1
        self.struck[fault.name, place] = self.struck.get((fault.name, place), 0) + 1

    def make_room(self, fault: Fault) -> None:
        """Make room after a full disk has refused a write, unless it stays full."""
        if not fault.sticky:
            self._spent.add(fault)
