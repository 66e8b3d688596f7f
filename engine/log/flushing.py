"""Flushing: frozen bytes of the ring on their way to the device, a piece at a time, by one thread at a time.

Who flushes takes the claim for one piece and lets it go; who finds it taken waits, if at all, for the bytes
that it needs, not for the claim. So a checkpoint that writes for seconds stops nobody who needs one page.

Invariants, with `a` = flushed before a piece and `b` = after it
  F1  b > a  =>  the device said that every byte of [a, b) is written, before `flushed` moved
  F2  b <= until <= safe_read_only, which who asks sees to: what is written never changes again, but for bits
      that mean nothing there
  F3  b - a <= piece_bytes, and [a, b) lies in one segment: one write of whole extents
  F4  the device is called under the claim, and under no lock
  F5  no piece, so no extent, crosses the end of the last fold: what a checkpoint names ends where it says
  F6  a piece that fails moves nothing, and the next one, whoever's it is, begins at the same `a`

Threads: any.
"""

from __future__ import annotations

from ..kernels import words as w
from ..kernels.atomics import load, store
from ..runtime import Runtime
from ..settings import Settings
from ..shared.spaces import Spaces
from .segments import Segments

__all__ = ["Flushing"]


class Flushing:
    """Writes pieces of the ring to the segments, and moves `flushed`."""

    def __init__(self, settings: Settings, spaces: Spaces, segments: Segments, runtime: Runtime) -> None:
        self._unit = settings.write_unit
        self._piece_bytes = settings.piece_bytes
        self._spaces = spaces
        self._segments = segments
        self._runtime = runtime
        self._guard = runtime.lock()  # Of the claim, never while the device is asked.
        self._claimed_by: int | None = None
        self._copy = bytearray()
        self._fold = 0

    @property
    def flushed(self) -> int:
        """The address below which the device has everything."""
        return load(self._spaces.control, w.FLUSHED)

    def cut_at(self, fold: int) -> None:
        """Let an extent end at `fold` (F5). Before anything above it is frozen."""
        self._fold = fold

    def flush(self, until: int, needed: int | None = None, budget: int | None = None) -> bool:
        """Write what is frozen below `until`, as far as whole units go; whether all of it is written.

        Where another thread is at it, what it writes is waited for, but only up to `needed` (None: `until`).
        `budget` is the number of bytes after which to stop. Raises OSError; then nothing has moved (F6).
        """
        until -= until % self._unit  # Only the null region of page 0 is not whole.
        needed = until if needed is None else needed
        extents = self._segments.extents
        start = extents.end
        while (flushed := self.flushed) < until:
            if budget is not None and extents.end - start >= budget:
                return False
            if self.write_piece(until) is None:
                if flushed >= needed:
                    return False
                self.wait(needed)
        return True

    def wait(self, needed: int) -> None:
        """Wait until all below `needed` is written, or nobody writes any more."""
        self._runtime.until("a flush", lambda: self.flushed >= needed or self._claimed_by is None)

    def write_piece(self, until: int, *, is_patient: bool = False) -> int | None:
        """Write the next piece below `until`; its bytes, or None where another thread is writing one.

        Raises OSError (F6). `until` is frozen, and the start of a write unit. `is_patient` lets others
        go on before the device is asked.
        """
        me = self._runtime.current()
        try:
            if not self._claim(me):
                return None
            control, segments = self._spaces.control, self._segments
            before = start = segments.extents.end  # 0 in a fresh log, whose lowest address is FIRST_ADDRESS.
            if start < until:
                end = min(until, (start // self._piece_bytes + 1) * self._piece_bytes)
                end = self._fold if start < self._fold < end else end
                if is_patient:
                    self._runtime.turn("write a piece")
                segments.write(start, self._copied(start, end - start))
                start = end
            store(control, w.FLUSHED, max(start, load(control, w.FLUSHED)))  # Also after an interrupted call.
            return start - before
        finally:
            if self._claimed_by == me:
                self._claimed_by = None

    def _claim(self, me: int) -> bool:
        with self._guard:
            if self._claimed_by is None:
                self._claimed_by = me
            return self._claimed_by == me

    def _copied(self, start: int, length: int) -> memoryview:
        """The bytes of the ring, copied once: checksums, write and any retry see the same, whatever a session
        does meanwhile with the bits of records that it may still change."""
        if len(self._copy) < length:
            self._copy = bytearray(length)
        copy, ring = memoryview(self._copy)[:length], self._spaces.log_bytes
        frame = start & (len(ring) - 1)
        first = min(length, len(ring) - frame)
        copy[:first] = ring[frame : frame + first]
        copy[first:] = ring[: length - first]
        return copy
