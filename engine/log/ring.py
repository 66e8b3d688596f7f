"""The ring: pages of log in memory, and the boundaries between memory and device.

    begin        head       flushed   safe_ro   read_only        tail
      |------------|------------|---------|---------|--------------|
        on the       evictable    being     fuzzy      mutable
        device only               flushed

Invariants
  A1  begin <= safe_head <= head <= flushed <= safe_read_only <= read_only <= tail
  A2  flushed moves only after every byte below it was written to the device and has an extent
  A3  each boundary only grows; a byte below safe_read_only never changes again
  A5  a frame is reused only for a page whose predecessor in it lies wholly below safe_head
  A6  tail - page start of head <= ring bytes

What `flushed` promises is that the device can serve the bytes, not that they survive a power cut:
that is a checkpoint's `sync`.

`safe_read_only` and `safe_head` follow `read_only` and `head` once every batch that may not have seen
those move has left: only then are bytes frozen, and a frame nobody's.

Threads: kernels append and read; pages and boundaries move under one lock, and who holds it never asks the
device: `flushing` does, under no lock. Who opens a page while another flushes waits only if the ring is full
of bytes that the device has not got yet.
Source: HybridLog of FASTER (Chandramouli et al., SIGMOD 2018, sections 4 and 5).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final, Protocol

from ..errors import OperationError
from ..kernels import words as w
from ..kernels.atomics import load, store
from ..metadata.extents import ExtentTable
from ..runtime import Runtime
from ..settings import Settings
from ..shared.shared import Shared
from .flushing import Flushing
from .fresh import FreshFrames

__all__ = ["Ring"]

MUTABLE_TENTHS: Final = 9  # Of the ring, in tenths: how far read-only trails the tail.


class Background(Protocol):
    """A worker that flushes what is frozen."""

    def takes_over(self, head: int) -> bool:
        """Wait until all below `head` is flushed; False where whoever asks has to see to it."""


class Room(Protocol):
    """A limit to what the log's files may take."""

    def ask(self, *, is_relief: bool) -> None:
        """Take in that a page is to be opened. Raises DiskFullError."""

    def has_left(self, count: int) -> bool:
        """True if a file of so many bytes beside the log leaves room for what is written. Raises OSError."""


