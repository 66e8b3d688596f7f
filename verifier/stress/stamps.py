"""Stamps: words that say which operation wrote them, and the values that are made of them.

    identity   session 4 | era 4 | serial 32          an era ends with a recovery
    list       head (key 32 | piece 32), then 1 to STAMPS_MAX stamps, each appended by one operation
    stamp      identity 40 | check 24                 check: of the stamp before it, 0 for the first
    register   identity 40 | words 24, then words - 1 words, each mixed of the first and its place
    sum        a word; every addition adds the mixed identity of its operation

A full list is carried off: its key starts the next piece, and whoever wrote that keeps the piece before.
So all the pieces of a key are one chain, in which no stamp can be missing, doubled, or out of place. A value
of which a part is another's fails its check with a chance of 1 - 2**-24 at least.

Pure. Source: the mixing steps of splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CHECK_BITS",
    "ERAS_MAX",
    "LIST_BYTES_MAX",
    "MASK64",
    "SERIAL_MASK",
    "SESSIONS_MAX",
    "STAMPS_MAX",
    "Words",
    "check_of",
    "find_torn",
    "identity",
    "mixed",
    "registers",
]

Words = NDArray[np.uint64]

STAMPS_MAX: Final = 128
SESSIONS_MAX: Final = 16
ERAS_MAX: Final = 16
SERIAL_BITS: Final = 32
SERIAL_MASK: Final = (1 << SERIAL_BITS) - 1
CHECK_BITS: Final = 24
CHECK_MASK: Final = (1 << CHECK_BITS) - 1
WORD_BYTES: Final = 8
LIST_BYTES_MAX: Final = (1 + STAMPS_MAX) * WORD_BYTES
MASK64: Final = (1 << 64) - 1
_FACTOR: Final = 0x9E3779B97F4A7C15
_STEPS: Final = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))


def identity(session: int, era: int, serial: int) -> int:
    """The operation, in 40 bits."""
    return ((session << 4 | era) << SERIAL_BITS) | serial


def check_of(word: int) -> int:
    """What a stamp carries of the stamp before it."""
    return (word * _FACTOR & MASK64) >> (64 - CHECK_BITS)


def checks_of(words: Words) -> Words:
    """`check_of` of each."""
    return (words * np.uint64(_FACTOR)) >> np.uint64(64 - CHECK_BITS)


def mixed(words: Words) -> Words:
    """A bijection of words without pattern."""
    out = words * np.uint64(_FACTOR)
    for shift, factor in _STEPS:
        out = (out ^ (out >> np.uint64(shift))) * np.uint64(factor)
    return out


def registers(identities: Words, words: int) -> Words:
    """Values of `words` words, one for each identity; shape (n, words)."""
    first = identities << np.uint64(CHECK_BITS) | np.uint64(words)
    values = np.empty((len(identities), words), np.uint64)
    values[:, 0] = first
    for place in range(1, words):
        values[:, place] = mixed(first + np.uint64(place))
    return values


def find_torn(values: Sequence[bytes]) -> int | None:
    """Which of these registers is not whole, or not of one operation; None if all are."""
    for place, value in enumerate(values):
        if not value or len(value) % WORD_BYTES:
            return place
    if not values:
        return None
    words = np.frombuffer(b"".join(values), np.uint64)
    sizes = np.array([len(value) // WORD_BYTES for value in values], np.int64)
    starts = np.cumsum(sizes) - sizes
    owners = np.repeat(np.arange(len(values)), sizes)
    first = words[starts][owners]
    expected = mixed(first + (np.arange(len(words)) - starts[owners]).astype(np.uint64))
    expected[starts] = words[starts] & ~np.uint64(CHECK_MASK) | sizes.astype(np.uint64)
    wrong = np.flatnonzero(words != expected)
    return int(owners[wrong[0]]) if len(wrong) else None
