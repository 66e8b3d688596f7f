"""Growth: twice as many main buckets, beside sessions, some of them at a time.

    room     MAIN_ROOM is raised: overflow buckets leave the room below it free; then BUCKET_MASK is widened
    step     shut     MAIN_SHUT: no batch that begins from now on uses these buckets
             drain    those that were under way have left
             split    by the kernel (`kernels.splits`), inside a row; MAIN_COUNT opens bucket after bucket
             open     MAIN_SHUT is 0 again
    the end  as many main buckets as the mask has: nothing is left to be done

A batch that comes to a bucket that is shut leaves, and tries again. So it waits for one drain and for the
splits of STEP buckets, and a chain is followed for PARTED_MOST records at most.

Invariants, for `c` main buckets and the mask `m`
  G1  bucket(h) (`probe.bucket_of`) is the same under (c, m) and (c, 2 m + 1) where c = m + 1: who reads the
      one word before and the other after the mask was widened goes to the same bucket
  G2  (m + 1) / 2 <= c <= m + 1, and overflow buckets have numbers from MAIN_ROOM = m + 1 up
  G3  every checkpoint whose log has a record that was published under the mask m names m + 1 buckets or
      more in its root: an opening under fewer would lose keys
  G4  an image of the index that is being copied is given up: its entries would move

Where no overflow bucket is left in the middle, it stops there: with c as it is, the store is whole, and the
next growth goes on.

By itself an index grows to what `memory` has for it: when it is crowded, or, while no record has left memory,
when half the ring is full. For an entry of a record that has left goes to both halves, though as a rule its
keys are in one. So where some have, it grows only if the overflow buckets in use would leave half of those
that there are then, had each main bucket as long a chain as the one that it comes from. An opening puts every
entry where it belongs.

Threads: any; one growth at a time. By itself it runs as a call that is handed to the Runtime.
"""

from __future__ import annotations

from typing import Final
from weakref import ref

from ..device import Disk
from ..errors import EngineError, IndexFullError, OperationError, SessionError
from ..kernels import words as w
from ..kernels.atomics import load, store
from ..log.index import HashIndex
from ..runtime import Ticket
from ..sessions.registry import SessionRegistry
from ..shared.modes import Split
from ..shared.shared import Shared
from ..shared.spaces import words_of

__all__ = ["Grower"]

STEP: Final = {"compiled": 64, "interpreted": 1}  # Main buckets.
CROWDED: Final = 4  # One overflow bucket to so many main ones: about six keys to a main bucket.


