"""Staging: one session's batch space, with room for keys, values and results, bound to the kernels.

    header | results | hashes | slots | table | keys | values | expected

Invariants
  1  what `words` calls B_ROW, B_RESULTS, B_HASHES, B_KEYS and B_VALUES is set once, and every run
     may rely on it; B_APPLY is 1 and B_LEAVE, B_PEND and B_TABLE are 0 between two operations

Threads: the session's own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from ..kernels import words as w
from ..shared.modes import Mode
from ..shared.spaces import Spaces, put_bytes, words_of

__all__ = ["COUNTERS", "Rooms", "Stage"]

COUNTERS: Final = range(w.N_IN_PLACE, w.N_MISSED + 1)


class Rooms(NamedTuple):
    """The room of a stage, in words.

    operations       at most
    key_words        from one key to the next
    value_words      from one value to the next; a read has as much room
    expected_words   for what `expect` is given; None: for a value if there is one operation, else none
    """

    operations: int
    key_words: int
    value_words: int
    expected_words: int | None = None


class Stage:
    """A batch of at most `rooms.operations` operations."""

    def __init__(
        self,
        spaces: Spaces,
        mode: Mode,
        row: int,
        rooms: Rooms,
    ) -> None:
        count, key_words, value_words, expected_words = rooms
        if expected_words is None:
            expected_words = value_words if count == 1 else 0
        self.count: Final = count
        self.key_words: Final = key_words
        self.value_words: Final = value_words
        self.expected_words: Final = expected_words
        results = w.BATCH_WORDS
        hashes = results + count
        slots = hashes + count
        table = slots + count
        keys = table + (count * w.T_WORDS if count > 1 else 0)
        values = keys + count * key_words
        expected = values + count * value_words
        self.batch: Final = words_of(expected + expected_words)
        self.bytes: Final = self.batch.cast("B")
        self.results: Final = results
        self.table: Final = table
        self.keys: Final = keys
        self.values: Final = values
        self.expected: Final = expected
        batch = self.batch
        batch[w.B_ROW] = row
        batch[w.B_RESULTS] = results
        batch[w.B_HASHES] = hashes
        batch[w.B_SLOTS] = slots
        batch[w.B_KEYS] = keys
        batch[w.B_KEY_STRIDE] = key_words
        batch[w.B_VALUES] = values
        batch[w.B_VALUE_STRIDE] = value_words
        batch[w.B_ROOM] = value_words * w.WORD_BYTES
        batch[w.B_EXPECTED] = expected
        batch[w.B_EXPECTED_ROOM] = expected_words * w.WORD_BYTES
        batch[w.B_APPLY] = 1
        self.kernels: Final = mode.bind(spaces, batch)

    def expect(self, value: bytes | None) -> bool:
        """Set the value that the next swap expects, None for no value, or that an append goes on from.

        Whether there is room for it; B_EXPECTED_BYTES says how much it takes.
        """
        if value is None:
            self.batch[w.B_EXPECTED_BYTES] = w.EXPECT_ABSENT
            return True
        self.batch[w.B_EXPECTED_BYTES] = len(value)
        if len(value) > self.expected_words * w.WORD_BYTES:
            return False
        put_bytes(self.bytes, self.expected, value)
        return True

    def key(self) -> bytes:
        """The key of the operation in the frame."""
        start = self.batch[w.OP_KEY] * w.WORD_BYTES
        return bytes(self.bytes[start : start + self.batch[w.OP_KEY_BYTES]])

    def value(self, number: int, told: int) -> bytes:
        """The value that the read with this number and result has copied out."""
        start = (self.values + number * self.value_words) * w.WORD_BYTES
        return bytes(self.bytes[start : start + (told >> w.RESULT_BITS)])

    def keep(self, old: Stage, words: Iterable[int]) -> None:
        """Take these words of the header over from the stage that this one replaces."""
        for word in words:
            self.batch[word] = old.batch[word]

    def counters(self) -> list[int]:
        """N_IN_PLACE to N_MISSED."""
        return list(self.batch[w.N_IN_PLACE : w.N_MISSED + 1])
