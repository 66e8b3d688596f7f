"""Planted bugs of flushing and its worker: found where the worker is at work beside everything else."""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import FAULTS, SCHEDULES, Mutant

__all__ = ["FLUSHED"]

_among_schedules: Final = partial(Mutant, search=SCHEDULES)

FLUSHED: Final = (
    _among_schedules(
        "page-flushed-while-still-written",
        "oxifaster FlushManager: a page was flushed that a session with an older view could still write",
        "powercut.engine.flush.aims",
        "        safe = load(self._control, w.SAFE_READ_ONLY)\n",
        "        safe = load(self._control, w.READ_ONLY)\n",
        "model",
        "ERROR",
        preemptions=1,
        around=("gathered", "on the device", "flush"),
    ),
    _among_schedules(
        "pieces-written-without-a-claim",
        "constructed: a checkpoint and the worker write the same piece, and both list it",
        "powercut.engine.log.flushing",
        "            return self._claimed_by == me\n",
        "            return True\n",
        "openable",
        "UNOPENABLE",
        preemptions=1,
        around=("checkpoint", "flush", "pages"),
    ),
    _among_schedules(
        "writer-held-back-under-the-lock-of-the-ring",
        "FASTER 54b92c99: a latch was kept while waiting for one who needs it",
        "powercut.engine.log.ring",
        "            if self.background is None or not self.background.takes_over(head):\n",
        "            with self._lock:\n"
        "                is_taken = self.background is not None and self.background.takes_over(head)\n"
        "            if not is_taken:\n",
        "progress",
        "DEADLOCK",
        preemptions=1,
        around=("gathered", "flush", "pages", "growth"),
    ),
    _among_schedules(
        "held-writer-let-go-before-there-is-room",
        "oxifaster: under pressure a page was opened over one that was not flushed",
        "powercut.engine.flush.worker",
        "            self._hold(head, None)\n            return flushing.flushed >= head\n",
        "            return True\n",
        "model",
        "ERROR",
        preemptions=1,
        around=("flush", "pages", "growth"),
    ),
    Mutant(
        "last-page-lost-on-stopping",
        "oxifaster AutoFlush: no final flush on shutdown",
        "powercut.engine.flush.worker",
        "        if final and not self._is_left_alone():\n",
        "        if not final and not self._is_left_alone():\n",
        "structure",
        "BROKEN_INVARIANT",
        around=("gathered", "flush", "reopen"),
    ),
    Mutant(
        "worker-stopped-after-the-device-is-closed",
        "oxifaster AutoFlush: a raw pointer outlived the store that it flushed",
        "powercut.engine.store",
        "                self._flusher.stop()\n"
        "                self._handles.close()\n"
        "                self._lease.close()\n",
        "                self._handles.close()\n"
        "                self._lease.close()\n"
        "                self._flusher.stop()\n",
        "structure",
        "BROKEN_INVARIANT",
        around=("gathered", "flush", "reopen"),
    ),
    Mutant(
        "last-extent-of-a-long-write-left-out",
        "oxifaster 93c2274: a partly filled page did not reach the device",
        "powercut.engine.log.segments",
        "        write_fully(self._device, name, offset, data)\n",
        "        write_fully(self._device, name, offset, data[: max(512, len(data) - self._extent_bytes)])\n",
        "openable",
        "UNOPENABLE",
        around=("gathered", "flush"),
    ),
    Mutant(
        "flushed-before-the-device-said-so",
        "FASTER 1c2a26d6: the flushed boundary ran ahead of the writes",
        "powercut.engine.log.flushing",
        "                segments.write(start, self._copied(start, end - start))\n",
        "                store(control, w.FLUSHED, end)\n"
        "                segments.write(start, self._copied(start, end - start))\n",
        "openable",
        "UNOPENABLE",
        FAULTS,
        around=("write", "error", "cut"),
    ),
    Mutant(
        "failed-piece-tried-again-one-unit-on",
        "FASTER 61e7a3f9: what was left after a short write was continued in the wrong place",
        "powercut.engine.log.flushing",
        "                segments.write(start, self._copied(start, end - start))\n",
        "                try:\n"
        "                    segments.write(start, self._copied(start, end - start))\n"
        "                except OSError:\n"
        "                    start += self._unit\n"
        "                    segments.write(start, self._copied(start, end - start))\n",
        "openable",
        "UNOPENABLE",
        FAULTS,
        around=("write", "error", "cut"),
    ),
)
