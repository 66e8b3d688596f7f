"""Moving: what is live in a part of the log goes to its tail, by pages.

    page     its frozen bytes, from memory or from the device: they never change again
    picked   what may be live of it, ROWS records at a time (`kernels.picks`)
    asked    those whose chain leaves memory above them: the device is, for all of them in the order of
             addresses, so that what one read brings serves many
    moved    if they still are the newest of their keys, MOVES at a time (`kernels.moves`)

A record costs ordinary Python only where the device must be asked for it. So whoever moves gives the
interpreter's lock away after some microseconds: a thread that wants it waits for 5 ms before it may insist.

Threads: the one that moves.
"""

from __future__ import annotations

from typing import Final

from ..kernels import words as w
from ..kernels.probe import is_void
from ..sessions.driver import Driver
from ..sessions.reader import SharedReader
from ..sessions.staging import Rooms, Stage
from ..shared.shared import Shared
from ..shared.spaces import put_bytes

__all__ = ["Mover", "Moving"]

# Of a pick, and of a call that moves, for which begin is held. Interpreted ones are short: whoever watches
# sees others come in between.
ROWS: Final = {"compiled": 1024, "interpreted": 3}
MOVES: Final = {"compiled": 64, "interpreted": 1}


class Mover(Driver):
    """A driver whose answer from the device is whether the record that is moved is the newest of its key."""

    def ask(self, stage: Stage, expected: bytes | None) -> None:
        """Follow the chain from where it leaves memory down to the record, or to a newer one of the key."""
        batch = stage.batch
        at, moved = batch[w.OP_ADDRESS], batch[w.B_MOVED]
        batch[w.B_COLD_ADDRESS] = at
        is_it = self.newest(at, moved, stage.key()) == moved
        batch[w.B_COLD_STATE] = w.COLD_PRESENT if is_it else w.COLD_OTHER

    def newest(self, at: int, moved: int, key: bytes) -> int:
        """The key's newest record from `at` on, down to `moved`; what is below where it has none."""
        while at > moved:
            record = self.log.cold.load_record(at)
            if record.key == key and not is_void(self.log.spaces.control, at, record.link):
                break
            at = record.previous
        return at


class Moving:
    """Moves what is live, and counts: records that were looked at, those that were moved, and their bytes."""

    def __init__(self, mover: Mover, reader: SharedReader, shared: Shared) -> None:
        self._mover = mover
        self._reader = reader
        self._page_bytes: Final = reader.log.settings.page_bytes
        self._rows: Final = ROWS[shared.mode.name]
        self._moves: Final = MOVES[shared.mode.name]
        rooms = Rooms(self._rows, 1, self._page_bytes // w.WORD_BYTES // self._rows, 0)
        self._stage: Final = Stage(mover.log.spaces, shared.mode, mover.state.row, rooms)
        batch = self._stage.batch
        batch[w.B_KIND], batch[w.B_TABLE], batch[w.B_PAGE] = w.MOVE, self._stage.table, self._stage.keys
        batch[w.B_APPLY] = 0  # It is no operation.

    @property
    def records(self) -> int:
        """So many were looked at."""
        return self._stage.batch[w.B_LISTED]

    @property
    def count(self) -> int:
        """So many were moved."""
        return self._stage.batch[w.N_MOVED]

    @property
    def live_bytes(self) -> int:
        """So much of the log those take at its tail."""
        return self._stage.batch[w.N_MOVED_BYTES]

    def step(self, address: int, end: int) -> int:
        """Move what is live from `address` on, within a page and below `end`; where to go on.

        Raises DeviceError, CorruptionError, PoisonedError, IndexFullError, DiskFullError, OperationError.
        """
        stage, batch = self._stage, self._stage.batch
        data = self._reader.frozen(address, min(end, address - address % self._page_bytes + self._page_bytes))
        put_bytes(stage.bytes, stage.keys, data)
        batch[w.B_PAGE_ADDRESS] = batch[w.B_NEXT] = address
        batch[w.B_PAGE_END] = address + len(data)
        while batch[w.B_NEXT] < batch[w.B_PAGE_END]:
            batch[w.B_COUNT] = self._rows
            self._mover.finish(stage, stage.kernels.pick(), run=stage.kernels.pick)
            self._move(self._asked(batch[w.B_COUNT]))
        return batch[w.B_PAGE_END]

    def _asked(self, count: int) -> int:
        """The rows without those that the device knows a newer record of; how many."""
        stage, batch = self._stage, self._stage.batch
        if not batch[w.B_ASKED]:
            return count
        addresses = batch[stage.results : stage.results + count].tolist()
        led_to = batch[batch[w.B_SLOTS] : batch[w.B_SLOTS] + count].tolist()
        asked = sorted((at, number) for number, at in enumerate(led_to) if at > addresses[number])
        gone = {n for at, n in asked if self._mover.newest(at, addresses[n], self._key(n)) > addresses[n]}
        kept = 0
        for number in range(count):
            if number not in gone:
                row, to = (stage.table + each * w.T_WORDS for each in (number, kept))
                batch[to : to + w.T_WORDS] = batch[row : row + w.T_WORDS]
                batch[stage.results + kept] = addresses[number]
                kept += 1
        return count - len(gone)

    def _key(self, number: int) -> bytes:
        row = self._stage.table + number * w.T_WORDS
        start = self._stage.batch[row + w.T_KEY] * w.WORD_BYTES
        return bytes(self._stage.bytes[start : start + self._stage.batch[row + w.T_KEY_BYTES]])

    def _move(self, count: int) -> None:
        stage, batch = self._stage, self._stage.batch
        batch[w.B_START] = 0
        while batch[w.B_START] < count:
            batch[w.B_COUNT] = min(batch[w.B_START] + self._moves, count)
            batch[w.B_COLD_STATE] = w.COLD_UNKNOWN
            self._mover.finish(stage, self._run(), run=self._run)

    def _run(self) -> int:
        """Run the kernels, while begin stays where it is (K3)."""
        with self._mover.log.ring.holding_begin():
            return self._stage.kernels.run()
