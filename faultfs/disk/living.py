"""The living disk: what is there now, and the trace of how it came to be.

Invariants
  1  the live content is the initial image with the trace's events applied in order
  2  every call that is recorded passes `_event`, before it takes effect: the one place where a fault will
     strike
  3  a file of the initial image is shared until it is first written
  4  the bytes of a file are there as long as it has a name, or is held

Threads: whoever calls holds the lock, but for `acquire` and `release`.
"""

import errno
import sys
from collections.abc import Callable
from threading import Lock

from ..errors import RunawayError
from .arguments import refused
from .events import Event, EventKind
from .image import Image
from .lookup import Lookup
from .places import ROOT
from .trace import SECTOR_BYTES, Trace
from .tree import Item

__all__ = ["Living", "Nameless"]


class Nameless(str):
    """An argument in the place of a name: a file that is held, and may have no name any more."""

    __slots__ = ("inode",)
    inode: int

    @classmethod
    def of(cls, inode: int) -> "Nameless":
        """The file of this inode."""
        made = cls(f"#{inode}")
        made.inode = inode
        return made


class Living:
    """A disk that starts as `image` (empty if None) and keeps the trace of everything since."""

    __slots__ = (
        "_append",
        "_closed",
        "_files",
        "_held",
        "_linkable",
        "_lock",
        "_lookup",
        "_names",
        "_next_inode",
        "_reads",
        "calls_max",
        "is_dead",
        "label",
        "lock_owner",
        "trace",
    )

    def __init__(
        self,
        image: Image | None = None,
        *,
        sector_bytes: int = SECTOR_BYTES,
        record_reads: bool = True,
    ) -> None:
        self.trace = Trace(image, sector_bytes=sector_bytes)
        self._append = self.trace.events.append
        self._names = dict(self.trace.initial.names)
        self._files: dict[int, bytes | bytearray] = dict(self.trace.initial.files)
        folders, links = set(self.trace.initial.folders), dict(self.trace.initial.links)
        self._lookup = Lookup(self._names, folders, links)
        self._next_inode = max((*self._files, *folders, *links), default=0) + 1
        self._held: dict[int, int] = {}  # Files that are open, and how often.
        self._linkable: set[int] = set()  # Files that never had a name, and may be given one.
        self._reads = record_reads
        self._lock = Lock()
        self._closed = False
        self.label: Callable[[], str] | str = ""  # Stamped on each event: who called, in the caller's words.
        self.lock_owner: object | None = None
        self.calls_max = sys.maxsize  # Events of the trace; the call after the last of them is RunawayError.
        self.is_dead = False

    def acquire(self, owner: object) -> bool:
        """Takes the device for one owner, False if it is taken. A closed device is open again.

        The new owner is a new process on a machine that stayed on: what was not synced is still not synced.
        """
        with self._lock:
            if self.is_dead:
                raise refused(errno.EBADF, "")
            if self.lock_owner is not None:
                return False
            self.lock_owner = owner
            self._closed = False
            return True

    def release(self, owner: object) -> None:
        """Gives the device back; nothing happens if the owner does not have it."""
        with self._lock:
            if self.lock_owner is owner:
                self.lock_owner = None

    def image(self) -> Image:
        """The live content, as it would be after a clean shutdown."""
        with self._lock:
            names = {name: self._names[name] for name in sorted(self._names)}
            inodes = sorted(set(names.values()) & self._files.keys())
            links = {inode: self._lookup.links[inode] for inode in sorted(self._lookup.links)}
            files = {inode: bytes(self._files[inode]) for inode in inodes}
            return Image(names, files, frozenset(self._lookup.folders), links)

    def resolve(self, path: str, *, follows: bool = True) -> tuple[str, Item | None]:
        """A path as a program gives it, as the one by which this device knows it (empty for the root), and
        the kind and inode of what is there, without its bytes; None if nothing is. Raises OSError."""
        with self._lock:
            self._check_open()
            known = self._lookup.resolve(path, follows=follows)
            inode = self._names.get(self._lookup.key(known, follows=False)) if known else ROOT
            return known, None if inode is None else self._lookup.item(inode)

    def name_of(self, inode: int) -> str:
        """A name of a file that is held; of one that has none, what stands in its place."""
        with self._lock:
            return self._lookup.name_of(inode) or Nameless.of(inode)

    def links_of(self, inode: int) -> int:
        """The number of names of a file."""
        with self._lock:
            return sum(bound == inode for bound in self._names.values())

    def hold(self, inode: int) -> None:
        """Keeps what the inode has, though its last name goes, until it is let go as often."""
        with self._lock:
            self._held[inode] = self._held.get(inode, 0) + 1

    def let_go(self, inode: int) -> None:
        """Takes a hold back. O(names of the disk)."""
        with self._lock:
            self._held[inode] -= 1
            if not self._held[inode]:
                del self._held[inode]
                self._forget(inode)

    # Under the lock.

    def _before(self, kind: EventKind, name: str, target: str) -> None:
        """Hears of a call that is about to take effect; for devices that watch what is done to them."""

    def _event(
        self,
        kind: EventKind,
        name: str = "",
        inode: int = 0,
        offset: int = 0,
        data: bytes = b"",
        size: int = 0,
        target: str = "",
    ) -> None:
        """Records a call that is about to take effect. Invariant 2."""
        self._before(kind, name, target)
        if len(self.trace.events) >= self.calls_max:
            raise RunawayError(f"{self.calls_max:,} calls on the device")
        label = self.label
        if not isinstance(label, str):
            label = label()
        self._append(Event(kind, name, inode, offset, data, size, target, label))

    def _inode(self, name: str, probe: EventKind | None = None) -> tuple[str, int]:
        """The key and the inode of a file that must be there."""
        if self._closed:
            raise refused(errno.EBADF, name)
        if type(name) is Nameless:
            return "", name.inode
        inode = self._names.get(name) if type(name) is str and "/" not in name else None
        if inode in self._files:
            return name, inode
        key = self._lookup.key(name)
        inode = self._names.get(key)
        if inode is None:
            if probe is not None and self._reads:
                self._event(probe, key)
            raise refused(errno.ENOENT, name)
        if inode not in self._files:
            raise refused(errno.EISDIR, name)
        return key, inode

    def _bound(self, name: str) -> tuple[str, int]:
        """The key and the inode of a name that must be there, of whatever kind; no link is followed."""
        if self._closed:
            raise refused(errno.EBADF, name)
        key = self._lookup.key(name, follows=False)
        inode = self._names.get(key)
        if inode is None:
            raise refused(errno.ENOENT, name)
        return key, inode

    def _free(self, name: str) -> str:
        """The key of a name that nothing may be bound to."""
        self._check_open()
        key = self._lookup.key(name, follows=False)
        if key in self._names:
            raise refused(errno.EEXIST, name)
        return key

    def _made(self, kind: EventKind, key: str, target: str = "") -> int:
        """A new inode, with its name."""
        inode = self._next_inode
        self._event(kind, key, inode, 0, b"", 0, target)
        self._next_inode = inode + 1
        if key:
            self._names[key] = inode
        return inode

    def _check_open(self) -> None:
        if self._closed:
            raise refused(errno.EBADF, "")

    def _writable(self, inode: int) -> bytearray:
        live = self._files[inode]
        if isinstance(live, bytearray):
            return live
        copy = self._files[inode] = bytearray(live)  # Invariant 3.
        return copy

    def _forget(self, inode: int) -> None:
        """Drops what has no name: no call can reach it, and the trace has it still. Invariant 4."""
        if inode not in self._names.values() and inode not in self._held:
            self._files.pop(inode, None)
            self._linkable.discard(inode)
            self._lookup.folders.discard(inode)
            self._lookup.links.pop(inode, None)
