"""The states of the law `ext4` at one crash index: for each journal prefix a product, as under `posix`.

    disk state  =  prefix  x  for each inode that its names show: a file state under this prefix
    file state  =  size under the prefix  x  for each sector below that size: its content, no older than
                   the size needs

Invariants
  1  the states of one index with an unlimited budget are exactly its distinct contents, some more than once,
     and each is legal from that index to `last` without a gap
  2  with a budget k: the prefix counts as one chain, and what it or a size forces upon other chains is free
"""

from collections.abc import Iterator
from typing import Any

from ..disk.image import groups_of
from ..law.chains import NO_FILE
from ..law.history import History
from ..law.journal import journal_of
from .options import UNLIMITED
from .product import Length, NameState, Product


class JournalProduct(Product):
    """Prefixes of the journal, files and sectors of one history, at any index."""

    def __init__(self, history: History) -> None:
        super().__init__(history)
        self.journal = journal_of(history)

    def alternatives(self, index: int) -> list[int]:
        chains = [len(self.journal.span(index, chain)) - 1 for chain in self.journal.pending(index)]
        return [*chains, len(self.journal.cuts(index)) - 1]

    def length_legal(self, index: int, inode: int, cut: int) -> int:
        """The number of version vectors that the chains of one file have under a journal prefix."""
        sectors = self.history.sectors[inode]
        plain = 1
        for chain in sectors.values():
            plain *= len(chain.legal(index))
        total = 0
        for version in self.journal.sizes(index, inode, cut):
            count = plain
            for sector, oldest in self.journal.needs(index, inode, version).items():
                legal = sectors[sector].legal(index)
                count = count // len(legal) * (legal.stop - max(legal[0], oldest))
            total += count
        return total

    def name_states(self, index: int, newest: bool = True, budget: int = UNLIMITED) -> list[NameState]:
        """One state of the names for each legal prefix of the journal within the budget."""
        cuts = self.journal.cuts(index)
        base = cuts[-1 if newest else 0]
        return [self._under(cut, int(cut != base)) for cut in cuts if cut == base or budget]

    def _under(self, cut: int, spent: int) -> NameState:
        choice = self.journal.names(cut)
        bindings = []
        for name, chain in sorted(self.history.names.items()):
            inode = chain.values[choice[chain]]
            if inode != NO_FILE:
                bindings.append((name, inode))
        return NameState(tuple(bindings), groups_of(bindings), self.journal.last(cut), spent, choice, cut)

    def _lengths(self, index: int, inode: int, newest: bool, cut: int) -> Iterator[Length]:
        sizes, sectors = self.history.sizes[inode], self.history.sectors[inode]
        versions = self.journal.sizes(index, inode, cut)
        base = versions[-1 if newest else 0]
        for version in versions:
            needs = self.journal.needs(index, inode, version)
            needs = {sector: old for sector, old in needs.items() if old > sectors[sector].legal(index)[0]}
            trail: Any = ((index, newest), sizes, version)
            if not newest:
                for sector, oldest in needs.items():
                    trail = (trail, sectors[sector], oldest)
            yield sizes.values[version], sizes.kills[version] - 1, int(version != base), trail, needs
