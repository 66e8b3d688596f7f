"""The journal: the order in which a file system like ext4 takes names and lengths to the disk.

    journalled     every step on a name, the size of a truncation or allocation; in the order of issue (F26)
    delayed        the size of a write that grows its file: it follows its data, whenever those are written

    prefix c       the first c journalled steps have happened, the others have not
    size under c   from the last journalled one of the first c, to the last one issued before step c + 1
    sector         as everywhere; but not older than what a write put into a page that this write allocated,
                   if the size by which it grew the file survives (F27)
    commit         a sync of a file: of the steps up to the last that concerns it (F28)

Invariants
  1  a prefix that is legal at an index is legal until the first sync that commits a step behind it
  2  whatever is legal here has versions within Chain.legal: `ext4` <= `posix`
  3  `sizes(index, inode, cut)` is never empty for a file that has a name under the prefix

Threads: built once, then read only.
"""

from bisect import bisect_left, bisect_right
from functools import lru_cache

from ..disk.events import Event, EventKind
from ..disk.trace import PAGE_BYTES
from .chains import FOREVER, NO_FILE, AnyChain, ChainKind, Step
from .history import History

TO_JOURNAL = frozenset({EventKind.TRUNCATE, EventKind.ALLOCATE})
_SYNCS_OF_A_FILE = frozenset(
    {EventKind.SYNC, EventKind.DATASYNC, EventKind.WRITE_THROUGH, EventKind.SYNC_FAILED}
)


