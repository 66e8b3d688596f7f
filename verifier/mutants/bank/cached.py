"""Planted bugs of the read cache: what is kept, for whom it is believed, and how room is made for more."""

from __future__ import annotations

from functools import partial
from typing import Final

from ..planted import MODEL, SCHEDULES, Mutant

__all__ = ["CACHED"]

_CACHED: Final = "powercut.engine.kernels.cached"
_FILLED: Final = "powercut.engine.log.cache"
_beside: Final = partial(
    Mutant, oracle="linearizable", breach="WRONG_RESULT", search=SCHEDULES, preemptions=1, around=("kept",)
)

CACHED: Final[tuple[Mutant, ...]] = (
    _beside(
        "kept-value-outlives-an-update",
        "FASTER R2: a kept record that is not the newest one of its key",
        _CACHED,
        "        if entry != 0 and (entry & ~w.ASKED_AGAIN) >> w.TAG_SHIFT == tag:\n"
        "            why = believe(control, log, batch, address, begin, word, entry)\n",
        "        if entry != 0:\n"
        "            asked = load(log, entry & w.ADDRESS_MASK)\n"
        "            why = believe(control, log, batch, asked, begin, word, entry)\n",
        around=("shared",),
    ),
    _beside(
        "kept-value-outlives-a-truncation",
        "FASTER 1.8: a record below begin is not found, wherever a copy of it is",
        _CACHED,
        " and link & w.ADDRESS_MASK >= begin:",
        ":",
        around=("shared",),
    ),
    _beside(
        "kept-tombstone-taken-for-a-value",
        "FASTER R2: a key that was deleted is there again, from the cache",
        _CACHED,
        "    if link & w.TOMBSTONE == 0 and link",
        "    if link",
    ),
    _beside(
        "key-not-compared-after-its-address",
        "FASTER 7e41e49a: two keys of one chain; the address that they leave memory at is the same",
        _CACHED,
        "    if not same(log, record + w.RECORD_HEADER_WORDS, batch, batch[w.OP_KEY], key_words):\n"
        "        return w.ON_DEVICE\n",
        "",
        around=("shared",),
    ),
    _beside(
        "kept-value-is-of-a-frame-that-was-cleared",
        "FASTER #823: the read cache returned zeros",
        "powercut.engine.log.cold",
        "record.link, key, record.value)",
        "record.link, key, bytes(len(record.value)))",
    ),
    Mutant(
        "read-cache-beside-memory",
        "constructed: a budget that is had twice",
        "powercut.engine.settings",
        "    memory -= read_cache\n",
        "",
        "model",
        "WRONG_RESULT",
        MODEL,
        around=("ground",),
    ),
    _beside(
        "page-made-free-under-a-reader",
        "FASTER #823: a reader of the cache beside one whose records take the place",
        _CACHED,
        "    if load(log, turns) != turn:\n        return w.ON_DEVICE\n    batch[w.B_COLD_STATE]",
        "    batch[w.B_COLD_STATE]",
    ),
    _beside(
        "turn-stays-even-while-a-page-is-made-free",
        "FASTER 1f8b5b02: eviction and its boundary, one before the other",
        _FILLED,
        "            self._mode.cas(log, turns, turn, turn + 1)\n",
        "            pass\n",
    ),
    _beside(
        "two-fill-the-cache-at-once",
        "FASTER 8f03e97: two who missed put what they read into the cache at the same time",
        _FILLED,
        "        with self._lock:\n            first, tag",
        "        if self._lock:\n            first, tag",
    ),
)
