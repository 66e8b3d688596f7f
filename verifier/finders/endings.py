"""Endings: last eras without a program and without faults, known by the content that they find.

What a store makes of a content from opening to closing is a function of the content. So where an earlier run
ended on an equal one and all went well, only what was recovered has to be held against this run's history.

Invariants
  1  kept is only what an open store read, probed and closed without an error, excused or not
  2  what is explained here, playing the era would have found OK; nothing is where the store before failed to
     open, for it may have left its device locked, and content does not tell so
"""

from __future__ import annotations

from collections.abc import Mapping

from ..runs.world import World
from ..verdict import OK

__all__ = ["Endings"]


class Endings:
    """The outcomes that stores of one kind recovered from the contents that runs ended on."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Mapping[int, int], dict[bytes, bytes]]] = {}

    def play(self, world: World) -> bool:
        """Open, read, probe and close what the world has at rest; False if an oracle objects."""
        key = world.device.image().key()
        if self._is_explained(key, world):
            return True
        is_fine = world.open() and world.inspect() and world.probe()
        is_open, recovered = world.subject is not None, world.segment.lives[-1].recovered
        content = dict(world.model.content)
        is_fine = is_fine and world.close()
        if is_fine and is_open and isinstance(recovered, Mapping):
            self._known[key] = recovered, content
        return is_fine

    def _is_explained(self, key: int, world: World) -> bool:
        known = self._known.get(key)
        lives = world.segment.lives
        if known is None or (lives and lives[-1].opened is None):  # Invariant 2.
            return False
        recovered, content = known
        acked = world.segment.acked_by(world.fault_oracle.owed_at(world.segment))
        verdict, _ = world.fault_oracle.judge_recovery(world.model.history, acked, recovered, content)
        return verdict == OK
