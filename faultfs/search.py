"""The search of the law `posix` over crash indices: at each one only what is new there.

A content is new at index t, or legal for longer than was known, only if it uses a version that event t - 1
made. One event makes versions of one file or of names. So after a write the file's states that are new are
crossed with all states of all other files and names; after a change of names the new states of names are
crossed with all files. Syncs only take away: intervals know from the kills when a version ends, so nothing is
visited then.

Invariants
  1  files[i] and names, where present, are the states at the current index
  2  a point with at most `limit` legal states is visited so that, with the points before it, all its contents
     are found
"""

from .chains import NO_FILE, History
from .events import EventKind
from .findings import Findings
from .product import UNLIMITED, NameState, Option, Product, cross, named

_FILE_KINDS = frozenset({EventKind.WRITE, EventKind.TRUNCATE, EventKind.SYNC})
_NAME_KINDS = frozenset(
    {EventKind.CREATE, EventKind.REMOVE, EventKind.LINK, EventKind.RENAME, EventKind.SYNC_NAMES}
)
_BASES = (True, False)  # Bounded points are searched from the newest state, then from the durable one.


def search(history: History, start: int, stop: int, limit: int) -> Findings:
    """Every content legal under `posix` from start to stop; points with more than `limit` legal states
    bounded."""
    return _Search(history, Findings(start, stop), limit).run()


class _Search:
    def __init__(self, history: History, findings: Findings, limit: int) -> None:
        self.history = history
        self.findings = findings
        self.limit = limit
        self.product = Product(history)
        self.is_whole_due = True  # Whether what the points before have found cannot be built upon.
        self.depth = 0  # Of the latest bounded point.
        self.legal = 0
        self.names_legal = 1
        self.file_legal: dict[int, int] = {}
        self.inodes: list[int] = []
        self.names: list[NameState] | None = None
        self.files: dict[int, list[Option]] = {}
        self.options: dict[int, dict[tuple[str, ...], list[Option]]] = {}

    def run(self) -> Findings:
        """Visits every crash index in order."""
        start = self.findings.start
        self._count_names(start)
        self._visit_point(start)
        for index in range(start + 1, self.findings.stop + 1):
            event = self.history.trace.events[index - 1]
            if event.kind in _FILE_KINDS:
                self._after_file_event(index, event.inode)
            elif event.kind in _NAME_KINDS:
                self._after_name_event(index)
            else:
                self.findings.legal += self.legal
                if self.legal > self.limit:
                    self.findings.note_bound(self.depth)
        return self.findings

    def _after_file_event(self, index: int, inode: int) -> None:
        known = {state[0]: state[1] for state in self.files.pop(inode, ())}
        self.options.pop(inode, None)
        self.file_legal[inode] = self.product.file_legal(index, inode)
        if self._visit_point(index):
            return
        new = [state for state in self._states(index, inode) if known.get(state[0], -1) < state[1]]
        if new:
            for state in self._names(index):
                if inode in state.files:
                    self._visit(index, state, inode, new)

    def _after_name_event(self, index: int) -> None:
        known = {state.bindings: state.last for state in self.names or ()}
        self.names = None
        self._count_names(index)
        if self._visit_point(index):
            return
        for state in self._names(index):
            if known.get(state.bindings, -1) < state.last:
                self._visit(index, state)

    def _count_names(self, index: int) -> None:
        self.names_legal = self.product.names_legal(index)
        self.inodes = self.history.reachable(index)
        for inode in self.inodes:
            if inode not in self.file_legal:
                self.file_legal[inode] = self.product.file_legal(index, inode)

    def _visit_point(self, index: int) -> bool:
        """Counts what is legal; visits the index if it is bounded or must be visited whole, and says whether
        it did."""
        legal = self.names_legal
        for inode in self.inodes:
            legal *= self.file_legal[inode]
        self.legal = legal
        self.findings.legal += legal
        if legal > self.limit:
            self._visit_bounded(index)
            self.is_whole_due = True
            return True
        if self.is_whole_due:
            for state in self._names(index):
                self._visit(index, state)
            self.is_whole_due = False
            return True
        return False

    def _visit(
        self, index: int, names: NameState, only: int = NO_FILE, states: list[Option] | None = None
    ) -> None:
        """Finds every disk state with these names; with only these states of the file `only`."""
        found: list[Option] = [(0, names.last, 0, None)]
        for inode, group in names.files.items():
            if inode == only and states is not None:
                options = named(group, states)
            else:
                options = self._options(index, inode, group)
            found = cross(found, inode, options, UNLIMITED)
        self.findings.add(index, names, found)

    def _visit_bounded(self, index: int) -> None:
        self.depth = self._affordable_depth(index)
        self.findings.note_bound(self.depth)
        for newest in _BASES:
            files: dict[int, list[Option]] = {}
            for names in self.product.name_states(index, newest, self.depth):
                found: list[Option] = [(0, names.last, names.spent, None)]
                for inode, group in names.files.items():
                    if inode not in files:
                        files[inode] = self.product.file_states(index, inode, newest, self.depth)
                    found = cross(found, inode, named(group, files[inode]), self.depth)
                self.findings.add(index, names, found)

    def _affordable_depth(self, index: int) -> int:
        """The largest k for which the vectors within k chains of one base, and as many of the other, fit the
        limit."""
        # ways[j]: the vectors that differ from a base in exactly j chains; with this many chains of two, the
        # limit is met.
        ways = [1] + [0] * self.limit.bit_length()
        for chain in self.history.pending(index):
            others = len(chain.legal(index)) - 1
            for depth in range(len(ways) - 1, 0, -1):
                ways[depth] += ways[depth - 1] * others
        total = depth = 0
        for depth, count in enumerate(ways):
            total += count
            if len(_BASES) * total > self.limit:
                return max(0, depth - 1)
        return depth

    def _names(self, index: int) -> list[NameState]:
        if self.names is None:
            self.names = self.product.name_states(index)
        return self.names

    def _states(self, index: int, inode: int) -> list[Option]:
        if inode not in self.files:
            self.files[inode] = self.product.file_states(index, inode)
        return self.files[inode]

    def _options(self, index: int, inode: int, group: tuple[str, ...]) -> list[Option]:
        by_names = self.options.setdefault(inode, {})
        if group not in by_names:
            by_names[group] = named(group, self._states(index, inode))
        return by_names[group]
