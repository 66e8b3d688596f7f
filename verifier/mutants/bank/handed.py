"""Planted bugs of handles that nobody closes, and of sessions without a name."""

from __future__ import annotations

from typing import Final

from ..planted import MODEL, Mutant

__all__ = ["HANDED"]

_HANDLES: Final = "powercut.engine.sessions.handles"
_NAMELESS: Final = "powercut.engine.sessions.nameless"
_REGISTRY: Final = "powercut.engine.sessions.registry"
_IS_FREE: Final = "not (session.is_closed or session.is_busy or owner.is_alive())"

HANDED: Final[tuple[Mutant, ...]] = (
    Mutant(
        "nameless-operations-of-two-versions-counted-in-one",
        "constructed: what a closed session has issued is counted where it ended",
        _NAMELESS,
        "            self._count(version - 1, state.commit_serial - saved)\n",
        "            self._count(version, state.commit_serial - saved)\n",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("ground",),
    ),
    Mutant(
        "dropped-session-keeps-what-it-had-begun",
        "powercut at 355bfd1: a checkpoint waited for an rmw that nobody could complete any more",
        _REGISTRY,
        "        self._collect()  # Of one that was dropped they are completed.\n",
        "",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("ground",),
    ),
    Mutant(
        "dropped-handle-counted-again",
        "powercut's own: a closed handle took the entry of the next one of its name along",
        _HANDLES,
        "            if self._live.pop(session.order, None) is not None:\n",
        "            if self._live.pop(session.order, None) is not None or session.is_closed:\n",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("ground",),
    ),
    Mutant(
        "session-taken-from-a-thread-that-runs",
        "constructed: a live name is anybody's",
        _HANDLES,
        _IS_FREE,
        "not (session.is_closed or session.is_busy)",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("ground",),
    ),
    Mutant(
        "walk-takes-a-session-s-row",
        "powercut at 355bfd1: where 256 sessions were live no walk began",
        _REGISTRY,
        "            if not self._free and used == ROWS_MAX:\n",
        "            if not self._free and used >= SESSIONS_MAX:\n",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("ground",),
    ),
    Mutant(
        "closed-session-without-a-name-never-durable",
        "constructed: its row is gone, and its numbers with it",
        _NAMELESS,
        "                state.saved = state.serial\n",
        "                pass\n",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("ground",),
    ),
    Mutant(
        "session-without-a-name-not-taken-over-the-edge",
        "constructed: only names are taken over the version's edge",
        _REGISTRY,
        """            for state in (*self._states.values(), *self._nameless.live()):
                self.shift(state)
""",
        """            for state in self._states.values():
                self.shift(state)
""",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("ground",),
    ),
)
