"""FOLD_OVER: the log itself is the snapshot; it is frozen up to its tail, written and synced.

Afterwards nothing of the log can be changed in place: what is written again is copied to the tail first.

Threads: the driver's; one step at a time.
Source: fold-over checkpoints of FASTER.
"""

from __future__ import annotations

from typing import Final

from ..parts import Parts
from ..running import Running
from .cpr import Cpr, claim_sessions
from .index import STEP_BYTES

__all__ = ["FOLD_OVER"]


def _write(parts: Parts, running: Running) -> bool:
    log = parts.log
    if not running.final:
        claim_sessions(parts, running)
        running.final = running.low = log.ring.fold_over()
    before = log.extents.end
    if not log.flushing.flush(running.final, budget=STEP_BYTES):
        return False
    # A step ends behind the sync that fills it.
    return log.segments.sync(STEP_BYTES - (log.extents.end - before))


FOLD_OVER: Final = Cpr(_write)
