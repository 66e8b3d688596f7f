"""Compaction: what is live in the oldest part of the log is written anew at the tail, and that part given up.

    [begin, until)   oldest first: the records that are the newest of their keys, and no tombstones, are moved
                     (`moving`); all others are passed by
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

from typing import NamedTuple

from ..device import Disk
from ..errors import DeviceError, OperationError, SessionError
from ..kernels import words as w
from ..kernels.atomics import load
from ..log import HybridLog
from ..log.index import HashIndex
from ..sessions.reader import SharedReader
from ..sessions.registry import SessionRegistry
from ..shared.shared import Shared
from .found import Found
from .moving import Mover, Moving

__all__ = ["Compacted", "Compactor"]


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
        self._runner: tuple[int] | None = None  # The thread or task that compacts, in a tuple of its call.

    @property
    def is_here(self) -> bool:
        """True in the thread or task that compacts."""
        runner = self._runner
        return runner is not None and runner[0] == self._disk.runtime.current()

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
        runner = (self._disk.runtime.current(),)
        try:  # Ctrl-C may come as soon as it has claimed.
            while not self._claim(runner):
                if not is_patient:
                    raise OperationError("a compaction is under way: wait for it first")
                self._disk.runtime.until("a compaction to end", lambda: self._runner is None)
            return self._compact(until)
        except OSError as error:
            raise DeviceError(error.errno, f"compacting the log: {error}") from error
        finally:
            if self._runner is runner:
                self._runner = None

    def _claim(self, runner: tuple[int]) -> bool:
        with self._lock:
            if self._runner is not None:
                return False
            self._runner = runner
            return True

    def _compact(self, until: int | None) -> Compacted:
        log = self._log
        # Not all of it: a checkpoint has extents up to its end, so begin stays below it.
        end = min(load(log.spaces.control, w.SAFE_READ_ONLY), load(log.spaces.control, w.TAIL) - 1)
        end = end if until is None else min(until, end)
        end -= end % log.settings.page_bytes
        state = self._registry.open(None)
        mover = Mover(state, self._registry, log, self._index, self._shared.epochs, self._disk.runtime)
        tail = load(log.spaces.control, w.TAIL)
        try:
            with SharedReader(log, self._registry, self._shared.mode, self._disk.runtime) as reader:
                begin = address = reader.begin
                if end <= begin:
                    return Compacted(begin, 0, 0, 0, 0)
                moving = Moving(mover, reader, self._shared)
                while address < end:
                    self._disk.poison.check()
                    address = moving.step(address, end)
        finally:
            mover.retire()
        log.ring.evict(end)
        # K2; a truncation meanwhile may have gone further.
        now = log.ring.truncate(end)
        self.found = self.found.after(now, tail, load(log.spaces.control, w.TAIL), moving.live_bytes)
        return Compacted(now, moving.records, moving.count, moving.live_bytes, end - begin)
