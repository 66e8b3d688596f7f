"""Compaction: what is live in the oldest part of the log is written anew at the tail, and that part given up.

    [begin, until)   oldest first, MOVES records at a time: those that are the newest of their keys, and no
                     tombstones, are moved (`kernels.moves`); all others are passed by
    then             memory below `until` is evicted, begin = until: as a truncation
    next checkpoint  it has that begin, and all that was moved; then the files go

A record is live if the index says so. A tombstone below `until` hides only what goes with it.

Invariants
  K1  what a reader finds under a key is the same before a move and after it, whatever comes in between
  K2  begin moves only after every record of [begin, until) that was the newest of its key has been moved
  K3  begin does not move while a record is: a truncation takes a key away before its move, and then there is
      none, or after it, and then the key is above
  K4  interrupted, or stopped by an error, it leaves begin where it was; what was moved till then was moved

The one who moves has a session's row, and issues no operation: a checkpoint takes it over a version's edge as
any other, and what it moves belongs to the version that it is in.

Threads: any; one compaction at a time.
Source: compaction by lookup of FASTER (docs, "Log compaction"); begin of a checkpoint is that of its PREPARE.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ..device import Disk
from ..errors import DeviceError, OperationError, SessionError
from ..kernels import words as w
from ..kernels.atomics import load
from ..kernels.probe import is_void
from ..log import HybridLog
from ..log.index import HashIndex
from ..sessions.driver import Driver, record_bytes
from ..sessions.reader import LogRecord, SharedReader
from ..sessions.registry import SessionRegistry
from ..sessions.staging import Rooms, Stage
from ..sessions.walks import Walk
from ..shared.shared import Shared
from ..shared.spaces import put_bytes
from .found import Found

__all__ = ["Compacted", "Compactor"]

MOVES: Final = {"compiled": 64, "interpreted": 1}  # In one call of a kernel.
DATA_WORDS: Final = 1 << 12  # For their keys and values, unless one needs more.


class Compacted(NamedTuple):
    """The figures of a compaction.

    begin      the log's begin afterwards
    records    that were looked at, overwritten ones and tombstones too
    moved      those of them that were live
    bytes      of log that the moved ones take at the tail
    freed      bytes of log that go with the next checkpoint that is started
    """

    begin: int
    records: int
    moved: int
    bytes: int
    freed: int


class Mover(Driver):
    """A driver whose answer from the device is whether the record that is moved is the newest of its key."""

    def ask(self, stage: Stage, expected: bytes | None) -> None:
        """Follow the chain from where it leaves memory down to the record, or to a newer one of the key."""
        batch, control, key = stage.batch, self.log.spaces.control, stage.key()
        at, moved = batch[w.OP_ADDRESS], batch[w.B_MOVED]
        batch[w.B_COLD_ADDRESS] = at
        while at > moved:
            record = self.log.cold.load_record(at)
            if record.key == key and not is_void(control, at, record.link):
                break
            at = record.previous
        batch[w.B_COLD_STATE] = w.COLD_PRESENT if at == moved else w.COLD_OTHER


class Compactor:
    """Compacts one store's log."""

    def __init__(
        self, log: HybridLog, index: HashIndex, registry: SessionRegistry, shared: Shared, disk: Disk
    ) -> None:
        self._log = log
        self._index = index
        self._registry = registry
        self._shared = shared
        self._disk = disk
        self._lock = disk.runtime.lock()
        self.found = Found()
        self._runner: int | None = None  # The thread or task that compacts.

    @property
    def is_here(self) -> bool:
        """True in the thread or task that compacts."""
        return self._runner == self._disk.runtime.current()

    def check_at_rest(self) -> None:
        """Raises SessionError while one is under way."""
        if self._runner is not None:
            raise SessionError("a compaction is under way: wait for it first")

    def run(self, until: int | None, *, is_patient: bool = False) -> Compacted:
        """Compact the log below `until`, or below what may still be written (None).

        `is_patient`: behind one that is under way, whose end it waits for.

        Raises OperationError (`until`, or one is under way), SessionError (no row is left), DeviceError,
        CorruptionError, PoisonedError.
        """
        tail = load(self._log.spaces.control, w.TAIL)
        if until is not None and (type(until) is not int or not 0 <= until <= tail):
            raise OperationError(f"until is {until!r}: expected an address up to the tail, {tail}, or None")
        while not self._claim():
            if not is_patient:
                raise OperationError("a compaction is under way: wait for it first")
            self._disk.runtime.until("a compaction to end", lambda: self._runner is None)
        try:
            return self._compact(until)
        except OSError as error:
            raise DeviceError(error.errno, f"compacting the log: {error}") from error
        finally:
            self._runner = None

    def _claim(self) -> bool:
        with self._lock:
            if self._runner is not None:
                return False
            self._runner = self._disk.runtime.current()
            return True

    def _compact(self, until: int | None) -> Compacted:
        log = self._log
        # Not all of it: a checkpoint has extents up to its end, so begin stays below it.
        end = min(load(log.spaces.control, w.SAFE_READ_ONLY), load(log.spaces.control, w.TAIL) - 1)
        end = end if until is None else min(until, end)
        end -= end % log.settings.page_bytes
        state = self._registry.open(None)
        mover = Mover(state, self._registry, log, self._index, self._shared.epochs, self._disk.runtime)
        moves = _Moves(mover, self._shared)
        records, tail = 0, load(log.spaces.control, w.TAIL)
        try:
            with SharedReader(log, self._registry, self._shared.mode, self._disk.runtime) as reader:
                begin = reader.begin
                if end <= begin:
                    return Compacted(begin, 0, 0, 0, 0)
                for record in Walk(reader, self._index, self._shared.mode, self._disk.runtime).records(
                    begin, end
                ):
                    self._disk.poison.check()
                    records += 1
                    if record.value is not None:
                        moves.add(record, record.value)
                moves.flush()
        finally:
            mover.retire()
        log.ring.evict(end)
        # K2; a truncation meanwhile may have gone further.
        now = log.ring.truncate(end)
        self.found = self.found.after(now, tail, load(log.spaces.control, w.TAIL), moves.bytes)
        return Compacted(now, records, moves.count, moves.bytes, end - begin)


