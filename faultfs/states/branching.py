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

For the laws whose choices are a product: `posix`, `posix_split`. Threads: pure, but for `open_content`.
Source: lazy branching on what recovery reads (Jaaru, ASPLOS 2021). Where we differ: names and sizes branch
too, and the count of what was not listed is exact.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any, Generic, TypeAlias, cast

from ..disk.image import Image
from ..disk.tree import Forest
from ..law.chains import AnyChain
from ..law.history import History
from ..law.survival import Survivors, file_bytes
from .lazy import Lazy
from .product import NameState, Product, name_state
from .readset import Ask, Leaf, Outcome, Question, ReadTree

Bindings: TypeAlias = tuple[tuple[str, int], ...]
Versions: TypeAlias = tuple[int, ...]

_NO_END = 1 << 62
_REGIONS = 8  # For each opening allowed: a region that shares an outcome costs a fraction of an opening.


@dataclass(slots=True)
class Names:
    """One set of bindings, the number of legal choices that lead to it, and one of them."""

    state: NameState  # Of one of these choices.
    paths: Bindings
    forest: Forest
    legal: int = 0
    _known: dict[tuple[int, str], Any] = field(default_factory=dict, init=False)

    def seen(self, what: int, name: str) -> Any:
        """As much of the names as a question is about."""
        if (what, name) not in self._known:
            self._known[what, name] = self._see(what, name)
        return self._known[what, name]

    def _see(self, what: int, name: str) -> Any:
        if what == Ask.NAMES:
            return tuple(other for other, _ in self.paths)
        inode = next((bearer for other, bearer in self.paths if other == name), None)
        if inode not in self.state.files:  # Nothing, or what is no file.
            told = self.forest.told(inode) if inode is not None else False
            return told if what == Ask.NAME else () if what == Ask.GROUP and inode is None else None
        if what not in (Ask.GROUP, Ask.FILE):
            return what == Ask.NAME or inode
        group = self.state.files[inode]
        return group if what == Ask.GROUP else (inode, group)


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
    is_new: Callable[[Outcome], bool] | None = None,
) -> Exploration[Outcome]:
    """Follows everything legal at `index` through the tree; gives up past `limit` openings, or eight times as
    many regions.

    `open_content` recovers a content that the tree does not find and adds it to the tree; `is_new` says of an
    outcome that is met whether it counts as an opening (None: those opened here do).
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
            if is_new is None and opened == limit:
                return found
            opened += is_new is None
            open_content(point.witness(region).image)
            node = branches[key]
        if type(node) is Leaf:
            if id(node) not in known:
                if is_new is not None and is_new(node.outcome):
                    opened += 1
                    if opened > limit:
                        return found
                known.add(id(node))
                found.outcomes.append((node.outcome, point.witness(region)))
            found.regions += 1
            found.covered += point.count(region)
        elif node.question[0] == Ask.ALL:
            return found
        else:
            unknown: set[Any] = set()
            for answered, part in point.split(region, node.question):
                stack.append((node.branches, answered, part))
                # An answer that nothing was asked behind yet takes an opening, whatever else is found.
                if answered not in node.branches:
                    unknown.add(answered)
                if found.regions + len(stack) > _REGIONS * limit or opened + len(unknown) > limit:
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
        self._legal = history.at(index).legal
        self._files: dict[tuple[int | None, ...], bytes] = {}
        self._chains: dict[tuple[int, int, int], list[AnyChain]] = {}
        self._known: dict[tuple[Any, ...], Lazy[tuple[Any, dict[AnyChain, Versions]]]] = {}
        chains = [chain for inode in self.inodes for chain in history.file_chains(inode)]
        self._choices = {chain: count for chain in chains if (count := len(self._legal[chain])) > 1}
        self._product = prod(self._choices.values())
        self.legal = self.names_legal * self._product

    def names(self) -> list[Names]:
        """Every legal set of bindings."""
        partial: list[tuple[dict[AnyChain, int], frozenset[AnyChain]]] = [({}, frozenset())]
        for step in self.history.pending_name_steps(self.index):
            moved = frozenset(chain for chain, _ in step.moves)
            kept = [(taken | dict(step.moves), lost) for taken, lost in partial if not lost & moved]
            partial = kept + [(taken, lost | moved) for taken, lost in partial]
        found: dict[Bindings, Names] = {}
        for taken, _ in partial:
            choice: dict[AnyChain, int] = {
                chain: taken.get(chain, self._legal[chain].start) for _, chain in self.history.ordered_names
            }
            state = name_state(self.history, choice, 0)
            paths = tuple(self.history.forest.paths(state.bindings))
            found.setdefault(state.bindings, Names(state, paths, self.history.forest)).legal += 1
        return list(found.values())

    def count(self, region: Region) -> int:
        """The number of legal choices in a region."""
        count = self._product
        for chain, left in region.versions.items():
            if chain in self._choices:
                count = count // self._choices[chain] * len(left)
        return count * sum(names.legal for names in region.names)

    def witness(self, region: Region) -> Witness:
        """The content of a region in which as much survives as can."""
        names = region.names[0]
        kept = {chain: versions[-1] for chain, versions in region.versions.items()}
        choice = names.state.choice | kept
        files = {inode: self._file(inode, choice) for inode in names.state.files}
        pending = self.history.pending(self.index)
        digits = [(newest := self._all(chain)[-1]) - choice.get(chain, newest) for chain in pending]
        while digits and not digits[-1]:
            digits.pop()
        return Witness(
            self.index, tuple(digits), Image.under(self.history.forest, names.state.bindings, files)
        )

    def _file(self, inode: int, choice: dict[AnyChain, int]) -> bytes:
        """The bytes of a file, made once for all choices that say the same of it."""
        own = inode, *(choice.get(chain) for chain in self.history.file_chains(inode))
        if own not in self._files:
            self._files[own] = file_bytes(self.history, self.index, inode, choice)
        return self._files[own]

    def split(self, region: Region, question: Question) -> Iterator[tuple[Any, Region]]:
        """The parts of a region, each with its answer; two parts may answer alike."""
        what, name, offset, length = question
        for seen, names in self._by_names(region, what, name):
            if what in (Ask.NAMES, Ask.NAME, Ask.GROUP) or seen is None:
                yield seen, Region(names, region.versions)
                continue
            inode, group = seen if what == Ask.FILE else (seen, None)
            low, high = (offset, offset + length) if what == Ask.READ else (0, _NO_END)
            for shown, left in self._parts(region, inode, low, high, is_size=what == Ask.SIZE):
                part = Region(names, region.versions | left if left else region.versions)
                yield (shown if group is None else (group, shown)), part

    def _by_names(self, region: Region, what: int, name: str) -> list[tuple[Any, list[Names]]]:
        """The states of names by as much of them as the question is about."""
        parts: dict[Any, list[Names]] = {}
        for names in region.names:
            parts.setdefault(names.seen(what, name), []).append(names)
        return list(parts.items())

    def _parts(
        self, region: Region, inode: int, low: int, high: int, *, is_size: bool
    ) -> Iterable[tuple[Any, dict[AnyChain, Versions]]]:
        """The sizes of a file, or its bytes from low to high; with each the versions that show it.

        Of a chain of which any version that is left shows it, nothing is said. A function of what is left of
        the chains concerned, and so worked out once for all regions that agree in it.
        """
        chains = self._concerned(inode, low, 0 if is_size else high)
        asked = inode, low, high, is_size, *(region.versions.get(chain) for chain in chains)
        if (known := self._known.get(asked)) is None:
            left = {chain: region.versions.get(chain) or self._all(chain) for chain in chains}
            shows: Any = self._by_size if is_size else self._by_bytes
            known = self._known[asked] = Lazy(
                (shown, {chain: each for chain, each in part.items() if len(each) < len(left[chain])})
                for shown, part in shows(left, inode, low, high)
            )
        return known

    def _concerned(self, inode: int, low: int, high: int) -> list[AnyChain]:
        """The chain of the size, and those of the sectors from low to high that any event touches."""
        if (known := self._chains.get((inode, low, high))) is None:
            width = self.history.sector_bytes
            sectors = [
                chain
                for number, chain in sorted(self.history.sectors[inode].items())
                if low // width <= number < -(-high // width)
            ]
            known = self._chains[inode, low, high] = [self.history.sizes[inode], *sectors]
        return known

    def _by_size(
        self, left: dict[AnyChain, Versions], inode: int, low: int, high: int
    ) -> Iterator[tuple[int, dict[AnyChain, Versions]]]:
        """The sizes of a file, those alike that show the same of the bytes from low to high."""
        chain = self.history.sizes[inode]
        parts: dict[int, list[int]] = {}
        for version in left[chain]:
            parts.setdefault(min(max(chain.values[version], low), high), []).append(version)
        for end, versions in parts.items():
            yield end, left | {chain: tuple(versions)}

    def _by_bytes(
        self, left: dict[AnyChain, Versions], inode: int, low: int, high: int
    ) -> Iterator[tuple[bytes, dict[AnyChain, Versions]]]:
        """The bytes of the file from low to high."""
        width = self.history.sector_bytes
        _, *sectors = self._concerned(inode, low, high)
        for end, sized in self._by_size(left, inode, low, high):
            static = bytearray(self.history.trace.initial.files.get(inode, b"")[low:end])
            static.extend(bytes(end - low - len(static)))
            seen = [chain for chain in sectors if low < end and chain.sector * width < end]
            groups = [self._by_value(sized[chain], chain, low, end) for chain in seen]
            for chosen in product(*groups):
                data = static.copy()
                versions = dict(sized)
                for chain, (piece, shown) in zip(seen, chosen, strict=True):
                    start = max(low, chain.sector * width) - low
                    data[start : start + len(piece)] = piece
                    versions[chain] = shown
                yield bytes(data), versions

    def _by_value(self, left: Versions, chain: AnyChain, low: int, end: int) -> list[tuple[bytes, Versions]]:
        """The versions of a sector by what they show of the bytes from low to end."""
        width = self.history.sector_bytes
        start = chain.sector * width
        shown = slice(max(low - start, 0), min(end - start, width))
        parts: dict[bytes, list[int]] = {}
        for version in left:
            value = cast("bytes", chain.values[version])
            # A version is short where the file ended when it was made; past its end the sector holds zeros.
            parts.setdefault(value.ljust(width, b"\0")[shown], []).append(version)
        return [(piece, tuple(versions)) for piece, versions in parts.items()]

    def _all(self, chain: AnyChain) -> Versions:
        """Every version that a crash here may show."""
        return tuple(self._legal[chain])
