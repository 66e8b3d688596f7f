"""Version chains: all that each coordinate of the disk has held, and at which crash indices that may be seen.

A coordinate is one sector of one inode, the size of one inode, or one name. Its chain is the list of its
versions in issue order; version 0 is what it was at the start (zeros, 0 bytes, or no file, if it did not
exist).

    version   0        1        2
    birth     0        b1       b2          crash indices are birth[v] <= t < kill[v]
    kill      k0       k1       FOREVER     kill[v] = s + 1, s the first sync of it at an index >= birth[v+1]

Invariants
  1  births and kills never decrease along a chain; births[0] == 0; kills[-1] == FOREVER
  2  legal(t) = range(first v with kills[v] > t, first v with births[v] > t), and it is never empty
  3  a step happens or does not: it is one version of one coordinate; of a rename, one of each of two names
  4  the steps of one event stand in this order: page by page, in a page the size before the sectors (F13)
"""

from bisect import bisect_left, bisect_right
from enum import IntEnum
from typing import Generic, NamedTuple, TypeAlias, TypeVar

from .events import Event, EventKind
from .trace import PAGE_BYTES, Trace

FOREVER = 1 << 62
NO_FILE = 0  # The value of a name that is bound to nothing; inodes count from 1.

Value = TypeVar("Value", bound=bytes | int)


class ChainKind(IntEnum):
    """Which coordinate; the numbers are the canonical order of survivors."""

    SECTOR = 0
    SIZE = 1
    NAME = 2


class Chain(Generic[Value]):
    """The versions of one coordinate."""

    __slots__ = ("births", "inode", "kills", "kind", "name", "sector", "values")

    def __init__(
        self, kind: ChainKind, value: Value, inode: int = 0, sector: int = 0, name: str = ""
    ) -> None:
        self.kind = kind
        self.inode = inode
        self.sector = sector
        self.name = name
        self.values: list[Value] = [value]
        self.births = [0]
        self.kills: list[int] = [FOREVER]

    def legal(self, index: int) -> range:
        """The versions that a crash at this index may show, oldest first. Invariant 2."""
        return range(bisect_right(self.kills, index), bisect_right(self.births, index))

    def append(self, birth: int, value: Value) -> int:
        """Adds the newest version; gives its number."""
        self.births.append(birth)
        self.values.append(value)
        return len(self.values) - 1

    def seal(self, syncs: list[int]) -> None:
        """Fixes the kills, from the indices of the syncs that cover this coordinate."""
        kills = []
        for birth in self.births[1:]:
            # The sync at index s covers what was issued before it: events up to s - 1, so births up to s.
            at = bisect_left(syncs, birth)
            kills.append(syncs[at] + 1 if at < len(syncs) else FOREVER)
        self.kills = [*kills, FOREVER]


AnyChain: TypeAlias = "Chain[bytes] | Chain[int]"


class Step(NamedTuple):
    """A micro-operation: it is issued with crash index `birth` and moves each chain to a version."""

    birth: int
    page: int
    moves: tuple[tuple[AnyChain, int], ...]


