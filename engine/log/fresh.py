"""Fresh frames: memory of the ring that no page has been in yet, had from the system ahead of need.

The first touch of a frame costs more than all that is then written to it: the system has to clear a huge
page, and a virtual machine may have to ask its host for it. A thread of the Runtime does that, a little ahead
of the page that is being filled.

Invariants
  1  a frame's bytes are not changed: sessions may write to them at the same time
  2  what is had ends at most AHEAD_BYTES behind the page that is filled, and in the ring's first round; where
     there is one task at a time, nothing is
  3  one thread has frames at a time, and nobody waits for it

Threads: any.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from ..runtime import Runtime
from ..shared.spaces import HUGE_BYTES, Spaces, touch

__all__ = ["AHEAD_BYTES", "FreshFrames"]

AHEAD_BYTES: Final = 2 * HUGE_BYTES


class FreshFrames:
    """The frames of one ring, in its first round."""

    def __init__(self, spaces: Spaces, runtime: Runtime) -> None:
        self._spaces = spaces
        self._runtime = runtime
        self._reached = 0  # All below was asked for.
        self._is_asked = False
        # A ring of small pages, or of few, is had by whoever touches it.
        self._end = spaces.ring_bytes if runtime.is_parallel and spaces.ring_bytes >= 2 * AHEAD_BYTES else 0

    def ask(self, end: int) -> None:
        """Have the frames behind `end`, the end of the page that is filled now. Waits for nothing."""
        until = min(self._end, (end + AHEAD_BYTES) // HUGE_BYTES * HUGE_BYTES)
        if self._is_asked or until <= self._reached:
            return
        self._is_asked = True
        start, self._reached = max(self._reached, end // HUGE_BYTES * HUGE_BYTES), until

        def have() -> None:
            try:
                # One a call: each has the system's lock of mappings.
                for at in range(start, until, HUGE_BYTES):
                    touch(self._spaces.log_bytes, at, HUGE_BYTES)
            finally:
                self._is_asked = False

        with suppress(RuntimeError):  # The interpreter ends, and gives no threads any more.
            self._runtime.submit(have)
