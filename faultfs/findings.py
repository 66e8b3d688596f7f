"""Findings: the contents that an enumeration has come across, each with when it is legal and one witness.

Invariants
  1  one entry a content; first <= index <= last of each entry, and index, with the witness, maps to the
     content
  2  first only ever falls, last only ever rises, the witness never changes
"""

from typing import Any, TypeAlias

from .product import NameState, Option

# first, last, index, and the witness there: a state of names, the trail of its files, the digits if they are
# known.
Entry: TypeAlias = tuple[int, int, int, NameState, Any, tuple[int, ...] | None]


class Findings:
    """What was found between two crash indices, and how much of what is legal that is."""

    __slots__ = ("bounded_points", "depth", "found", "legal", "start", "stop")

    def __init__(self, start: int, stop: int) -> None:
        self.start = start
        self.stop = stop
        self.found: dict[int, Entry] = {}
        self.legal = 0
        self.bounded_points = 0
        self.depth: int | None = None

    def add(self, index: int, names: NameState, states: list[Option]) -> None:
        """Notes disk states that share a state of names."""
        found, start, stop = self.found, self.start, self.stop
        for key, first, last, _, trail in states:
            first = first if first > start else start
            last = last if last < stop else stop
            known = found.get(key)
            if known is None:
                found[key] = (first, last, index, names, trail, None)
            elif first < known[0] or last > known[1]:
                found[key] = (min(first, known[0]), max(last, known[1]), *known[2:])

    def add_one(self, index: int, key: int, names: NameState, trail: Any, digits: tuple[int, ...]) -> None:
        """Notes that a content is legal at an index by these digits."""
        if key in self.found:
            self.extend(key, index)
        else:
            self.found[key] = (index, index, index, names, trail, digits)

    def extend(self, key: int, last: int) -> None:
        """Notes that a content found before is still legal at an index."""
        known = self.found[key]
        if last > known[1]:
            self.found[key] = (known[0], last, *known[2:])

    def note_bound(self, depth: int) -> None:
        """Notes that a crash index was searched to this depth only."""
        self.bounded_points += 1
        self.depth = depth if self.depth is None else min(depth, self.depth)
