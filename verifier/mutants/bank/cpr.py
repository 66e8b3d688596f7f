"""Planted bugs of checkpoints beside sessions, looked for among the power cuts in their schedules."""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import CUTS, Mutant

__all__ = ["CPR"]

_TOLD: Final = "oxifaster: the callback of a checkpoint has the largest serial, whatever is durable"
_CPR: Final = "powercut.engine.checkpoint.kinds.cpr"
_REGISTRY: Final = "powercut.engine.sessions.registry"
_cut: Final = partial(Mutant, oracle="prefix", breach="LOST_ACK", search=CUTS)

CPR: Final[tuple[Mutant, ...]] = (
    _cut(
        "waiter-let-go-at-the-shift",
        _TOLD,
        _CPR,
        "    running.marks = parts.sessions.marks(running.version)\n",
        "    running.marks = parts.sessions.marks(running.version)\n"
        "    parts.sessions.save(running.version, running.marks)\n",
    ),
    _cut(
        "point-told-is-of-the-end",
        "FASTER: the callback's UntilSerialNo was read when the checkpoint ended, not as the session shifted",
        _CPR,
        "    running.point = point_of(block)\n",
        "    serials = parts.sessions.serials()\n"
        "    marks = [mark._replace(serial=serials[mark.name]) for mark in block.sessions]\n"
        "    running.point = point_of(block._replace(sessions=marks))\n",
        preemptions=1,
    ),
    _cut(
        "point-of-the-neighbour",
        "oxifaster: sessions of a checkpoint were told apart by a place in a list that another had left",
        _REGISTRY,
        'self.read(state, w.ROW_COMMIT_SERIAL, "commit_serial"))\n',
        'self.read([*self._states.values()][-1], w.ROW_COMMIT_SERIAL, "commit_serial"))\n',
        oracle="serials",
        breach="WRONG_SERIAL",
    ),
    _cut(
        "idle-session-keeps-its-last-point",
        "FASTER #874: the commit point of a session that did nothing meanwhile was of the checkpoint before",
        _REGISTRY,
        "                store(epochs, row + w.ROW_COMMIT_SERIAL, load(epochs, row + w.ROW_APPLIED))\n",
        "                pass\n",
        breach="PHANTOM",
    ),
    _cut(
        "root-written-before-the-table",
        "FASTER C++ faster.h: checkpoint metadata was written before the flush that it counts on had ended",
        "powercut.engine.metadata.tables",
        "        data = encode_block(block)\n        self._write(offset, data)\n",
        "        data = encode_block(block)\n"
        "        if not self._exists:\n"
        "            self._write(offset, b'')\n"
        "        write_fully(self._device, TABLE_FILE, offset, data)\n",
        oracle="openable",
        breach="UNOPENABLE",
        around=("frozen",),
    ),
    _cut(
        "names-of-the-files-beside-not-synced",
        "LevelDB: the folder was not synced after a new file, and a manifest named what a crash took away",
        "powercut.engine.log.segments",
        "            self._changed[name] = True\n        self.has_new_names = True\n",
        "            self._changed[name] = True\n"
        "        self.has_new_names = self.has_new_names or not name.startswith('snapshot')\n",
        oracle="openable",
        breach="UNOPENABLE",
        around=("snapshot",),
    ),
)
