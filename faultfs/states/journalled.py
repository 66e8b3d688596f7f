"""The states of a law with a journal at one crash index: for each point of it a product, as under `posix`.

    disk state  =  point  x  for each inode that its names show: a file state under this prefix
    file state  =  size under the prefix  x  for each sector below that size: its content, no older than
                   the size needs, and no newer than the point allows

Invariants
  1  the states of one index with an unlimited budget are exactly its distinct contents, some more than once,
     and each is legal from that index to `last` without a gap
  2  with a budget k: the point counts as one chain, and what it or a size forces upon other chains is free
"""

from collections.abc import Iterator
from typing import Any

from ..law.committed import journal_of
from ..law.history import History
from ..law.survival import Law
from .options import UNLIMITED
from .product import Length, NameState, Product, name_state


class JournalProduct(Product):
    """Points of the journal, files and sectors of one history, at any index."""

    def __init__(self, history: History, law: Law) -> None:
        super().__init__(history)
        self.journal = journal_of(history, law)

    def alternatives(self, index: int) -> list[int]:
        chains = [len(self.journal.span(index, chain)) - 1 for chain in self.journal.pending(index)]
        return [*chains, self.journal.points(index) - 1]

    def length_legal(self, index: int, inode: int, cut: int) -> int:
        """The number of version vectors that the chains of one file have under a journal prefix."""
        sectors = self.history.sectors[inode]
        plain = 1
        for chain in sectors.values():
            plain *= len(chain.legal(index))
        total = 0
        for version in self.journal.sizes(index, inode, cut):
            count = plain
            for sector, left in self.journal.narrowed(index, inode, version, cut).items():
                count = count // len(sectors[sector].legal(index)) * len(left)
            total += count
        return total

    def name_states(self, index: int, newest: bool = True, budget: int = UNLIMITED) -> list[NameState]:
        """One state of the names for each point of the journal within the budget."""
        points = self.journal.points(index)
        base = points - 1 if newest else 0
        return [
            self._under(index, place, int(place != base))
            for place in range(points)
            if place == base or budget
        ]

    def _under(self, index: int, place: int, spent: int) -> NameState:
        cut, choice = self.journal.point(index, place)
        return name_state(self.history, choice, self.journal.last(index, cut), spent, cut)

    def _lengths(self, index: int, inode: int, newest: bool, cut: int) -> Iterator[Length]:
        sizes, sectors = self.history.sizes[inode], self.history.sectors[inode]
        versions = self.journal.sizes(index, inode, cut)
        base = versions[-1 if newest else 0]
        for version in versions:
            narrowed = self.journal.narrowed(index, inode, version, cut)
            trail: Any = ((index, newest), sizes, version)
            for sector, left in narrowed.items():
                if newest != (left.stop == sectors[sector].legal(index).stop):
                    trail = (trail, sectors[sector], left[-1 if newest else 0])
            yield sizes.values[version], sizes.kills[version] - 1, int(version != base), trail, narrowed
