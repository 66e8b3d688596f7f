"""Marks: the progress of a life, in memory that outlives it.

The page is shared with the process that kills. A store into it is no system call, so it moves no
point at which one is killed, and a killed process takes nothing of it away.

    begun, done   device calls that change something: entered, returned
    steps         steps of the program begun
    told          calls done when the store first told who waits of more than the word says, if it has
    word          what may be in effect, what was acknowledged, who objects

Invariants
  1  done <= begun <= done + 1
  2  `issued` holds the operation before the store is given it; `acked` holds what was acknowledged as
     soon as it was. At any moment, legal is what lies between
  3  a word is read only of a process that is dead, and that was killed at no moment at which it wrote one
"""

from __future__ import annotations

import mmap
import struct
from typing import Final

import msgspec

from ...spec.model import Issued
from ...spec.subject import Bound
from ...verdict import Violation

__all__ = ["Marks", "Word"]

_COUNTERS: Final = struct.Struct("=5Q")
_COUNTER: Final = struct.Struct("=Q")
_TOLD: Final = 32
_BYTES: Final = 1 << 20


class Word(msgspec.Struct):
    """The last word of a life."""

    issued: list[Issued] = []  # May be in effect, in order.
    acked: dict[int, int] | int = {}
    objection: Violation | None = None
    error: str = ""  # Of the harness, or why it could not begin.


class Marks:
    """One shared page, used by one life after the other."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, _BYTES)
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Word)

    def clear(self) -> None:
        """Clear the page before a new life."""
        _COUNTERS.pack_into(self._page, 0, 0, 0, 0, 0, 0)

    def begin_call(self) -> int:
        """Mark that a device call that changes something is entered; its number, counted from 1."""
        number = self.begun + 1
        _COUNTER.pack_into(self._page, 0, number)
        return number

    def end_call(self) -> None:
        """Mark that the call is about to return."""
        _COUNTER.pack_into(self._page, 8, self.begun)

    def begin_step(self, issued: list[Issued], acked: Bound) -> None:
        """A step of the program begins, after which these may be in effect."""
        _COUNTER.pack_into(self._page, 16, self.steps + 1)
        self.say(issued, acked)

    def say(self, issued: list[Issued], acked: Bound, objection: Violation | None = None) -> None:
        """Record what may be in effect from now on, and what was acknowledged."""
        self._write(Word(issued, acked if isinstance(acked, int) else dict(acked), objection))

    def tell(self) -> None:
        """Mark that somebody who waited was let go: what he waited for is acknowledged."""
        _COUNTER.pack_into(self._page, _TOLD, 1 + self.done)

    def fail(self, error: str) -> None:
        """The harness broke, not the store."""
        self._write(Word(error=error))

    @property
    def begun(self) -> int:
        return int(_COUNTER.unpack_from(self._page, 0)[0])

    @property
    def done(self) -> int:
        return int(_COUNTER.unpack_from(self._page, 8)[0])

    @property
    def steps(self) -> int:
        return int(_COUNTER.unpack_from(self._page, 16)[0])

    @property
    def told(self) -> int | None:
        told = int(_COUNTER.unpack_from(self._page, _TOLD)[0])
        return told - 1 if told else None

    def word(self) -> Word:
        """The last word."""
        size = _COUNTERS.unpack_from(self._page, 0)[3]
        start = _COUNTERS.size
        return self._decoder.decode(self._page[start : start + size]) if size else Word()

    def close(self) -> None:
        self._page.close()

    def _write(self, word: Word) -> None:
        data = self._encoder.encode(word)
        start = _COUNTERS.size
        self._page[start : start + len(data)] = data
        _COUNTER.pack_into(self._page, 24, len(data))
        _COUNTER.pack_into(self._page, _TOLD, 0)