class Grower:
    """Grows the index of one store."""

    def __init__(self, index: HashIndex, registry: SessionRegistry, shared: Shared, disk: Disk) -> None:
        self._index = index
        self._registry = registry
        self._shared = shared
        self._disk = disk
        self._lock = disk.runtime.lock()
        self._owner: object = None  # Of a growth that is under way.
        self._is_stopped = False
        self._is_refused = False  # There is no room: it is not tried again by itself.
        self._ticket: Ticket | None = None  # Of one that runs by itself.
        self._spare = words_of(w.SPARE_WORDS)
        me = ref(self)  # Else the index and this would wait for the collector.
        index.on_load = lambda: grower.look() if (grower := me()) else None
        index.on_full = lambda: grower.wait() if (grower := me()) else False

    def run(self) -> int:
        """Double the main buckets, or go on with what stopped in the middle; how many there are then.

        Raises OperationError (one is under way), IndexFullError (no room), SessionError (no row is left),
        PoisonedError.
        """
        owner = object()
        try:  # Ctrl-C may come as soon as it is the owner.
            if not self._begin(owner):
                raise OperationError("a growth of the index is under way: wait for it first")
            self._ticket = None
            self._grow()
            return self._index.width.buckets
        finally:
            self._end(owner)

    def look(self) -> None:
        """Begin to grow behind the caller's back if `memory` has room for more, and it is time to."""
        spaces, count = self._index.spaces, self._index.width.buckets
        if 2 * count > spaces.index_most or self._is_refused:
            return
        owner = object()
        try:
            if self._is_due(count) and self._begin(owner):
                self._ticket = self._disk.runtime.submit(lambda: self._run_behind(owner))
        except BaseException:
            self._end(owner)
            raise

    def _is_due(self, count: int) -> bool:
        """True if it is crowded, with room for chains that are in both halves, or about to leave memory."""
        spaces, overflow = self._index.spaces, self._index.overflow
        control, is_crowded = spaces.control, overflow * CROWDED > count
        begin = max(load(control, w.BEGIN), w.FIRST_ADDRESS)
        if load(control, w.HEAD) > begin:
            return is_crowded and 4 * overflow <= control[w.OVERFLOW_END] - 2 * count
        return is_crowded or load(control, w.TAIL) - begin > spaces.ring_bytes // 2

    def wait(self) -> bool:
        """Wait for a growth that is under way; whether there was one."""
        if self._owner is None:
            return False
        runtime, ticket = self._disk.runtime, self._ticket
        if ticket is not None:
            runtime.wait([ticket])
        else:
            runtime.until("a growth of the index", lambda: self._owner is None)
        return True

    def check_at_rest(self) -> None:
        """Raises SessionError while one is under way that somebody called."""
        if self._owner is not None and self._ticket is None:
            raise SessionError("a growth of the index is under way: wait for it first")

    def stop(self) -> None:
        """End what runs by itself, after its step; no other begins."""
        self._is_stopped = True
        if self._ticket is not None:
            self._disk.runtime.wait([self._ticket])

    def _begin(self, owner: object) -> bool:
        with self._lock:
            if self._owner is not None or self._is_stopped:
                return False
            self._owner = owner
            return True

    def _end(self, owner: object) -> None:
        if self._owner is owner:
            self._owner = None

    def _run_behind(self, owner: object) -> None:
        try:
            self._grow()
        except IndexFullError:
            self._is_refused = True
        except EngineError:
            pass  # No row is left, or the store is poisoned: whoever is hurt by that is told.
        finally:
            self._end(owner)

    def _grow(self) -> None:
        self._disk.poison.check()
        self._widen()
        row = self._registry.lease()
        try:
            split = self._shared.mode.splitter(self._index.spaces, self._spare)
            try:
                while not (width := self._index.width).is_whole and not self._is_stopped:
                    self._disk.poison.check()
                    self._step(row, split, min(width.buckets + STEP[self._shared.mode.name], width.mask + 1))
            finally:
                self._shared.epochs.drain("batches that may have seen the first bucket that came back")
                self._split(row, split, 0)  # None; but those that are left over are everybody's now.
        finally:
            self._registry.release(row)
        if width.is_whole:
            self._index.growths += 1

    def _widen(self) -> None:
        """Take room for as many main buckets again, unless some of the last ones are still to be made."""
        width, control = self._index.width, self._index.spaces.control
        if not width.is_whole:
            return
        wide = 2 * width.buckets
        room = control[w.OVERFLOW_END] - wide
        least = max(width.buckets // 2, load(control, w.OVERFLOW_NEXT) + width.buckets // 8)
        if room < least:
            raise IndexFullError(
                f"no room for {wide} main buckets and {least} overflow buckets beside them: reopen with more "
                "memory, or with more `index_buckets` where the settings fix them"
            )
        store(control, w.MAIN_ROOM, wide)
        if load(control, w.OVERFLOW_NEXT) > room:  # Somebody was faster.
            store(control, w.MAIN_ROOM, width.buckets)
            raise self._index.full()
        store(control, w.BUCKET_MASK, wide - 1)

    def _step(self, row: int, split: Split, stop: int) -> None:
        """Make main buckets up to `stop`. Raises IndexFullError."""
        control = self._index.spaces.control
        self._shared.mode.cas(control, w.IMAGING, w.COPIED, w.SPOILED)  # G4
        try:
            store(control, w.MAIN_SHUT, stop)
            self._shared.epochs.drain("batches that use buckets which are to be split")
            why = self._split(row, split, stop)
        finally:
            store(control, w.MAIN_SHUT, 0)
        if why == w.OVERFLOW:
            raise self._index.full()

    def _split(self, row: int, split: Split, stop: int) -> int:
        """Let the kernel make main buckets up to `stop`, inside the row; why it ended."""
        spaces = self._index.spaces
        state = row + w.ROW_STATE
        try:
            is_entered = self._shared.mode.cas(spaces.epochs, state, w.IDLE, load(spaces.control, w.EPOCH))
            assert is_entered, "a leased row is nobody else's"
            return split(load(spaces.control, w.MAIN_COUNT), stop)
        finally:
            store(spaces.epochs, state, w.IDLE)