class _Moves:
    """Moves records, some at a time, and counts."""

    def __init__(self, mover: Mover, shared: Shared) -> None:
        self._mover = mover
        self._shared = shared
        self._most: Final = MOVES[shared.mode.name]
        self._stage = self._roomy(DATA_WORDS)
        self._end = self._stage.keys  # Of the keys and values that are staged,
        self._sizes: list[int] = []  # and the bytes that each of the records takes in the log.
        self.count = 0
        self.bytes = 0

    def _roomy(self, words: int) -> Stage:
        count = max(self._most, 2)  # A table is there from two operations on.
        rooms = Rooms(count, 1, words // count, 0)
        stage = Stage(self._mover.log.spaces, self._shared.mode, self._mover.state.row, rooms)
        batch = stage.batch
        batch[w.B_KIND], batch[w.B_TABLE], batch[w.B_APPLY] = w.MOVE, stage.table, 0  # It is no operation.
        return stage

    def add(self, record: LogRecord, value: bytes) -> None:
        """Move the record, whose value this is, if it is live; at once, or with others that follow."""
        key, size = record.key, record_bytes(len(record.key), len(value))
        words = size // w.WORD_BYTES
        if self._end + words > self._stage.expected:
            self.flush()
            if self._end + words > self._stage.expected:
                self._stage = self._roomy(words)
                self._end = self._stage.keys
        stage, batch, at, number = self._stage, self._stage.batch, self._end, len(self._sizes)
        behind = at + ((len(key) + 7) >> 3)
        put_bytes(stage.bytes, at, key)
        put_bytes(stage.bytes, behind, value)
        row = stage.table + number * w.T_WORDS
        batch[row + w.T_KEY], batch[row + w.T_KEY_BYTES] = at, len(key)
        batch[row + w.T_VALUE], batch[row + w.T_VALUE_BYTES] = behind, len(value)
        batch[stage.results + number] = record.address
        self._end = behind + ((len(value) + 7) >> 3)
        self._sizes.append(size)
        if len(self._sizes) == self._most:
            self.flush()

    def flush(self) -> None:
        """Move what is staged."""
        stage, batch, count = self._stage, self._stage.batch, len(self._sizes)
        batch[w.B_START], batch[w.B_COUNT], batch[w.B_ISSUE] = 0, count, 0
        batch[w.B_COLD_STATE] = w.COLD_UNKNOWN
        if count:
            self._mover.finish(stage, self._run(), run=self._run)
        for size, told in zip(self._sizes, batch[stage.results : stage.results + count], strict=True):
            if told == w.FOUND:
                self.count += 1
                self.bytes += size
        self._sizes.clear()
        self._end = stage.keys

    def _run(self) -> int:
        """Run the kernels, while begin stays where it is (K3)."""
        with self._mover.log.ring.holding_begin():
            return self._stage.kernels.run()
