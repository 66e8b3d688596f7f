"""The driver: takes a staged batch to its end, doing in ordinary Python what kernels leave to it.

    why          what is done before the kernels go on
    PAGE_FULL    the next page is opened, an old one evicted
    ON_DEVICE    the chain below head is read
    OVERFLOW     no bucket is left to put behind the chain's last: slots of deleted keys whose records are on
                 the device are looked for; IndexFullError where there is none
    RETRY        others get a turn: one that has a record, or the growth of the index that has a bucket
    SHIFT        the session follows the system into the next version
    TAKEN        the claim that has the row is waited for; a batch of another thread is an error

Invariants
  1  in here the session's row is not entered: nobody waits for a driver that waits
  2  a session shifts version between two kernel calls, never inside one

Threads: the session's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..errors import ClosedError, DeviceError, SessionError
from ..kernels import words as w
from ..kernels.atomics import load, store
from ..log import HybridLog
from ..log.cold import ColdRecord
from ..log.index import HashIndex
from ..runtime import Runtime
from ..shared.epoch import Epochs
from .registry import SessionRegistry, SessionState
from .slots import win_slots
from .staging import Stage

__all__ = ["Driver", "record_bytes"]

_TERMINAL: Final = frozenset({w.DONE, w.ROOM, w.CHANGED, w.MISFIT, w.PENDING, w.TOO_LONG})


class Driver:
    """The slow paths of one session."""

    def __init__(
        self,
        state: SessionState,
        registry: SessionRegistry,
        log: HybridLog,
        index: HashIndex,
        epochs: Epochs,
        runtime: Runtime,
    ) -> None:
        self.state = state
        self.log = log
        self.runtime = runtime
        self.cold: ColdRecord | None = None  # The device's last answer,
        self.cold_begin = 0  # and the log's begin when it was asked.
        self.device_reads = 0
        self._registry = registry
        self._index = index
        self._epochs = epochs

    def finish(
        self, stage: Stage, why: int, expected: bytes | None = None, run: Callable[[], int] | None = None
    ) -> int:
        """Go on from `why` until the batch is done, or stops where only the caller can go on.

        `expected` is what a swap expects, for a record that is on the device; `run` runs the kernels, where
        it is not only that. Raises DeviceError,
        CorruptionError, PoisonedError, IndexFullError, DiskFullError, OperationError (the log is at its end),
        SessionError.
        """
        while why not in _TERMINAL:
            try:
                self._do(stage, why, expected)
            except OSError as error:
                raise DeviceError(error.errno, f"{w.WHY_NAMES[why]}: {error}") from error
            why = stage.kernels.run() if run is None else run()
        return why

    def _do(self, stage: Stage, why: int, expected: bytes | None) -> None:
        batch = stage.batch
        if not self.state.is_live:
            raise ClosedError(f"session {self.state.name!r} was closed while an operation was under way")
        if why == w.PAGE_FULL:
            if self.log.ring.room is not None:
                self.log.ring.room.ask(is_relief=batch[w.OP_KIND] == w.DELETE)
            value_bytes = 0 if batch[w.OP_KIND] == w.DELETE else batch[w.OP_VALUE_BYTES]
            self.log.ring.open_page(record_bytes(batch[w.OP_KEY_BYTES], value_bytes))
            self._index.on_load()
        elif why == w.ON_DEVICE:
            self.ask(stage, expected)
        elif why == w.OVERFLOW:
            is_won = win_slots(self.log, self._index, self.state.row, batch[w.OP_HASH])
            if not is_won and not self._index.on_full():
                raise self._index.full()
        elif why == w.RETRY:
            self._epochs.poll()
            self.runtime.turn("another session to let go of a record")
        elif why == w.SHIFT:
            self._registry.shift(self.state)
        else:
            assert why == w.TAKEN
            self._await_row()

    def _await_row(self) -> None:
        state = load(self.log.spaces.epochs, self.state.row + w.ROW_STATE)
        if state > w.CLAIMED:
            raise SessionError(f"session {self.state.name!r} is in use: one thread, one operation at a time")
        self.runtime.turn("a claim to let go of the session")

    def ask(self, stage: Stage, expected: bytes | None) -> None:
        """Ask the device for the chain below head, so that the kernel can go on from there."""
        batch = stage.batch
        address = batch[w.OP_ADDRESS]
        self.device_reads += 1
        # Before it is asked: what was found may be gone since.
        begin = load(self.log.spaces.control, w.BEGIN)
        self.tell(stage, address, begin, self.log.cold.find(address, stage.key()), expected)

    def tell(
        self, stage: Stage, address: int, begin: int, record: ColdRecord | None, expected: bytes | None
    ) -> None:
        """Put the device's answer for `address` where the kernel looks for it; it was asked at this begin."""
        batch = stage.batch
        self.cold, self.cold_begin = record, begin
        if record is None or record.link & w.TOMBSTONE:
            state = w.COLD_ABSENT
        elif batch[w.B_KIND] == w.ADD:
            state = w.COLD_PRESENT if len(record.value) == w.WORD_BYTES else w.COLD_OTHER
            batch[w.B_COLD_VALUE] = int.from_bytes(record.value[: w.WORD_BYTES], "little")
        elif batch[w.B_KIND] == w.APPEND:
            state = w.COLD_PRESENT if stage.expect(record.value) else w.COLD_OTHER
        else:
            state = w.COLD_PRESENT if record.value == expected else w.COLD_OTHER
        batch[w.B_COLD_ADDRESS] = address
        batch[w.B_COLD_BEGIN] = begin
        batch[w.B_COLD_STATE] = state

    # -- serials -----------------------------------------------------------------------------------

    @property
    def serial(self) -> int:
        """Operations the session has issued."""
        return self._registry.serial(self.state)

    def settle(self) -> None:
        """Count as ended each operation issued and not applied: it has raised, or changed nothing.

        Unless a batch of another thread has the row: what is issued may be its own, and that goes on.
        """
        epochs, row = self.log.spaces.epochs, self.state.row
        if epochs[row + w.ROW_STATE] > w.CLAIMED:
            return
        store(epochs, row + w.ROW_APPLIED, load(epochs, row + w.ROW_SERIAL))

    def take_back(self, count: int) -> None:
        """Give back the last `count` serials, taken for operations that were never begun."""
        epochs, row = self.log.spaces.epochs, self.state.row
        store(epochs, row + w.ROW_SERIAL, load(epochs, row + w.ROW_SERIAL) - count)

    def release_pending(self, serial: int) -> None:
        """Take in that a pending operation has ended."""
        epochs, row = self.log.spaces.epochs, self.state.row
        if load(epochs, row + w.ROW_APPLIED) < serial:
            store(epochs, row + w.ROW_APPLIED, serial)
        store(epochs, row + w.ROW_PENDING, load(epochs, row + w.ROW_PENDING) - 1)

    def retire(self) -> None:
        """Take in that the session's handle is closed."""
        self._registry.retire(self.state)


def record_bytes(key_bytes: int, value_bytes: int) -> int:
    """Bytes that a record of these sizes takes in the log."""
    return (w.RECORD_HEADER_WORDS + ((key_bytes + 7) >> 3) + ((value_bytes + 7) >> 3)) * w.WORD_BYTES
