"""The states of the law `posix` at one crash index: a product, hashed by XOR and never materialised.

    disk state  =  name state  x  for each inode that it names: a file state
    file state  =  size        x  for each sector below that size: its visible content

A sector at or past the chosen size, and a file that the chosen names do not name, are invisible: they
contribute nothing, so versions that differ only there are one content and are visited once. Versions of one
chain with equal visible content are one option, which lasts as long as the last of them; for all of them are
legal at the same index, and legal from their birth to their kill without a gap.

Invariants
  1  the disk states of one index with an unlimited budget are exactly its distinct contents, and each is
     legal from that index to `last` without a gap, and not at last + 1
  2  with a budget k: exactly the contents with a choice that differs from the base in at most k chains, where
     for the base `newest` a lost rename costs its two names
"""

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache, reduce
from itertools import accumulate
from operator import xor
from typing import Any, NamedTuple, TypeAlias

from ..disk.image import size_key, span_key
from ..law.chains import NO_FILE, AnyChain, Chain
from ..law.history import History
from .options import NOTHING, UNLIMITED, Option, expand, fold

# A size, until when it is legal, its cost, its trail, and the versions left of sectors that it narrows.
Length: TypeAlias = tuple[int, int, int, Any, dict[int, range]]


class _Layers(NamedTuple):
    """The sectors of a file that are wholly seen, at one index."""

    fixed: list[Option]  # The fold of the first n of them, as far as they have one option.
    places: list[int]  # Which of them have several,
    free: list[list[Option]]  # and these.


class NameState(NamedTuple):
    """One legal set of bindings, as far as paths lead to them."""

    bindings: tuple[tuple[str, int], ...]
    files: dict[int, tuple[str, ...]]  # The paths of each file that has any.
    last: int
    spent: int
    choice: dict[AnyChain, int]
    cut: int = 0  # How far the journal has come, where there is one.
    key: int = 0  # The part of the image's key that is of no file.


def name_state(
    history: History, choice: dict[AnyChain, int], last: int, spent: int = 0, cut: int = 0
) -> NameState:
    """The names at these versions; those of all chains of names must be there."""
    bindings = []
    for name, chain in history.ordered_names:
        if (inode := chain.values[choice[chain]]) != NO_FILE:
            bindings.append((name, inode))
    shown, files, key = history.forest.bound(bindings)
    return NameState(shown, files, last, spent, choice, cut, key)


