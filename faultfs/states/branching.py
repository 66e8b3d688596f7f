"""Branching: all contents that a crash can leave at one index, followed through a tree of read sets.

Instead of listing contents and asking what became of each, walk the tree with all of them at once. A region
is a set of choices: so many states of names, so many versions of each chain. At a question it falls apart by
what a content answers; at an answer that nobody gave yet, one content of the region is opened, which grows
the tree; at a leaf the whole region shares one outcome, whatever its other chains hold.

    legal(region)  =  states of names  x  product over all chains of the versions left
    openings       =  leaves that were not there before

So 8 records of 2 sectors, all in flight, each with a checksum, read until the first that fails: 65,536
contents, 25 regions.

Invariants
  1  the regions of one index are disjoint, and together they are all that is legal: their counts add up to
     the formula, or the exploration is not closed
  2  every content of a region answers as its witness does, so its outcome is the witness's
  3  a witness is survivor_image(trace, index, digits, law)

For the laws whose choices are a product: `posix`, and `posix_split` over the torn history. Threads: pure, but
for what `open_content` does.
Source: lazy branching on what recovery reads (Jaaru, ASPLOS 2021). Where we differ: names and sizes branch
too, and the count of what was not listed is exact.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Generic, TypeAlias

from ..disk.image import Image, groups_of
from ..law.chains import NO_FILE, AnyChain, Chain
from ..law.history import History
from ..law.survival import Survivors, file_bytes
from .product import Product
from .readset import Ask, Leaf, Outcome, Question, ReadTree

Bindings: TypeAlias = tuple[tuple[str, int], ...]
Versions: TypeAlias = tuple[int, ...]

_NO_END = 1 << 62
_REGIONS = 8  # For each opening allowed: a region that shares an outcome costs a fraction of an opening.


@dataclass(slots=True)
class Names:
    """One set of bindings, the number of legal choices that lead to it, and one of them."""

    bindings: Bindings
    legal: int
    choice: dict[AnyChain, int]


@dataclass(slots=True)
class Region:
    """Choices at one index: any of `names`, any of the versions of each chain; all of one that is missing."""

    names: list[Names]
    versions: dict[AnyChain, Versions]


@dataclass(slots=True)
class Witness:
    """One content of a region, with all that a CrashState tells of one."""

    index: int
    digits: Survivors
    image: Image

    @property
    def key(self) -> int:
        return self.image.key()

    @property
    def first(self) -> int:
        return self.index

    @property
    def last(self) -> int:
        return self.index


@dataclass(slots=True)
class Exploration(Generic[Outcome]):
    """The outcomes found at one index, each with a witness; closed if there are no others."""

    index: int
    legal: int
    covered: int = 0
    regions: int = 0
    outcomes: list[tuple[Outcome, Witness]] = field(default_factory=list)

    @property
    def is_closed(self) -> bool:
        """True if every outcome at this index is known. Invariant 1."""
        return self.covered == self.legal


def explore(
    history: History,
    index: int,
    tree: ReadTree[Outcome],
    open_content: Callable[[Image], Outcome],
    limit: int,
) -> Exploration[Outcome]:
    """Follows everything legal at `index` through the tree; gives up past `limit` openings, or eight times as
    many regions.

    `open_content` recovers a content that the tree does not find and adds it to the tree.
    """
    point = _Point(history, index)
    found = Exploration[Outcome](index, point.legal)
    if point.names_legal > limit:
        return found
    opened = 0
    known: set[int] = set()
    stack: list[tuple[dict[Any, Any], Any, Region]] = [(tree.root, None, Region(point.names(), {}))]
    while stack:
        branches, key, region = stack.pop()
        node = branches.get(key)
        if node is None:
            if opened == limit:
                return found
            opened += 1
            open_content(point.witness(region).image)
            node = branches[key]
        if type(node) is Leaf:
            found.regions += 1
            found.covered += point.count(region)
            if id(node) not in known:
                known.add(id(node))
                found.outcomes.append((node.outcome, point.witness(region)))
        elif node.question[0] == Ask.ALL:
            return found
        else:
            for answered, part in point.split(region, node.question):
                stack.append((node.branches, answered, part))
                if found.regions + len(stack) > _REGIONS * limit:
                    return found
    assert found.is_closed, "regions are disjoint and nothing is left out"
    return found


class _Point:
    """Everything legal at one crash index."""

    def __init__(self, history: History, index: int) -> None:
        self.history = history
        self.index = index
        self.inodes = history.reachable(index)
        self.names_legal = Product(history).names_legal(index)
        self.chains = [chain for inode in self.inodes for chain in history.file_chains(inode)]
        self.legal = self.names_legal
        for chain in self.chains:
            self.legal *= len(chain.legal(index))

    def names(self) -> list[Names]:
        """Every legal set of bindings."""
        partial: list[tuple[dict[AnyChain, int], frozenset[AnyChain]]] = [({}, frozenset())]
        for step in self.history.pending_name_steps(self.index):
            moved = frozenset(chain for chain, _ in step.moves)
            kept = [(taken | dict(step.moves), lost) for taken, lost in partial if not lost & moved]
            partial = kept + [(taken, lost | moved) for taken, lost in partial]
        found: dict[Bindings, Names] = {}
        for taken, _ in partial:
            choice: dict[AnyChain, int] = {}
            bindings = []
            for name, chain in sorted(self.history.names.items()):
                choice[chain] = version = taken.get(chain, chain.legal(self.index)[0])
                if chain.values[version] != NO_FILE:
                    bindings.append((name, chain.values[version]))
            names = found.setdefault(tuple(bindings), Names(tuple(bindings), 0, choice))
            names.legal += 1
        return list(found.values())

    def count(self, region: Region) -> int:
        """The number of legal choices in a region."""
        count = sum(names.legal for names in region.names)
        for chain in self.chains:
            count *= len(self._left(region, chain))
        return count

    def witness(self, region: Region) -> Witness:
        """The content of a region in which as much survives as can."""
        names = region.names[0]
        choice = names.choice | {chain: versions[-1] for chain, versions in region.versions.items()}
        image = Image(
            dict(names.bindings),
            {
                inode: file_bytes(self.history, self.index, inode, choice)
                for inode in groups_of(list(names.bindings))
            },
        )
        digits = []
        for chain in self.history.pending(self.index):
            newest = chain.legal(self.index)[-1]
            digits.append(newest - choice.get(chain, newest))
        while digits and not digits[-1]:
            digits.pop()
        return Witness(self.index, tuple(digits), image)

    def split(self, region: Region, question: Question) -> Iterator[tuple[Any, Region]]:
        """The parts of a region, each with its answer; two parts may answer alike."""
        what, name, offset, length = question
        for seen, names in self._by_names(region, what, name):
            part = Region(names, region.versions)
            if what in (Ask.NAMES, Ask.NAME, Ask.GROUP):
                yield seen, part
            elif seen is None:
                yield None, part
            elif what == Ask.SIZE:
                yield from self._by_size(part, seen, 0, _NO_END)
            elif what == Ask.READ:
                yield from self._by_bytes(part, seen, offset, offset + length)
            else:
                inode, group = seen
                for data, filled in self._by_bytes(part, inode, 0, _NO_END):
                    yield (group, data), filled

    def _by_names(self, region: Region, what: int, name: str) -> list[tuple[Any, list[Names]]]:
        """The states of names by as much of them as the question is about."""
        parts: dict[Any, list[Names]] = {}
        for names in region.names:
            bound = dict(names.bindings)
            inode = bound.get(name)
            group = tuple(other for other, bearer in names.bindings if bearer == inode)
            seen: Any
            if what == Ask.NAMES:
                seen = tuple(other for other, _ in names.bindings)
            elif what == Ask.NAME:
                seen = inode is not None
            elif what == Ask.GROUP:
                seen = group
            elif what == Ask.FILE:
                seen = None if inode is None else (inode, group)
            else:
                seen = inode
            parts.setdefault(seen, []).append(names)
        return list(parts.items())

    def _by_size(self, region: Region, inode: int, low: int, high: int) -> list[tuple[int, Region]]:
        """The sizes of a file, those alike that show the same of the bytes from low to high."""
        chain = self.history.sizes[inode]
        parts: dict[int, list[int]] = {}
        for version in self._left(region, chain):
            parts.setdefault(min(max(chain.values[version], low), high), []).append(version)
        return [
            (end, Region(region.names, region.versions | {chain: tuple(versions)}))
            for end, versions in parts.items()
        ]

    def _by_bytes(self, region: Region, inode: int, low: int, high: int) -> Iterator[tuple[bytes, Region]]:
        """The bytes of the file from low to high."""
        width = self.history.sector_bytes
        sectors = self.history.sectors[inode]
        for end, sized in self._by_size(region, inode, low, high):
            static = bytearray(self.history.trace.initial.files.get(inode, b"")[low:end])
            static.extend(bytes(end - low - len(static)))
            seen = [sectors[n] for n in range(low // width, -(-end // width)) if n in sectors and low < end]
            groups = [self._by_value(sized, chain, low, end) for chain in seen]
            for chosen in product(*groups):
                data = static.copy()
                versions = dict(sized.versions)
                for chain, (piece, left) in zip(seen, chosen, strict=True):
                    start = max(low, chain.sector * width) - low
                    data[start : start + len(piece)] = piece
                    versions[chain] = left
                yield bytes(data), Region(sized.names, versions)

    def _by_value(
        self, region: Region, chain: Chain[bytes], low: int, end: int
    ) -> list[tuple[bytes, Versions]]:
        """The versions of a sector by what they show of the bytes from low to end."""
        width = self.history.sector_bytes
        start = chain.sector * width
        shown = slice(max(low - start, 0), min(end - start, width))
        parts: dict[bytes, list[int]] = {}
        for version in self._left(region, chain):
            # A version is short where the file ended when it was made; past its end the sector holds zeros.
            parts.setdefault(chain.values[version].ljust(width, b"\0")[shown], []).append(version)
        return [(piece, tuple(versions)) for piece, versions in parts.items()]

    def _left(self, region: Region, chain: AnyChain) -> Versions:
        return region.versions.get(chain) or tuple(chain.legal(self.index))
