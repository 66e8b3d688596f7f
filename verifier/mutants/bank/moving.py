"""Planted bugs in the moves of a checkpoint and of the log's boundaries, of two preemptions each.

The first stops an operation, or lets the checkpoint go first; the second stops the checkpoint between two of
its steps, or the session that came in between. With one preemption none of them shows.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import SCHEDULES, Mutant

__all__ = ["MOVING"]

_planted: Final = partial(Mutant, search=SCHEDULES, preemptions=2)
MOVING: Final = (
    _planted(
        "log-folded-before-sessions-shift",
        "CPR, SIGMOD 2019: the log of version v ends when no session works in v any more",
        "powercut.engine.checkpoint.kinds.fold_over",
        "        claim_sessions(parts, running)\n"
        "        running.final = running.low = log.ring.fold_over()\n",
        "        running.final = running.low = log.ring.fold_over()\n"
        "        claim_sessions(parts, running)\n",
        "prefix",
        "WRONG_VALUE",
        around=("absent", "checkpoint"),
    ),
    _planted(
        "tail-rounded-up-without-cas",
        "constructed: a record allocated while the tail was rounded up lies above it",
        "powercut.engine.log.ring",
        "            if self._mode.cas(control, w.TAIL, tail, final):\n"
        "                self._flushing.cut_at(final)\n                return final\n",
        "            store(control, w.TAIL, final)\n"
        "            self._flushing.cut_at(final)\n            return final\n",
        "structure",
        "BROKEN_INVARIANT",
        around=("frozen", "checkpoint"),
    ),
    _planted(
        "session-shifted-without-a-claim",
        "CPR, SIGMOD 2019: a session in the middle of a batch crosses the version's edge only behind it",
        "powercut.engine.sessions.registry",
        "            is_claimed = self._claim(state)\n            version = self._system.version\n",
        "            version = self._system.version\n",
        "prefix",
        "WRONG_VALUE",
        around=("absent", "checkpoint"),
    ),
    _planted(
        "record-of-the-next-version-taken-for-one-of-its-own",
        "CPR, SIGMOD 2019: an operation of v that meets a record of v+1 is done again in v+1",
        "powercut.engine.kernels.records",
        "    return (link >> w.VERSION_SHIFT) & w.VERSION_BITS == (version + 1) & w.VERSION_BITS\n",
        "    return False\n",
        "prefix",
        "WRONG_VALUE",
        around=("mutable", "phases"),
    ),
)
