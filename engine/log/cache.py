"""The read cache, as it is filled and emptied: what a chain below head led to stays in memory for a while.

Records of all sizes stand one behind the other in pages, which are filled in turn. A page whose turn comes
again is made free: what was asked for since it was kept slides to the page's start, up to half of it, and has
to be asked for once more until the next time (second chance); the entries of all others go.

Invariants, with those of `kernels.cached`
  K5  words of a page are written that no entry names, or whose page is in an odd turn
  K6  one thread fills it at a time; what is read at the same time is held to K3
  K7  in an odd turn nothing is known of a page: whoever was interrupted there has the whole table forgotten

Nothing of it is on the device, in the index or in the log (R1), and recovery begins with none. It is filled
with what was read from verified extents, never with bytes of the ring, whose pages turn (R2).

Threads: any; a lock is held for the time of one record, or of one page, and the device is not asked in it.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from ..kernels import words as w
from ..kernels.atomics import copy, load, store
from ..kernels.cached import set_of
from ..runtime import Runtime
from ..shared.modes import Mode
from ..shared.spaces import Spaces

__all__ = ["ReadCache"]

_HEADER: Final = Struct("<QQQ")  # The address asked for, sizes, link.
_ODD: Final = w.KEPT_HEADER + w.RECORD_HEADER_WORDS


class ReadCache:
    """Fills the part of the log space that `Spaces` has laid out for it; there is one."""

    def __init__(self, spaces: Spaces, mode: Mode, runtime: Runtime) -> None:
        control = spaces.control
        self._control = control
        self._log = spaces.log
        self._bytes = spaces.log.cast("B")
        self._mode = mode
        self._lock = runtime.lock()
        self._start = control[w.KEPT_PAGES]
        self._page_words = 1 << control[w.KEPT_SHIFT]
        self._ends = [0] * (self._start - control[w.KEPT_TURNS])  # Words used of each page but the one
        self._page = 0  # that is filled now,
        self._used = 0  # and how much of it is.

    def keep(self, asked: int, address: int, link: int, key: bytes, value: bytes) -> None:
        """Keep the record at `address`, to which the chain that goes on at `asked` led for `key`."""
        key_words, value_words = (len(key) + 7) >> 3, (len(value) + 7) >> 3
        words = _ODD + key_words + value_words
        if words > self._page_words >> 1:
            return
        sizes = words | len(key) << w.KEY_SHIFT | len(value) << w.VALUE_SHIFT
        data = (
            _HEADER.pack(asked, sizes, address | link & w.TOMBSTONE)
            + key.ljust(key_words << 3, b"\0")
            + value.ljust(value_words << 3, b"\0")
        )
        log = self._log
        with self._lock:
            first, tag = self._set(asked)
            if any(self._holds(word, asked, key) for word in range(first, first + w.KEPT_WAYS)):
                return
            at = self._room(words)
            copy(memoryview(data).cast("Q"), 0, log, at, words)
            self._used += words  # Not before: all that is used of a page are whole records.
            # A free one; else one that nobody asked for again.
            word = min(range(first, first + w.KEPT_WAYS), key=lambda word: load(log, word))
            self._name(word, tag << w.TAG_SHIFT | at)

    def _set(self, asked: int) -> tuple[int, int]:
        first, tag = set_of(self._control[w.KEPT_SETS], asked)
        return first + self._control[w.KEPT_TABLE], tag

    def _holds(self, word: int, asked: int, key: bytes) -> bool:
        """True if the entry at `word` names the record of this key that was asked for there."""
        log, at = self._log, load(self._log, word) & w.ADDRESS_MASK
        if at == 0 or load(log, at) != asked:
            return False
        start = (at + _ODD) * w.WORD_BYTES
        key_bytes = (load(log, at + w.KEPT_HEADER + w.SIZES) >> w.KEY_SHIFT) & w.KEY_MASK
        return bytes(self._bytes[start : start + key_bytes]) == key

    def _name(self, word: int, entry: int) -> None:
        """Put an entry there; by a CAS, which orders what was written before, and that of who asks again."""
        while not self._mode.cas(self._log, word, load(self._log, word), entry):
            pass

    # -- pages -------------------------------------------------------------------------------------

    def _room(self, words: int) -> int:
        """The place of so many words, that no entry names."""
        if self._used + words > self._page_words:
            self._ends[self._page] = self._used
            page = (self._page + 1) % len(self._ends)
            self._used = self._freed(page)
            self._page = page
        return self._start + self._page * self._page_words + self._used

    def _freed(self, page: int) -> int:
        """Make a page free but for what gets a second chance; so many words of it are used."""
        log, turns = self._log, self._control[w.KEPT_TURNS] + page
        if (turn := load(log, turns)) & 1:
            self._forget()
        else:
            self._mode.cas(log, turns, turn, turn + 1)
        start = at = to = self._start + page * self._page_words
        end, most = start + self._ends[page], start + self._page_words // 2
        while at < end:
            words = load(log, at + w.KEPT_HEADER + w.SIZES) & w.ALLOCATED_MASK
            first, tag = self._set(load(log, at))
            for word in range(first, first + w.KEPT_WAYS):
                entry = load(log, word)
                if entry & w.ADDRESS_MASK != at:
                    continue
                if entry & w.ASKED_AGAIN and to + words <= most:
                    copy(log, at, log, to, words)
                    self._name(word, tag << w.TAG_SHIFT | to)
                    to += words
                else:
                    self._name(word, 0)
            at += words
        self._ends[page] = to - start
        self._mode.cas(log, turns, turn | 1, (turn | 1) + 1)
        return to - start

    def _forget(self) -> None:
        """Take all entries out (K7)."""
        for word in range(self._control[w.KEPT_TABLE], self._control[w.KEPT_TURNS]):
            store(self._log, word, 0)
        self._ends = [0] * len(self._ends)
