"""Planted bugs of compactions: what is moved although it is not live, when begin follows, and limits."""

from __future__ import annotations

from typing import Final

from ..planted import SCHEDULES, Mutant

__all__ = ["COMPACTED"]

_MOVES: Final = "powercut.engine.kernels.moves"
_COMPACTION: Final = "powercut.engine.upkeep.compaction"
_MOVING: Final = "powercut.engine.upkeep.moving"
_PICKS: Final = "powercut.engine.kernels.picks"
_ROOM: Final = "powercut.engine.upkeep.room"
_DEAD: Final = "powercut.engine.upkeep.dead"


def _of_dead(name: str, module: str, old: str, new: str) -> Mutant:
    """A bug that lets dead log stay."""
    ancestor = "powercut 71c2047: 1,000 live keys, overwritten, filled a disk"
    return Mutant(name, ancestor, module, old, new, "structure", "BROKEN_INVARIANT", around=("thinned",))


COMPACTED: Final = (
    Mutant(
        "moved-over-a-newer-record",
        "FASTER 2a2bf2f5, #501: a copy to the tail overwrote a newer value of the key",
        _MOVES,
        "    if address >= head or address < moved:\n        return w.CHANGED\n",
        "    if address >= head or address < moved:\n        return w.DONE\n",
        "linearizable",
        "WRONG_VALUE",
        SCHEDULES,
        1,
        ("compact",),
    ),
    Mutant(
        "moved-behind-an-entry-that-was-not-looked-at",
        "FASTER 2a2bf2f5, #501: a compaction copied over a concurrent upsert or delete",
        _MOVES,
        "    why = append(control, index, log, batch, slot, entry, version, 0)\n",
        "    why = append(control, index, log, batch, slot, load(index, slot), version, 0)\n",
        "linearizable",
        "WRONG_VALUE",
        SCHEDULES,
        1,
        ("compact",),
    ),
    Mutant(
        "begin-raised-before-the-moves",
        "FASTER C1: what is shifted away must have been copied before",
        _COMPACTION,
        "                while address < end:\n",
        "                log.ring.evict(end)\n"
        "                log.ring.truncate(end)\n"
        "                while address < end:\n",
        "model",
        "ERROR",
        around=("compact",),
    ),
    Mutant(
        "begin-of-later-moves-is-persisted",
        "FASTER 84e7595a, T1: a checkpoint's begin is that of its start; what was moved later is not in it",
        "powercut.engine.checkpoint.kinds.cpr",
        "        begin=running.begin,\n        previous",
        "        begin=load(parts.log.spaces.control, w.BEGIN),\n        previous",
        "openable",
        "UNOPENABLE",
        around=("compact", "phases"),
    ),
    Mutant(
        "scan-that-ends-below-what-was-moved",
        "powercut 6dd220c: a compaction between the call of a scan and its first record took keys out of it",
        "powercut.engine.sessions.walks",
        "            if is_open and reader.begin > begin:\n",
        "            if False:\n",
        "linearizable",
        "WRONG_RESULT",
        SCHEDULES,
        1,
        ("compact", "scan"),
    ),
    # What is passed by, a page at a time.
    Mutant(
        "passed-by-where-the-chain-leaves-memory",
        "constructed: a chain that goes on below head is taken for one with a newer record of the key",
        _PICKS,
        "            if found < head or found <= address:\n",
        "            if found <= address:\n",
        "model",
        "ERROR",
        around=("compact",),
    ),
    Mutant(
        "passed-by-behind-the-record-of-another-key",
        "FASTER C1, lookup: what the device has above a record is a newer one only if it has its key",
        _MOVING,
        "            if record.key == key and not is_void(",
        "            if not is_void(",
        "model",
        "ERROR",
        around=("compact",),
    ),
    Mutant(
        "picked-rows-close-up-without-their-addresses",
        "constructed: of the rows that are left, one is moved as the record of another",
        _MOVING,
        "                batch[stage.results + kept] = addresses[number]\n",
        "",
        "model",
        "ERROR",
        around=("compact",),
    ),
    # What is told of it.
    Mutant(
        "live-is-all-that-was-gone-over",
        "constructed: tombstones and what was overwritten count as live: nothing is compacted any more",
        _COMPACTION,
        "load(log.spaces.control, w.TAIL), moving.live_bytes)\n",
        "load(log.spaces.control, w.TAIL), end - begin)\n",
        "model",
        "ERROR",
        around=("compact",),
    ),
    Mutant(
        "newest-record-is-passed-by",
        "constructed: a record that its own chain leads to first is taken for one with a newer record",
        _PICKS,
        "            if found < head or found <= address:\n",
        "            if found < head or found < address:\n",
        "model",
        "ERROR",
        around=("compact",),
    ),
    # The disk's limit.
    Mutant(
        "room-is-not-asked-for-a-page",
        "powercut 71c2047: 1,000 live keys, overwritten, filled a disk",
        "powercut.engine.sessions.driver",
        "            if self.log.ring.room is not None:\n",
        "            if None:\n",
        "structure",
        "BROKEN_INVARIANT",
        around=("brimming",),
    ),
    Mutant(
        "step-without-its-checkpoint",
        "FASTER T1: truncation gives files back with a durable checkpoint only, compaction alone does not",
        _ROOM,
        "# M5\n            self._checkpointer.run_by_itself(CheckpointKind.FOLD_OVER, 0.0)\n",
        "# M5\n            pass\n",
        "model",
        "ERROR",
        around=("brimming",),
    ),
    Mutant(
        "step-gives-up-beside-a-checkpoint",
        "FASTER C5: no compaction during a checkpoint; nobody waits for that one to end",
        "powercut.engine.checkpoint.driver",
        "(other.is_by_itself or running.is_by_itself)",
        "other.is_by_itself",
        "model",
        "ERROR",
        around=("brimming", "phases"),
    ),
    # The share of the log that may be dead.
    _of_dead(
        "what-was-found-live-is-taken-for-dead",
        _DEAD,
        "return tail - begin - self._compactor.found.above(begin) >= self._share * (tail - begin)",
        "return self._compactor.found.above(begin) >= self._share * (tail - begin)",
    ),
    _of_dead(
        "pass-ends-with-a-step-that-was-worth-it",
        _ROOM,
        "if not dead.is_worth(done) or self._is_over():",
        "if dead.is_worth(done) or self._is_over():",
    ),
    _of_dead(
        "steps-for-dead-log-without-a-checkpoint",
        _ROOM,
        "                self._checkpointer.run_by_itself(CheckpointKind.FOLD_OVER, 0.0)\n"
        "                self._checkpointer.give_back_at_rest()\n",
        "                self._checkpointer.give_back_at_rest()\n",
    ),
    _of_dead(
        "dead-log-is-looked-for-at-every-page",
        _DEAD,
        "if tail < self._next or tail - begin <",
        "if tail - begin <",
    ),
)