class Ring:
    """Pages and boundaries.

    background   the worker that flushes in place of whoever opens a page; None: there is none
    room         what is asked before a page is opened for a session; None: nobody
    """

    def __init__(
        self, settings: Settings, shared: Shared, extents: ExtentTable, flushing: Flushing, runtime: Runtime
    ) -> None:
        self.settings = settings
        self.spaces = shared.spaces
        self._extents = extents
        self._mode = shared.mode
        self._epochs = shared.epochs
        self.background: Background | None = None
        self.room: Room | None = None
        self._lock = runtime.lock()  # Of pages and boundaries.
        self._flushing = flushing
        self._fresh = FreshFrames(shared.spaces, runtime)
        ring_pages = self.spaces.ring_bytes // settings.page_bytes
        self.mutable_bytes: Final = max(1, ring_pages * MUTABLE_TENTHS // 10) * settings.page_bytes

    def adopt(self, begin: int, head: int, tail: int) -> None:
        """Set every boundary as recovery (or creation) found it."""
        control = self.spaces.control
        page = self.settings.page_bytes
        control[w.BEGIN] = control[w.DURABLE_BEGIN] = begin
        control[w.HEAD] = control[w.SAFE_HEAD] = head
        flushed = max(w.FIRST_ADDRESS, self._extents.end)
        control[w.FLUSHED] = control[w.SAFE_READ_ONLY] = control[w.READ_ONLY] = flushed
        control[w.TAIL] = tail
        control[w.PAGE_END] = (tail + page - 1) // page * page

    # -- pages -----------------------------------------------------------------------------------

    def open_page(self, needed: int) -> None:
        """Make `needed` more bytes fit below PAGE_END, evicting where the ring is full.

        Raises OSError where a flush fails (nothing moved), OperationError at the end of the
        address space.
        """
        control = self.spaces.control
        page = self.settings.page_bytes
        while True:
            with self._lock:
                tail, start = load(control, w.TAIL), load(control, w.PAGE_END)
                if tail + needed <= start:
                    return  # Another session opened it.
                if start + 2 * page > w.ADDRESS_LIMIT:
                    raise OperationError(
                        f"the log ends at address {start}: copy the live records to a new store"
                    )
                head = max(load(control, w.HEAD), start + page - self.spaces.ring_bytes)
                self.shift_read_only(max(head, start - self.mutable_bytes))
            if load(control, w.FLUSHED) < head:
                self._await_frozen(head)
            if self.background is None or not self.background.takes_over(head):
                self._flushing.flush(load(control, w.SAFE_READ_ONLY), head)
            with self._lock:
                if load(control, w.PAGE_END) != start:
                    continue  # Another session opened it meanwhile; whether the bytes fit is asked again.
                self._shift_head(head)
                if start >= self.spaces.ring_bytes:  # Below, no page has been in the frame.
                    frame = start & (self.spaces.ring_bytes - 1)
                    self.spaces.log_bytes[frame : frame + page] = bytes(page)
                # The tail first: until the end moves too, no allocation fits, so none can straddle the pages.
                # Whatever a session has allocated since it was read lies below: its end did not move.
                store(control, w.TAIL, start)
                store(control, w.PAGE_END, start + page)
            self._fresh.ask(start + page)
            return

    def shift_read_only(self, address: int) -> None:
        """Forbid writes below `address` from now on; it is frozen when all sessions have seen that."""
        control = self.spaces.control
        with self._lock:
            if address > load(control, w.READ_ONLY):
                store(control, w.READ_ONLY, address)
            if address > load(control, w.SAFE_READ_ONLY):  # Also where an earlier call was interrupted.
                self._epochs.defer(lambda: self._raise(w.SAFE_READ_ONLY, address))

    def _await_frozen(self, address: int) -> None:
        self._epochs.until(
            "batches that may still write below read-only",
            lambda: load(self.spaces.control, w.SAFE_READ_ONLY) >= address,
        )

    def _shift_head(self, address: int) -> None:
        """Forbid reads from memory below `address` from now on; returns when all sessions have seen that."""
        control = self.spaces.control
        if address > load(control, w.HEAD):
            assert address <= load(control, w.FLUSHED)
            store(control, w.HEAD, address)
        if address > load(control, w.SAFE_HEAD):  # Also where an earlier call was interrupted.
            self._epochs.defer(lambda: self._raise(w.SAFE_HEAD, address))
            self._epochs.until(
                "batches that may still read below head",
                lambda: load(control, w.SAFE_HEAD) >= address,
            )

    def _raise(self, word: int, address: int) -> None:
        """Raise the safe boundary, as a deferred action; two of them may run in any order (A3)."""
        control = self.spaces.control
        while (found := load(control, word)) < address and not self._mode.cas(control, word, found, address):
            pass

    def cut(self) -> int:
        """Round the tail up to a write unit, and freeze nothing; that address, once all below is complete."""
        with self._lock:
            final = self._round_tail()
        self._epochs.drain("batches that may still append below the cut")
        return final

    def _round_tail(self) -> int:
        """Round the tail up to a write unit, where an extent will end; under the lock."""
        control = self.spaces.control
        unit = self.settings.write_unit
        while True:
            # The padding is zeros, and a sector of it is never shared with a later flush (A4).
            tail = load(control, w.TAIL)
            final = (tail + unit - 1) // unit * unit
            if self._mode.cas(control, w.TAIL, tail, final):
                self._flushing.cut_at(final)
                return final

    def fold_over(self) -> int:
        """Round the tail up to a write unit and freeze all below it; that address."""
        control = self.spaces.control
        with self._lock:
            final = self._round_tail()
            self.shift_read_only(final)
            self._epochs.until(
                "batches that may still write below the fold",
                lambda: load(control, w.SAFE_READ_ONLY) >= final,
            )
            return final

    def holding_begin(self) -> AbstractContextManager[object]:
        """A context in which begin does not move, nor a page turns; for what asks no device, and is short."""
        return self._lock

    def evict(self, address: int) -> None:
        """Let the memory below `address` go, a frozen page's start; what of it is not flushed is, before.

        Raises OSError; then nothing has moved.
        """
        self._flushing.flush(address)
        with self._lock:
            self._shift_head(address)

    def truncate(self, address: int) -> int:
        """Give up the log below `address`; the begin that this makes (A1, a page's start).

        Raises OperationError for what is no address up to the tail.
        """
        control = self.spaces.control
        tail = load(control, w.TAIL)
        if type(address) is not int or not 0 <= address <= tail:
            raise OperationError(f"address is {address!r}: expected an address up to the tail, {tail}")
        with self._lock:
            begin = min(address, load(control, w.HEAD))
            begin -= begin % self.settings.page_bytes
            if begin > load(control, w.BEGIN):
                store(control, w.TRUNCATING, 1)
                try:
                    # Who goes on from a value below it publishes that before it is absent to anybody (P10).
                    self._epochs.drain("batches that may go on from what is truncated")
                    store(control, w.BEGIN, begin)
                finally:
                    store(control, w.TRUNCATING, 0)
            return load(control, w.BEGIN)
