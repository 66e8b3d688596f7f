"""The flush worker: brings frozen pages to the device before anybody needs their frames.

Each round looks at the log, freezes what the target says, and writes what is frozen if a threshold, the
pressure or a waiting writer asks for it: whole pages, a piece at a time, through `Flushing` like all others.
So it shares pieces with checkpoints and page openers, and needs no order with them.

Invariants, with F = flushed, S = safe_read_only
  W1  the worker moves F only, and read-only up to a page's start below the tail; F <= S after each piece
  W2  what an operation returns does not depend on it; where it is not able to flush (off, failed, stopped,
      waiting after a failure), whoever opens a page flushes himself, as without it
  W4  a failed flush moves nothing; it is counted, told in `metrics` and `stats`, and tried again after
      retry_least * 2**n seconds, at most retry_most; an error that no time mends ends the worker
  W5  `stop` may be called at any time, by anyone, again and again; when it has returned, no call of the
      worker is under way, none will be, and what was frozen then is written, unless the device refused it
  W6  a poisoned store, and one of a forked parent, is left alone
  W7  a Runtime that has no threads to give gets none: `drive` does the rounds in the caller's task
  W8  a writer is held back only while the worker is able; it is let go by every way that this ends

Threads: `drive` in one at a time; all else from anywhere, with no lock held that a session can need.
Source: the roadmap of oxifaster, phase 4; thresholds, targets and metrics are its, levels are ours.
"""

from __future__ import annotations

import atexit
import errno
import logging
from typing import Final
from weakref import ref

from ..arguments import check_flag
from ..device import Disk, FileDevice
from ..kernels import words as w
from ..kernels.atomics import load
from ..log import HybridLog
from ..runtime import Spawning, Ticket
from ..shared.bell import Bell
from ..shared.epoch import Epochs
from .aims import Aims
from .metrics import FlushMetrics, Recorder
from .pressure import Level, Pressure
from .settings import FlushSettings, ToReadOnly

__all__ = ["Flusher"]

ROUND_BYTES: Final = 8 << 20  # Written in one round, before everything is looked at again.
FREEZING_SECONDS: Final = 0.001  # For batches to end that may still write what was frozen; they last less.
# What a little time may mend; anything else ends the worker.
TRANSIENT: Final = frozenset(
    (
        *(errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.EINTR, errno.EBUSY),
        *(errno.ENOMEM, errno.ENOBUFS, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE),
    )
)
logger: Final = logging.getLogger("powercut.flush")
logger.addHandler(logging.NullHandler())  # Who wants to read it says where.

_running: set[ref[Flusher]] = set()


@atexit.register
def _stop_all() -> None:
    """Stop what still runs when the interpreter ends; nothing more is flushed."""
    for flusher in [each() for each in _running]:
        if flusher is not None:
            flusher.stop(final=False)


