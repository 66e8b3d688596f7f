"""Planted bugs between a checkpoint and what a session writes meanwhile, which is the next one's to save.

The checkpoint is stopped once, as a sync returns or between two of its steps, and a session goes on to the
end; the second checkpoint acknowledges, and a power cut after it shows what was missed.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import SCHEDULES, Mutant

__all__ = ["AGAIN"]

_planted: Final = partial(
    Mutant, oracle="openable", breach="UNOPENABLE", search=SCHEDULES, preemptions=1, around=("many",)
)
AGAIN: Final = (
    _planted(
        "segment-clean-once-its-sync-returns",
        "FASTER 1c2a26d6: a flush that ended out of order passed what was still being flushed",
        "powercut.engine.log.segments",
        "            before = self._written[name]  "
        "# Before the sync: what is written meanwhile is dirty still (G1).\n"
        "            self._sync(name)\n"
        "            self._synced[name] = before\n",
        "            self._sync(name)\n            self._synced[name] = self._written[name]\n",
    ),
    _planted(
        "names-clean-once-their-sync-returns",
        "constructed: a segment made while names are synced counts as synced with them",
        "powercut.engine.log.segments",
        "            self.has_new_names = False  "
        "# Before the sync: a name that is made meanwhile is a new one (G2).\n"
        "            self._device.sync_names()\n",
        "            self._device.sync_names()\n            self.has_new_names = False\n",
    ),
    _planted(
        "extents-past-the-fold-are-named",
        "constructed: a checkpoint lists what has been written by then, not what it holds",
        "powercut.engine.checkpoint.kinds.cpr",
        "    count = extents.below(running.low)\n",
        "    count = len(extents)\n",
    ),
)
