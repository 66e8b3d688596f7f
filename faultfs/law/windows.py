"""Windows: the runs of crash indices at which the same versions are legal, and what is legal there.

A version is legal from its birth to its kill; between two such indices nothing changes. So what is asked of
a crash index is worked out once for its whole window, and from the window before, of which most stays.

Invariants
  1  at(index).legal[chain] == chain.legal(index), for every chain
  2  windows are disjoint and in order: start <= index < start of the next

Threads: one at a time; the chains do not change any more.
"""

from bisect import bisect_right
from typing import Final

from ..disk.places import ROOT, split
from .chains import FOREVER, NO_FILE, AnyChain, Chain, ChainKind, Step, Untied
from .names import Names

_NAME = ChainKind.NAME
_ONLY: Final = range(1)
_NOTHING: Final = frozenset[AnyChain]()
_KEPT: Final = 256  # So that a long trace is not kept as often as it has windows.


class Window:
    """The legal versions from one change to the next."""

    __slots__ = ("_pending", "hidden", "legal", "name_steps", "open", "reachable", "start")

    def __init__(
        self,
        start: int,
        legal: dict[AnyChain, range],
        chosen: list[AnyChain],
        reachable: list[int],
        name_steps: list[Step],
        hidden: frozenset[AnyChain],
    ) -> None:
        self.start = start
        self.legal = legal
        self.open = chosen  # The chains with a choice, in canonical order, of files without a name too.
        self.reachable = reachable  # The inodes that have a name in some legal state, ascending.
        self.name_steps = name_steps  # Those that no sync of names has covered, in issue order.
        self.hidden = hidden  # The names that no legal state shows, and that say nothing of another.
        self._pending: list[AnyChain] | None = None

    @property
    def pending(self) -> list[AnyChain]:
        """The chains with a choice of all reachable files, and those of names, in canonical order."""
        if self._pending is None:
            self._pending = self.of_files(self.reachable)
        return self._pending

    def of_files(self, inodes: list[int]) -> list[AnyChain]:
        """The chains with a choice of these files, and those of names, in canonical order."""
        return [
            chain
            for chain in self.open
            if (chain not in self.hidden if chain.kind is _NAME else chain.inode in inodes)
        ]


class Windows:
    """All windows of one history."""

    def __init__(
        self,
        naming: Names,
        sizes: dict[int, Chain[int]],
        sectors: dict[int, dict[int, Chain[bytes]]],
        untied: Untied,
    ) -> None:
        names = naming.chains
        self._forest = naming.forest
        self._names = [names[name] for name in sorted(names)]
        chains: list[AnyChain] = []
        for inode in sorted(sectors):
            chains += (sectors[inode][sector] for sector in sorted(sectors[inode]))
        chains += (sizes[inode] for inode in sorted(sizes))
        chains += self._names
        self._ranks = {chain: rank for rank, chain in enumerate(chains)}
        self._name_steps = naming.steps
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
        first = self._kept[0] = self._open(0)
        self._asked = 0, first  # The index asked for last, and its window.

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
            return self._with_names(start, legal, chosen)
        legal, changed = before.legal.copy(), self._changed[start]
        for chain in changed:
            legal[chain] = chain.legal(start)
        chosen = [chain for chain in before.open if chain not in changed]
        if more := [chain for chain in changed if len(legal[chain]) > 1]:
            chosen += more
            chosen.sort(key=self._ranks.__getitem__)
        if start in self._unties or any(chain.kind is _NAME for chain in changed):
            return self._with_names(start, legal, chosen)
        return Window(start, legal, chosen, before.reachable, before.name_steps, before.hidden)

    def _with_names(self, start: int, legal: dict[AnyChain, range], chosen: list[AnyChain]) -> Window:
        """The window, with what its names make of it worked out."""
        seen, steps = self._names, self._steps(start, legal)
        hidden = _NOTHING
        if self._forest.folders:
            seen = self._seen(legal)
            steps = _coupled(steps, frozenset(seen))
            moved = {chain for step in steps for chain, _ in step.moves}
            hidden = frozenset(chain for chain in self._names if chain not in moved) - frozenset(seen)
        found = {chain.values[version] for chain in seen for version in legal[chain]} - {NO_FILE}
        reachable = sorted(inode for inode in found if not self._forest.has(inode))
        return Window(start, legal, chosen, reachable, steps, hidden)

    def _seen(self, legal: dict[AnyChain, range]) -> list[Chain[int]]:
        """The names in folders to which some legal versions of names lead (F20)."""
        inside: dict[int, list[Chain[int]]] = {}
        for chain in self._names:
            inside.setdefault(split(chain.name)[0], []).append(chain)
        found, waiting = {ROOT}, [ROOT]
        while waiting:
            for chain in inside.get(waiting.pop(), ()):
                fresh = {chain.values[version] for version in legal[chain]} & self._forest.folders - found
                found |= fresh
                waiting += sorted(fresh)
        return [chain for folder in sorted(found) for chain in inside.get(folder, ())]

    def _steps(self, index: int, legal: dict[AnyChain, range]) -> list[Step]:
        """The steps on names that no sync has covered; of one that is covered in part, the rest (F46)."""
        steps = []
        for step in self._name_steps:
            if step.birth > index:
                break
            if len(step.moves) == 1:  # The most frequent.
                chain, version = step.moves[0]
                if version > legal[chain].start:
                    steps.append(step)
            elif moves := tuple((chain, v) for chain, v in step.moves if v > legal[chain].start):
                steps.append(step if len(moves) == len(step.moves) else step._replace(moves=moves))
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


def _coupled(steps: list[Step], seen: frozenset[AnyChain]) -> list[Step]:
    """The steps that say something of a name that is seen, alone or by way of others."""
    leader: dict[AnyChain, AnyChain] = {}

    def find(chain: AnyChain) -> AnyChain:
        while (above := leader.setdefault(chain, chain)) is not chain:
            leader[chain] = chain = leader[above]
        return chain

    for step in steps:
        for chain, _ in step.moves[1:]:
            leader[find(chain)] = find(step.moves[0][0])
    shown = {find(chain) for step in steps for chain, _ in step.moves if chain in seen}
    return [step for step in steps if find(step.moves[0][0]) in shown]


def _parts(step: Step, *, is_freed: bool) -> list[Step]:
    """Each name of a rename on its own; one that had a file may be freed first."""
    found = []
    for chain, version in step.moves:
        if is_freed and version - 1 in chain.passing:
            found.append(Step(step.birth, step.page, ((chain, version - 1),)))
        found.append(Step(step.birth, step.page, ((chain, version),)))
    return found
