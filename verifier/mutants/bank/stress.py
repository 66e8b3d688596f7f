"""Planted bugs of the kernels that stress must find where they are compiled, and sessions really meet.

All of them are in one set of kernels, which is compiled once: a word more of `control`, PLANTED_WORD, says by
number, from 1, which one is at work in a store; 0: none. In the new texts below `PLANTED` stands for that.
"""

from __future__ import annotations

from typing import Final

from ..planted import STRESS, Mutant

__all__ = ["STRESSED", "WORD"]

# The word is made by an edit as well; alone it changes nothing.
WORD: Final = Mutant(
    "word-of-control",
    "none: a place for the number of the bug that is at work",
    "powercut.engine.kernels.words",
    "\nCONTROL_WORDS: Final = ",
    "\nCONTROL_WORDS: Final = 1 + ",
    "stress",
    "WRONG_VALUE",
    STRESS,
)


def _planted(number: int, name: str, ancestor: str, module: str, old: str, new: str, breach: str) -> Mutant:
    new = new.replace("PLANTED", f"control[w.CONTROL_WORDS - 1] == {number}")
    return Mutant(name, ancestor, module, old, new, "stress", breach, STRESS)


STRESSED: Final[tuple[Mutant, ...]] = (
    _planted(
        1,
        "compiled-copier-does-not-seal",
        "constructed: an update in place slips in while the record is copied",
        "powercut.engine.kernels.operations",
        "store(log, at + w.LINK, link | w.SEALED)",
        "store(log, at + w.LINK, link if PLANTED else link | w.SEALED)",
        "WRONG_VALUE",
    ),
    _planted(
        2,
        "compiled-lock-is-not-taken",
        "oxifaster dcb63c8: check, then act, in two steps",
        "powercut.engine.kernels.operations",
        "if not cas(log, at + w.LINK, link, link | w.LOCK):",
        "if not cas(log, at + w.LINK, link, link if PLANTED else link | w.LOCK):",
        "WRONG_VALUE",
    ),
    _planted(
        3,
        "compiled-torn-read-is-not-noticed",
        "FASTER issue 823: readers under concurrency saw values that nobody wrote",
        "powercut.engine.kernels.records",
        "if load(log, at + w.LINK) == link:",
        "if PLANTED or load(log, at + w.LINK) == link:",
        "WRONG_RESULT",
    ),
    _planted(
        4,
        "compiled-near-lock-is-not-taken",
        "oxifaster dcb63c8: check, then act, in two steps",
        "powercut.engine.kernels.near",
        "if not cas(log, at + w.LINK, link, link | w.LOCK):",
        "if not cas(log, at + w.LINK, link, link if PLANTED else link | w.LOCK):",
        "WRONG_VALUE",
    ),
    _planted(
        5,
        "compiled-near-write-of-what-is-frozen",
        "FASTER's rule of the mutable region: what is read-only is copied before it is changed",
        "powercut.engine.kernels.near",
        "floor = load(control, w.HEAD) if kind == w.READ else mutable",
        "floor = load(control, w.HEAD) if kind == w.READ or PLANTED else mutable",
        "WRONG_VALUE",
    ),
)