class Flusher:
    """The worker of one store."""

    def __init__(self, log: HybridLog, epochs: Epochs, disk: Disk, settings: FlushSettings) -> None:
        self.settings: Final = settings
        self._log = log
        self._control = log.spaces.control
        self._epochs = epochs
        self._disk = disk
        self._runtime = disk.runtime
        self._page = log.settings.page_bytes
        self._pressure = Pressure(settings, log.spaces.ring_bytes, log.ring.mutable_bytes)
        self._recorder = Recorder(disk.runtime)
        # Of state, ticket and whether it drives; never while anybody waits.
        self._guard = disk.runtime.lock()
        self._ending = disk.runtime.lock()  # Of those who stop it.
        self._state = "idle" if settings.enabled else "off"
        self._ticket: Ticket | None = None
        self._driver: int | None = None  # The thread or task that drives.
        self._is_stopping = False
        self._bell = Bell(disk.runtime, "work for the flush worker")
        self._retry_at: float | None = None  # While it waits after a failure.
        self._aims = Aims(log, disk.runtime, settings, self._pressure)

    @classmethod
    def over(
        cls, log: HybridLog, epochs: Epochs, disk: Disk, settings: FlushSettings | None, read_only: bool
    ) -> Flusher:
        """The worker of a store that was opened: by default on over a folder, off over another Device."""
        if settings is None or read_only:
            is_real = isinstance(disk.device, FileDevice) and disk.runtime.is_parallel
            settings = FlushSettings(enabled=is_real and not read_only)
        flusher = cls(log, epochs, disk, settings)
        if settings.enabled:
            log.ring.background = flusher
            if not isinstance(settings.target, ToReadOnly):
                flusher.start()  # Else with the first page that is frozen.
        return flusher

    # -- what others see ---------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """Its state: `off`, `idle` (not needed so far), `running`, `failed` or `stopped`."""
        return self._state

    @property
    def level(self) -> Level:
        """The level of pressure, as it was measured last."""
        return self._pressure.level

    def metrics(self) -> FlushMetrics:
        """A snapshot of all that it did so far. O(1)."""
        used = self._pressure.used(load(self._control, w.PAGE_END), self._log.flushing.flushed)
        return self._recorder.snapshot(self._state, self.level.name, used)

    # -- for whoever opens a page ------------------------------------------------------------------

    def takes_over(self, head: int) -> bool:
        """Hold a writer back until all below `head` is written; False where he has to see to that himself.

        He may have been slowed as well. Called with no lock held, and no row of the epoch table.
        """
        flushing, page = self._log.flushing, self._page
        is_needless = self._state == "idle" and load(self._control, w.READ_ONLY) <= flushing.flushed
        if is_needless or not self._is_able():
            return False
        level = self._pressure.measure(load(self._control, w.PAGE_END) + page, flushing.flushed)
        self._bell.ring()
        if flushing.flushed < head:
            self._aims.wanted = max(self._aims.wanted, head)
            self._hold(head, None)
            return flushing.flushed >= head
        if level is Level.CRITICAL and self.settings.slow_seconds:
            self._hold(head + page, self._runtime.now() + self.settings.slow_seconds)
        return True

    def _hold(self, address: int, deadline: float | None) -> None:
        """Wait until all below `address` is flushed, nobody is able to, or `deadline`."""
        began = self._runtime.now()
        flushing = self._log.flushing
        try:
            self._runtime.until(
                "the flush worker",
                lambda: flushing.flushed >= address or not self._is_able(),
                deadline,
            )
        finally:
            self._recorder.waited(self._runtime.now() - began, is_held=deadline is None)

    def _is_able(self) -> bool:
        """True if it runs, or starts now, and does not wait after a failure."""
        if self._is_stopping or self._retry_at is not None:
            return False
        if self._driver is None and self._state == "idle":
            self._spawn()
        return self._state == "running"

    # -- its life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, or begin again after `stop`; nothing where it runs, is off, or has no thread to run in."""
        with self._guard:
            if self._state in ("stopped", "failed") and self._driver is None:
                self._is_stopping, self._retry_at, self._state = False, None, "idle"
        if self._state == "idle":
            self._spawn()

    def _spawn(self) -> None:
        runtime = self._runtime
        if not isinstance(runtime, Spawning):
            return
        with self._guard:
            if self._state != "idle" or self._is_stopping or self._is_left_alone():
                return
            self._bell.hang()
            self._state = "running"
            try:
                self._ticket = runtime.spawn("powercut-flush", self.drive)
            except RuntimeError as error:  # No thread can be had, as where the interpreter ends.
                self._state = "failed"
                self._recorder.failed(error)
                return
        _running.add(ref(self, _running.discard))

    def stop(self, *, final: bool = True) -> None:
        """End the worker, wait for it, and write what is frozen (`final`). Idempotent; raises no OSError.

        Raises OperationError where `final` is no flag. In a process forked from the one that opened the store
        it does nothing: the thread is not there.
        """
        check_flag("final", final)
        if self._disk.poison.is_forked:
            return
        self._is_stopping = True
        self._bell.ring()
        if self._driver == self._runtime.current():
            return  # It ends behind the round that it is in.
        if self._ticket is not None:
            self._runtime.wait([self._ticket])
        else:
            self._runtime.until("the flush worker to end", lambda: self._driver is None)
        with self._ending:  # Of two who stop it, one flushes last, and the other waits for that.
            if self._state != "idle":
                return
            self._state = "stopped"
            if final and not self._is_left_alone():
                self._flush_last()
            told = self._recorder
            logger.info("stopped: %d flushes, %d bytes, %d failures", told.flushes, told.bytes, told.failures)

    def forsake(self) -> None:
        """Tell the worker to end, and wait for nothing: its store is garbage, or its process is ending."""
        self._is_stopping = True
        self._bell.ring()

    def _is_over(self) -> bool:
        return self._is_stopping or self._is_left_alone()

    def _is_left_alone(self) -> bool:
        return self._disk.poison.reason is not None

    def _flush_last(self) -> None:
        """Write whole frozen pages, as far as the device goes along."""
        self._epochs.poll()
        try:
            while self._write(self._aims.frozen()):
                pass
        except OSError as error:
            self._failed(error)

    # -- rounds ------------------------------------------------------------------------------------

    def drive(self, rounds: int | None = None) -> None:
        """Do rounds in this thread or task until told to stop, or so many. Raises nothing.

        Only one drives; a second one returns at once.
        """
        with self._guard:
            if self._driver is not None or self._state not in ("idle", "running"):
                return
            self._driver = self._runtime.current()
            self._state = "running"
        logger.info("started")
        is_failed = False
        try:
            while rounds != 0 and not self._is_over():
                self._bell.hush()  # Before it looks: who comes later wakes it again.
                is_more = self._try_round()
                rounds = None if rounds is None else rounds - 1
                if not is_more and rounds != 0:
                    self._sleep(is_endless=rounds is None)
        except BaseException as error:
            is_failed = True
            if not isinstance(error, OSError):
                self._recorder.failed(error)
            logger.exception("ended by an error that no time mends")
            if not isinstance(error, Exception):
                raise
        finally:
            with self._guard:
                self._retry_at = None
                self._state = "failed" if is_failed else "idle"
                self._driver = None

    def _try_round(self) -> bool:
        """One round; whether the next should follow at once. A failure is counted and waited for."""
        try:
            is_more = self.round()
        except OSError as error:
            self._failed(error)
            if error.errno not in TRANSIENT:
                raise
            in_a_row = min(self._recorder.in_a_row, 32)
            pause = min(self.settings.retry_least * 2.0 ** (in_a_row - 1), self.settings.retry_most)
            self._retry_at = self._runtime.now() + pause
            return False
        self._retry_at = None
        return is_more

    def _failed(self, error: OSError) -> None:
        self._recorder.failed(error)
        logger.warning("flush failed, %d in a row: %s", self._recorder.in_a_row, error)

    def round(self) -> bool:
        """Look, freeze, and flush what is due; whether there is more to do at once. Raises OSError."""
        self._recorder.rounds += 1
        self._epochs.poll()  # Idle sessions do not ask (E3).
        control, flushing = self._control, self._log.flushing
        before = self._pressure.level
        level = self._pressure.measure(load(control, w.PAGE_END), flushing.flushed)
        if level != before:
            logger.log(
                logging.WARNING if level is Level.CRITICAL else logging.DEBUG, "pressure is %s", level.name
            )
        goal = self._aims.goal(load(control, w.TAIL), level)
        if goal > load(control, w.READ_ONLY):
            self._log.ring.shift_read_only(goal)
        until = self._aims.frozen()
        return self._aims.is_due(until, level) and self._write(until)

    def _write(self, until: int) -> bool:
        """Flush up to `until`, or a part of it; whether something is left. Raises OSError."""
        flushing, began, written = self._log.flushing, self._runtime.now(), 0
        try:
            while (flushed := flushing.flushed) < until and written < ROUND_BYTES:
                count = flushing.write_piece(until, is_patient=True)
                if count is None:
                    flushing.wait(flushed + 1)  # A checkpoint or a writer is at it.
                else:
                    written += count
        finally:  # What a round wrote before it failed is written.
            if written:
                now = self._runtime.now()
                self._recorder.flushed(written, now - began, now)
                self._aims.waiting_since = None
                logger.debug("%d bytes up to %d in %.6f s", written, flushing.flushed, now - began)
        return flushing.flushed < until

    # -- between rounds ----------------------------------------------------------------------------

    def _sleep(self, *, is_endless: bool) -> None:
        """Wait until woken, the interval has passed, or a failure is to be tried again."""
        if self._retry_at is not None:
            self._bell.wait(self._retry_at, lambda: self._is_stopping)
            self._retry_at = None
            return
        pause: float | None = self.settings.interval / (2 if self.level >= Level.HIGH else 1)
        if load(self._control, w.SAFE_READ_ONLY) < load(self._control, w.READ_ONLY):
            pause = min(self.settings.interval, FREEZING_SECONDS)
        elif is_endless and self._aims.waiting_since is None and isinstance(self.settings.target, ToReadOnly):
            pause = None  # Nothing becomes due by waiting.
        deadline = None if pause is None else self._runtime.now() + pause
        self._bell.wait(deadline, lambda: self._bell.is_rung or self._is_stopping)
