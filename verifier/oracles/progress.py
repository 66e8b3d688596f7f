"""The oracle of progress: a call of a store comes to an end.

    with bounded(device):     what the store does in here makes so many device calls at most, and where it
        store.open(...)       makes none, takes so much of the processor's time at most

Both bounds are far above what any call needs on the small disks of a search. Work decides; the clock is for a
loop that makes no device call at all, which nothing else could end.

Invariants
  1  bounds are of the outermost call: what a call calls has no bound of its own
  2  a store's own handlers do not stop it: it is no Exception until it has left the store

Threads: the clock is looked at in the main thread alone; elsewhere only device calls are bounded.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from types import FrameType
from typing import Final

from powercut.faultfs import FaultDevice, RunawayError

from ..verdict import Breach, Verdict, Violation

__all__ = ["CALLS_MAX", "SECONDS_MAX", "HungError", "bounded", "runs_worth"]

CALLS_MAX: Final = 100_000  # Of one call of the store; a recovery of a small disk makes some hundreds.
SECONDS_MAX: Final = 10  # Of the processor's time, likewise.
_SPENT: Final = f"{SECONDS_MAX} s of the processor's time"
# A run of a small store takes a millisecond; one of so many calls a few tenths of a second.
_OF_CALLS, _OF_TIME = 300, 2_000


class HungError(Exception):
    """A call of the store did not come to an end within the bounds."""


class _Clock:
    """A tick of every so many seconds of the processor's time; two inside one call end it."""

    def __init__(self) -> None:
        self.is_wound = False
        self.call = 0  # The number of the outermost call; 0 between calls.
        self.calls = 0
        self._seen = 0

    def begin(self) -> None:
        """Take in that a call begins; the first one of a process winds the clock up."""
        if threading.current_thread() is not threading.main_thread():
            return
        if not self.is_wound:
            self.is_wound = True
            # An interpreter that ends lets go of the handler first, and a tick would then kill it.
            atexit.register(signal.setitimer, signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, self._tick)
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS_MAX / 2, SECONDS_MAX / 2)
        self.calls += 1
        self.call = self.calls

    def stop(self) -> None:
        """Take in that this is the child of a fork, which has no timer of its parent."""
        self.is_wound = False

    def end(self) -> None:
        """Take in that the call has ended."""
        self.call = 0

    def _tick(self, number: int, frame: FrameType | None) -> None:
        seen, self._seen = self._seen, self.call
        if self.call and seen == self.call:
            raise RunawayError(_SPENT)


_clock: Final = _Clock()
os.register_at_fork(after_in_child=_clock.stop)


class bounded:  # noqa: N801 (used as a function is)
    """Bound what is done inside. Raises HungError where it goes beyond."""

    __slots__ = ("_device", "_is_outer")

    def __init__(self, device: FaultDevice) -> None:
        self._device = device
        self._is_outer = device.calls_max == sys.maxsize  # Invariant 1.

    def __enter__(self) -> None:
        if self._is_outer:
            self._device.calls_max = len(self._device.trace) + CALLS_MAX
            _clock.begin()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if not self._is_outer:
            return
        self._device.calls_max = sys.maxsize
        _clock.end()
        if isinstance(error, RunawayError):
            raise HungError(f"no end after {error}") from error


def runs_worth(verdict: Verdict) -> int:
    """The runs that come to an end of which one with this verdict takes the time: a budget counts so."""
    if not isinstance(verdict, Violation) or verdict.breach is not Breach.HANG:
        return 1
    return _OF_TIME if _SPENT in verdict.detail else _OF_CALLS
