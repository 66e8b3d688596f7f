"""Planted bugs of slots that come back: given back too early, or used by one who has not looked again."""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import SCHEDULES, Mutant

__all__ = ["SLOTS"]

_SLOTS: Final = "powercut.engine.kernels.slots"
_OPERATIONS: Final = "powercut.engine.kernels.operations"
_ANCESTOR: Final = "FASTER 7a141861: FindTagOrFree took a stale entry, and went on after a lost CAS"

_beside: Final = partial(
    Mutant, oracle="structure", breach="BROKEN_INVARIANT", search=SCHEDULES, preemptions=1, around=("delete",)
)
_LISTED: Final = "powercut 479bd9c: a key that got another slot beside a walk was listed twice"
_listed: Final = partial(
    Mutant,
    oracle="linearizable",
    breach="WRONG_RESULT",
    search=SCHEDULES,
    preemptions=1,
    around=("items", "delete"),
)

SLOTS: Final = (
    Mutant(
        "slot-of-a-chain-that-goes-on-behind-a-tombstone",
        "oxifaster 2752475, FASTER C3: a tombstone was dropped although older records stood behind it",
        _SLOTS,
        "        address = link & w.ADDRESS_MASK\n    return False\n",
        "        address = 0\n    return False\n",
        "structure",
        "BROKEN_INVARIANT",
        around=("colliding", "delete"),
    ),
    Mutant(
        "tombstone-that-hides-a-record-is-not-linked",
        "FASTER B36, oxifaster 2752475: one of several paths forgot the tombstone",
        "powercut.engine.kernels.walks",
        "                if slot >= w.REFUSED or link & w.ADDRESS_MASK < load(control, w.DURABLE_BEGIN):\n"
        "                    if slot < w.REFUSED:\n"
        "                        store(index, slot, 0)\n",
        "                if True:\n",
        "structure",
        "BROKEN_INVARIANT",
        around=("slim", "delete"),
    ),
    _beside(
        "slot-given-back-without-cas",
        _ANCESTOR,
        _SLOTS,
        "    return cas(index, slot, entry, 0)\n",
        "    return cas(index, slot, load(index, slot), 0)\n",
    ),
    _beside(
        "slot-used-after-it-came-back",
        _ANCESTOR,
        _OPERATIONS,
        "    entry = load(index, slot)\n"
        "    if not is_of_tag(entry, batch[w.OP_HASH]):\n"
        "        return w.RETRY\n"
        "    floor",
        "    entry = load(index, slot)\n    floor",
    ),
    _listed(
        "key-that-moved-is-listed-again",
        _LISTED,
        "powercut.engine.kernels.walks",
        "(is_again and is_given(walk, row))",
        "(is_again and False)",
    ),
    _listed(
        "key-that-moved-is-listed-again-by-the-next-batch",
        _LISTED,
        "powercut.engine.sessions.walks",
        "            if item[0] not in self._given:\n",
        "            if item:\n",
    ),
)
