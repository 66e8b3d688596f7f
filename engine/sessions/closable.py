"""Closable: which of the live sessions are best closed, where there is no room for another one.

Threads: a function of states; the caller holds the registry's lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from ..kernels import words as w
from ..kernels.atomics import Space
from .state import SessionState, read

__all__ = ["closable"]

NAMES_TOLD: Final = 8  # In an error.


def closable(states: Iterable[SessionState], ended: Sequence[str], epochs: Space) -> str:
    """Names of live sessions, and why these: those of `ended` threads, else those that have issued nothing
    since the newest checkpoint, else any; "" where none that is live has a name.
    """
    live = [state for state in states if state.is_live]
    resting = [state.name for state in live if read(epochs, state, w.ROW_SERIAL, "serial") == state.saved]
    for names, why in (
        (ended, ", whose threads have ended"),
        (resting, ", which have issued nothing since the newest checkpoint"),
        ([state.name for state in live], ""),
    ):
        if names:
            told, more = ", ".join(map(repr, sorted(names)[:NAMES_TOLD])), len(names) - NAMES_TOLD
            return f", as {told}" + (f" or one of {more} others" if more > 0 else "") + why
    return ""
