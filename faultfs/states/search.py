"""The search of the laws that are products, alone or at each point of a journal: what is new at each index.

A content is new at index t, or legal for longer than was known, only if it uses a version that event t - 1
made. One event makes versions of one file or of names. So after a write the file's states that are new are
crossed with all states of all other files and names; after a change of names the new states of names are
crossed with all files. Syncs only take away: intervals know from the kills when a version ends, so nothing is
visited then. An event that changes both, names (or the journal) and files, has its index visited whole.

Invariants
  1  `files[i][cut]` and names, where present, are the states at the current index
  2  a point with at most `limit` legal states is visited so that, with the points before it, all its contents
     are found
"""

from ..disk.events import NAME_KINDS, EventKind
from ..law.chains import NO_FILE, ChainKind
from ..law.history import History
from ..law.journal import RULES, TO_JOURNAL
from ..law.logs import MOVES
from ..law.survival import Law
from .contents import Findings
from .journalled import JournalProduct
from .options import UNLIMITED, Option, cross, named
from .product import NameState, Product

_FILE_KINDS = frozenset(
    {
        EventKind.WRITE,
        EventKind.TRUNCATE,
        EventKind.SYNC,
        EventKind.DATASYNC,
        EventKind.ALLOCATE,
        EventKind.WRITE_THROUGH,
        EventKind.SYNC_FAILED,
        EventKind.ROT,
    }
)
_FILE_SYNCS = frozenset({EventKind.SYNC, EventKind.DATASYNC, EventKind.WRITE_THROUGH})
_NAMING = NAME_KINDS | {EventKind.SYNC_NAMES}
_TORN_KINDS = frozenset({EventKind.REMOVE, EventKind.RENAME})  # They change names and empty a file.
_BASES = (True, False)  # Bounded points are searched from the newest state, then from the durable one.


def search(history: History, start: int, stop: int, limit: int) -> Findings:
    """Every content legal under `posix` from start to stop; points with more than `limit` legal states
    bounded. Under `posix_split`, if the history is the torn one."""
    kinds = _TORN_KINDS if history.is_torn else frozenset[EventKind]()
    return _Search(history, Findings(start, stop), limit, Product(history), kinds).run()


def search_journal(history: History, law: Law, start: int, stop: int, limit: int) -> Findings:
    """Every content legal under a law with a journal from start to stop, as `search`."""
    found = _JournalSearch(history, law, Findings(start, stop), limit).run()
    if history.logged_names.is_cut and RULES[law].is_logged:
        for index in range(start, stop + 1):  # F42: not all logs were followed.
            if index not in found.bounded:
                found.note_bound(index, 0)
        found.bounded.sort()
    return found


