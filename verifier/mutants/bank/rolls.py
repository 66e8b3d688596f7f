"""Planted bugs in what a block lists of sessions, and in how those of a checkpoint are put together."""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import DAMAGE, MODEL, Mutant

__all__ = ["ROLLS"]

_ROLLS: Final = "powercut.engine.metadata.rolls"
_LISTED: Final = "constructed: a session that did something since the block before is not listed"
_PARTIAL: Final = "oxifaster ddaec3d: the check of sessions was skipped for some of them"
_UNUSED: Final = "powercut.engine.sessions.unused"
_RETAINED: Final = "constructed: a name is given up by a count, while or because something else is so"
_unused: Final = partial(
    Mutant, ancestor=_RETAINED, oracle="figures", breach="WRONG_RESULT", search=MODEL, around=("of names",)
)
_forged: Final = partial(Mutant, oracle=DAMAGE, breach="SILENT", search=DAMAGE, around=("forged", "session"))

ROLLS: Final[tuple[Mutant, ...]] = (
    Mutant(
        "grown-serial-is-not-listed",
        _LISTED,
        _ROLLS,
        "        sessions=[mark for mark in block.sessions if old.get(mark.name) != mark],\n",
        "        sessions=[mark for mark in block.sessions if mark.name not in old],\n",
        "prefix",
        "LOST_ACK",
        around=("wrapping", "reopen"),
    ),
    Mutant(
        "sessions-held-against-their-own-checkpoint",
        _LISTED,
        "powercut.engine.checkpoint.kinds.cpr",
        "changed(block, parts.sessions.held)",
        "changed(block, running.marks)",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "forgotten-session-is-not-listed",
        "powercut: a session of serial 0 was forgotten, and the checkpoint before went on naming it",
        _ROLLS,
        "        forgotten=[mark for mark in before if mark.name not in names],\n",
        "        forgotten=[],\n",
        "model",
        "ERROR",
        MODEL,
        around=("forget",),
    ),
    Mutant(
        "what-was-listed-is-listed-again",
        "constructed: what the newest checkpoint holds is asked of the one that was opened",
        "powercut.engine.sessions.registry",
        "            self.held = tuple(marks)\n",
        "            self.held = self.held or tuple(marks)\n",
        "openable",
        "UNOPENABLE",
        around=("wrapping", "reopen"),
    ),
    _unused(
        "name-is-forgotten-one-checkpoint-too-early",
        module=_UNUSED,
        old="        if state.idle >= limit and state.serial",
        new="        if state.idle + 1 >= limit and state.serial",
    ),
    _unused(
        "name-of-a-live-session-is-forgotten",
        module=_UNUSED,
        old="        state.idle = 0 if state.is_live or name in used else state.idle + 1\n",
        new="        state.idle = 0 if name in used else state.idle + 1\n",
    ),
    _unused(
        "checkpoint-counts-for-a-name-that-it-holds-something-new-of",
        module=_UNUSED,
        old="        state.idle = 0 if state.is_live or name in used else state.idle + 1\n",
        new="        state.idle = 0 if state.is_live else state.idle + 1\n",
    ),
    _unused(
        "checkpoint-in-which-nothing-was-done-counts-for-names",
        module="powercut.engine.sessions.registry",
        old="            if used and self.forget_after is not None:\n",
        new="            if self.forget_after is not None:\n",
    ),
    Mutant(
        "forgotten-name-is-in-the-next-checkpoint-again",
        "constructed: sessions of a checkpoint are those of the one before, and what was done since",
        "powercut.engine.checkpoint.kinds.cpr",
        "    running.marks = parts.sessions.marks(running.version)\n",
        "    all_marks = (*parts.sessions.held, *parts.sessions.marks(running.version))\n"
        "    running.marks = list({mark.name: mark for mark in all_marks}.values())\n",
        "serials",
        "WRONG_SERIAL",
        around=("fleeting",),
    ),
    _forged(
        "listed-session-may-be-as-it-was",
        _PARTIAL,
        _ROLLS,
        "            elif before == mark.serial and not block.lists_all:\n",
        "            elif before == mark.serial and not mark.number:\n",
    ),
    _forged(
        "sessions-of-a-full-block-are-not-counted",
        _PARTIAL,
        "powercut.engine.metadata.layout",
        "        if total != len(sessions):\n",
        "        if total < 0:\n",
    ),
    _forged(
        "sessions-that-are-not-listed-are-not-counted",
        _PARTIAL,
        _ROLLS,
        "        if not (block.lists_all or len(roll) == block.total):\n",
        "        if not (block.lists_all or len(roll)):\n",
    ),
    _forged(
        "block-of-an-older-format-behind-a-newer-one",
        "oxifaster: a checkpoint's format was told by the bytes that it happened to have",
        "powercut.engine.metadata.agreement",
        "    if older.format_version > newer.format_version:\n",
        "    if older.format_version < newer.format_version:\n",
        around=("forged", "format"),
    ),
)
