"""Planted bugs at boundaries: of pages, of index buckets, and between two lives of a store."""

from __future__ import annotations

from typing import Final

from ..planted import Mutant

__all__ = ["BOUNDARIES"]

BOUNDARIES: Final[tuple[Mutant, ...]] = (
    Mutant(
        "page-cleared-before-flushed",
        "FASTER 1c2a26d6: the flushed boundary ran ahead of the writes",
        "powercut.engine.log.ring",
        """            self._flushing.flush(load(control, w.SAFE_READ_ONLY), head)
            with self._lock:
                if load(control, w.PAGE_END) != start:
                    continue  # Another session opened it meanwhile; whether the bytes fit is asked again.
                self._shift_head(head)
                if start >= self.spaces.ring_bytes:  # Below, no page has been in the frame.
                    frame = start & (self.spaces.ring_bytes - 1)
                    self.spaces.log_bytes[frame : frame + page] = bytes(page)
""",
        """            frame = start & (self.spaces.ring_bytes - 1)
            self.spaces.log_bytes[frame : frame + page] = bytes(page)
            self._flushing.flush(load(control, w.SAFE_READ_ONLY), head)
            with self._lock:
                if load(control, w.PAGE_END) != start:
                    continue
                self._shift_head(head)
""",
        "model",
        "WRONG_RESULT",
        around=("paired", "pages"),
    ),
    Mutant(
        "frozen-page-still-written",
        "oxifaster rmw_sync: an update in place neither marked its page dirty nor asked for its region",
        "powercut.engine.log.ring",
        """            self.shift_read_only(final)
            self._epochs.until(
                "batches that may still write below the fold",
                lambda: load(control, w.SAFE_READ_ONLY) >= final,
            )
            return final
""",
        "            return final\n",
        "structure",
        "BROKEN_INVARIANT",
    ),
    Mutant(
        "table-chain-cut",
        "FASTER 44428dbf: the reader of the delta log took a hole for its end",
        "powercut.engine.checkpoint.kinds.cpr",
        "        previous=tables.head if tables.head.length else NO_BLOCK,\n",
        "        previous=NO_BLOCK,\n",
        "openable",
        "UNOPENABLE",
    ),
    Mutant(
        "void-range-of-another-version",
        "FASTER d383dcab: recovery looked for the new version's records in the wrong place",
        "powercut.engine.metadata.agreement",
        "VoidRange(block.version.counter + 1, block.fuzzy_start, block.final)",
        "VoidRange(block.version.counter, block.fuzzy_start, block.final)",
        "prefix",
        "HOLE",
        around=("phases",),
    ),
    Mutant(
        "idle-session-left-out",
        "FASTER c5d1f52a: commit points were read and cleared by whoever came first",
        "powercut.engine.checkpoint.kinds.cpr",
        "    parts.sessions.shift_all()\n",
        "",
        "serials",
        "WRONG_SERIAL",
    ),
    Mutant(
        "phase-fallen-through",
        "FASTER 40964183: one kind of checkpoint fell through into the phase of another",
        "powercut.engine.checkpoint.kinds.cpr",
        "    Phase.IN_PROGRESS: Phase.WAIT_FLUSH,\n",
        "    Phase.IN_PROGRESS: Phase.PERSIST,\n",
        "serials",
        "WRONG_SERIAL",
    ),
    Mutant(
        "predecessor-lost-on-re-linking",
        "oxifaster recover(): of a chain, the index found the first record only",
        "powercut.engine.kernels.walks",
        "            store(index, slot, (hashed >> w.TAG_FROM) << w.TAG_SHIFT | group[number])\n",
        """            store(index, slot, (hashed >> w.TAG_FROM) << w.TAG_SHIFT | group[number])
            at = (group[number] >> 3) & ring
            store(log, at + w.LINK, load(log, at + w.LINK) & ~w.ADDRESS_MASK)
""",
        "structure",
        "BROKEN_INVARIANT",
        around=("lives", "pages"),
    ),
    Mutant(
        "room-not-asked-for",
        "FASTER 61e7a3f9: an entry longer than the room left was written all the same",
        "powercut.engine.kernels.records",
        "    if is_spent or value + new_words > at + (sizes & w.ALLOCATED_MASK):\n",
        "    if is_spent:\n",
        "structure",
        "BROKEN_INVARIANT",
        around=("growth", "full"),
    ),
)
