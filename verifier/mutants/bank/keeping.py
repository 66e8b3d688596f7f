"""Planted bugs in what is told of checkpoints, and in which of them are kept."""

from __future__ import annotations

from typing import Final

from ..planted import CONTRACT, Mutant

__all__ = ["KEEPING"]

_TOLD: Final = "oxifaster: the callback of a checkpoint has the largest serial, whatever is durable"
_IN_PLACE: Final = "oxifaster: a checkpoint's metadata was written over the one before it"
_CPR: Final = "powercut.engine.checkpoint.kinds.cpr"

KEEPING: Final[tuple[Mutant, ...]] = (
    Mutant(
        "waiters-let-go-before-the-roots",
        _TOLD,
        _CPR,
        "    _commit(parts, head, running.begin)\n",
        "    parts.sessions.save(running.version, running.marks)\n    _commit(parts, head, running.begin)\n",
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
    Mutant(
        "tables-rewritten-and-never-synced",
        "oxifaster 27f927e: flush_until wrote pages and never called device.flush()",
        "powercut.engine.metadata.tables",
        "            self._write(0, data)\n",
        "            write_fully(self._device, TABLE_FILE, 0, data)\n",
        "openable",
        "UNOPENABLE",
        around=("rewritten",),
    ),
    Mutant(
        "tables-rewritten-over-the-chain-that-is-named",
        _IN_PLACE,
        _CPR,
        "        room = 0 if parts.log.pins.holds_all else kept.start\n",
        "        room = 0 if parts.log.pins.holds_all else tables.head.offset\n",
        "openable",
        "UNOPENABLE",
        around=("chained",),
    ),
    Mutant(
        "rewritten-tables-lose-the-checkpoint-before",
        "FASTER's checkpoint manager: on recovery it purges all tokens but the last (issues 651, 884)",
        _CPR,
        "    kept = gather(tables, parts.keep - 1)\n",
        "    kept = gather(tables, parts.keep - 2)\n",
        "serials",
        "WRONG_SERIAL",
        around=("rewritten",),
    ),
    Mutant(
        "checkpoint-that-cannot-be-read-counts-as-kept",
        "FASTER's checkpoint manager: a purge counts tokens, and reads none of them (garnet #2150)",
        "powercut.engine.checkpoint.retention",
        "    except CorruptionError:\n        return None\n",
        "    except CorruptionError:\n        return Kept([], 0)\n",
        CONTRACT,
        "UNOPENABLE",
        CONTRACT,
    ),
    Mutant(
        "lease-of-a-reader-ignored",
        "FASTER's checkpoint manager: a purge takes tokens that another process is reading",
        "powercut.engine.shared.pins",
        "        return 0 if least and self._has_readers() else least\n",
        "        return least\n",
        CONTRACT,
        "UNOPENABLE",
        CONTRACT,
    ),
    Mutant(
        "dead-tables-go-before-the-roots",
        "FASTER: R12, a purge never removes the last good checkpoint before a newer one is durable",
        _CPR,
        "    _commit(parts, head, running.begin)\n    tables.accept(head, is_full)\n",
        "    tables.accept(head, is_full)\n    tables.shrink()\n    _commit(parts, head, running.begin)\n",
        "openable",
        "UNOPENABLE",
        around=("rewritten",),
    ),
)
