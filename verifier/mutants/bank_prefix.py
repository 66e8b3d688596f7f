"""Planted bugs in what a checkpoint holds and what recovery makes of it: operations missing, or too many."""

from __future__ import annotations

from typing import Final

from .planted import Mutant

__all__ = ["PREFIX"]

PREFIX: Final[tuple[Mutant, ...]] = (
    Mutant(
        "serial-captured-late",
        "FASTER 06178520: a session's commit point was looked up after the machine had gone on",
        "engine.sessions",
        "            SessionMark(state.name, state.number, state.commit_serial)\n",
        "            SessionMark(state.name, state.number, state.serial)\n",
        "prefix",
        "HOLE",
    ),
    Mutant(
        "closed-session-dropped",
        "FASTER #874: a session could not be continued after a restart",
        "engine.sessions",
        "            if state.commit_version == version\n",
        "            if state.commit_version == version and state.is_live\n",
        "serials",
        "WRONG_SERIAL",
    ),
    Mutant(
        "serial-not-restored",
        "FASTER 1eab86ff: ContinueSession did not restore the serial",
        "engine.sessions",
        "                mark.name, mark.number, mark.serial, system.version, mark.serial, mark.serial\n",
        "                mark.name, mark.number, 0, system.version, mark.serial, mark.serial\n",
        "prefix",
        "LOST_ACK",
    ),
    Mutant(
        "old-record-updated-in-place",
        "FASTER e987115f: a record of version v was overwritten in place during the checkpoint of v",
        "engine.kernels",
        "    if cut == 0:\n        return False\n",
        "    if cut >= 0:\n        return False\n",
        "prefix",
        "PHANTOM",
    ),
    Mutant(
        "fuzzy-start-stale",
        "FASTER d383dcab: the start of the fuzzy region was captured at the wrong moment",
        "engine.checkpoint",
        "            fuzzy_start=running.fuzzy_start,\n",
        "            fuzzy_start=running.final,\n",
        "prefix",
        "PHANTOM",
    ),
    Mutant(
        "void-range-not-made",
        "FASTER 60e162f0: recovery let a record become valid that never was",
        "engine.recovery",
        "    if block.fuzzy_start < block.final:\n",
        "    if block.fuzzy_start > block.final:\n",
        "prefix",
        "PHANTOM",
    ),
    Mutant(
        "void-range-open-below",
        "FASTER 44428dbf: a condition at the edge of a range was the wrong way round",
        "engine.probe",
        "        inside = control[base + 1] <= address < control[base + 2]\n",
        "        inside = control[base + 1] < address < control[base + 2]\n",
        "prefix",
        "PHANTOM",
    ),
    Mutant(
        "void-range-forgotten",
        "oxifaster dcb63c8: version v was taken up again after stamps of v + 1 existed",
        "engine.checkpoint",
        "            voids=[void for void in self._voids if void.high > running.begin],\n",
        "            voids=[],\n",
        "prefix",
        "PHANTOM",
    ),
    Mutant(
        "seal-kept-on-reload",
        "FASTER 60e162f0: recovery and the Sealed bit",
        "engine.probe",
        "                store(log, at + w.LINK, link & ~w.TRANSIENT)\n",
        "                pass\n",
        "structure",
        "BROKEN_INVARIANT",
    ),
    Mutant(
        "flushed-at-head-after-recovery",
        "FASTER 8e9e449e: FlushedUntil was set to head instead of the tail on recovery",
        "engine.hybridlog",
        "        flushed = max(w.FIRST_ADDRESS, self.extents.end)\n",
        "        flushed = head\n",
        "prefix",
        "HOLE",
    ),
    Mutant(
        "page-after-tail-not-opened",
        "FASTER 293162e8: the page after the recovered tail was not allocated",
        "engine.hybridlog",
        "        control[w.PAGE_END] = (tail + page - 1) // page * page\n",
        "        control[w.PAGE_END] = (tail // page + 1) * page\n",
        "structure",
        "BROKEN_INVARIANT",
    ),
    Mutant(
        "scan-ends-at-padding",
        "FASTER e874a180: the recovery scan stopped at a zeroed range inside a page",
        "engine.probe",
        "        address = (address | unit) + 1\n",
        "        return end\n",
        "structure",
        "BROKEN_INVARIANT",
    ),
    Mutant(
        "index-not-re-linked",
        "oxifaster recover(): a recovery from the log left the index empty",
        "engine.recovery",
        "            address = _relink(log, index, address, end)\n",
        "            address = end\n",
        "structure",
        "BROKEN_INVARIANT",
    ),
)
