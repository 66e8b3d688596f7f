"""Room on the disk: the log is compacted, and a checkpoint taken, before the files pass what they may take.

Or where so much of the log may be dead that the store was asked to give it back (`dead`).

    0                        due                 refused               limit
    |------------------------|-------------------|---------------------|
      nothing is done          a step now and      no more is written,   the last of it is for what a step
                               then                but deletes           moves and its checkpoint

`used` is all that the files have once a checkpoint of this very moment is durable: the log from the oldest
segment that a checkpoint lists to the end of the page that is opened, and twice the other files, which are
written anew before the old ones go. It is looked at where a page is opened, so memory that is not flushed yet
has its room already, and a checkpoint of the user's too.

A step freezes and compacts the oldest whole segments, up to half of what is left, and takes a checkpoint,
with which they go. Where more than half of them was live the next step is due later, nearer to `refused`: the
older a segment grows, the less of it is live. At `refused` steps follow each other, once over the log.

A pass for dead log goes over whole segments alone that are frozen by themselves, a checkpoint behind each
step; nobody waits for it, and what stops it is told, and tried again when the log has grown.

Invariants
  M1  a step moves no more than it goes over, and while it does others leave it that room: used <= limit
  M2  no page is opened for what a session writes where used would pass `refused`; a delete may pass it
  M3  a step that frees nothing is the last one: where segments are held, by a reader, a backup or a
      checkpoint under a name, the reserve stays
  M4  who makes room waits for nobody's room, and holds no lock meanwhile
  M5  a step that freed nothing is tried again at the next page, and takes no second checkpoint while the
      newest is the one that it took: so it costs no byte
  M6  no image of the index is begun that is longer than a sixteenth of the limit, or takes `used` to where a
      step is due

Threads: `ask` any, with no row of the epoch table and no lock held; steps in the worker's thread, or in that
of the writer where the Runtime gives none. The flush worker cannot do it: who moves records opens pages, and
waits for that one then.
Source: auto-compaction of FASTER (compaction by lookup once the log passes a size); the reserve is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from ..checkpoint.driver import Checkpointer
from ..checkpoint.parts import Parts
from ..errors import DiskFullError, EngineError, PoisonedError
from ..kernels import words as w
from ..kernels.atomics import load
from ..metadata.extents import segment_number
from ..shared.phases import CheckpointKind
from ..shared.worker import Worker
from .compaction import Compactor
from .dead import DeadLog

__all__ = ["Room"]

DUE, REFUSED = 12, 15  # Sixteenths of the limit.
SHARE: Final = 16  # An image of the index has at most one part of so many: it may stay for ever.
_NEVER: Final = object()
_BOUNDLESS: Final = 1 << 62  # The limit of a store that has none.


class Room(Worker):
    """Keeps one store's files below a limit, in bytes, and the dead part of its log below a share."""

    what: ClassVar[str] = "compaction"

    def __init__(
        self,
        parts: Parts,
        checkpointer: Checkpointer,
        compactor: Compactor,
        limit: int | None,
        share: float | None = None,
    ) -> None:
        super().__init__(parts.disk)
        limit = _BOUNDLESS if limit is None else limit
        self.limit: Final = limit
        self.refusing: Final = limit * REFUSED // 16
        self._parts = parts
        self._log = parts.log
        self._control = parts.log.spaces.control
        self._segment = parts.settings.segment_bytes
        self._page = parts.settings.page_bytes
        self._checkpointer = checkpointer
        self._compactor = compactor
        self._dead = (
            None if share is None else DeadLog(self._control, compactor, share, parts.settings.segment_bytes)
        )
        self._due = limit * DUE // 16
        self._others = 0
        self._seen: object = _NEVER  # The checkpoint at which the other files were looked at.
        self._stepping = 0  # Bytes that the step under way may move.
        self._mover: tuple[int] | None = None  # The thread or task that makes room, in a tuple of its call.
        self._futile: object = _NEVER  # The checkpoint that had all that a step can give, and nothing went.
        self._begun = self._ended = 0  # Passes: room that was made, or tried to be.
        self._failed, self._reason = 0, ""  # The number of the last one that failed, and why.

    @property
    def used(self) -> int:
        """Bytes that the files have once all that was written is durable, and a page more. Raises OSError."""
        newest = self._checkpointer.newest
        if newest is not self._seen:
            device = self._parts.disk.device
            files = [name for name in device.list() if segment_number(name) is None]
            self._others, self._seen = sum(map(device.size, files)), newest
        return load(self._control, w.PAGE_END) + self._page - self._listed() + 2 * self._others

    @property
    def _is_due(self) -> bool:
        return self.used >= self._due or (self._dead is not None and self._dead.is_due)

    @property
    def _is_here(self) -> bool:
        mover = self._mover
        return mover is not None and mover[0] == self.runtime.current()

    def has_left(self, count: int) -> bool:
        """True if another file of so many bytes leaves room for what is written. Raises OSError."""
        return SHARE * count <= self.limit and self.used + 2 * count < self._due

    def _listed(self) -> int:
        """The start of the oldest segment that is there."""
        start = self._log.segments.kept_from
        return start - start % self._segment

    # -- for whoever opens a page ------------------------------------------------------------------

    def ask(self, *, is_relief: bool) -> None:
        """Take in that a page is to be opened; `is_relief`: for a delete.

        Raises DiskFullError, PoisonedError; OSError where files cannot be looked at.
        """
        if self._is_here or not self._is_due:
            return
        if self._compactor.is_here:  # Somebody's own: to wait for room would be to wait for itself.
            if self._has_passed(self.refusing):
                raise DiskFullError(
                    f"{self.used} of {self.limit} bytes on the disk are in use: no room for what a "
                    "compaction moves; the store compacts by itself before its disk is full"
                )
            return
        self.ring()
        if not self.is_driven:
            self._make()
        most = self.limit - self._segment if is_relief else self.refusing
        begun = self._begun
        while self._has_passed(most):
            if self._failed > begun:  # What was under way before may have been without what can go now.
                raise DiskFullError(
                    f"{self.used} of {self.limit} bytes on the disk are in use: {self._reason}"
                )
            self._await_pass(most)

    def _has_passed(self, most: int) -> bool:
        return self.used >= min(most, self.limit - self._stepping)

    def _await_pass(self, most: int) -> None:
        """Wait until there is room, or the end of a pass; or make one."""
        seen = self._ended
        self.ring()
        if not self.is_driven:
            self._make()
        self.runtime.until(
            "room on the disk",
            lambda: (
                self._ended != seen
                or not self._has_passed(most)
                or (self._mover is None and not self.is_driven)
            ),
        )
        self._poison.check()

    # -- steps -------------------------------------------------------------------------------------

    def round(self) -> bool:
        """Make room if it is due; whether any was made. Raises EngineError where it could not be."""
        if not self._is_due:
            return False
        is_made, error = self._make()
        if error is not None:
            raise error
        return is_made

    def next_look(self) -> float | None:
        """None: whoever opens a page rings."""
        return None

    def _claim(self, mover: tuple[int]) -> bool:
        with self._guard:
            if self._mover is not None:
                return False
            self._mover = mover
            return True

    @contextmanager
    def resting(self) -> Iterator[None]:
        """A context in which no room is made; what is under way ends before."""
        mover = (self.runtime.current(),)
        try:  # Ctrl-C may come as soon as it has claimed.
            while not self._claim(mover):
                self.runtime.until("the room on the disk to be made", lambda: self._mover is None)
            yield
        finally:
            if self._mover is mover:
                self._mover = None
                self.ring()

    def _make(self) -> tuple[bool, EngineError | None]:
        """Take a step, or so many that writers are not refused, unless another does; (whether it did, the
        error because of which the disk is full).
        """
        mover, error = (self.runtime.current(),), None
        try:
            if not self._claim(mover):
                return False, None
            self._begun += 1
            self._pass()
        except PoisonedError:
            raise
        except (EngineError, OSError) as found:
            own = found if isinstance(found, EngineError) else None
            error = own or DiskFullError(f"making room failed: {found}")
            self._failed, self._reason = self._begun, str(error)
        finally:
            if self._mover is mover:
                self._stepping = 0
                self._ended += 1
                self._mover = None
        return True, error

    def _pass(self) -> None:
        tail = load(self._control, w.TAIL)
        if self.used >= self._due:
            self._step(tail)
        elif self._dead is not None:
            self._sweep(self._dead)
        while self.used >= self.refusing:
            self._step(tail)

    def _sweep(self, dead: DeadLog) -> None:
        """Let dead log go, from begin on, as long as that is worth it and nobody is short of room."""
        end, step = load(self._control, w.SAFE_READ_ONLY) // self._segment * self._segment, dead.step_bytes
        try:
            while (until := min(self._listed() + step, end)) > load(self._control, w.BEGIN):
                if self.used + step >= self._due:
                    return
                self._stepping = step
                done = self._compactor.run(until, is_patient=True)
                self._checkpointer.run_by_itself(CheckpointKind.FOLD_OVER, 0.0)
                self._checkpointer.give_back_at_rest()
                if not dead.is_worth(done) or self._is_over():
                    return
        finally:
            dead.settle()

    def _step(self, tail: int) -> None:
        """Let the oldest segments go, or some of them; nothing from `tail` on is moved."""
        used, listed, newest = self.used, self._listed(), self._checkpointer.newest
        count = max((self.limit - used) // 2 // self._segment, 1) * self._segment
        is_new = load(self._control, w.BEGIN) < listed + self._segment
        if is_new:
            until = min(listed + count, (tail - 1) // self._page * self._page)
            if until < listed + self._segment:
                raise DiskFullError(
                    "nearly all of it is live; delete keys, or open the store with a larger `disk`"
                )
            if used - self._others + count > self.limit:
                raise DiskFullError("nothing is left for a compaction; open the store with a larger `disk`")
            self._stepping = count
            self._freeze(until)
            done = self._compactor.run(until, is_patient=True)
            is_dear = 2 * done.bytes > done.freed
            self._due = min(self._due + self._segment, self.refusing) if is_dear else self.limit * DUE // 16
        if is_new or newest is not self._futile:  # M5
            self._checkpointer.run_by_itself(CheckpointKind.FOLD_OVER, 0.0)
        self._stepping = 0
        self._checkpointer.give_back_at_rest()  # Whoever took its last step may be about to.
        if self._listed() <= listed:
            self._futile = self._checkpointer.newest
            raise DiskFullError(
                "its oldest files are held, by an iterator, a backup or a pinned checkpoint, or the device "
                "does not remove them"
            )

    def _freeze(self, address: int) -> None:
        self._log.ring.shift_read_only(address)
        self._parts.shared.epochs.until(
            "batches that may still write what is compacted",
            lambda: load(self._control, w.SAFE_READ_ONLY) >= address,
        )
