"""Planted bugs of stores that are opened otherwise than before, or that somebody else wants to open too."""

from __future__ import annotations

from typing import Final

from ..planted import CRASHES, Mutant

__all__ = ["REOPENED"]


def _reopened(name: str, ancestor: str, edit: tuple[str, str, str], oracle: str, breach: str) -> Mutant:
    return Mutant(name, ancestor, *edit, oracle, breach, CRASHES, around=("reopen_as", "parting"))


REOPENED: Final[tuple[Mutant, ...]] = (
    _reopened(
        "device-given-back-before-it-is-closed",
        "powercut: a store that was closing closed the device of the one that had opened it meanwhile",
        (
            "powercut.engine.device.lease",
            "            self.device.close()  # First",
            "            self.release()\n            self.device.close()  # First",
        ),
        "model",
        "ERROR",
    ),
    _reopened(
        "fewer-buckets-than-an-earlier-opening",
        "FASTER's recovery: into a table of another size it is refused",
        (
            "powercut.engine.settings",
            "    buckets, most = max(start, buckets_least), max(share, buckets_least)\n",
            "    buckets, most = start, share\n",
        ),
        "structure",
        "BROKEN_INVARIANT",
    ),
    _reopened(
        "walk-lists-what-moved-to-another-bucket",
        "FASTER's index growth: it splits chains by a bit more of the hash",
        (
            "powercut.engine.kernels.walks",
            "            and is_home(control, log, at, bucket, entry)\n",
            "",
        ),
        "model",
        "WRONG_VALUE",
    ),
)