class Journal:
    """The journalled steps of one history, and the syncs that commit them."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.births: list[int] = []  # Of the journalled steps.
        self._names: dict[AnyChain, list[tuple[int, int]]] = {}  # For a name: after how many steps, version.
        self._sizes: dict[int, list[tuple[int, int]]] = {}  # For a file: the same of its journalled sizes.
        self._before: dict[int, list[int]] = {inode: [0] for inode in history.sizes}
        self._data: dict[tuple[int, int], list[tuple[int, int]]] = {}  # Of a grown size: sectors, versions.
        self._whole: dict[int, list[tuple[int, int]]] = {}  # For a file: syncs, and its size version then.
        self._commits: list[tuple[int, int]] = []  # Syncs, and how many steps are committed by then.
        self._replay()

    # Questions.

    def cuts(self, index: int) -> range:
        """The numbers of journalled steps that may have happened at this index."""
        at = bisect_left(self._commits, (index, 0))
        floor = self._commits[at - 1][1] if at else 0
        return range(floor, bisect_right(self.births, index) + 1)

    def last(self, cut: int) -> int:
        """The last index at which this prefix of the journal is legal."""
        at = bisect_right(self._commits, cut, key=lambda commit: commit[1])
        return self._commits[at][0] if at < len(self._commits) else FOREVER

    def names(self, cut: int) -> dict[AnyChain, int]:
        """The version of every name under a prefix of the journal."""
        return {chain: _at(self._names.get(chain, []), cut) for chain in self.history.names.values()}

    def reachable(self, index: int) -> list[int]:
        """The inodes that have a name under some legal prefix of the journal, ascending."""
        cuts = self.cuts(index)
        found = set()
        for chain in self.history.names.values():
            moved = self._names.get(chain, [])
            found |= {chain.values[v] for v in range(_at(moved, cuts[0]), _at(moved, cuts[-1]) + 1)}
        return sorted(found - {NO_FILE})

    def pending(self, index: int) -> list[AnyChain]:
        """The chains that have a digit of their own: the sectors and sizes with a choice."""
        chains = self.history.pending(index, self.reachable(index))
        return [chain for chain in chains if len(self.span(index, chain)) > 1]

    def span(self, index: int, chain: AnyChain) -> range:
        """The versions of a chain that are legal under some legal prefix of the journal; none for a name."""
        legal = chain.legal(index)
        if chain.kind is ChainKind.NAME:
            return range(0)
        if chain.kind is ChainKind.SIZE:
            floor = _at(self._sizes.get(chain.inode, []), self.cuts(index)[0])
            return range(max(legal[0], floor), legal.stop)
        return legal

    def sizes(self, index: int, inode: int, cut: int) -> range:
        """The versions that a file's size may have under a prefix of the journal."""
        legal = self.history.sizes[inode].legal(index)
        first = max(legal[0], _at(self._sizes.get(inode, []), cut))
        # Issued before step number `cut`, counted from 0, so when at most `cut` journalled steps had been.
        stop = bisect_right(self._before[inode], cut)
        return range(first, max(first + 1, min(legal.stop, stop)))

    def needs(self, index: int, inode: int, version: int) -> dict[int, int]:
        """The oldest version that each sector may have where this version of the size survives."""
        found: dict[int, int] = {}
        whole = self._whole.get(inode, [])
        at = bisect_left(whole, (index, 0))
        start = max(_last_below(self._sizes.get(inode, []), version), whole[at - 1][1] if at else 0)
        for grown in range(start + 1, version + 1):
            found.update(self._data.get((inode, grown), ()))
        return found

    # Replaying.

    def _replay(self) -> None:
        history = self.history
        touched: dict[int, int] = {}  # For a file: how many steps there were up to the last that concerns it.
        names, synced = 0, set(history.name_syncs)
        for index, event in enumerate(history.trace.events):
            steps = history.steps_of(index + 1)
            for step in steps:
                chain, version = step.moves[0]
                if chain.kind is ChainKind.SECTOR:
                    continue
                if chain.kind is ChainKind.NAME or event.kind in TO_JOURNAL:
                    self.births.append(step.birth)
                count = touched[event.inode] = len(self.births)
                if chain.kind is ChainKind.NAME:
                    names = count
                    for name, bound in step.moves:
                        self._names.setdefault(name, []).append((count, bound))
                else:
                    self._before[chain.inode].append(count)
                    if event.kind in TO_JOURNAL:
                        self._sizes.setdefault(chain.inode, []).append((count, version))
                    elif event.kind is EventKind.WRITE:
                        self._data[chain.inode, version] = self._allocated(chain.inode, version, step, steps)
            if event.kind is EventKind.SYNC_NAMES and index in synced:
                self._commit(index, names)
            elif event.kind in _SYNCS_OF_A_FILE and event.inode in history.sizes:
                self._after_sync(index, event, touched.get(event.inode, 0))

    def _allocated(self, inode: int, version: int, grown: Step, steps: list[Step]) -> list[tuple[int, int]]:
        """The part of the write that grew a file that lies in the page it grew by, if that page is new."""
        before, size = self.history.sizes[inode].values[version - 1 : version + 1]
        if (size - 1) // PAGE_BYTES * PAGE_BYTES < before:
            return []
        moves = [step.moves[0] for step in steps if step.page == grown.page]
        return [(chain.sector, made) for chain, made in moves if chain.kind is ChainKind.SECTOR]

    def _after_sync(self, index: int, event: Event, touched: int) -> None:
        # What the chains call durable has reached the disk, and with it all that stands before it.
        floor = self.history.sizes[event.inode].legal(index + 1)[0]
        self._commit(index, self._before[event.inode][floor])
        if event.kind is EventKind.SYNC:
            self._commit(index, touched)
        if event.kind in (EventKind.SYNC, EventKind.SYNC_FAILED):
            # All data have reached the disk by now, or else some never will and their size does without.
            newest = len(self._before[event.inode]) - 1
            self._whole.setdefault(event.inode, []).append((index, newest))

    def _commit(self, index: int, count: int) -> None:
        if count > (self._commits[-1][1] if self._commits else 0):
            self._commits.append((index, count))


@lru_cache(maxsize=2)
def journal_of(history: History) -> Journal:
    """The journal of a history, built once for the many questions about it."""
    return Journal(history)


def _at(moves: list[tuple[int, int]], cut: int) -> int:
    """The version after the first `cut` journalled steps."""
    at = bisect_right(moves, (cut, FOREVER))
    return moves[at - 1][1] if at else 0


def _last_below(moves: list[tuple[int, int]], version: int) -> int:
    """The last journalled version that is not newer than this one."""
    at = bisect_right(moves, version, key=lambda move: move[1])
    return moves[at - 1][1] if at else 0
