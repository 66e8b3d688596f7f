"""Garbage: what a sector may hold besides the contents that it had, where a law does not rule that out (F44).

    written over    torn at a word, and in the middle: one part new, the other as it was
    written anew    where the file had not reached: the same with garbage for what was there, and garbage
                    alone

The garbage is always the same bytes, as a function of nothing: equal traces, equal contents.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["garbage_of", "spoiled"]

WORD_BYTES: Final = 8  # The finest tear: what a processor or a controller moves at once.
_PATTERN: Final = bytes((each * 151 + 89) % 255 + 1 for each in range(256))  # No zero, no run, no text.


def garbage_of(size: int) -> bytes:
    """So many bytes that nobody has written."""
    return (_PATTERN * (size // len(_PATTERN) + 1))[:size]


def spoiled(old: bytes, new: bytes, *, is_grown: bool) -> Iterator[bytes]:
    """The contents besides `old` and `new`, each once, of a sector into which `new` is being written."""
    was = garbage_of(len(new)) if is_grown else old.ljust(len(new), b"\0")[: len(new)]
    seen = {old, new, b""}
    whole = [was] if is_grown else []
    for value in (
        *whole,
        *(part for at in _tears(new) for part in (new[:at] + was[at:], was[:at] + new[at:])),
    ):
        if value not in seen:
            seen.add(value)
            yield value


def _tears(new: bytes) -> tuple[int, ...]:
    return tuple(at for at in (WORD_BYTES, len(new) // 2) if 0 < at < len(new))
