"""Planted bugs of long lives: each shows where a counter, a chain, an index or an address comes to its end.

Found among the crash states of stores that are made old (`faster.ages`), for no search lives that long.
"""

from __future__ import annotations

from typing import Final

from ..planted import CRASHES, Mutant

__all__ = ["AGED"]


def _aged(age: str, name: str, ancestor: str, edit: tuple[str, str, str], oracle: str, breach: str) -> Mutant:
    return Mutant(name, ancestor, *edit, oracle, breach, CRASHES, around=(age,))


AGED: Final[tuple[Mutant, ...]] = (
    _aged(
        "wrapping",
        "void-range-of-a-version-that-has-wrapped",
        "FASTER's RecordInfo: it keeps 13 bits of a checkpoint's version",
        (
            "powercut.engine.shared.spaces",
            "            control[base] = void.counter & w.VERSION_BITS\n",
            "            control[base] = void.counter\n",
        ),
        "prefix",
        "PHANTOM",
    ),
    _aged(
        "chained",
        "full-block-names-only-the-latest-extents",
        "FASTER's incremental snapshots: they end at a base",
        (
            "powercut.engine.checkpoint.kinds.cpr",
            "    first = extents.below(start) if is_full else extents.named\n",
            "    first = extents.below(start) if start > extents.start else extents.named\n",
        ),
        "openable",
        "UNOPENABLE",
    ),
    _aged(
        "crowded",
        "relink-passes-over-what-overflows",
        "FASTER's recovery: its FindOrCreateTag may need an overflow bucket",
        (
            "powercut.engine.kernels.walks",
            "                    slot, free = seek_slot(control, index, hashed)\n",
            "                    continue\n",
        ),
        "structure",
        "BROKEN_INVARIANT",
    ),
    _aged(
        "crowded",
        "overflow-bucket-past-the-last",
        "oxifaster's overflow pool: it has a capacity",
        (
            "powercut.engine.kernels.probe",
            "    return control[w.OVERFLOW_END] - 1 - taken\n",
            "    return control[w.OVERFLOW_END] - taken\n",
        ),
        "model",
        "ERROR",
    ),
    _aged(
        "high",
        "address-of-too-few-bits",
        "FASTER's Address: 48 bits of a word",
        (
            "powercut.engine.kernels.words",
            "ADDRESS_MASK: Final = (1 << 48) - 1\n",
            "ADDRESS_MASK: Final = (1 << 46) - 1\n",
        ),
        "model",
        "WRONG_RESULT",
    ),
    _aged(
        "voided",
        "void-range-that-begin-stands-in-dropped",
        "FASTER's recovery: undo starts at the checkpoint's begin",
        (
            "powercut.engine.checkpoint.kinds.cpr",
            "        voids=[void for void in parts.voids if void.high > running.begin],\n",
            "        voids=[void for void in parts.voids if void.low >= running.begin],\n",
        ),
        "prefix",
        "PHANTOM",
    ),
    _aged(
        "voided",
        "void-record-on-the-device-followed",
        "FASTER's ContinuePendingRead: a record from disk is checked anew",
        (
            "powercut.engine.log.cold",
            "            if record.key == key and not is_void(self._control, address, record.link):\n",
            "            if record.key == key:\n",
        ),
        "structure",
        "WRONG_VALUE",
    ),
)
