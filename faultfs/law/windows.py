"""Windows: the runs of crash indices at which the same versions are legal, and what is legal there.

A version is legal from its birth to its kill; between two such indices nothing changes. So what is asked of
a crash index is worked out once for its whole window, and from the window before, of which most stays.

Invariants
  1  at(index).legal[chain] == chain.legal(index), for every chain
  2  windows are disjoint and in order: start <= index < start of the next

Threads: one at a time; the chains do not change any more.
"""

from bisect import bisect_left, bisect_right
from typing import Final

from .chains import FOREVER, NO_FILE, AnyChain, Chain, ChainKind, Step, Untied

_NAME = ChainKind.NAME
_ONLY: Final = range(1)
_KEPT: Final = 256  # So that a long trace is not kept as often as it has windows.


class Window:
    """The legal versions from one change to the next."""

    __slots__ = ("_pending", "legal", "name_steps", "open", "reachable", "start")

    def __init__(
        self,
        start: int,
        legal: dict[AnyChain, range],
        chosen: list[AnyChain],
        reachable: list[int],
        name_steps: list[Step],
    ) -> None:
        self.start = start
        self.legal = legal
        self.open = chosen  # The chains with a choice, in canonical order, of files without a name too.
        self.reachable = reachable  # The inodes that have a name in some legal state, ascending.
        self.name_steps = name_steps  # Those that no sync of names has covered, in issue order.
        self._pending: list[AnyChain] | None = None

    @property
    def pending(self) -> list[AnyChain]:
        """The chains with a choice of all reachable files, and those of names, in canonical order."""
        if self._pending is None:
            self._pending = self.of_files(self.reachable)
        return self._pending

    def of_files(self, inodes: list[int]) -> list[AnyChain]:
        """The chains with a choice of these files, and those of names, in canonical order."""
        return [chain for chain in self.open if chain.kind is _NAME or chain.inode in inodes]


class Windows:
    """All windows of one history."""

    def __init__(
        self,
        names: dict[str, Chain[int]],
        sizes: dict[int, Chain[int]],
        sectors: dict[int, dict[int, Chain[bytes]]],
        name_steps: list[Step],
        name_syncs: list[int],
        untied: Untied,
    ) -> None:
        self._names = [names[name] for name in sorted(names)]
        chains: list[AnyChain] = []
        for inode in sorted(sectors):
            chains += (sectors[inode][sector] for sector in sorted(sectors[inode]))
        chains += (sizes[inode] for inode in sorted(sizes))
        chains += self._names
        self._ranks = {chain: rank for rank, chain in enumerate(chains)}
        self._name_steps = name_steps
        self._name_syncs = name_syncs
        self._untied = untied
        self._unties = untied.indices()
        self._changed: dict[int, list[AnyChain]] = {0: []}  # By index: which chains have a birth or a kill.
        for chain in chains:
            if len(chain.births) > 1:
                for index in {*chain.births[1:], *chain.kills}:
                    self._changed.setdefault(index, []).append(chain)
        for index in self._unties:
            self._changed.setdefault(index, [])
        self._changed.pop(FOREVER, None)
        self._starts = sorted(self._changed)
        self._kept: dict[int, Window] = {}
        self._asked = -1, self._open(0)  # The index asked for last, and its window.

    def at(self, index: int) -> Window:
        """The window that a crash index falls into."""
        if index != self._asked[0]:
            self._asked = index, self._find(index)
        return self._asked[1]

    def _find(self, index: int) -> Window:
        number = bisect_right(self._starts, index) - 1
        window = self._kept.get(number)
        if window is None:
            if len(self._kept) >= _KEPT:
                self._kept = {number - 1: self._kept[number - 1]} if number - 1 in self._kept else {}
            window = self._kept[number] = self._open(number)
        return window

    def _open(self, number: int) -> Window:
        start = self._starts[number]
        before = self._kept.get(number - 1)
        if before is None:
            legal = {c: c.legal(start) if len(c.births) > 1 else _ONLY for c in self._ranks}
            chosen = [chain for chain, versions in legal.items() if len(versions) > 1]
            return Window(start, legal, chosen, self._reachable(legal), self._steps(start))
        legal, changed = before.legal.copy(), self._changed[start]
        for chain in changed:
            legal[chain] = chain.legal(start)
        chosen = [chain for chain in before.open if chain not in changed]
        if more := [chain for chain in changed if len(legal[chain]) > 1]:
            chosen += more
            chosen.sort(key=self._ranks.__getitem__)
        if any(chain.kind is _NAME for chain in changed):
            return Window(start, legal, chosen, self._reachable(legal), self._steps(start))
        steps = self._steps(start) if start in self._unties else before.name_steps
        return Window(start, legal, chosen, before.reachable, steps)

    def _reachable(self, legal: dict[AnyChain, range]) -> list[int]:
        found = {chain.values[version] for chain in self._names for version in legal[chain]}
        return sorted(found - {NO_FILE})

    def _steps(self, index: int) -> list[Step]:
        before = bisect_left(self._name_syncs, index)
        covered = self._name_syncs[before - 1] if before else 0
        steps = [step for step in self._name_steps if covered < step.birth <= index]
        if not self._unties:
            return steps
        halves, freed = self._untied
        untied = {birth for birth, since in halves.items() if since <= index}
        free = {birth for birth, since in freed.items() if since <= index}
        return [
            part
            for step in steps
            for part in (_parts(step, is_freed=step.birth in free) if step.birth in untied else (step,))
        ]


def _parts(step: Step, *, is_freed: bool) -> list[Step]:
    """Each name of a rename on its own; one that had a file may be freed first."""
    found = []
    for chain, version in step.moves:
        if is_freed and version - 1 in chain.passing:
            found.append(Step(step.birth, step.page, ((chain, version - 1),)))
        found.append(Step(step.birth, step.page, ((chain, version),)))
    return found
