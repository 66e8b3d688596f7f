"""Findings: the contents that an enumeration has come across, each with when it is legal and one witness.

Invariants
  1  one entry a content; it is legal at first and at last, and at first its witness maps to it
  2  first and the witness never change, last only ever rises: crash indices are visited in ascending order
"""

from typing import Any, TypeAlias

from .options import Option
from .product import NameState

# first, last, and the witness at first: a state of names, the trail of its files, the digits if known.
Entry: TypeAlias = tuple[int, int, NameState, Any, tuple[int, ...] | None]


class Findings:
    """The outcomes found between two crash indices, and how much of what is legal they cover."""

    __slots__ = ("bounded", "depth", "found", "legal", "start", "stop")

    def __init__(self, start: int, stop: int) -> None:
        self.start = start
        self.stop = stop
        self.found: dict[int, Entry] = {}
        self.legal = 0
        self.bounded: list[int] = []  # The crash indices that were not exhausted.
        self.depth: int | None = None

    def add(self, index: int, names: NameState, states: list[Option]) -> None:
        """Notes disk states that share a state of names and are legal from this index on."""
        found, stop = self.found, self.stop
        for key, last, _, trail in states:
            last = last if last < stop else stop
            known = found.get(key)
            if known is None:
                found[key] = (index, last, names, trail, None)
            elif last > known[1]:
                found[key] = (known[0], last, *known[2:])

    def add_one(self, index: int, key: int, names: NameState, trail: Any, digits: tuple[int, ...]) -> None:
        """Notes that a content is legal at an index by these digits."""
        if key in self.found:
            self.extend(key, index)
        else:
            self.found[key] = (index, index, names, trail, digits)

    def extend(self, key: int, last: int) -> None:
        """Notes that a content found before is still legal at an index."""
        known = self.found[key]
        if last > known[1]:
            self.found[key] = (known[0], last, *known[2:])

    def note_bound(self, index: int, depth: int) -> None:
        """Notes that a crash index was searched to this depth only."""
        self.bounded.append(index)
        self.depth = depth if self.depth is None else min(depth, self.depth)