class Product:
    """Names, files and sectors of one history, at any index."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._visible: dict[tuple[AnyChain, int, int], int] = {}
        self._ordered: dict[int, tuple[list[int], list[Chain[bytes]]]] = {}
        self._whole: dict[tuple[AnyChain, bool], tuple[range, list[Option]]] = {}
        self._static: dict[int, tuple[list[int], list[int]]] = {}

    # Counting.

    def alternatives(self, index: int) -> list[int]:
        """The number of choices besides the base, for each digit at this index."""
        window = self.history.at(index)
        return [len(window.legal[chain]) - 1 for chain in window.pending]

    def file_legal(self, index: int, inode: int) -> int:
        """The number of version vectors that the chains of one file have at this index."""
        window, count = self.history.at(index), 1
        for chain in window.open:
            if chain.inode == inode:
                count *= len(window.legal[chain])
        return count

    def names_legal(self, index: int) -> int:
        """The number of legal states of the names: the order ideals of the pending steps on names.

        A frontier of blocked names is carried along; a name with no later step leaves it, so that names which
        no rename couples cost nothing.
        """
        steps = self.history.pending_name_steps(index)
        if not steps:
            return 1
        last_use = {chain: at for at, step in enumerate(steps) for chain, _ in step.moves}
        frontier: dict[frozenset[AnyChain], int] = {frozenset(): 1}
        for at, step in enumerate(steps):
            moved = frozenset(chain for chain, _ in step.moves)
            done = frozenset(chain for chain, use in last_use.items() if use <= at)
            following: dict[frozenset[AnyChain], int] = {}
            for blocked, ways in frontier.items():
                lost = (blocked | moved) - done
                following[lost] = following.get(lost, 0) + ways
                if not blocked & moved:
                    kept = blocked - done
                    following[kept] = following.get(kept, 0) + ways
            frontier = following
        return sum(frontier.values())

    # States of names.

    def name_states(self, index: int, newest: bool = True, budget: int = UNLIMITED) -> list[NameState]:
        """Every legal set of bindings within the budget, each once."""
        partial: list[tuple[dict[AnyChain, int], frozenset[AnyChain]]] = [({}, frozenset())]
        for step in self.history.pending_name_steps(index):
            names = frozenset(chain for chain, _ in step.moves)
            following = []
            for moved, blocked in partial:
                if not blocked & names:
                    following.append(({**moved, **dict(step.moves)}, blocked))
                following.append((moved, blocked | names))
            # What differs from the newest is what was blocked; from the durable, what was moved.
            partial = [pair for pair in following if len(pair[1] if newest else pair[0]) <= budget]
        found: dict[tuple[tuple[str, int], ...], NameState] = {}
        for moved, blocked in partial:
            state = self._name_state(index, moved, len(blocked if newest else moved))
            known = found.get(state.bindings)
            if known is not None:
                cheaper = state if state.spent < known.spent else known
                state = cheaper._replace(last=max(state.last, known.last))
            found[state.bindings] = state
        return list(found.values())

    def _name_state(self, index: int, moved: dict[AnyChain, int], spent: int) -> NameState:
        last = UNLIMITED
        choice: dict[AnyChain, int] = {}
        window = self.history.at(index)
        for _, chain in self.history.ordered_names:
            if window.hidden and chain in window.hidden:  # It lasts as long as any.
                choice[chain] = window.legal[chain][-1]
                continue
            version = choice[chain] = moved[chain] if chain in moved else window.legal[chain].start
            last = min(last, chain.kills[version] - 1)
        return name_state(self.history, choice, last, spent)

    # States of one file.

    def file_states(
        self, index: int, inode: int, newest: bool = True, budget: int = UNLIMITED, cut: int = 0
    ) -> list[Option]:
        """Every content of one file within the budget, each once; keyed as a file, without names."""
        width = self.history.sector_bytes
        numbers, _ = self._sectors_of(inode)
        plain: _Layers | None = None
        states: list[Option] = []
        for size, last, spent, trail, narrowed in self._lengths(index, inode, newest, cut):
            if spent > budget:
                continue
            if narrowed:
                layers = self._layers(index, inode, newest, narrowed)
            else:
                layers = plain = plain or self._layers(index, inode, newest, narrowed)
            count = bisect_left(numbers, size // width)
            fixed = layers.fixed[count]
            start = fold((size_key(size) ^ self._static_key(inode, size), last, spent, trail), fixed)
            free = layers.free[: bisect_left(layers.places, count)]
            # The sector in which the file ends is seen in part, so its versions differ in less.
            if count < len(numbers) and numbers[count] * width < size:
                edge = self._edge(index, inode, count, size % width, newest, narrowed)
                if len(edge) > 1:
                    free.append(edge)
                else:
                    start = fold(start, edge[0])
            if not free:
                states.append(start)
            elif spent == budget:
                states.append(reduce(fold, (layer[0] for layer in free), start))
            else:
                states += expand(start, free, budget)
        return states

    def lengths(self, index: int, inode: int, cut: int = 0) -> list[tuple[int, dict[int, range]]]:
        """Every size of one file, each with the versions left of the sectors that it narrows."""
        return [(size, narrowed) for size, _, _, _, narrowed in self._lengths(index, inode, True, cut)]

    def size_change_key(self, inode: int, before: int, after: int, versions: dict[AnyChain, int]) -> int:
        """The XOR by which the key of a file changes when its size does and its sectors stay."""
        width = self.history.sector_bytes
        key = size_key(before) ^ size_key(after)
        key ^= self._static_key(inode, before) ^ self._static_key(inode, after)
        low, high = sorted((before, after))
        for number, chain in self.history.sectors[inode].items():
            start = number * width
            if start < high and low < start + width:
                for size in (before, after):
                    key ^= self.sector_key(chain, versions[chain], size - start)
        return key

    def sector_key(self, chain: Chain[bytes], version: int, visible: int) -> int:
        """The hash of one version of a sector, as far as it is visible."""
        value = chain.values[version]
        shown = max(0, min(visible, len(value)))
        known = self._visible.get((chain, version, shown))
        if known is None:
            known = span_key(chain.sector * self.history.sector_bytes, value[:shown])
            self._visible[chain, version, shown] = known
        return known

    def _lengths(self, index: int, inode: int, newest: bool, cut: int) -> Iterator[Length]:
        """The sizes of a file, the base first."""
        sizes = self.history.sizes[inode]
        root = (index, newest)
        legal = self.history.at(index).legal[sizes]
        for size, last, spent, choice in self._options(sizes, legal, sizes.values, newest):
            yield size, last, spent, root if choice is None else (root, *choice), {}

    def _layers(self, index: int, inode: int, newest: bool, narrowed: dict[int, range]) -> "_Layers":
        """The options of each sector that is wholly seen."""
        width, legal = self.history.sector_bytes, self.history.at(index).legal
        numbers, chains = self._sectors_of(inode)
        whole, layers = NOTHING, _Layers([NOTHING], [], [])
        for place, chain in enumerate(chains):
            versions, known = legal[chain], self._whole.get((chain, newest))
            if numbers[place] in narrowed:
                options = self._sector_options(chain, narrowed[numbers[place]], width, newest)
            elif known is not None and known[0] is versions:  # Nothing befell the sector since.
                options = known[1]
            else:
                options = self._sector_options(chain, versions, width, newest)
                self._whole[chain, newest] = versions, options
            if len(options) > 1:
                layers.places.append(place)
                layers.free.append(options)
            else:
                whole = fold(whole, options[0])
            layers.fixed.append(whole)
        return layers

    def _edge(
        self, index: int, inode: int, place: int, visible: int, newest: bool, narrowed: dict[int, range]
    ) -> list[Option]:
        """The options of the sector in which a file ends."""
        numbers, chains = self._sectors_of(inode)
        versions = narrowed.get(numbers[place]) or self.history.at(index).legal[chains[place]]
        return self._sector_options(chains[place], versions, visible, newest)

    def _sectors_of(self, inode: int) -> tuple[list[int], list[Chain[bytes]]]:
        """The sectors of a file that any event touches, in order."""
        known = self._ordered.get(inode)
        if known is None:
            ordered = sorted(self.history.sectors[inode].items())
            known = [number for number, _ in ordered], [chain for _, chain in ordered]
            self._ordered[inode] = known
        return known

    def _sector_options(
        self, chain: Chain[bytes], versions: range, visible: int, newest: bool
    ) -> list[Option]:
        keys = {version: self.sector_key(chain, version, visible) for version in versions}
        return self._options(chain, versions, keys, newest)

    def _options(
        self, chain: AnyChain, legal: range, keys: "list[int] | dict[int, int]", newest: bool
    ) -> list[Option]:
        """The versions of a chain, those with equal keys as one; the base comes first, without a trail."""
        base = keys[legal[-1] if newest else legal[0]]
        found: dict[int, Option] = {base: NOTHING}
        for version in legal:  # Kills never decrease along a chain: of equal keys the newest lasts longest.
            key, last = keys[version], chain.kills[version] - 1
            found[key] = (key, last, 0, None) if key == base else (key, last, 1, (chain, version))
        return list(found.values())

    def _static_key(self, inode: int, size: int) -> int:
        """The key of the sectors that no event of the trace touches, as far as this size shows them."""
        if inode not in self._static:
            self._static[inode] = self._sum_static(inode)
        sectors, sums = self._static[inode]
        width = self.history.sector_bytes
        count = bisect_left(sectors, size // width)
        key = sums[count]
        if size % width and count < len(sectors) and sectors[count] == size // width:
            key ^= span_key(
                size - size % width, self.history.initial_sector(inode, sectors[count])[: size % width]
            )
        return key

    def _sum_static(self, inode: int) -> tuple[list[int], list[int]]:
        keys = _sector_keys(self.history.trace.initial.files.get(inode, b""), self.history.sector_bytes)
        touched = self.history.sectors[inode]
        sectors = [sector for sector in range(len(keys)) if sector not in touched]
        return sectors, list(accumulate((keys[sector] for sector in sectors), xor, initial=0))


@lru_cache(maxsize=1 << 12)
def _sector_keys(data: bytes, width: int) -> list[int]:
    """The part of each sector in its file's key. Files are the same in many contents."""
    return [span_key(start, data[start : start + width]) for start in range(0, len(data), width)]