class _Search:
    def __init__(
        self,
        history: History,
        findings: Findings,
        limit: int,
        product: Product,
        whole_kinds: frozenset[EventKind],
    ) -> None:
        self.history = history
        self.findings = findings
        self.limit = limit
        self.product = product
        self.whole_kinds = whole_kinds  # Of events after which an index is visited whole.
        self.is_whole_due = True  # Whether what the points before have found cannot be built upon.
        self.unties = history.untied.indices()  # Indices with more states of names than before.
        self.depth = 0  # Of the latest bounded point.
        self.legal = 0
        self.names_legal = 1
        self.file_legal: dict[int, int] = {}
        self.inodes: list[int] = []
        self.names: list[NameState] | None = None
        self.files: dict[int, dict[int, list[Option]]] = {}
        self.options: dict[int, dict[tuple[int, tuple[str, ...]], list[Option]]] = {}

    def run(self) -> Findings:
        """Visits every crash index in order."""
        start = self.findings.start
        self._count_names(start)
        self._visit_point(start)
        for index in range(start + 1, self.findings.stop + 1):
            event = self.history.trace.events[index - 1]
            if event.kind is EventKind.SYNC_ALL:
                self._after_all(index)
            elif event.kind in self.whole_kinds:
                self._after_whole_event(index)
            elif event.kind in _FILE_SYNCS:
                self._after_file_sync(index, event.inode)
            elif event.kind in _FILE_KINDS:
                self._after_file_event(index, event.inode)
            elif event.kind in _NAMING:
                self._after_name_event(index)
            else:
                self.findings.legal += self.legal
                if self.legal > self.limit:
                    self.findings.note_bound(index, self.depth)
        return self.findings

    def _after_file_sync(self, index: int, inode: int) -> None:
        """Of what was there, what lasts until here is left; nothing is new, unless a rename came apart."""
        files = self.files.get(inode, {})
        for cut, states in files.items():
            files[cut] = [state for state in states if state[1] >= index]
        self._recount(index, inode)
        if index in self.unties:
            self._after_name_event(index)
        else:
            self._visit_point(index)

    def _after_file_event(self, index: int, inode: int) -> None:
        known = self.files.pop(inode, {})
        self._recount(index, inode)
        if self._visit_point(index):
            return
        new: dict[int, list[Option]] = {}
        for state in self._names(index):
            if inode in state.files:
                if state.cut not in new:
                    before = {file[0]: file[1] for file in known.get(state.cut, ())}
                    files = self._states(index, inode, state.cut)
                    new[state.cut] = [file for file in files if before.get(file[0], -1) < file[1]]
                if new[state.cut]:
                    self._visit(index, state, inode, new[state.cut])

    def _after_whole_event(self, index: int) -> None:
        for step in self.history.steps_of(index):
            for chain, _ in step.moves:
                if chain.kind is not ChainKind.NAME:
                    self.files.pop(chain.inode, None)
                    self._recount(index, chain.inode)
        self.names = None
        self.is_whole_due = True
        self._count_names(index)
        self._visit_point(index)

    def _after_all(self, index: int) -> None:
        """Everything is durable: the index is visited whole, for what little is left."""
        self.files.clear()
        for inode in list(self.history.sizes):
            self._recount(index, inode)
        self.names = None
        self.is_whole_due = True
        self._count_names(index)
        self._visit_point(index)

    def _recount(self, index: int, inode: int) -> None:
        self.options.pop(inode, None)
        self.file_legal[inode] = self.product.file_legal(index, inode)

    def _after_name_event(self, index: int) -> None:
        known = {(state.cut, state.bindings): state.last for state in self.names or ()}
        self.names = None
        self._count_names(index)
        if self._visit_point(index):
            return
        for state in self._names(index):
            if known.get((state.cut, state.bindings), -1) < state.last:
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
        self.legal = legal = self._count(index)
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

    def _count(self, index: int) -> int:
        """The number of legal states at this index."""
        legal = self.names_legal
        for inode in self.inodes:
            legal *= self.file_legal[inode]
        return legal

    def _visit(
        self, index: int, names: NameState, only: int = NO_FILE, states: list[Option] | None = None
    ) -> None:
        """Finds every disk state with these names; with only these states of the file `only`."""
        found: list[Option] = [(names.key, names.last, 0, None)]
        for inode, group in names.files.items():
            if inode == only and states is not None:
                options = named(group, states)
            else:
                options = self._options(index, inode, group, names.cut)
            found = cross(found, inode, options, UNLIMITED)
        self.findings.add(index, names, found)

    def _visit_bounded(self, index: int) -> None:
        self.depth = self._affordable_depth(index)
        self.findings.note_bound(index, self.depth)
        for newest in _BASES:
            files: dict[tuple[int, int], list[Option]] = {}
            for names in self.product.name_states(index, newest, self.depth):
                found: list[Option] = [(names.key, names.last, names.spent, None)]
                for inode, group in names.files.items():
                    if (inode, names.cut) not in files:
                        states = self.product.file_states(index, inode, newest, self.depth, names.cut)
                        files[inode, names.cut] = states
                    found = cross(found, inode, named(group, files[inode, names.cut]), self.depth)
                self.findings.add(index, names, found)

    def _affordable_depth(self, index: int) -> int:
        """The largest k for which the vectors within k chains of one base, and as many of the other, fit the
        limit."""
        # ways[j]: the vectors that differ from a base in exactly j chains; with this many chains of two, the
        # limit is met.
        ways = [1] + [0] * self.limit.bit_length()
        for others in self.product.alternatives(index):
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

    def _states(self, index: int, inode: int, cut: int) -> list[Option]:
        by_cut = self.files.setdefault(inode, {})
        if cut not in by_cut:
            by_cut[cut] = self.product.file_states(index, inode, cut=cut)
        return by_cut[cut]

    def _options(self, index: int, inode: int, group: tuple[str, ...], cut: int) -> list[Option]:
        by_names = self.options.setdefault(inode, {})
        if (cut, group) not in by_names:
            by_names[cut, group] = named(group, self._states(index, inode, cut))
        return by_names[cut, group]


class _JournalSearch(_Search):
    def __init__(self, history: History, law: Law, findings: Findings, limit: int) -> None:
        self.journalled = JournalProduct(history, law)
        super().__init__(history, findings, limit, self.journalled, TO_JOURNAL)
        self.cut_legal: dict[int, dict[int, int]] = {}

    def _after_file_sync(self, index: int, inode: int) -> None:
        self.names = None  # A sync of a file commits names; and a size needs less of its sectors.
        self.is_whole_due |= self.journalled.journal.rules.is_logged  # Or other names are found.
        self._drop_taken(index)
        self._after_file_event(index, inode)

    def _after_name_event(self, index: int) -> None:
        event = self.history.trace.events[index - 1]
        if self.journalled.journal.rules.is_logged and event.kind in MOVES:
            self.files.pop(event.inode, None)  # A name may bring a size to the log.
            self._recount(index, event.inode)
            self.is_whole_due = True
        self._drop_taken(index)
        super()._after_name_event(index)

    def _drop_taken(self, index: int) -> None:
        """Have the files found anew that this event may have brought to a log."""
        for inode in self.journalled.journal.taken_at(index):
            self.files.pop(inode, None)
            self._recount(index, inode)
            self.is_whole_due = True

    def _recount(self, index: int, inode: int) -> None:
        self.options.pop(inode, None)
        self.cut_legal.pop(inode, None)

    def _count_names(self, index: int) -> None:
        pass

    def _count(self, index: int) -> int:
        total = 0
        for state in self._names(index):
            legal = 1
            for inode in state.files:
                by_cut = self.cut_legal.setdefault(inode, {})
                if state.cut not in by_cut:
                    by_cut[state.cut] = self.journalled.length_legal(index, inode, state.cut)
                legal *= by_cut[state.cut]
            total += legal
        return total
