"""The point: everything that a crash can leave at one index, as sets of choices that questions take apart.

Invariants
  1  the parts of a region are disjoint, and together they are the region
  2  a witness is survivor_image(trace, index, digits, law), and its key is its image's
  3  a set of bindings shows the same at every index of a history, so each is asked once

For the laws whose choices are a product: `posix`, `posix_split`. Threads: pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, TypeAlias, cast
from weakref import WeakKeyDictionary

from ..disk.image import Image, file_key, named_key
from ..disk.tree import Forest
from ..law.chains import AnyChain
from ..law.history import History
from ..law.survival import Survivors, file_bytes
from .lazy import Lazy
from .product import NameState, Product, name_state
from .readset import Ask, Question

__all__ = ["Names", "Point", "Region", "Shown", "Witness"]

Bindings: TypeAlias = tuple[tuple[str, int], ...]
Versions: TypeAlias = tuple[int, ...]

_NO_END = 1 << 62


class Shown:
    """One set of bindings, and as much of it as was asked for: the same at every index of a history."""

    __slots__ = ("_at", "_forest", "_known", "files", "key", "paths", "state")

    def __init__(self, state: NameState, forest: Forest) -> None:
        self.state = state
        self.files = state.files
        self.key = state.key
        self.paths = tuple(forest.paths(state.bindings))
        self._at = dict(self.paths)
        self._forest = forest
        self._known: dict[tuple[int, str], Any] = {}

    def seen(self, asked: tuple[int, str]) -> Any:
        """As much of the names as a question is about: what it asks, and of which name."""
        try:
            return self._known[asked]
        except KeyError:
            seen = self._known[asked] = self._see(*asked)
            return seen

    def _see(self, what: int, name: str) -> Any:
        if what == Ask.NAMES:
            return tuple(other for other, _ in self.paths)
        inode = self._at.get(name)
        if inode not in self.files:  # Nothing, or what is no file.
            told = self._forest.told(inode) if inode is not None else False
            return told if what == Ask.NAME else () if what == Ask.GROUP and inode is None else None
        if what not in (Ask.GROUP, Ask.FILE):
            return what == Ask.NAME or inode
        group = self.files[inode]
        return group if what == Ask.GROUP else (inode, group)


class _Naming:
    """Every set of bindings that a history was asked for, by the versions of its names, and by itself."""

    def __init__(self, history: History) -> None:
        self._forest = history.forest
        self._by_versions: dict[Versions, Shown] = {}
        self._by_bindings: dict[Bindings, Shown] = {}

    def shown(self, history: History, choice: dict[AnyChain, int]) -> Shown:
        """The bindings at these versions of all chains of names, in their order."""
        versions = tuple(choice.values())
        shown = self._by_versions.get(versions)
        if shown is None:
            state = name_state(history, choice, 0)
            shown = self._by_bindings.get(state.bindings) or Shown(state, self._forest)
            self._by_versions[versions] = self._by_bindings[state.bindings] = shown
        return shown


_namings: WeakKeyDictionary[History, _Naming] = WeakKeyDictionary()


@dataclass(slots=True)
class Names:
    """One set of bindings, one of the legal choices that lead to it, and their number."""

    shown: Shown
    choice: dict[AnyChain, int]
    legal: int = 0


@dataclass(slots=True)
class Region:
    """Choices at one index: any of `names`, any of the versions of each chain; all of one that is missing."""

    names: list[Names]
    versions: dict[AnyChain, Versions]


class Witness:
    """One content of a region, with all that a CrashState tells of one; made as far as it is asked for."""

    __slots__ = ("_digits", "_image", "_kept", "_key", "_names", "_point", "index")

    def __init__(self, point: Point, names: Names, kept: dict[AnyChain, int]) -> None:
        self.index = point.index
        self._point = point
        self._names = names
        self._kept = kept
        self._digits: Survivors | None = None
        self._image: Image | None = None
        self._key: int | None = None

    def at(self, index: int) -> Witness:
        """The same at an index that only looks lie before: they change neither content nor digits."""
        moved = Witness(self._point, self._names, self._kept)
        moved.index = index
        moved._digits, moved._image, moved._key = self._digits, self._image, self._key
        return moved

    @property
    def digits(self) -> Survivors:
        if self._digits is None:
            self._digits = self._point.digits(self._names, self._kept)
        return self._digits

    @property
    def image(self) -> Image:
        if self._image is None:
            self._image = self._point.image(self._names, self._kept)
        return self._image

    @property
    def key(self) -> int:
        if self._key is None:
            self._key = self._point.key(self._names.shown, self._kept)
        return self._key

    @property
    def first(self) -> int:
        return self.index

    @property
    def last(self) -> int:
        return self.index


class Point:
    """Everything legal at one crash index."""

    def __init__(self, history: History, index: int) -> None:
        self.history = history
        self.index = index
        self.inodes = history.reachable(index)
        self.names_legal = Product(history).names_legal(index)
        self._legal = history.at(index).legal
        self._files: dict[tuple[int | None, ...], bytes] = {}
        self._keys: dict[Shown, int] = {}
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
        naming = _namings.get(self.history)
        if naming is None:
            naming = _namings[self.history] = _Naming(self.history)
        found: dict[Shown, Names] = {}
        for taken, _ in partial:
            choice: dict[AnyChain, int] = {
                chain: taken.get(chain, self._legal[chain].start) for _, chain in self.history.ordered_names
            }
            shown = naming.shown(self.history, choice)
            found.setdefault(shown, Names(shown, choice)).legal += 1
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
        kept = {chain: versions[-1] for chain, versions in region.versions.items()}
        return Witness(self, region.names[0], kept)

    def digits(self, names: Names, kept: dict[AnyChain, int]) -> Survivors:
        """The survivors of the choice of these names and versions, and of the newest of all other chains."""
        choice = names.choice | kept
        pending = self.history.pending(self.index)
        digits = [(newest := self._all(chain)[-1]) - choice.get(chain, newest) for chain in pending]
        while digits and not digits[-1]:
            digits.pop()
        return tuple(digits)

    def image(self, names: Names, kept: dict[AnyChain, int]) -> Image:
        """The content of that choice."""
        files = {inode: self._file(inode, kept) for inode in names.shown.files}
        return Image.under(self.history.forest, names.shown.state.bindings, files)

    def key(self, shown: Shown, kept: dict[AnyChain, int]) -> int:
        """The key of that content, of which most files are as they are where nothing is lost."""
        key = self._keys.get(shown)
        if key is None:
            key = shown.key
            for inode, group in shown.files.items():
                key ^= named_key(group, file_key(self._file(inode, {})))
            self._keys[shown] = key
        for inode in dict.fromkeys(chain.inode for chain in kept):
            if inode in shown.files:
                for choice in ({}, kept):
                    key ^= named_key(shown.files[inode], file_key(self._file(inode, choice)))
        return key

    def _file(self, inode: int, kept: dict[AnyChain, int]) -> bytes:
        """The bytes of a file, made once for all choices that say the same of it."""
        own = inode, *([kept.get(chain) for chain in self.history.file_chains(inode)] if kept else ())
        if own not in self._files:
            self._files[own] = file_bytes(self.history, self.index, inode, kept)
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

    def _by_names(self, region: Region, what: int, name: str) -> Iterable[tuple[Any, list[Names]]]:
        """The states of names by as much of them as the question is about."""
        asked = what, name
        if len(region.names) == 1:
            return ((region.names[0].shown.seen(asked), region.names),)
        parts: dict[Any, list[Names]] = {}
        for names in region.names:
            seen = names.shown.seen(asked)
            if seen in parts:
                parts[seen].append(names)
            else:
                parts[seen] = [names]
        return parts.items()

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
