"""Version chains: all values that each coordinate of the disk has held, and the crash indices that show them.

A coordinate is one sector of one inode, the size of one inode, or one name. Its chain is the list of its
versions in issue order; version 0 is what it was at the start (zeros, 0 bytes, or no file, if it did not
exist).

    version   0        1        2
    birth     0        b1       b2          crash indices are birth[v] <= t < kill[v]
    kill      k0       k1       FOREVER     kill[v] = s + 1, s the first sync of it at an index >= birth[v+1]

Invariants
  1  births and kills never decrease along a chain; births[0] == 0; kills[-1] == FOREVER
  2  legal(t) = range(first v with kills[v] > t, first v with births[v] > t), and it is never empty
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from enum import IntEnum, IntFlag
from typing import Final, Generic, NamedTuple, TypeAlias, TypeVar

FOREVER = 1 << 62
NO_FILE = 0  # The value of a name that is bound to nothing; inodes count from 1.

Value = TypeVar("Value", bound=bytes | int)


class ChainKind(IntEnum):
    """The kind of a coordinate; the numbers are the canonical order of survivors."""

    SECTOR = 0
    SIZE = 1
    NAME = 2


class Shows(IntFlag):
    """The file systems that show a size which no call made (F7, F24)."""

    EXT4 = 1
    XFS = 2


_NONE: Final[dict[int, Shows]] = {}


class Chain(Generic[Value]):
    """The versions of one coordinate."""

    __slots__ = ("births", "covers", "inode", "kills", "kind", "name", "passing", "sector", "values")

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
        self.covers: list[tuple[int, int]] = []  # Syncs of a part of what there is: index, the new floor.
        self.passing = _NONE  # The versions that no call made; of a size, the file systems that show them.

    def legal(self, index: int) -> range:
        """The versions that a crash at this index may show, oldest first. Invariant 2."""
        return range(bisect_right(self.kills, index), bisect_right(self.births, index))

    def before(self, version: int) -> int:
        """The version that there was before the call that made this one."""
        version -= 1
        while version in self.passing:
            version -= 1
        return version

    def settled(self, version: int) -> int:
        """This version, or the next one that a call made."""
        while version in self.passing:
            version += 1
        return version

    def append(self, birth: int, value: Value) -> int:
        """Adds the newest version; gives its number."""
        self.births.append(birth)
        self.values.append(value)
        return len(self.values) - 1

    def pass_by(self, birth: int, value: Value, shows: Shows) -> None:
        """Adds a version that no call made."""
        if not self.passing:
            self.passing = {}
        self.passing[self.append(birth, value)] = shows

    def cover(self, index: int, floor: int) -> None:
        """A sync at this event makes every version before the floor impossible, whatever follows it."""
        if floor > (self.covers[-1][1] if self.covers else 0):
            self.covers.append((index, floor))

    def seal(self, syncs: list[int], failures: Sequence[int] = (), floors: Sequence[int] = ()) -> None:
        """Fixes the kills, from the indices of the syncs of this coordinate, and of those that failed.

        A failed sync leaves the newest version clean and perhaps not written: no later sync writes it (F33).
        `floors[i]`, if said, is the version that one writes all the same after failure number i.
        """
        if len(self.births) == 1:
            return
        covers = self.covers
        if failures:
            asked = sorted([*((sync, FOREVER) for sync in syncs), *covers])
            syncs = [sync for sync in syncs if not self._clean(sync, failures)]
            covers = []
            for sync, floor in asked:
                if clean := self._clean(sync, failures):
                    floor = min(floor, *floors[clean.start : clean.stop]) if floors else 0
                if FOREVER > floor > (covers[-1][1] if covers else 0):
                    covers.append((sync, floor))
        kills = []
        cover = 0  # The first of them whose floor is above the version.
        for version, birth in enumerate(self.births[1:]):
            # The sync at index s covers what was issued before it: events up to s - 1, so births up to s.
            at = bisect_left(syncs, birth)
            kill = syncs[at] + 1 if at < len(syncs) else FOREVER
            while cover < len(covers) and covers[cover][1] <= version:
                cover += 1
            kills.append(min(kill, covers[cover][0] + 1) if cover < len(covers) else kill)
        self.kills = [*kills, FOREVER]

    def _clean(self, sync: int, failures: Sequence[int]) -> range:
        """The numbers of the syncs that failed between this one and the birth of what is newest here."""
        newest = self.births[bisect_right(self.births, sync) - 1]
        return range(bisect_left(failures, newest), bisect_left(failures, sync))


AnyChain: TypeAlias = "Chain[bytes] | Chain[int]"


class Step(NamedTuple):
    """A micro-operation: it is issued with crash index `birth` and moves each chain to a version."""

    birth: int
    page: int
    moves: tuple[tuple[AnyChain, int], ...]


def floor_of_size(sizes: list[int], end: int) -> int:
    """The version after the last one that is too short for these bytes."""
    version = len(sizes)
    while version and sizes[version - 1] >= end:
        version -= 1
    return version


def floor_of_span(values: list[bytes], low: int, high: int) -> int:
    """The version after the last one in which these bytes of a sector are not what they are now."""
    now = _span(values[-1], low, high)
    version = len(values)
    while version and _span(values[version - 1], low, high) == now:
        version -= 1
    return version


def _span(value: bytes, low: int, high: int) -> bytes:
    """These bytes of a sector: a version is short where the file ended, and past its end it holds zeros."""
    return value[low:high].ljust(high - low, b"\0")


class Untied(NamedTuple):
    """Renames that some crash leaves half done, by birth: from which crash index on.

    freed  of these, with the new name free though it had a file
    """

    halves: dict[int, int]
    freed: dict[int, int]

    def indices(self) -> frozenset[int]:
        """The crash indices with more states of names than before."""
        return frozenset((*self.halves.values(), *self.freed.values()))
