"""Planted bugs in what is told of checkpoints, and in which of them are kept."""

from __future__ import annotations

from typing import Final

from ..planted import Mutant

__all__ = ["KEEPING"]

_TOLD: Final = "oxifaster: the callback of a checkpoint has the largest serial, whatever is durable"

KEEPING: Final[tuple[Mutant, ...]] = (
    Mutant(
        "waiters-let-go-before-the-roots",
        _TOLD,
        "powercut.engine.checkpoint.kinds.fold_over",
        "    _commit(parts, head, running.begin)\n",
        "    parts.sessions.save(running.marks)\n    _commit(parts, head, running.begin)\n",
        "prefix",
        "LOST_ACK",
    ),
    Mutant(
        "waiter-let-go-one-operation-early",
        _TOLD,
        "powercut.engine.sessions.durable",
        "        if state.saved >= serial:\n            return True\n",
        "        if state.saved and state.saved + 1 >= serial:\n            return True\n",
        "prefix",
        "LOST_ACK",
        around=("start",),
    ),
)
