"""Planted bugs of reads that a truncation overtakes: found among schedules of two sessions and a truncation.

A key always has a value; its record is on the device, another session writes it anew, and begin is raised
above the old record. Whoever found that one and looks at begin afterwards takes the key for absent.
"""

from __future__ import annotations

from typing import Final

from ..planted import SCHEDULES, Mutant

__all__ = ["TRUNCATED"]

_ANCESTOR: Final = "powercut: an overtaken read answered absent for a key that always had a value"


def _planted(name: str, module: str, old: str, new: str, *around: str) -> Mutant:
    return Mutant(
        name, _ANCESTOR, module, old, new, "linearizable", "WRONG_RESULT", SCHEDULES, 2, ("truncate", *around)
    )


TRUNCATED: Final[tuple[Mutant, ...]] = (
    _planted(
        "begin-read-after-the-entry",
        "powercut.engine.kernels.operations",
        "        if address <= w.PENDING_ADDRESS or address < begin:\n",
        "        if address <= w.PENDING_ADDRESS or address < load(control, w.BEGIN):\n",
        "read",
    ),
    _planted(
        "log-pinned-after-the-chain-was-read",
        "powercut.engine.sessions.pending",
        "        begin, held = pinned.begin, pinned.held.pop_all()\n",
        "        held = ExitStack()\n        begin = held.enter_context(log.pins.hold())\n",
        "start_read",
    ),
    _planted(
        "begin-read-along-a-walk",
        "powercut.engine.sessions.reader",
        "        while address >= max(self.begin, w.FIRST_ADDRESS):\n",
        "        while address >= max(load(control, w.BEGIN), w.FIRST_ADDRESS):\n",
        "items",
    ),
)
