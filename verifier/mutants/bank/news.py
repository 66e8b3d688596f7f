"""Planted bugs in what counts as new: a checkpoint that is not taken although something is."""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import MODEL, Mutant

__all__ = ["NEWS"]

_REGISTRY: Final = "powercut.engine.sessions.registry"
_missed: Final = partial(
    Mutant,
    module=_REGISTRY,
    oracle="serials",
    breach="WRONG_SERIAL",
    around=("checkpoint",),
)

NEWS: Final[tuple[Mutant, ...]] = (
    _missed(
        "serials-are-no-news",
        "oxifaster: the callback of a checkpoint has the largest serial, whatever is durable",
        old="                SessionMark(name, state.number, self.serial(state))\n",
        new="                SessionMark(name, state.number, state.saved)\n",
    ),
    _missed(
        "live-sessions-bring-no-news",
        "constructed: the serial of a session that is live is looked for where that of a closed one stands",
        old="                SessionMark(name, state.number, self.serial(state))\n",
        new="                SessionMark(name, state.number, state.serial)\n",
    ),
    Mutant(
        "forgotten-session-is-no-news",
        "powercut: a session of serial 0 was forgotten, and the checkpoint before went on naming it",
        _REGISTRY,
        "        return now != list(self.held)\n",
        "        return bool(set(now) - set(self.held))\n",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("forget",),
    ),
    Mutant(
        "new-name-is-no-news",
        "powercut: news were counted as operations, and a session that was only opened had none",
        _REGISTRY,
        "        return now != list(self.held)\n",
        "        return [each for each in now if each[2]] != [each for each in self.held if each[2]]\n",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("reopen", "checkpoint", "of phases"),
    ),
    Mutant(
        "truncation-is-no-news",
        "FASTER: a begin address that was shifted is durable with the next checkpoint's metadata",
        "powercut.engine.checkpoint.parts",
        "        return begin > max(self.root.begin, w.FIRST_ADDRESS) or self.sessions.has_news\n",
        "        return self.sessions.has_news\n",
        "prefix",
        "WRONG_VALUE",
        MODEL,
        around=("truncate", "of phases"),
    ),
    Mutant(
        "checkpoint-of-nothing-new-written",
        "powercut: a one-key store of which a checkpoint was taken every second grew for ever",
        "powercut.engine.checkpoint.driver",
        "            if self.newest is not None and not self._is_due(self.newest, running):\n",
        "            if False:\n",
        "figures",
        "WRONG_RESULT",
        MODEL,
        around=("checkpoint", "of lives"),
    ),
)
