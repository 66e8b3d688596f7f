"""Planted bugs in kinds of checkpoint: what is written beside the log, and what is taken from where."""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import FAULTS, SCHEDULES, Mutant

__all__ = ["KINDS"]

_snapshot: Final = partial(Mutant, oracle="openable", breach="UNOPENABLE", around=("snapshot",))
_beside: Final = partial(
    Mutant,
    oracle="prefix",
    breach="WRONG_VALUE",
    search=SCHEDULES,
    preemptions=1,
    around=("snapshot",),
)
_SNAPSHOT: Final = "powercut.engine.checkpoint.kinds.snapshot"

_delta: Final = partial(Mutant, oracle="openable", breach="UNOPENABLE", around=("incremental",))
_INCREMENTAL: Final = "powercut.engine.checkpoint.kinds.incremental"

KINDS: Final = (
    _delta(
        "delta-leaves-out-what-changed",
        "oxifaster 93c2274: updates in place did not mark their page as changed",
        _INCREMENTAL,
        "(earlier.extent.length, earlier.digest) == (len(piece), digest)",
        "earlier.extent.length == len(piece)",
        oracle="prefix",
        breach="HOLE",
    ),
    _delta(
        "delta-goes-past-the-cut",
        "oxifaster: an incremental checkpoint wrote pages up to the tail, whatever it said of its end",
        _SNAPSHOT,
        "    end = min(running.final, (start // piece + 1) * piece)\n",
        "    end = min(load(log.spaces.control, w.PAGE_END), (start // piece + 1) * piece)\n",
        around=("incremental", "long"),
    ),
    _delta(
        "base-of-a-delta-taken-early",
        "constructed: a checkpoint that failed is the base of the next delta, and its file goes",
        _INCREMENTAL,
        "        at += len(piece)\n",
        "        at += len(piece)\n        parts.copied = running.digests\n",
        breach="ERROR",
        search=FAULTS,
        around=("write", "error", "snapshot"),
    ),
    _snapshot(
        "snapshot-never-synced",
        "oxifaster CheckpointDurability::FasterLike: a checkpoint's files are written and not synced",
        _SNAPSHOT,
        "    return log.segments.sync(STEP_BYTES - max(0, running.copied - before))\n",
        "    return True\n",
    ),
    _snapshot(
        "snapshot-synced-after-its-metadata",
        "FASTER C++ faster.h: checkpoint metadata was written before the flush that it counts on had ended",
        _SNAPSHOT,
        """    return log.segments.sync(STEP_BYTES - max(0, running.copied - before))
""",
        """    genuine = parts.roots.commit

    def late(root):
        parts.roots.commit = genuine
        genuine(root)
        log.segments.sync()

    parts.roots.commit = late
    return True
""",
    ),
    _snapshot(
        "snapshots-of-earlier-lives-forgotten",
        "FASTER #651: a recovery purged the files of other checkpoints, of which one was still needed",
        "powercut.engine.checkpoint.kinds.cpr",
        "    places = [place for place in parts.places.ranges if place.high > start]\n",
        "    places = []\n",
    ),
    _snapshot(
        "snapshot-taken-into-a-later-log",
        "oxifaster: an incremental checkpoint says that it has a snapshot, and its folder has none",
        "powercut.engine.metadata.tables",
        "            run = run[: bisect_left(run, newer, key=_START)]\n",
        "            pass\n",
    ),
    _beside(
        "snapshot-cut-before-sessions-shift",
        "CPR, SIGMOD 2019: the log of version v ends when no session works in v any more",
        _SNAPSHOT,
        "        claim_sessions(parts, running)\n        running.final = log.ring.cut()\n",
        "        running.final = log.ring.cut()\n        claim_sessions(parts, running)\n",
        preemptions=2,
    ),
    _beside(
        "snapshot-holds-what-the-next-version-writes",
        "FASTER e987115f: a session of v + 1 updated a record of v in place",
        _SNAPSHOT,
        "        _begin_at(running, log.extents.end)\n        running.base = running.low\n",
        "        _begin_at(running, log.extents.end)\n        parts.shared.system.set_fuzzy_start(0)\n"
        "        running.base = running.low\n",
        around=("snapshot", "page almost full"),
    ),
    _beside(
        "snapshot-of-a-frame-that-has-turned",
        "oxifaster: a snapshot looked its pages up modulo the buffer, and not if they were still there",
        _SNAPSHOT,
        "    if load(log.spaces.control, w.HEAD) > max(start, w.FIRST_ADDRESS):\n"
        "        _begin_at(running, log.extents.end)\n        return\n",
        "",
        around=("snapshot", "page almost full"),
    ),
)
