"""Membership: whether a content is a crash state, without listing the crash states.

A content that somebody found, on a real disk say, is held against each state of the names that binds the same
names to as many files, and there, file by file, against each size and the versions of each sector below it.
That costs what the content is long, times the states of names, however many the states of the disk may be.

Invariants
  1  has(image, index) is what an exhaustive enumeration of this index says of image.key()

Threads: pure; the trace must not grow meanwhile.
"""

from ..disk.image import Image
from ..disk.trace import Trace
from ..law.history import History
from ..law.journal import RULES
from ..law.survival import PRODUCTS, Law, history_under
from .enumeration import Enumeration
from .journalled import JournalProduct
from .options import UNLIMITED
from .product import NameState, Product


class Membership:
    """The crash states of one trace under one law, to be asked about."""

    def __init__(self, trace: Trace, law: str | Law) -> None:
        self.law = Law.of(law)
        self._history = history_under(History(trace), self.law)
        self._product = _product_of(self._history, self.law)
        self._listed: dict[int, Enumeration] = {}
        self._names: dict[int, list[NameState]] = {}
        self._files: dict[tuple[int, int, int], list[tuple[int, dict[int, range]]]] = {}

    def has(self, image: Image, index: int) -> bool:
        """True if a power cut at this index may leave the content. Invariant 1."""
        if self._product is None:
            if index not in self._listed:
                self._listed[index] = Enumeration(self._history, self.law, index, index, UNLIMITED)
            return self._listed[index].is_legal(image.key(), index)
        groups, rest = image.groups(), image.forest.key(image.bound())
        wanted = sorted(groups.values())
        files = {names: image.files[inode] for inode, names in groups.items()}
        if index not in self._names:
            self._names[index] = self._product.name_states(index)
        return any(
            all(self._is_file(index, inode, files[names], state.cut) for inode, names in state.files.items())
            for state in self._names[index]
            if state.key == rest and sorted(state.files.values()) == wanted
        )

    def _is_file(self, index: int, inode: int, data: bytes, cut: int) -> bool:
        at = index, inode, cut
        if at not in self._files:
            assert self._product is not None
            self._files[at] = self._product.lengths(index, inode, cut)
        return any(
            size == len(data) and self._are_sectors(index, inode, data, narrowed)
            for size, narrowed in self._files[at]
        )

    def _are_sectors(self, index: int, inode: int, data: bytes, narrowed: dict[int, range]) -> bool:
        width, chains = self._history.sector_bytes, self._history.sectors[inode]
        legal = self._history.at(index).legal
        for number in range(-(-len(data) // width)):
            seen = data[number * width : (number + 1) * width]
            chain = chains.get(number)
            if chain is None:
                if seen != self._history.initial_sector(inode, number)[: len(seen)].ljust(len(seen), b"\0"):
                    return False
                continue
            versions = narrowed.get(number) or legal[chain]
            allowed = chain.values[versions.start : versions.stop]
            if not any(value[: len(seen)].ljust(len(seen), b"\0") == seen for value in allowed):
                return False
        return True


def _product_of(history: History, law: Law) -> Product | None:
    """The product whose states the law has at an index; None where they are no product."""
    if law in RULES:
        return JournalProduct(history, law)
    return Product(history) if law in PRODUCTS else None
