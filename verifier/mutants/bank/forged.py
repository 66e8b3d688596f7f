"""Planted bugs in what metadata is held against: a value passes that something else on the disk contradicts.

Every checksum is right here; a wrong serial, name, number, address or version is seen only by asking what
else says it.
"""

from __future__ import annotations

from typing import Final

from ..planted import DAMAGE, Mutant

__all__ = ["FORGED"]

FORGED: Final[tuple[Mutant, ...]] = (
    Mutant(
        "serial-may-go-back-from-block-to-block",
        "oxifaster, a branch: SerialNumberRegression, a session's serial that falls along a chain",
        "powercut.engine.metadata.rolls",
        "            elif (before := self._marks[name].serial) > mark.serial:\n",
        "            elif (before := self._marks[name].serial) > mark.serial + mark.number:\n",
        DAMAGE,
        "SILENT",
        DAMAGE,
        around=("forged", "session"),
    ),
    Mutant(
        "sessions-may-exchange-their-names",
        "FASTER C# Contexts.cs: the metadata checksum leaves out serials, names and their order",
        "powercut.engine.metadata.agreement",
        "        if not before < mark.name:\n",
        "        if before == mark.name:\n",
        DAMAGE,
        "SILENT",
        DAMAGE,
        around=("forged", "session", "list"),
    ),
    Mutant(
        "version-bits-not-looked-at-in-recovery",
        "oxifaster recover(): RecordInfo.checkpoint_version has no reader",
        "powercut.engine.kernels.walks",
        "            if address >= group[w.G_CHECKED] and not link & w.INVALID:\n",
        "            if address < 0:\n",
        DAMAGE,
        "SILENT",
        DAMAGE,
        around=("forged", "fuzzy"),
    ),
    Mutant(
        "void-ranges-not-held-against-the-block-before",
        "powercut's own promise: what a recovery has left behind is void for ever",
        "powercut.engine.metadata.agreement",
        "    if not newer.is_full and voids != list(newer.voids):\n",
        "    if len(voids) < 0:\n",
        DAMAGE,
        "SILENT",
        DAMAGE,
        around=("forged", "void"),
    ),
)
