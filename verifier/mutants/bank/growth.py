"""Planted bugs of growths: buckets split wrongly, or while somebody uses them; a root that does not know."""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import SCHEDULES, Mutant

__all__ = ["GROWN"]

_SPLITS: Final = "powercut.engine.kernels.splits"
_GROWTH: Final = "powercut.engine.upkeep.growth"
_LOST: Final = "oxifaster GrowResult: overflow_buckets_skipped, counted as potential data loss"
_OLD: Final = "FASTER c1a0ab1: an operation went on in the old table after its chunk had been split"

_split: Final = partial(Mutant, module=_SPLITS, oracle="model", breach="WRONG_RESULT", around=("grow",))
_broken: Final = partial(
    Mutant, module=_SPLITS, oracle="structure", breach="BROKEN_INVARIANT", around=("grow",)
)
_beside: Final = partial(
    Mutant,
    ancestor=_OLD,
    oracle="linearizable",
    breach="WRONG_RESULT",
    search=SCHEDULES,
    preemptions=1,
    around=("grow",),
)

GROWN: Final = (
    _broken(
        name="overflow-bucket-lost-in-the-split",
        ancestor=_LOST,
        old="        bucket = load(index, base + w.BUCKET_ENTRIES)\n"
        "        if bucket == 0:\n"
        "            break\n"
        "    cut_behind",
        new="        break\n    cut_behind",
        around=("grow", "crowded"),
    ),
    _split(
        name="another-bucket-is-split",
        ancestor="FASTER C++ grow: the chunk that was cleaned was not the one that had been split",
        old="        bucket = start - half\n",
        new="        bucket = half - 1\n",
    ),
    _broken(
        name="bucket-split-twice",
        ancestor="FASTER SplitChunk: two threads that took the same chunk",
        old="        split_bucket(control, index, log, spare, bucket, half, head, kept)\n",
        new="        split_bucket(control, index, log, spare, bucket, half, head, kept)\n"
        "        split_bucket(control, index, log, spare, bucket, half, head, kept)\n",
    ),
    _split(
        name="half-of-a-shared-chain-is-not-linked",
        ancestor="FASTER TraceBackForOtherChainStart: what leaves memory belongs to both halves",
        old="            low = address\n        if high == 0:\n            high = address\n    return",
        new="            low = address\n    return",
        around=("grow", "parted"),
    ),
    _split(
        name="other-half-begins-with-the-first-record",
        ancestor="constructed: a half without its own first record does not reach it",
        old="        elif high == 0:\n            high = address\n        address = load(",
        new="        elif high == 0 and low == 0:\n            high = address\n        address = load(",
    ),
    Mutant(
        "root-remembers-fewer-buckets",
        "FASTER G2: a growth wants a checkpoint that knows the new size",
        "powercut.engine.checkpoint.kinds.cpr",
        "begin=begin, index_buckets=buckets)",
        "begin=begin)",
        "structure",
        "BROKEN_INVARIANT",
        around=("grow",),
    ),
    _beside(
        name="split-without-a-drain",
        module=_GROWTH,
        old='            self._shared.epochs.drain("batches that use buckets which are to be split")\n',
        new="",
    ),
    _beside(
        name="operation-in-a-bucket-that-is-shut",
        module="powercut.engine.kernels.operations",
        old="    if is_shut(control, batch[w.OP_HASH]):\n        return w.RETRY\n",
        new="",
    ),
    _beside(
        name="bucket-open-before-it-is-split",
        module=_SPLITS,
        old="        if not have_enough(control, index, spare, bucket):\n",
        new="        store(control, w.MAIN_COUNT, start + 1)\n"
        "        if not have_enough(control, index, spare, bucket):\n",
    ),
)
