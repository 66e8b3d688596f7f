"""The history of a trace: every version chain, every step, and the effect of each sync.

Invariants
  1  a step happens or does not: it is one version of one coordinate; of a rename, one of each of two names
  2  the steps of one event stand in this order: page by page, in a page the size before the sectors (F13)

Threads: built once, then read only; a trace that grows meanwhile is read up to where it ended.
"""

from ..disk.events import NAME_KINDS, Aftermath, Event, EventKind
from ..disk.paths import Paths
from ..disk.trace import PAGE_BYTES, Trace
from .aftermath import Failures
from .chains import AnyChain, Chain, ChainKind, Step, Untied, floor_of_size, floor_of_span
from .edges import Edges
from .garbage import spoiled
from .logged import LoggedNames
from .names import Names
from .windows import Window, Windows

_SILENT = frozenset(
    {EventKind.READ, EventKind.SIZE, EventKind.LIST, EventKind.MARK, EventKind.FAULT, EventKind.MODE}
)


class History:
    """Every chain and every step; `is_torn` with parts of renames (F29), `is_garbled` of sectors (F44)."""

    def __init__(self, trace: Trace, *, is_torn: bool = False, is_garbled: bool = False) -> None:
        self.trace = trace
        self.is_torn = is_torn
        self.is_garbled = is_garbled
        self._torn: History | None = None
        self._paths: Paths | None = None
        self._garbled: History | None = None
        self.sector_bytes = trace.sector_bytes
        initial = trace.initial
        self.sizes = {
            inode: Chain(ChainKind.SIZE, len(data), inode) for inode, data in sorted(initial.files.items())
        }
        self.sectors: dict[int, dict[int, Chain[bytes]]] = {inode: {} for inode in self.sizes}
        self.steps: list[Step] = []
        self.issued = [0]  # issued[t]: how many steps events[0:t] made.
        self._naming = Names(initial, self.steps, self._empty if is_torn else None)
        self.names = self._naming.chains
        self.name_steps = self._naming.steps
        self._file_syncs: dict[int, list[int]] = {}
        self._failures = Failures(
            trace.sector_bytes, {inode: len(data) for inode, data in initial.files.items()}
        )
        self._edges = Edges()
        self._data: dict[int, bytearray] = {}
        for birth, event in enumerate(trace.events, 1):
            if event.kind not in _SILENT:
                self._replay(birth, event)
            self.issued.append(len(self.steps))
        self._seal()

    @property
    def torn(self) -> "History":
        """The history with renames and removals in parts (F29, F30). It has chains of its own."""
        if self.is_torn:
            return self
        if self._torn is None:
            self._torn = History(self.trace, is_torn=True)
        return self._torn

    @property
    def garbled(self) -> "History":
        """The history with torn sectors and garbage (F44). It has chains of its own."""
        if self.is_garbled:
            return self
        if self._garbled is None:
            self._garbled = History(self.trace, is_garbled=True)
        return self._garbled

    @property
    def paths(self) -> Paths:
        """The paths of names, for people."""
        if self._paths is None:
            self._paths = Paths(self.trace.initial, self.trace.events[: len(self.issued) - 1])
        return self._paths

    def owner(self, chain: AnyChain) -> "History":
        """Of this history and those made of it, the one whose chain this is."""
        made = (self, self._torn, self._garbled)
        return next((each for each in made if each is not None and each.owns(chain)), self)

    def owns(self, chain: AnyChain) -> bool:
        """True if this chain is one of this history's."""
        if chain.kind is ChainKind.NAME:
            return self.names.get(chain.name) is chain
        if chain.kind is ChainKind.SIZE:
            return self.sizes.get(chain.inode) is chain
        return self.sectors.get(chain.inode, {}).get(chain.sector) is chain

    def initial_sector(self, inode: int, sector: int) -> bytes:
        """The sector as it was at the start, short where the file ended."""
        start = sector * self.sector_bytes
        return self.trace.initial.files.get(inode, b"")[start : start + self.sector_bytes]

    def steps_of(self, index: int) -> list[Step]:
        """The steps that the event before this crash index made."""
        return self.steps[self.issued[index - 1] : self.issued[index]] if index else []

    def file_chains(self, inode: int) -> list[AnyChain]:
        """Every chain of one file: its size, and its sectors."""
        return [self.sizes[inode], *self.sectors[inode].values()]

    def at(self, index: int) -> Window:
        """The legal versions at this crash index."""
        return self._windows.at(index)

    def reachable(self, index: int) -> list[int]:
        """The inodes that have a name in some legal state at this index, ascending."""
        return self._windows.at(index).reachable

    def pending(self, index: int, inodes: list[int] | None = None) -> list[AnyChain]:
        """The chains with a choice at this index, in canonical order: sectors, sizes, names.

        Of these files, or else of all that some legal state of the names shows (F20).
        """
        window = self._windows.at(index)
        return window.pending if inodes is None else window.of_files(inodes)

    def pending_steps(self, index: int) -> list[Step]:
        """The steps that no sync has covered at this index, in issue order, of chains that are pending."""
        window = self._windows.at(index)
        floors = {chain: chain.settled(window.legal[chain].start) for chain in window.pending}
        floors = {chain: floor for chain, floor in floors.items() if floor < window.legal[chain][-1]}
        if not floors:
            return []
        oldest = min(chain.births[floor + 1] for chain, floor in floors.items())
        pending = []
        for step in self.steps[self.issued[oldest - 1] : self.issued[index]]:
            if len(step.moves) == 1:  # The most frequent.
                chain, version = step.moves[0]
                if version > floors.get(chain, version):
                    pending.append(step)
            elif moves := tuple((chain, v) for chain, v in step.moves if v > floors.get(chain, v)):
                # F46: of a rename that a sync has covered in part, the rest.
                pending.append(step if len(moves) == len(step.moves) else step._replace(moves=moves))
        return pending

    def pending_name_steps(self, index: int) -> list[Step]:
        """The steps on names that no sync of names has covered at this index, in issue order."""
        return self._windows.at(index).name_steps

    # Replaying: each branch appends versions, and keeps the live view that versions are cut from.

    def _replay(self, birth: int, event: Event) -> None:
        match event.kind:
            case EventKind.WRITE:
                self._write(birth, event.inode, event.offset, event.data, is_garbled=self.is_garbled)
            case EventKind.TRUNCATE:
                self._truncate(birth, event.inode, event.size)
            case EventKind.ALLOCATE:
                self._grow(birth, event.inode, event.offset + event.size)
            case EventKind.DATASYNC:
                self._cover(birth - 1, event.inode, 0, len(self._bytes(event.inode)))
                self._failures.synced(event.inode, self.sectors[event.inode])
            case EventKind.WRITE_THROUGH:
                span = range(event.offset, event.offset + event.size)
                self._cover(birth - 1, event.inode, span.start, span.stop)
                self._failures.synced(event.inode, self.sectors[event.inode], span)
            case EventKind.SYNC:
                self._sync(birth, event.inode)
            case EventKind.SYNC_NAMES:
                self._naming.sync(birth - 1, event.inode)
            case EventKind.SYNC_ALL:
                self._naming.sync_all(birth - 1)
                for inode in self.sizes:
                    self._sync(birth, inode)
            case EventKind.SYNC_FAILED:
                self._fail(birth, event)
            case EventKind.ROT:
                self._write(birth, event.inode, event.offset, event.data)
                self._failures.rot(event, birth)
            case EventKind.CREATE | EventKind.UNNAMED:
                self.sizes[event.inode] = Chain(ChainKind.SIZE, 0, event.inode)
                self.sectors[event.inode] = {}
            case _:
                pass
        if event.kind in NAME_KINDS:
            self._naming.replay(birth, event)

    def _sync(self, birth: int, inode: int) -> None:
        self._file_syncs.setdefault(inode, []).append(birth - 1)
        self._edges.synced(self.sizes[inode])
        self._failures.synced(inode, self.sectors[inode])

    def _empty(self, birth: int, inode: int) -> None:
        """Take the bytes of a file that has lost its last name (F30)."""
        if inode in self.sizes and self.sizes[inode].values[-1]:
            self._resize(birth, 0, inode, 0)

    def _cover(self, index: int, inode: int, start: int, end: int) -> None:
        """Make impossible, from this event on, versions that hide or change any of these bytes (F22, F23)."""
        sizes, width = self.sizes[inode], self.sector_bytes
        end = min(end, sizes.values[-1])
        if start < end:
            floor = floor_of_size(sizes.values, end)
            sizes.cover(index, floor)
            self._edges.synced(sizes, floor)
        for sector, chain in self.sectors[inode].items():
            low, high = max(start - sector * width, 0), min(end - sector * width, width)
            if low < high:
                chain.cover(index, floor_of_span(chain.values, low, high))

    def _write(self, birth: int, inode: int, offset: int, data: bytes, *, is_garbled: bool = False) -> None:
        live, sizes = self._bytes(inode), self.sizes[inode]
        size, end = len(live), offset + len(data)
        if not data:
            return
        if end > size:
            live.extend(bytes(end - size))
        live[offset:end] = data
        for page, start in enumerate(range(offset - offset % PAGE_BYTES, end, PAGE_BYTES)):
            page_end = min(start + PAGE_BYTES, end)
            if page_end > size:
                self._edges.before_write(sizes, birth, page_end)
                self._resize(birth, page, inode, page_end)
            elif start + PAGE_BYTES < size:
                self._edges.below(sizes, birth, start + PAGE_BYTES)
            elif self._failures.is_written_again(inode, start // PAGE_BYTES, size):
                sizes.append(birth, size)
            first = max(start, offset) // self.sector_bytes
            for sector in range(first, (page_end - 1) // self.sector_bytes + 1):
                if is_garbled:
                    self._spoil(birth, inode, sector, live, size)
                self._rewrite(birth, page, inode, sector, live)

    def _truncate(self, birth: int, inode: int, size: int) -> None:
        live = self._bytes(inode)
        before = len(live)
        self._failures.truncated(birth - 1, inode, size)
        if size > before:
            self._edges.before_truncate(self.sizes[inode], birth, size)
        if size != before:
            self._resize(birth, 0, inode, size)
            self._edges.set(self.sizes[inode])
        if size > before:
            live.extend(bytes(size - before))
        # F8: the cut bytes become zeros, on every sector that held any.
        first, last = size // self.sector_bytes, (before - 1) // self.sector_bytes
        cut = [sector for sector in range(first, last + 1) if self._holds_bytes_past(live, sector, size)]
        del live[size:]
        for sector in cut:
            self._rewrite(birth, 0, inode, sector, live)

    def _fail(self, birth: int, event: Event) -> None:
        """Take in a failed sync: the versions that it leaves clean, or takes back."""
        if event.size == Aftermath.REVERTED:
            self._revert(birth, event.inode, event.data)
        else:
            sectors, size = self.sectors[event.inode], self.sizes[event.inode]
            self._failures.fail(birth - 1, event, sectors, size, self._kind_at)

    def _kind_at(self, birth: int) -> EventKind | None:
        """The kind of the event that made what is born with this index; None at the start."""
        return self.trace.events[birth - 1].kind if birth else None

    def _revert(self, birth: int, inode: int, data: bytes) -> None:
        """Set the file back to its durable state; from the next moment on nothing else can be found of it."""
        live = self._bytes(inode)
        if len(data) != len(live):
            self._resize(birth, 0, inode, len(data))
        live[:] = data
        for sector in sorted(self.sectors[inode]):
            self._rewrite(birth, 0, inode, sector, live)
        self._file_syncs.setdefault(inode, []).append(birth)
        self._edges.synced(self.sizes[inode])

    def _grow(self, birth: int, inode: int, size: int) -> None:
        live = self._bytes(inode)
        if size > len(live):
            self._edges.before_allocate(self.sizes[inode], birth, size)
            self._resize(birth, 0, inode, size)
            self._edges.set(self.sizes[inode])
            live.extend(bytes(size - len(live)))

    def _holds_bytes_past(self, live: bytearray, sector: int, size: int) -> bool:
        start = sector * self.sector_bytes
        return any(live[max(start, size) : start + self.sector_bytes])

    def _resize(self, birth: int, page: int, inode: int, size: int) -> None:
        chain = self.sizes[inode]
        self.steps.append(Step(birth, page, ((chain, chain.append(birth, size)),)))

    def _rewrite(self, birth: int, page: int, inode: int, sector: int, live: bytearray) -> None:
        chain = self._sector(inode, sector)
        start = sector * self.sector_bytes
        version = chain.append(birth, bytes(live[start : start + self.sector_bytes]))
        self.steps.append(Step(birth, page, ((chain, version),)))

    def _spoil(self, birth: int, inode: int, sector: int, live: bytearray, size: int) -> None:
        """Add what the sector may show while it is written; the file had so many bytes before."""
        chain, start = self._sector(inode, sector), sector * self.sector_bytes
        new = bytes(live[start : start + self.sector_bytes])
        for value in spoiled(chain.values[-1], new, is_grown=start >= size):
            chain.append(birth, value)

    def _sector(self, inode: int, sector: int) -> Chain[bytes]:
        chain = self.sectors[inode].get(sector)
        if chain is None:
            chain = Chain(ChainKind.SECTOR, self.initial_sector(inode, sector), inode, sector)
            self.sectors[inode][sector] = chain
        return chain

    def _bytes(self, inode: int) -> bytearray:
        if inode not in self._data:
            self._data[inode] = bytearray(self.trace.initial.files.get(inode, b""))
        return self._data[inode]

    def _seal(self) -> None:
        self.forest = self._naming.seal()
        self.ordered_names = sorted(self.names.items())
        for inode, size_chain in self.sizes.items():
            syncs = self._file_syncs.get(inode, [])
            self._failures.seal(inode, size_chain, self.sectors[inode], syncs)
        self._data.clear()
        self.logged_names = LoggedNames(self.trace.events, self.names, self.name_steps, self.forest)
        # F12: renames that a log has untied.
        self.untied = Untied({}, {}) if self.is_torn else self.logged_names.untied()
        self._windows = Windows(self._naming, self.sizes, self.sectors, self.untied)


_latest: tuple[Trace, int, Event | None, History] | None = None


def history_of(trace: Trace) -> History:
    """The history of a trace as long as it is now; that of the last trace asked for is kept, O(1) again.

    A schedule that is run anew takes events off the end and appends others: the last has to be the same.
    """
    global _latest
    kept, last = _latest, trace.events[-1] if trace.events else None
    if kept is None or kept[0] is not trace or kept[1] != len(trace) or kept[2] is not last:
        length = len(trace)
        kept = _latest = trace, length, last, History(trace)
    return kept[3]
