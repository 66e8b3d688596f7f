"""Unused: names that nobody comes back to, counted in checkpoints and not by a clock.

Invariants
  F1  a name that is forgotten is of no live session, and the newest checkpoint holds all that it has issued
  F2  checkpoints for which nobody has issued anything do not count: else forgetting, which is news for the
      next one, would in the end forget all

Threads: a function of states; the caller holds the registry's lock.
"""

from __future__ import annotations

from collections.abc import Mapping

from .state import SessionState

__all__ = ["unused"]


def unused(states: Mapping[str, SessionState], used: set[str], limit: int) -> list[str]:
    """Count a checkpoint that holds something new of the `used` ("": one without a name); the names that were
    not used in so many.
    """
    found = []
    for name, state in states.items():
        state.idle = 0 if state.is_live or name in used else state.idle + 1
        if state.idle >= limit and state.serial == state.saved:
            found.append(name)
    return found
