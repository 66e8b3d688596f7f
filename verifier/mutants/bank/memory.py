"""Planted bugs of a store's memory: of pages that are a process' own, of what is made of them again."""

from __future__ import annotations

from typing import Final

from ..planted import CONTRACT, MODEL, SCHEDULES, Mutant

__all__ = ["MEMORY"]

_SPACES: Final = "powercut.engine.shared.spaces"
_LOADING: Final = "powercut.engine.checkpoint.loading"
_LISTED: Final = "powercut.engine.kernels.walks"
_WALKS: Final = "powercut.engine.sessions.walks"
_NO_ROOM: Final = "constructed: what has no room beside nothing else is passed over, not given more"

MEMORY: Final[tuple[Mutant, ...]] = (
    Mutant(
        "mapping-shared-after-fork",
        "powercut 71c2047: ring and index were shared mappings, which a child writes into as well",
        _SPACES,
        "flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS",
        "flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS",
        CONTRACT,
        "WRONG_VALUE",
        CONTRACT,
    ),
    Mutant(
        "child-goes-on-after-fork",
        "SQLite, how to corrupt (2.6): a connection that is carried across a fork",
        "powercut.engine.poison",
        "os.register_at_fork(after_in_child=_poison_child)\n",
        "",
        CONTRACT,
        "PHANTOM",
        CONTRACT,
    ),
    Mutant(
        "metadata-written-where-ctrl-c-reaches",
        "powercut 71c2047: Ctrl-C while the roots were written poisoned the store",
        "powercut.engine.checkpoint.driver",
        "            if not is_safe and KINDS[running.kind].next[self._system.phase] in UNREPEATABLE:\n"
        "                return None\n",
        "",
        CONTRACT,
        "ERROR",
        CONTRACT,
    ),
    Mutant(
        "relink-stops-a-page-early",
        "FASTER e874a180: the recovery scan stopped before the end",
        _LOADING,
        "            address, why = link(address, end)\n",
        "            address, why = link(address, max(address, end - log.settings.page_bytes))\n",
        "structure",
        "BROKEN_INVARIANT",
        around=("lives",),
    ),
    Mutant(
        "walk-passes-over-what-had-no-room",
        "constructed: a batch that is full goes on behind the entry that did not fit",
        _LISTED,
        "number if why == w.ROOM else number + 1\n",
        "number + 1\n",
        "model",
        "WRONG_VALUE",
        MODEL,
        around=("of batches",),
    ),
    Mutant(
        "walk-skips-at-a-page-edge",
        "constructed: a scan goes on at the wrong place where memory begins",
        _WALKS,
        "                words[w.W_ADDRESS] = max(address, stop)\n",
        "                words[w.W_ADDRESS] = max(address, stop) + reader.log.settings.page_bytes\n",
        "log",
        "WRONG_RESULT",
        MODEL,
        around=("scan_from", "tiny"),
    ),
    Mutant(
        "walk-takes-a-shadowed-record-for-live",
        "constructed: of a chain's records of one key more than the newest is listed",
        _LISTED,
        "            and (address == first or not is_shadowed(control, log, first, address))\n",
        "",
        "model",
        "WRONG_VALUE",
        MODEL,
    ),
    Mutant(
        "walk-does-not-look-at-the-link-again",
        "FASTER issue 823: readers under concurrency saw values that nobody wrote",
        _LISTED,
        "    if address >= frozen and load(log, at + w.LINK) != link:\n        return w.RETRY\n",
        "",
        "linearizable",
        "WRONG_RESULT",
        SCHEDULES,
        preemptions=1,
        around=("items",),
    ),
    Mutant(
        "read-of-what-no-stage-has-room-for-passed-over",
        _NO_ROOM,
        "powercut.engine.sessions.bulk",
        "                room = max(room, (batch[w.OP_VALUE_BYTES] + 7) >> 3)\n",
        "                done = done or 1\n",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("of large",),
    ),
    Mutant(
        "item-longer-than-all-room-passed-over",
        _NO_ROOM,
        _WALKS,
        "                why = w.RETRY\n            if why in",
        "                continue\n            if why in",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("of large",),
    ),
)
