"""Roots: three copies of the record that names the newest checkpoint.

A commit writes the stalest copy and syncs it, then the next, and is acknowledged; the third copy
follows, before any other root write begins. At no moment are two copies in flight. Where the third
cannot be written, on a full disk, it is one of three that is damaged, and is written again before
the next. Of the other two none may fail: which commit the disk names would not be known.

Invariants
  1  every root write has a sequence above all before it, in this life or an earlier one, those of
     lost and of rolled-back copies included
  2  a copy is written only while two others are whole, or none but it is damaged and stale
  3  the copy written is the stalest: a damaged one first, the newest last
  4  acknowledged  =>  two copies are durable that name it, or something later

So one damaged or rolled-back copy and a power cut anywhere, inside the repair too, cost neither
an acknowledged state nor the ability to open: tests/engine/root_protocol tries them all,
and shows that with two copies, with two in flight, or without the repair it would not hold.

Threads: `commit` and `settle` under one lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from ..device import Device, read_exactly, write_fully
from ..errors import CorruptionError, InvariantError
from ..kernels import words as w
from ..poison import Poison
from ..runtime import Runtime, Ticket
from .layout import KIND_STORE, ROOT_BYTES, Root, decode_root, encode_root

__all__ = ["LIFE_SHIFT", "LIVES_END", "ROOT_FILES", "Finding", "RootReading", "Roots", "read_roots"]

ROOT_FILES: Final = ("root-a", "root-b", "root-c")
LIFE_SHIFT: Final = 32  # A life's sequences start at life << LIFE_SHIFT | 1.
LIVES_END: Final = 1 << LIFE_SHIFT
_OFFSET_BITS: Final = 63  # Of a byte in a file.

Verdict = Literal["accepted", "rejected", "absent"]


class Finding(NamedTuple):
    """A read of the recovery, and its verdict."""

    file: str
    offset: int
    length: int
    verdict: Verdict


class RootReading(NamedTuple):
    """The three copies as read: the newest valid one, each copy's sequence (0: not valid)."""

    newest: Root | None
    sequences: dict[str, int]
    missing: list[str]
    complaints: dict[str, str]


def read_roots(
    device: Device, names: list[str], findings: list[Finding], kind: int = KIND_STORE
) -> RootReading:
    """Read all three, of that kind; the highest valid sequence is the newest. Beside a live writer, who may
    be writing one, it is the newest checkpoint that two copies name: it is durable.

    Raises CorruptionError where two valid copies are of different stores, UnsupportedVersionError
    where a whole copy is of another format.
    """
    newest: Root | None = None
    sequences = dict.fromkeys(ROOT_FILES, 0)
    missing = []
    complaints = {}
    copies: list[Root] = []
    for file in ROOT_FILES:
        if file not in names:
            missing.append(file)
            complaints[file] = "no file"
            findings.append(Finding(file, 0, ROOT_BYTES, "absent"))
            continue
        root = decode_root(read_exactly(device, file, 0, ROOT_BYTES), file, kind)
        if isinstance(root, Root) and kind == KIND_STORE and (doubt := _doubt(root)):
            root = doubt
        findings.append(Finding(file, 0, ROOT_BYTES, "rejected" if isinstance(root, str) else "accepted"))
        if isinstance(root, str):
            complaints[file] = root
            continue
        if newest is not None and newest.store_id != root.store_id:
            raise CorruptionError(file, 16, f"store {root.store_id.hex()}", f"store {newest.store_id.hex()}")
        sequences[file] = root.sequence
        copies.append(root)
        if newest is None or root.sequence > newest.sequence:
            newest = root
    if getattr(device, "is_beside", False) and len(copies) > 1:
        first, second, *_ = sorted(copies, key=lambda copy: -copy.sequence)
        is_same = first.head == second.head if kind == KIND_STORE else first.numbered(0) == second.numbered(0)
        newest = first if is_same else second
    return RootReading(newest, sequences, missing, complaints)


def _doubt(root: Root) -> str:
    """The reason why a whole root record is none that a store writes; "" for none."""
    if root.life >= LIVES_END or root.sequence >> LIFE_SHIFT != root.life:
        return f"sequence {root.sequence} in life {root.life}: the upper half of a sequence is the life"
    if bool(root.head.length) != bool(root.begin) or root.begin >= w.ADDRESS_LIMIT:
        return f"begin {root.begin}, and a table block of {root.head.length} bytes: none or both"
    if root.head.offset + root.head.length >> _OFFSET_BITS or (root.head.offset and not root.head.length):
        return f"a table block of {root.head.length} bytes at {root.head.offset}"
    return ""


class Roots:
    """Writes the three copies."""

    def __init__(self, device: Device, runtime: Runtime, poison: Poison, sequences: dict[str, int]) -> None:
        self._device = device
        self._runtime = runtime
        self._poison = poison
        self._lock = runtime.lock()
        self._sequences = dict(sequences)
        self._last = max(sequences.values())
        self._third: Ticket | None = None
        self._again: Callable[[], None] | None = None  # The third copy, if it could not be written.

    def take_over(self, root: Root) -> None:
        """Begin the life of `root`: `commit` it, after nothing of an earlier process is in flight any more.

        What a process wrote and did not sync before it was killed reads as if it were durable.
        Raises PoisonedError.
        """
        with self._lock:
            # Above every number of an earlier life, those that no copy shows any more included: else a copy
            # of a commit that was never acknowledged could come back as the newest.
            self._last = max(self._last, root.life << LIFE_SHIFT)
            for file in ROOT_FILES:
                try:
                    self._device.sync(file)
                except OSError as error:
                    raise self._poison.failed(f"syncing {file}", error) from error
            self.commit(root)

    def commit(self, root: Root) -> None:
        """Make `root` (its sequence is filled in) the newest; durable in two copies on return.

        Raises PoisonedError if a write or a sync fails.
        """
        with self._lock:
            self.settle()
            first, second, third = sorted(ROOT_FILES, key=lambda file: (self._sequences[file], file))
            self._write(first, root, self._last + 1)
            self._write(second, root, self._last + 1)
            sequence = self._last + 1
            self._third = self._runtime.submit(lambda: self._write(third, root, sequence, may_wait=True))

    def settle(self) -> None:
        """Wait for the third copy. Raises PoisonedError if it could not be written."""
        with self._lock:
            ticket = self.await_third()
            again, self._again = self._again, None
            if again is not None:
                again()
            if ticket is not None:
                ticket.result()
            self._poison.check()

    def await_third(self) -> Ticket | None:
        """Wait for the third copy's ticket to end one way or the other; afterwards there is none."""
        with self._lock:
            ticket, self._third = self._third, None
            if ticket is not None:
                self._runtime.wait([ticket])
            return ticket

    @property
    def is_owing(self) -> bool:
        """True if the third copy is not written yet."""
        ticket = self._third
        return ticket is not None and not ticket.done()

    def _write(self, file: str, root: Root, sequence: int, *, may_wait: bool = False) -> None:
        """Write a copy and sync it. One that may wait, and cannot be written, is left to `settle`."""
        if sequence <= self._last:
            raise InvariantError("roots 1", f"sequence {sequence} after {self._last}")
        self._runtime.turn(f"write {file}")
        try:
            write_fully(self._device, file, 0, encode_root(root.numbered(sequence)))
            may_wait = False
            self._device.sync(file)
        except OSError as error:
            if may_wait:
                self._again = lambda: self._write(file, root, sequence)
                return
            raise self._poison.failed(f"writing {file}", error) from error
        self._sequences[file] = sequence
        self._last = sequence