class History:
    """Every chain and every step of a trace."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.sector_bytes = trace.sector_bytes
        initial = trace.initial
        self.names = {
            name: Chain(ChainKind.NAME, initial.names[name], name=name) for name in sorted(initial.names)
        }
        self.sizes = {
            inode: Chain(ChainKind.SIZE, len(data), inode) for inode, data in sorted(initial.files.items())
        }
        self.sectors: dict[int, dict[int, Chain[bytes]]] = {inode: {} for inode in self.sizes}
        self.steps: list[Step] = []
        self.issued = [0]  # issued[t]: how many steps events[0:t] made.
        self.name_steps: list[Step] = []
        self.name_syncs: list[int] = []
        self._file_syncs: dict[int, list[int]] = {}
        self._live = dict(initial.names)
        self._data: dict[int, bytearray] = {}
        for index, event in enumerate(trace.events):
            self._replay(index + 1, event)
            self.issued.append(len(self.steps))
        self._seal()

    def initial_sector(self, inode: int, sector: int) -> bytes:
        """What the sector held at the start, short where the file ended."""
        start = sector * self.sector_bytes
        return self.trace.initial.files.get(inode, b"")[start : start + self.sector_bytes]

    def steps_of(self, index: int) -> list[Step]:
        """The steps that the event before this crash index made."""
        return self.steps[self.issued[index - 1] : self.issued[index]] if index else []

    def file_chains(self, inode: int) -> list[AnyChain]:
        """Every chain of one file: its size, and its sectors."""
        return [self.sizes[inode], *self.sectors[inode].values()]

    def reachable(self, index: int) -> list[int]:
        """The inodes that have a name in some legal state at this index, ascending."""
        found = {chain.values[version] for chain in self.names.values() for version in chain.legal(index)}
        return sorted(found - {NO_FILE})

    def pending(self, index: int) -> list[AnyChain]:
        """The chains with a choice at this index, in canonical order: sectors, sizes, names."""
        inodes = self.reachable(index)
        chains: list[AnyChain] = []
        for inode in inodes:
            chains += (chain for _, chain in sorted(self.sectors[inode].items()))
        chains += (self.sizes[inode] for inode in inodes)
        chains += (self.names[name] for name in sorted(self.names))
        return [chain for chain in chains if len(chain.legal(index)) > 1]

    def pending_steps(self, index: int) -> list[Step]:
        """The steps that no sync has covered at this index, in issue order, of chains that are pending."""
        floors = {chain: chain.legal(index)[0] for chain in self.pending(index)}
        if not floors:
            return []
        oldest = min(chain.births[floor + 1] for chain, floor in floors.items())
        pending = []
        for step in self.steps[self.issued[oldest - 1] : self.issued[index]]:
            chain, version = step.moves[0]
            if version > floors.get(chain, version):
                pending.append(step)
        return pending

    def pending_name_steps(self, index: int) -> list[Step]:
        """The steps on names that no sync of names has covered at this index, in issue order."""
        before = bisect_left(self.name_syncs, index)
        covered = self.name_syncs[before - 1] if before else 0
        return [step for step in self.name_steps if covered < step.birth <= index]

    # Replaying: each branch appends versions, and keeps the live view that versions are cut from.

    def _replay(self, birth: int, event: Event) -> None:
        match event.kind:
            case EventKind.WRITE:
                self._write(birth, event.inode, event.offset, event.data)
            case EventKind.TRUNCATE:
                self._truncate(birth, event.inode, event.size)
            case EventKind.SYNC:
                self._file_syncs.setdefault(event.inode, []).append(birth - 1)
            case EventKind.SYNC_NAMES:
                self.name_syncs.append(birth - 1)
            case EventKind.CREATE:
                self.sizes[event.inode] = Chain(ChainKind.SIZE, 0, event.inode)
                self.sectors[event.inode] = {}
                self._bind(birth, (event.name, event.inode))
            case EventKind.REMOVE:
                self._bind(birth, (event.name, NO_FILE))
            case EventKind.LINK:
                self._bind(birth, (event.target, event.inode))
            case EventKind.RENAME if self._live.get(event.target) != event.inode:
                self._bind(birth, (event.name, NO_FILE), (event.target, event.inode))
            case _:
                pass

    def _bind(self, birth: int, *bindings: tuple[str, int]) -> None:
        moves: list[tuple[AnyChain, int]] = []
        for name, inode in bindings:
            if name not in self.names:
                self.names[name] = Chain(ChainKind.NAME, NO_FILE, name=name)
            moves.append((self.names[name], self.names[name].append(birth, inode)))
            self._live[name] = inode
        self.steps.append(Step(birth, 0, tuple(moves)))
        self.name_steps.append(self.steps[-1])

    def _write(self, birth: int, inode: int, offset: int, data: bytes) -> None:
        live = self._bytes(inode)
        size, end = len(live), offset + len(data)
        if not data:
            return
        if end > size:
            live.extend(bytes(end - size))
        live[offset:end] = data
        for page, start in enumerate(range(offset - offset % PAGE_BYTES, end, PAGE_BYTES)):
            page_end = min(start + PAGE_BYTES, end)
            if page_end > size:
                self._resize(birth, page, inode, page_end)
            first = max(start, offset) // self.sector_bytes
            for sector in range(first, (page_end - 1) // self.sector_bytes + 1):
                self._rewrite(birth, page, inode, sector, live)

    def _truncate(self, birth: int, inode: int, size: int) -> None:
        live = self._bytes(inode)
        before = len(live)
        if size != before:
            self._resize(birth, 0, inode, size)
        if size > before:
            live.extend(bytes(size - before))
        # F8: the cut bytes become zeros, on every sector that held any.
        first, last = size // self.sector_bytes, (before - 1) // self.sector_bytes
        cut = [sector for sector in range(first, last + 1) if self._holds_bytes_past(live, sector, size)]
        del live[size:]
        for sector in cut:
            self._rewrite(birth, 0, inode, sector, live)

    def _holds_bytes_past(self, live: bytearray, sector: int, size: int) -> bool:
        start = sector * self.sector_bytes
        return any(live[max(start, size) : start + self.sector_bytes])

    def _resize(self, birth: int, page: int, inode: int, size: int) -> None:
        chain = self.sizes[inode]
        self.steps.append(Step(birth, page, ((chain, chain.append(birth, size)),)))

    def _rewrite(self, birth: int, page: int, inode: int, sector: int, live: bytearray) -> None:
        chain = self.sectors[inode].get(sector)
        if chain is None:
            chain = Chain(ChainKind.SECTOR, self.initial_sector(inode, sector), inode, sector)
            self.sectors[inode][sector] = chain
        start = sector * self.sector_bytes
        version = chain.append(birth, bytes(live[start : start + self.sector_bytes]))
        self.steps.append(Step(birth, page, ((chain, version),)))

    def _bytes(self, inode: int) -> bytearray:
        if inode not in self._data:
            self._data[inode] = bytearray(self.trace.initial.files.get(inode, b""))
        return self._data[inode]

    def _seal(self) -> None:
        for name_chain in self.names.values():
            name_chain.seal(self.name_syncs)
        for inode, size_chain in self.sizes.items():
            syncs = self._file_syncs.get(inode, [])
            size_chain.seal(syncs)
            for sector_chain in self.sectors[inode].values():
                sector_chain.seal(syncs)
        self._live.clear()
        self._data.clear()
