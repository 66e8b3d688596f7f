"""The walk of the laws that are no products: each state is reached from the one before by a few steps.

    strict      at each index: the floors
    prefix      at each index: the floors, then one more pending step at a time, in issue order
    pagecache   at each index: all before the last event, then one more page of it at a time
    lazyfs      at each index: all, with the unsynced data of each subset of the files lost

Under `prefix` a new event only adds states at the end of the walk; a sync moves the floors, and only then is
the walk started anew (a sync of one file makes prefixes legal that were not: its later steps without the
others' earlier ones).

Invariants
  1  the states of an index are visited or, where the event before it changed nothing, known to be those
     before it
  2  a state that is no longer legal has last = the last index at which it was
"""

from collections.abc import Iterator
from itertools import combinations
from math import comb
from typing import Any

from ..disk.events import SYNC_KINDS, EventKind
from ..disk.image import named_key, size_key
from ..law.chains import AnyChain, ChainKind, Step
from ..law.history import History
from ..law.survival import Law, lost_data
from .contents import Findings
from .options import Option, named
from .product import NameState, Product, name_state

_State = tuple[
    int, NameState, Any, tuple[int, ...]
]  # A key, the names and files, the digits that lead there.


def walk(history: History, law: Law, start: int, stop: int, limit: int) -> Findings:
    """Every content legal from start to stop under `strict`, `prefix`, `pagecache` or `lazyfs`.

    Only under `lazyfs` can an index have more than `limit` legal states, and is then bounded.
    """
    findings = Findings(start, stop)
    if law is Law.LAZYFS:
        _Losses(history, findings, limit).run()
        return findings
    cursor = _Cursor(history)
    legal: list[_State] = []
    for index in range(start, stop + 1):
        if law is Law.PAGECACHE:
            fresh, stays = _pages(history, cursor, index, index == start), False
        elif index == start or history.trace.events[index - 1].kind in SYNC_KINDS:
            fresh, stays = _prefixes(history, cursor, index, law), False
        else:
            steps = history.steps_of(index) if law is Law.PREFIX else []
            fresh, stays = cursor.walk(steps), True
        if not stays:
            _retire(findings, legal, index - 1)
            legal = []
        for state in fresh:
            findings.add_one(index, *state)
        legal += fresh
        findings.legal += len(legal)
    _retire(findings, legal, stop)
    return findings


def _retire(findings: Findings, legal: list[_State], last: int) -> None:
    for state in legal:
        findings.extend(state[0], last)


def _prefixes(history: History, cursor: "_Cursor", index: int, law: Law) -> list[_State]:
    cursor.reset(index, newest=False)
    steps = history.pending_steps(index) if law is Law.PREFIX else []
    return [cursor.state(len(steps)), *cursor.walk(steps)]


def _pages(history: History, cursor: "_Cursor", index: int, is_first: bool) -> list[_State]:
    if is_first:
        cursor.reset(max(0, index - 1), newest=True)
    steps = history.steps_of(index)
    pages = steps[-1].page + 1 if steps else 0
    states = [cursor.state(pages)]
    for page in range(pages):
        cursor.move([step for step in steps if step.page == page])
        states.append(cursor.state(pages - page - 1))
    return states


