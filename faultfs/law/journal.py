"""The journal: the order in which a file system with a journal or a log takes names and lengths to the disk.

    journalled     every step on a name, the size of a truncation or allocation; in the order of issue (F26)
    delayed        the size of a write that grows its file: it follows once its pages are written (F27)

    prefix c       the first c journalled steps have happened, the others have not
    size under c   from the last journalled one of the first c, to the last one issued before step c + 1
    sector         as everywhere; but not older than what the size that survives needs
    commit         a sync of a file: of the steps up to the last that concerns it (F28)

File systems differ in what data a size needs, and in which sizes they show that no call made: `RULES`.

Invariants
  1  a prefix that is legal at an index is legal until the first sync that commits a step behind it
  2  whatever is legal here has versions within Chain.legal: each of these laws <= `posix`
  3  `sizes(index, inode, cut)` is never empty for a file that has a name under the prefix

Threads: built once, then read only.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from ..disk.events import Event, EventKind
from ..disk.places import split
from ..disk.trace import PAGE_BYTES
from .aftermath import has_its_data
from .chains import FOREVER, AnyChain, ChainKind, Shows, Step
from .history import History

TO_JOURNAL = frozenset({EventKind.TRUNCATE, EventKind.ALLOCATE})
_SYNCS_OF_A_FILE = frozenset(
    {EventKind.SYNC, EventKind.DATASYNC, EventKind.WRITE_THROUGH, EventKind.SYNC_FAILED}
)


NO_PAGE: Final = -1  # Stands for a name among the pages of a file that were written.


class Needs(IntEnum):
    """The data without which a size by which a write grew its file does not survive."""

    NOTHING = 0  # It joins the journal with its allocation, before the data are on the disk.
    OWN = 1  # Those of that write in the page that it grew by.
    NEW = 2  # The same, where the file had not reached that page before.
    ALONE = 3  # Its own, where since the last sync nothing else of the file was written.


class Rules(NamedTuple):
    """The ways of one file system."""

    shows: Shows  # The sizes that no call made.
    needs: Needs
    is_logged: bool = False  # A sync brings its own file only, and there is no order but that of commits.


RULES: Final[dict[str, Rules]] = {
    "btrfs": Rules(Shows(0), Needs.ALONE, is_logged=True),
    "ext4": Rules(Shows.EXT4, Needs.NOTHING),
    "ext4_ordered": Rules(Shows.EXT4, Needs.NEW),
    "xfs": Rules(Shows.XFS, Needs.OWN),
}


class Journal:
    """The journalled steps of one history, and the syncs that commit them."""

    def __init__(self, history: History, rules: Rules) -> None:
        self.history = history
        self.rules = rules
        self.births: list[int] = []  # Of the journalled steps,
        self._moves: list[tuple[tuple[AnyChain, int], ...]] = []  # and what they move.
        self._names: dict[AnyChain, list[tuple[int, int]]] = {}  # For a name: after how many steps, version.
        self._sizes: dict[int, list[tuple[int, int]]] = {}  # For a file: the same of its journalled sizes.
        self._before: dict[int, list[int]] = {inode: [0] for inode in history.sizes}
        self._data: dict[tuple[int, int], list[tuple[int, int]]] = {}  # Of a grown size: sectors, versions.
        self._writes: dict[int, list[tuple[int, int, int]]] = {}  # To a file: event, first page, last page.
        self._whole: dict[int, list[tuple[int, int]]] = {}  # For a file: syncs, and its size version then.
        self._again: set[int] = set()  # Those of truncations to the size that the file had.
        self._commits: list[tuple[int, int]] = []  # Syncs, and how many steps are committed by then.
        self._replay()

    # Points: what may have been committed, oldest first; a digit counts them from the newest.

    def points(self, index: int) -> int:
        """The number of points at this index."""
        return len(self.cuts(index))

    def point(self, index: int, place: int) -> tuple[int, dict[AnyChain, int]]:
        """One point, counted from the oldest: how many steps have happened, and the version of every name."""
        cut = self.cuts(index)[place]
        return cut, self.names(cut)

    def place(self, index: int, cut: int, names: Mapping[AnyChain, int]) -> int:
        """The point at which so many steps have happened and names are at these versions."""
        return cut - self.cuts(index)[0]

    def last(self, index: int, cut: int) -> int:
        """The last index at which what is legal here of the names under this prefix is legal."""
        at = bisect_right(self._commits, cut, key=lambda commit: commit[1])
        return self._commits[at][0] if at < len(self._commits) else FOREVER

    def reachable(self, index: int) -> list[int]:
        """The files that have a name at some point, ascending."""
        cuts = self.cuts(index)
        found = set()
        for chain in self.history.names.values():
            moved = self._names.get(chain, [])
            found |= {
                chain.values[v]
                for v in range(version_after(moved, cuts[0]), version_after(moved, cuts[-1]) + 1)
            }
        return sorted(found & self.history.sizes.keys())

    def taken_at(self, index: int) -> list[int]:
        """The files of which the event before this index makes sizes legal, besides its own."""
        return []

    # Questions.

    def cuts(self, index: int) -> range:
        """The numbers of journalled steps that may have happened at this index."""
        at = bisect_left(self._commits, (index, 0))
        floor = self._commits[at - 1][1] if at else 0
        return range(floor, bisect_right(self.births, index) + 1)

    def names(self, cut: int) -> dict[AnyChain, int]:
        """The version of every name under a prefix of the journal."""
        return {
            chain: version_after(self._names.get(chain, []), cut) for chain in self.history.names.values()
        }

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
            floor = version_after(self._sizes.get(chain.inode, []), self.cuts(index)[0])
            shown = self._shown(chain.inode, range(max(legal[0], floor), legal.stop))
            return range(shown[0], shown[-1] + 1)
        return legal

    def sizes(self, index: int, inode: int, cut: int) -> Sequence[int]:
        """The versions that a file's size may have under a prefix of the journal, ascending."""
        legal = self.history.sizes[inode].legal(index)
        first = max(legal[0], version_after(self._sizes.get(inode, []), cut))
        # Issued before step number `cut`, counted from 0, so when at most `cut` journalled steps had been.
        stop = bisect_right(self._before[inode], cut)
        return self._shown(inode, range(first, max(first + 1, min(legal.stop, stop))))

    def _shown(self, inode: int, versions: range) -> Sequence[int]:
        """Those of these versions of a size that this file system shows."""
        passing = self.history.sizes[inode].passing
        if not passing:
            return versions
        shown = [v for v in versions if v not in passing or passing[v] & self.rules.shows]
        while not shown:  # Durable is the one that the call made.
            versions = range(versions.start + 1, versions.start + 2)
            shown = [v for v in versions if v not in passing]
        return shown

    def narrowed(self, index: int, inode: int, version: int, cut: int) -> dict[int, range]:
        """The versions of each sector that are left where this version of the size survives, if not all."""
        found = {}
        for number, oldest in self._needs(index, inode, version, cut).items():
            legal = self.history.sectors[inode][number].legal(index)
            if oldest > legal.start:
                found[number] = range(oldest, legal.stop)
        return found

    def _needs(self, index: int, inode: int, version: int, cut: int) -> dict[int, int]:
        """The oldest version that each sector may have where this version of the size survives."""
        if self.rules.needs is Needs.NOTHING:
            return {}
        found: dict[int, int] = {}
        whole = self._whole.get(inode, [])
        at = bisect_left(whole, (index, 0))
        sizes = self._sizes.get(inode, [])
        if self._again:
            sizes = [move for move in sizes if move[0] <= cut or move[0] not in self._again]
        start = max(_last_below(sizes, version), whole[at - 1][1] if at else 0)
        is_own = self.rules.needs in (Needs.OWN, Needs.NEW)
        if version > start and (is_own or self._is_alone(index, inode, version)):
            found.update(self._data.get((inode, version), ()))
        return found

    def _is_alone(self, index: int, inode: int, version: int) -> bool:
        """True if only one page of the file was written since its last sync, and the size is not durable."""
        if self.history.sizes[inode].legal(index)[0] >= version:
            return False
        whole, writes = self._whole.get(inode, []), self._writes.get(inode, [])
        at = bisect_left(whole, (index, 0))
        since = writes[bisect_left(writes, (whole[at - 1][0] if at else 0,)) : bisect_left(writes, (index,))]
        return len({page for _, first, last in since for page in (first, last)}) == 1

    # Replaying.

    def _replay(self) -> None:
        history = self.history
        touched: dict[int, int] = {}  # For a file: how many steps there were up to the last that concerns it.
        within: dict[int, int] = {}  # For a folder: the same of a name in it.
        for index, event in enumerate(history.trace.events):
            steps = history.steps_of(index + 1)
            for step in steps:
                chain, version = step.moves[0]
                if chain.kind is ChainKind.SECTOR:
                    continue
                count = len(self.births)
                if chain.kind is ChainKind.NAME or event.kind in TO_JOURNAL:
                    self.births.append(step.birth)
                    self._moves.append(step.moves)
                touched[event.inode] = len(self.births)
                if chain.kind is ChainKind.NAME:
                    for name, bound in step.moves:
                        self._names.setdefault(name, []).append((len(self.births), bound))
                        touched[name.values[bound]] = within[split(name.name)[0]] = len(self.births)  # type: ignore[index]
                    continue
                self._note_passing(chain.inode, version, count)
                self._before[chain.inode].append(len(self.births))
                if event.kind in TO_JOURNAL:
                    self._sizes.setdefault(chain.inode, []).append((len(self.births), version))
                elif event.kind is EventKind.WRITE:
                    self._data[chain.inode, version] = self._grown(chain.inode, version, step.page, steps)
            if event.kind is EventKind.WRITE and event.data:
                self._end_write(index, event, steps)
            elif event.kind is EventKind.LINK:
                self._writes.setdefault(event.inode, []).append((index, NO_PAGE, NO_PAGE))
            elif event.kind is EventKind.TRUNCATE:
                page = event.size // PAGE_BYTES
                self._writes.setdefault(event.inode, []).append((index, page, page))
                if self.rules.shows & Shows.EXT4 and not steps:
                    self._set_size_again(index, event.inode)
                    touched[event.inode] = len(self.births)
            if event.kind is EventKind.SYNC_NAMES:
                # F47: a folder is an inode too, and the step that concerned it last may be on its own name.
                own = touched.get(event.inode, 0) if event.inode else 0
                self._commit(index, max(within.get(event.inode, 0), own))
            elif event.kind is EventKind.SYNC_ALL:
                self._commit(index, len(self.births))
                for inode in history.sizes:
                    self._whole.setdefault(inode, []).append((index, len(self._before[inode]) - 1))
            elif event.kind in _SYNCS_OF_A_FILE and event.inode in history.sizes:
                self._after_sync(index, event, touched.get(event.inode, 0))

    def _note_passing(self, inode: int, version: int, count: int) -> None:
        """Sizes on the way to this version were there before its step, and need what the one before needs."""
        before = self._before[inode]
        while len(before) < version:
            self._data[inode, len(before)] = self._data.get((inode, len(before) - 1), [])
            before.append(count)

    def _end_write(self, index: int, event: Event, steps: list[Step]) -> None:
        """Take in the pages that a write has put data into, and the sizes that it makes possible below."""
        first = event.offset // PAGE_BYTES
        last = (event.offset + len(event.data) - 1) // PAGE_BYTES
        chain = self.history.sizes[event.inode]
        start, stop = bisect_right(chain.births, index), bisect_right(chain.births, index + 1)
        ended = chain.values[start - 1] // PAGE_BYTES  # Where a hole begins, the rest of its page is zeroed.
        self._writes.setdefault(event.inode, []).append((index, min(first, ended), last))
        if len(self._before[event.inode]) == stop:
            return
        self._note_passing(event.inode, stop, len(self.births))
        for version in range(start, stop):
            if version in chain.passing and (page := chain.values[version] // PAGE_BYTES - 1 - first) >= 0:
                self._data[event.inode, version] = self._grown(event.inode, version, page, steps)

    def _grown(self, inode: int, version: int, page: int, steps: list[Step]) -> list[tuple[int, int]]:
        """The data of a write in the page that a size ends in, as far as the size needs them."""
        before, size = self.history.sizes[inode].values[version - 1 : version + 1]
        if self.rules.needs is Needs.NEW and (size - 1) // PAGE_BYTES * PAGE_BYTES < before:
            return []
        moves = [step.moves[0] for step in steps if step.page == page]
        return [(chain.sector, made) for chain, made in moves if chain.kind is ChainKind.SECTOR]

    def _set_size_again(self, index: int, inode: int) -> None:
        """A truncation to the size that the file has: the size in memory joins the journal (F27)."""
        version = self.history.sizes[inode].legal(index)[-1]
        self.births.append(index + 1)
        self._moves.append(((self.history.sizes[inode], version),))
        self._sizes.setdefault(inode, []).append((len(self.births), version))
        self._again.add(len(self.births))

    def _after_sync(self, index: int, event: Event, touched: int) -> None:
        # What the chains call durable has reached the disk, and with it all that stands before it.
        floor = self.history.sizes[event.inode].legal(index + 1)[0]
        self._commit(index, self._before[event.inode][self._shown(event.inode, range(floor, floor + 1))[0]])
        if event.kind is EventKind.SYNC:
            self._commit(index, touched)
        if event.kind is EventKind.SYNC or (event.kind is EventKind.SYNC_FAILED and not has_its_data(event)):
            # All data have reached the disk by now, or else some never will and their size does without.
            newest = len(self._before[event.inode]) - 1
            self._whole.setdefault(event.inode, []).append((index, newest))

    def _commit(self, index: int, count: int) -> None:
        if count > (self._commits[-1][1] if self._commits else 0):
            self._commits.append((index, count))


def version_after(moves: list[tuple[int, int]], cut: int) -> int:
    """The version after the first `cut` journalled steps."""
    at = bisect_right(moves, (cut, FOREVER))
    return moves[at - 1][1] if at else 0


def _last_below(moves: list[tuple[int, int]], version: int) -> int:
    """The last journalled version that is not newer than this one."""
    at = bisect_right(moves, version, key=lambda move: move[1])
    return moves[at - 1][1] if at else 0
