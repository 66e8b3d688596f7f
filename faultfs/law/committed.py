"""Commits: what a file system like btrfs has taken to the disk as a whole, and its log (F41 to F43).

    point          a position of the last commit: steps on names, truncations, allocations, in order
    names          the commit's, and those of the files that were synced since (`logged`)
    a file         what its syncs promise; else any version issued before the step after the commit

A sync brings its own file only: what was journalled before it is not committed by it.

Invariants
  1  of what stands before the first step that is not durable, every commit is as good as any other, but for
     who is in the log
  2  two points of one index differ in their steps or in the names found

Threads: as `journal`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise

from ..disk.events import SYNC_KINDS
from .chains import FOREVER, AnyChain
from .history import History
from .journal import RULES, Journal, Rules
from .logs import MOVES
from .walks import FILE_SYNCS, Taken

_Point = tuple[int, dict[AnyChain, int]]


class Commits(Journal):
    """The commits of one history, and the log."""

    def __init__(self, history: History, rules: Rules) -> None:
        super().__init__(history, rules)
        self._commits.clear()  # A sync commits nothing.
        self._syncs = [at for at, event in enumerate(history.trace.events) if event.kind in SYNC_KINDS]
        self._file_syncs: dict[int, list[int]] = {}
        for at, event in enumerate(history.trace.events):
            if event.kind in FILE_SYNCS or (event.kind in MOVES and event.inode in self._file_syncs):
                self._file_syncs.setdefault(event.inode, []).append(at)
        self._durable = 0, 0  # The index asked for last, and how many steps were durable there.
        self._points: tuple[int, list[_Point]] = (-1, [])

    def points(self, index: int) -> int:
        return len(self._listed(index))

    def point(self, index: int, place: int) -> _Point:
        return self._listed(index)[place]

    def place(self, index: int, cut: int, names: Mapping[AnyChain, int]) -> int:
        shown = {chain: chain.values[version] for chain, version in names.items()}
        for place, (steps, found) in enumerate(self._listed(index)):
            if steps == cut and all(
                chain.values[version] == shown[chain] for chain, version in found.items()
            ):
                return place
        raise AssertionError("a point of this index has these names")

    def last(self, index: int, cut: int) -> int:
        at = bisect_left(self._syncs, index)
        return self._syncs[at] if at < len(self._syncs) else FOREVER

    def reachable(self, index: int) -> list[int]:
        found = {chain.values[v] for _, names in self._listed(index) for chain, v in names.items()}
        return sorted(inode for inode in self.history.sizes if inode in found)

    def cuts(self, index: int) -> range:
        return range(self._floor(index), bisect_right(self.births, index) + 1)

    def sizes(self, index: int, inode: int, cut: int) -> Sequence[int]:
        legal = self.history.sizes[inode].legal(index)
        found = super().sizes(index, inode, cut)
        logged = bisect_right(
            self.history.sizes[inode].births, self._logged(index, inode), legal.start, legal.stop
        )
        found = self._shown(inode, range(found[0], max(found[-1] + 1, logged)))
        return self._with_taken(index, inode, found) if inode in self._taken else found

    def _with_taken(self, index: int, inode: int, found: Sequence[int]) -> Sequence[int]:
        """These versions of a size, and shorter ones with which a log has taken the file in (F41)."""
        chain = self.history.sizes[inode]
        longest = max(chain.values[version] for version in found)
        more = set()
        for at, is_again in self._taken.get(inode, {}).items():
            version = bisect_right(chain.births, at) - 1  # The size in memory.
            if at < index and found[-1] < version and chain.values[version] < longest:
                more |= {version} if chain.values[version] or is_again else set()
        return [*found, *sorted(more)]

    def taken_at(self, index: int) -> list[int]:
        """The files that the event before this index may have brought to a log with a shorter size."""
        return [inode for inode, events in self._taken.items() if index - 1 in events]

    @cached_property
    def _taken(self) -> Taken:
        """The files that have ever become shorter, and the events at which a log may take them in.

        One that has kept the name that it was made with is in the commit with that name, or not at all.
        """
        sizes, moved = self.history.sizes, self.history.logged_names.moved()
        shorter = [inode for inode in sizes if inode in moved and _is_ever_shorter(sizes[inode].values)]
        taken = self.history.logged_names.taken() if shorter else {}
        return {inode: taken[inode] for inode in shorter if inode in taken}

    def narrowed(self, index: int, inode: int, version: int, cut: int) -> dict[int, range]:
        found = super().narrowed(index, inode, version, cut)
        if cut == len(self.births) or self.births[cut] > index:
            return found
        # F41: the commit has nothing that was issued after it, but what a sync of the file brought.
        end = max(self.births[cut] - 1, self._logged(index, inode))
        for number, chain in self.history.sectors[inode].items():
            legal = chain.legal(index)
            stop = max(legal.start + 1, bisect_right(chain.births, end))
            if stop < legal.stop:
                start = found[number].start if number in found else legal.start
                found[number] = range(min(start, stop - 1), stop)
        return found

    def _logged(self, index: int, inode: int) -> int:
        """The index of the last event that may have brought all of a file; 0 if there is none."""
        syncs = self._file_syncs.get(inode, [])
        at = bisect_left(syncs, index)
        return syncs[at - 1] if at else 0

    def _floor(self, index: int) -> int:
        """The number of steps before the first that is not durable at this index."""
        at, floor = self._durable
        if at > index:
            floor = 0
        while floor < len(self.births) and all(
            chain.legal(index)[0] >= version for chain, version in self._moves[floor]
        ):
            floor += 1
        self._durable = index, floor
        return floor

    def _listed(self, index: int) -> list[_Point]:
        if self._points[0] == index:
            return self._points[1]
        cuts, logged = self.cuts(index), self.history.logged_names
        positions = logged.positions(index) | {self.births[step] - 1 for step in cuts[:-1]}
        found: dict[tuple[int, tuple[int | bytes, ...]], _Point] = {}
        for position in sorted(positions):
            cut = max(cuts[0], bisect_right(self.births, position))
            for each in logged.found(position, index):
                names: dict[AnyChain, int] = dict(each.items())
                key = cut, tuple(chain.values[version] for chain, version in names.items())
                found.pop(key, None)
                found[key] = cut, names
        self._points = index, list(found.values())
        return self._points[1]


def _is_ever_shorter(sizes: Sequence[int]) -> bool:
    return any(after < before for before, after in pairwise(sizes))


@lru_cache(maxsize=4)
def journal_of(history: History, law: str) -> Journal:
    """The journal of a history under a law that has one, built once for the many questions about it."""
    rules = RULES[law]
    return (Commits if rules.is_logged else Journal)(history, rules)
