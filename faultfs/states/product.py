"""The states of the law `posix` at one crash index: a product, hashed by XOR and never materialised.

    disk state  =  name state  x  for each inode that it names: a file state
    file state  =  size        x  for each sector below that size: its visible content

A sector at or past the chosen size, and a file that the chosen names do not name, are invisible: they
contribute nothing, so versions that differ only there are one content and are visited once. Versions of one
chain with equal visible content are one option, which lasts as long as the last of them; for all of them are
legal at the same index, and legal from their birth to their kill without a gap.

An option is (key, last, spent, trail): the key it contributes, the crash index until which it stays legal, in
how many chains it differs from the base, and what was chosen.

Invariants
  1  the disk states of one index with an unlimited budget are exactly its distinct contents, and each is
     legal from that index to `last` without a gap, and not at last + 1
  2  with a budget k: exactly the contents with a choice that differs from the base in at most k chains, where
     for the base `newest` a lost rename costs its two names
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Any, NamedTuple, TypeAlias

from ..disk.image import groups_of, named_key, size_key, span_key
from ..law.chains import NO_FILE, AnyChain, Chain
from ..law.history import History

UNLIMITED = 1 << 62

# The trail of a file state is a nest, cheap to build and rarely read: (earlier trail, chain, version), at the
# bottom (index, newest), the base. That of a disk state: (earlier trail, inode, file state), at the bottom
# None.
Option: TypeAlias = tuple[int, int, int, Any]
# A size, until when it is legal, its cost, its trail, and the oldest version that a sector may have with it.
Length: TypeAlias = tuple[int, int, int, Any, dict[int, int]]
_NOTHING: Option = (0, UNLIMITED, 0, None)


class NameState(NamedTuple):
    """One legal set of bindings."""

    bindings: tuple[tuple[str, int], ...]
    files: dict[int, tuple[str, ...]]  # The names of each inode that has any.
    last: int
    spent: int
    choice: dict[AnyChain, int]
    cut: int = 0  # How far the journal has come, where there is one.


class Product:
    """Names, files and sectors of one history, at any index."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._visible: dict[tuple[AnyChain, int, int], int] = {}
        self._static: dict[int, tuple[list[int], list[int]]] = {}

    # Counting.

    def alternatives(self, index: int) -> list[int]:
        """The number of choices besides the base, for each digit at this index."""
        return [len(chain.legal(index)) - 1 for chain in self.history.pending(index)]

    def file_legal(self, index: int, inode: int) -> int:
        """The number of version vectors that the chains of one file have at this index."""
        count = len(self.history.sizes[inode].legal(index))
        for chain in self.history.sectors[inode].values():
            count *= len(chain.legal(index))
        return count

    def names_legal(self, index: int) -> int:
        """The number of legal states of the names: the order ideals of the pending steps on names.

        A frontier of blocked names is carried along; a name with no later step leaves it, so that names which
        no rename couples cost nothing.
        """
        steps = self.history.pending_name_steps(index)
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
        last, bindings = UNLIMITED, []
        choice: dict[AnyChain, int] = {}
        for name, chain in sorted(self.history.names.items()):
            version = choice[chain] = moved.get(chain, chain.legal(index)[0])
            last = min(last, chain.kills[version] - 1)
            if chain.values[version] != NO_FILE:
                bindings.append((name, chain.values[version]))
        return NameState(tuple(bindings), groups_of(bindings), last, spent, choice)

    # States of one file.

    def file_states(
        self, index: int, inode: int, newest: bool = True, budget: int = UNLIMITED, cut: int = 0
    ) -> list[Option]:
        """Every content of one file within the budget, each once; keyed as a file, without names."""
        width = self.history.sector_bytes
        sectors = sorted(self.history.sectors[inode].items())
        numbers = [number for number, _ in sectors]
        plain = self._layers(index, sectors, newest, {})
        states: list[Option] = []
        for size, last, spent, trail, needs in self._lengths(index, inode, newest, cut):
            if spent > budget:
                continue
            layers, folds = self._layers(index, sectors, newest, needs) if needs else plain
            key = size_key(size) ^ self._static_key(inode, size)
            start: Option = (key, last, spent, trail)
            count = bisect_left(numbers, size // width)
            visible, fold = layers[:count], folds[count]
            # The sector in which the file ends is seen in part, so its versions differ in less.
            if count < len(numbers) and numbers[count] * width < size:
                floor = needs.get(numbers[count], 0)
                edge = self._sector_options(index, sectors[count][1], size % width, newest, floor)
                visible.append(edge)
                fold = _fold(fold, edge[0])
            if spent == budget:
                states.append(_fold(start, fold))
            else:
                states += _expand(start, visible, budget)
        return states

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
        for size, last, spent, choice in self._options(sizes, sizes.legal(index), sizes.values, newest):
            yield size, last, spent, root if choice is None else (root, *choice), {}

    def _layers(
        self, index: int, sectors: list[tuple[int, Chain[bytes]]], newest: bool, needs: dict[int, int]
    ) -> tuple[list[list[Option]], list[Option]]:
        """The options of each sector that is wholly seen, and the sum of the bases of the first n."""
        width = self.history.sector_bytes
        layers = [
            self._sector_options(index, chain, width, newest, needs.get(number, 0))
            for number, chain in sectors
        ]
        return layers, list(accumulate((layer[0] for layer in layers), _fold, initial=_NOTHING))

    def _sector_options(
        self, index: int, chain: Chain[bytes], visible: int, newest: bool, floor: int
    ) -> list[Option]:
        legal = chain.legal(index)
        if floor > legal[0]:
            legal = range(floor, legal.stop)
        keys = {version: self.sector_key(chain, version, visible) for version in legal}
        return self._options(chain, legal, keys, newest)

    def _options(
        self, chain: AnyChain, legal: range, keys: "list[int] | dict[int, int]", newest: bool
    ) -> list[Option]:
        """The versions of a chain, those with equal keys as one; the base comes first, without a trail."""
        base = keys[legal[-1] if newest else legal[0]]
        found: dict[int, Option] = {base: _NOTHING}
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
        width = self.history.sector_bytes
        count = -(-len(self.history.trace.initial.files.get(inode, b"")) // width)
        sectors = [sector for sector in range(count) if sector not in self.history.sectors[inode]]
        sums = [0]
        for sector in sectors:
            sums.append(sums[-1] ^ span_key(sector * width, self.history.initial_sector(inode, sector)))
        return sectors, sums


def cross(partial: list[Option], inode: int, options: list[Option], budget: int) -> list[Option]:
    """Each of the partial disk states with each of the options of one more file that the budget allows."""
    return [
        (
            key ^ added,
            last if last < option_last else option_last,
            spent + option_spent,
            (trail, inode, state),
        )
        for added, option_last, option_spent, state in options
        for key, last, spent, trail in partial
        if spent + option_spent <= budget
    ]


def named(names: tuple[str, ...], states: list[Option]) -> list[Option]:
    """The states of a file as options of the disk: keyed with the file's names, each with itself as its
    trail."""
    return [(named_key(names, state[0]), state[1], state[2], state) for state in states]


def unwind(trail: Any) -> Iterator[tuple[int, Option]]:
    """The inodes and file states in the trail of a disk state."""
    while trail is not None:
        trail, inode, state = trail
        yield inode, state


def versions_of(history: History, inode: int, trail: Any) -> dict[AnyChain, int]:
    """Reads the trail of a file state: a version for each chain of the file."""
    chosen: dict[AnyChain, int] = {}
    while len(trail) == 3:
        trail, chain, version = trail
        chosen.setdefault(chain, version)  # What was chosen later stands before what was chosen earlier.
    index, newest = trail
    for chain in history.file_chains(inode):
        legal = chain.legal(index)
        chosen.setdefault(chain, legal[-1] if newest else legal[0])
    return chosen


def _fold(state: Option, option: Option) -> Option:
    """A state with one more option, at no cost and with no trail of its own."""
    key, last, spent, trail = state
    return (key ^ option[0], min(last, option[1]), spent, trail)


def _expand(start: Option, layers: list[list[Option]], budget: int) -> list[Option]:
    """Every way to take one option from each layer within the budget, in O(1) a state.

    A state is named by the layers in which it leaves the base: all that follow the last of them are one fold.
    """
    free = []
    for layer in layers:
        if len(layer) == 1:
            start = _fold(start, layer[0])
        else:
            free.append(layer)
    rest = list(accumulate((layer[0] for layer in reversed(free)), _fold, initial=_NOTHING))[::-1]
    states = []
    stack = [(0, start)]
    while stack:
        position, state = stack.pop()
        states.append(_fold(state, rest[position]))
        if state[2] == budget:
            continue
        for following in range(position + 1, len(free) + 1):
            layer = free[following - 1]
            key, last, spent, trail = state
            for added, option_last, _, choice in layer[1:]:
                option = (key ^ added, min(last, option_last), spent + 1, (trail, *choice))
                stack.append((following, option))
            state = _fold(state, layer[0])
    return states
