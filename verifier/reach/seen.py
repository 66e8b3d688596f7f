"""Seen: what chunks of a gate took, as a value that crosses to another process and adds up.

Invariant: the sum does not depend on the order, nor on where each chunk ran.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from .collector import collecting, note
from .pairs import Pair, counting, is_counting, note_pairs

__all__ = ["Seen", "is_watching", "note_seen", "watched"]


class Seen(msgspec.Struct):
    """Ways and pairs.

    ways   a byte for each way, 1 where it was taken; empty where nothing can be watched
    pairs  how often there was each
    """

    ways: bytes = b""
    pairs: dict[Pair, int] = {}
    programs: int = 0  # That were watched,
    checked: int = 0  # and openings.

    def merge(self, other: Seen) -> None:
        """Add what others took."""
        if self.ways and other.ways:
            length = len(self.ways)
            both = int.from_bytes(self.ways) | int.from_bytes(other.ways)
            self.ways = both.to_bytes(length)
        else:
            self.ways = self.ways or other.ways
        for pair, count in other.pairs.items():
            self.pairs[pair] = self.pairs.get(pair, 0) + count
        self.programs += other.programs
        self.checked += other.checked


@contextmanager
def watched() -> Iterator[Seen]:
    """Watch while it lasts; what was taken stands in the value afterwards."""
    seen = Seen()
    with collecting() as collector, counting() as pairs:
        yield seen
        if collector is not None:
            seen.ways = collector.taken()
    seen.pairs = dict(sorted(pairs.items()))


def is_watching() -> bool:
    """True while `watched` lasts."""
    return is_counting()


def note_seen(seen: Seen | None) -> None:
    """Add what another process took to what is watched here."""
    if seen is not None:
        note(seen.ways)
        note_pairs(seen.pairs)
