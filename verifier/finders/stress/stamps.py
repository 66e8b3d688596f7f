"""Stamps: words that say which operation wrote them, and the values that are made of them.

    identity   session + 1 4 | era 4 | serial 32      an era ends with a recovery
    list       head (key 32 | piece 32) but for piece 0, then stamps, each appended by one operation
    stamp      identity 40 | check 24                 check: of the stamp before it, 0 for the first of all;
                                                      or, where that was not looked at, of its own identity
    register   identity 40 | words 24, then words - 1 words, each mixed of the first and its place
    sum        a word; every addition adds the mixed identity of its operation

A list of STAMPS_MAX stamps is carried off by the next `rmw` of its key, which starts the next piece and
keeps the one before. The stamps that an `rmw` has written chain each piece, and the pieces, together. A part
of a value that is another's fails its check with a chance of 1 - 2**-23 at least.

How long a list gets: at the last `rmw` it had STAMPS_MAX stamps at most, and since then no session has added
more than BLIND_MAX, for so many it appends between two `rmw` of its own.

Pure. Source: the mixing steps of splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLIND_MAX",
    "CHECK_BITS",
    "FULL_BYTES",
    "LIST_BYTES_MAX",
    "MASK64",
    "SERIAL_MASK",
    "SESSIONS_MAX",
    "STAMPS_MAX",
    "Words",
    "blind",
    "check_of",
    "checks_of",
    "find_torn",
    "head_of",
    "identity",
    "mixed",
    "own_checks",
    "piece_of",
    "registers",
    "session_of",
]

Words = NDArray[np.uint64]

STAMPS_MAX: Final = 128
BLIND_MAX: Final = 64
SESSIONS_MAX: Final = 15
SERIAL_BITS: Final = 32
SERIAL_MASK: Final = (1 << SERIAL_BITS) - 1
CHECK_BITS: Final = 24
CHECK_MASK: Final = (1 << CHECK_BITS) - 1
WORD_BYTES: Final = 8
FULL_BYTES: Final = STAMPS_MAX * WORD_BYTES
LIST_BYTES_MAX: Final = (1 + STAMPS_MAX + SESSIONS_MAX * BLIND_MAX) * WORD_BYTES
SESSION_SHIFT: Final = SERIAL_BITS + 4
HEAD_LIMIT: Final = 1 << SESSION_SHIFT + CHECK_BITS  # Of a key below 2**28: less than any stamp.
MASK64: Final = (1 << 64) - 1
_FACTOR: Final = 0x9E3779B97F4A7C15
_STEPS: Final = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))


def identity(session: int, era: int, serial: int) -> int:
    """The operation, in 40 bits."""
    return ((session + 1 << 4 | era) << SERIAL_BITS) | serial


def session_of(name: int) -> int:
    """The session of an identity."""
    return (name >> SESSION_SHIFT) - 1


def head_of(value: bytes) -> int:
    """The head of a list, 0 for piece 0, which has none."""
    first = int.from_bytes(value[:WORD_BYTES], "little")
    return first if first < HEAD_LIMIT else 0


def piece_of(value: bytes) -> int:
    """The number of a list among the pieces of its key."""
    return head_of(value) & 0xFFFFFFFF


def own_checks(identities: Words) -> Words:
    """The checks in stamps that were appended without a look at the one before."""
    return checks_of(~identities)


def blind(identities: Words) -> Words:
    """Stamps that were appended without a look at the one before."""
    return identities << np.uint64(CHECK_BITS) | own_checks(identities)


def check_of(word: int) -> int:
    """The check that a stamp carries of the stamp before it."""
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
    """A register that is not whole, or not of one operation; None if all are."""
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