class _Cursor:
    """A version for every chain, kept with the key of that choice, which moves with each step."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.product = Product(history)
        self.base = 0, True
        self.versions: dict[AnyChain, int] = {}
        self.files: dict[int, Option] = {}
        self.names = NameState((), {}, 0, 0, {})

    def reset(self, index: int, newest: bool) -> None:
        """Goes to the newest state at an index, or to the durable one."""
        end = -1 if newest else 0
        self.base = index, newest
        self.versions = {name: name.legal(index)[end] for name in self.history.names.values()}
        self.files.clear()
        self._bind()

    def move(self, steps: list[Step]) -> None:
        """Takes these steps."""
        for step in steps:
            for chain, version in step.moves:
                if chain.kind is ChainKind.NAME:
                    self.versions[chain] = version
                else:
                    self._move_file(chain, version)
            if step.moves[0][0].kind is ChainKind.NAME:
                self._bind()

    def walk(self, steps: list[Step]) -> list[_State]:
        """Takes the steps one by one; gives the state after each, by how many of these steps it lacks."""
        states = []
        for taken, step in enumerate(steps, 1):
            self.move([step])
            states.append(self.state(len(steps) - taken))
        return states

    def state(self, lost: int) -> _State:
        """The state at which the cursor stands, `lost` steps or pages before the newest."""
        key = self.names.key
        trail: Any = None
        for inode, names in self.names.files.items():
            file = self._file(inode)
            key ^= named_key(names, file[0])
            trail = (trail, inode, file)
        return key, self.names, trail, (lost,) if lost else ()

    def _file(self, inode: int) -> Option:
        """The state of a file: where the steps have moved it, or else at the base."""
        if inode not in self.files:
            index, newest = self.base
            trail: Any = self.base
            for chain in self.history.file_chains(inode):
                legal = chain.legal(index)
                self.versions[chain] = version = legal[-1] if newest else chain.settled(legal[0])
                if not newest and version != legal[0]:
                    trail = (trail, chain, version)
            self.files[inode] = (_key(self.product, inode, self.versions), 0, 0, trail)
        return self.files[inode]

    def _move_file(self, chain: AnyChain, version: int) -> None:
        inode = chain.inode
        key, _, _, trail = self._file(inode)
        sizes = self.history.sizes[inode]
        size = sizes.values[self.versions[sizes]]
        before = self.versions[chain]
        self.versions[chain] = version
        if chain is sizes:
            key ^= self.product.size_change_key(inode, size, sizes.values[version], self.versions)
        else:
            sector = self.history.sectors[inode][chain.sector]
            visible = size - sector.sector * self.history.sector_bytes
            key ^= self.product.sector_key(sector, before, visible)
            key ^= self.product.sector_key(sector, version, visible)
        self.files[inode] = (key, 0, 0, (trail, chain, version))

    def _bind(self) -> None:
        self.names = name_state(self.history, self.versions, 0)


class _Losses:
    """The walk of `lazyfs`: at each index, every set of files that lose their unsynced data."""

    def __init__(self, history: History, findings: Findings, limit: int) -> None:
        self.history = history
        self.findings = findings
        self.limit = limit
        self.product = Product(history)
        # For a file: it with its data and it without them, if it has any to lose.
        self.files: dict[int, list[Option]] = {}

    def run(self) -> None:
        """Visits every crash index in order."""
        start, stop = self.findings.start, self.findings.stop
        found: list[_State] = []
        dirty = 0
        for index in range(start, stop + 1):
            event = self.history.trace.events[index - 1] if index > start else None
            if event is None or event.kind in SYNC_KINDS or self.history.steps_of(index):
                _retire(self.findings, found, index - 1)
                if event is not None and event.kind is EventKind.SYNC_ALL:
                    self.files.clear()
                self.files.pop(0 if event is None else event.inode, None)
                found, dirty = self._visit(index)
            self.findings.legal += 1 << dirty
            if 1 << dirty > self.limit:
                self.findings.note_bound(index, self._depth(dirty))
        _retire(self.findings, found, stop)

    def _visit(self, index: int) -> tuple[list[_State], int]:
        newest: dict[AnyChain, int] = {chain: chain.legal(index)[-1] for chain in self.history.names.values()}
        names = name_state(self.history, newest, 0)
        keyed: dict[int, list[Option]] = {}
        for inode, group in sorted(names.files.items()):
            if inode not in self.files:
                self.files[inode] = self._options(index, inode)
            keyed[inode] = named(group, self.files[inode])
        dirty = [inode for inode, options in keyed.items() if len(options) > 1]
        states: list[_State] = []
        for lost in self._subsets(len(dirty)):
            gone = {dirty[place] for place in lost}
            key = names.key
            trail: Any = None
            for inode, options in keyed.items():
                added, _, _, file = options[inode in gone]
                key, trail = key ^ added, (trail, inode, file)
            digits = tuple(int(place in lost) for place in range(max(lost, default=-1) + 1))
            states.append((key, names, trail, digits))
            self.findings.add_one(index, key, names, trail, digits)
        return states, len(dirty)

    def _options(self, index: int, inode: int) -> list[Option]:
        versions = {chain: chain.legal(index)[-1] for chain in self.history.file_chains(inode)}
        root: Any = (index, True)
        options: list[Option] = [(_key(self.product, inode, versions), 0, 0, root)]
        if lost := lost_data(self.history, index, inode):
            for chain, version in lost.items():
                root = (root, chain, version)
            options.append((_key(self.product, inode, {**versions, **lost}), 0, 0, root))
        return options

    def _subsets(self, count: int) -> Iterator[tuple[int, ...]]:
        depth = self._depth(count)
        for size in range(count + 1):
            if size <= depth or count - size <= depth:
                yield from combinations(range(count), size)

    def _depth(self, count: int) -> int:
        """The largest k for which the sets of at most k files, and of all but at most k, fit the limit."""
        if 1 << count <= self.limit:
            return count
        depth, total = 0, 2
        while (total := total + 2 * comb(count, depth + 1)) <= self.limit:
            depth += 1
        return depth


def _key(product: Product, inode: int, versions: dict[AnyChain, int]) -> int:
    """The key of a file at these versions: from an empty file it is one change of size."""
    sizes = product.history.sizes[inode]
    return size_key(0) ^ product.size_change_key(inode, 0, sizes.values[versions[sizes]], versions)
