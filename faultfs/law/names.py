"""The names of a history: a chain for each name in each folder, and the steps that move them.

    a name in a folder          has its own chain; its key says which folder (`places`)
    a rename, an exchange       one step of two chains, of two folders perhaps (F12, F45)
    sync of a folder            covers the chains of the names in it, and no others (F10)

Invariants
  1  every event that binds names, or takes names away, is one step; torn, several (F29)
  2  after seal() the kills of each chain are those that the syncs of its folder make

Threads: built once, then read only.
"""

from collections.abc import Callable

from ..disk.events import Event, EventKind
from ..disk.image import Image
from ..disk.places import split
from ..disk.tree import FLAT, Forest
from .chains import NO_FILE, AnyChain, Chain, ChainKind, Shows, Step

__all__ = ["Names"]


class Names:
    """The chains of names, while a trace is replayed and after."""

    def __init__(
        self, initial: Image, steps: list[Step], empty: Callable[[int, int], None] | None = None
    ) -> None:
        """`steps` are those of the whole history. `empty`: renames and removals are in parts, and this is
        told the birth and the inode of a file that has lost its last name."""
        self.chains = {
            name: Chain(ChainKind.NAME, initial.names[name], name=name) for name in sorted(initial.names)
        }
        self.steps: list[Step] = []  # Those on names alone.
        self._all = steps
        self._empty = empty
        self._live = dict(initial.names)
        self._folders = set(initial.folders)
        self._links = dict(initial.links)
        self._syncs: dict[int, list[int]] = {}  # By folder: the events that synced its names,
        self._whole: list[int] = []  # and those that synced everything.
        # Of moves between folders: a folder whose sync makes a name of another durable, and that name.
        self._across: list[tuple[int, AnyChain, int]] = []
        self.forest = FLAT

    def replay(self, birth: int, event: Event) -> None:
        """Takes in an event that binds names, or takes one away."""
        match event.kind:
            case EventKind.FOLDER:
                self._folders.add(event.inode)
                self._bind(birth, (event.name, event.inode))
            case EventKind.SYMLINK:
                self._links[event.inode] = event.target
                self._bind(birth, (event.name, event.inode))
            case EventKind.CREATE:
                self._bind(birth, (event.name, event.inode))
            case EventKind.REMOVE:
                self._unbind(birth, event.name)
            case EventKind.LINK:
                self._bind(birth, (event.target, event.inode))
            case EventKind.RENAME if self._live.get(event.target) != event.inode:
                if self._empty is not None:
                    # F29: up to three changes of two names, each on its own.
                    self._unbind(birth, event.target)
                    self._bind(birth, (event.target, event.inode))
                    self._bind(birth, (event.name, NO_FILE))
                else:
                    self._bind(birth, (event.name, NO_FILE), (event.target, event.inode))
            case EventKind.EXCHANGE if self._live.get(event.target) != event.inode:
                pairs = (event.name, self._live.get(event.target, NO_FILE)), (event.target, event.inode)
                if self._empty is not None:
                    for name, inode in pairs:  # F29: up to four.
                        self._bind(birth, (name, NO_FILE))
                        self._bind(birth, (name, inode))
                else:
                    self._bind(birth, *pairs)
            case _:
                pass

    def sync(self, index: int, folder: int) -> None:
        """The names of one folder are durable after this event."""
        self._syncs.setdefault(folder, []).append(index)
        for _, chain, version in (each for each in self._across if each[0] == folder):
            chain.cover(index, version)
        self._across = [each for each in self._across if each[0] != folder]

    def sync_all(self, index: int) -> None:
        """All names are."""
        self._whole.append(index)

    def seal(self) -> Forest:
        """Fixes the kills of every chain; gives the inodes that are no files."""
        for chain in self.chains.values():
            chain.seal(self.syncs_of(chain))
        self._live.clear()
        if self._folders or self._links:
            self.forest = Forest(frozenset(self._folders), self._links)
        return self.forest

    def syncs_of(self, chain: Chain[int]) -> list[int]:
        """The events that made a name durable as it was, in order."""
        own = self._syncs.get(split(chain.name)[0], [])
        return sorted(own + self._whole) if self._whole else own

    def _bind(self, birth: int, *bindings: tuple[str, int]) -> None:
        moves: list[tuple[AnyChain, int]] = []
        for name, inode in bindings:
            if name not in self.chains:
                self.chains[name] = Chain(ChainKind.NAME, NO_FILE, name=name)
            elif self._live.get(name, NO_FILE) != NO_FILE and inode != NO_FILE:
                self.chains[name].pass_by(birth, NO_FILE, Shows(0))
            moves.append((self.chains[name], self.chains[name].append(birth, inode)))
            self._live[name] = inode
        if len(moves) > 1 and self._folders:
            self._note_move(*moves)
        self._all.append(Step(birth, 0, tuple(moves)))
        self.steps.append(self._all[-1])

    def _note_move(self, first: tuple[AnyChain, int], second: tuple[AnyChain, int]) -> None:
        """F46: a sync of the old folder makes a move durable; of a folder, or an exchange, one of either."""
        (old, made), (new, version) = first, second
        above, below = split(old.name)[0], split(new.name)[0]
        if above == below:
            return
        self._across.append((above, new, version))
        if old.values[made] != NO_FILE or new.values[version] in self._folders:
            self._across.append((below, old, made))

    def _unbind(self, birth: int, name: str) -> None:
        """Takes a name away; torn, the file that has lost its last name is emptied besides (F30)."""
        inode = self._live.get(name, NO_FILE)
        if inode != NO_FILE or self._empty is None:
            self._bind(birth, (name, NO_FILE))
        if self._empty is not None and inode != NO_FILE and inode not in self._live.values():
            self._empty(birth, inode)
