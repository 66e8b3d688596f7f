"""FasterLog: an append-only log whose commits recover exactly.

    enqueue ─▶ open block ─▶ sealed blocks ─▶ device ─▶ one sync ─▶ committed: read, scanned, truncated

Invariants
  1  0 <= begin <= committed <= tail
  2  what was committed comes back after every crash, and what was not comes back as whole commits or not
  3  an entry that a crash or a rollback took is never seen again

Threads: any, for everything. `close` waits for nobody: who still waits for a commit gets ClosedError.
Source: FasterLog of FASTER (Li, Chandramouli et al.); commits stand in the log itself, one sync each.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from weakref import finalize

from ..arguments import AnyPath, Data, bytes_of, check_opening
from ..device import Device, Lease, telling
from ..errors import ClosedError, OperationError, SettingsError
from ..runtime import Runtime, ThreadRuntime
from .automatic import AutoCommit, commit_every_of
from .batches import batch_of
from .groups import Commit
from .progress import check_name
from .reading import check_address
from .recovery import LogParts, recover_log
from .settings import LogSettings
from .tail import FULL
from .view import LogView

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FasterLog"]

MEMORY_DEFAULT: Final = 64 << 20


class FasterLog(LogView):
    """A log; made by `open`."""

    def __init__(self, lease: Lease, parts: LogParts, memory: int) -> None:
        super().__init__(parts, memory)
        self._lease = lease
        self._automatic = AutoCommit(self._source)

    @classmethod
    def open(
        cls,
        where: AnyPath | Device,
        *,
        create: bool = False,
        read_only: bool = False,
        memory: int = MEMORY_DEFAULT,
        settings: LogSettings | None = None,
        runtime: Runtime | None = None,
        commit: int | bytes | None = None,
    ) -> Self:
        """Open the log in a folder or on a Device; with `create`, make one where none is.

        read_only   writes nothing; others may read at once. Beside another process that writes, what that one
                    has confirmed is read: by its next commit, the one before it
        memory      bytes for entries that are not on the device yet, at least four pages; who appends more
                    writes them there first
        settings    geometry for a new log; of another one it must be the same
        commit      the number or the cookie of an older commit to come back to, exactly; opened to write, the
                    later ones are given up for good. O(log)

        Reads what was committed since the root was written last, 64 MiB or a segment at most, and where the
        log was not closed writes it again. Raises SettingsError,
        MissingStoreError, NotAStoreError, StoreLockedError, CorruptionError, UnsupportedVersionError,
        PoisonedError, DeviceError.
        """
        check_opening(where, create=create, read_only=read_only, settings=None, runtime=runtime, version=None)
        if settings is not None and not isinstance(settings, LogSettings):
            raise SettingsError(f"settings are {type(settings).__name__}: expected LogSettings")
        if type(memory) is not int or memory <= 0:
            raise SettingsError(f"memory is {memory!r}: expected a positive number of bytes")
        if commit is not None and type(commit) not in (int, bytes):
            raise SettingsError(f"commit is {commit!r}: expected the number or the cookie of one, or None")
        runtime = ThreadRuntime() if runtime is None else runtime
        lease = Lease(where, create=create and not read_only, read_only=read_only)
        try:
            with telling("opening"):
                parts = recover_log(
                    lease.device,
                    runtime,
                    create=create,
                    read_only=read_only,
                    memory=memory,
                    settings=settings,
                    commit=commit,
                )
        except BaseException:
            lease.undo()
            raise
        return cls(lease, parts, memory)

    # -- appending ---------------------------------------------------------------------------------

    def enqueue(self, entry: Data) -> int:
        """Append one entry, of any size up to a page, less 68 bytes; its address.

        In memory only, until a commit. Raises OperationError (no bytes, too long), and where the memory is
        full and entries have to be written first DeviceError; then nothing was appended.
        """
        data = entry if type(entry) is bytes else bytes_of(entry)
        while True:
            with self._source.lock:
                self._source.check_writable()
                address = self._source.tail.append(data)
                self._automatic.appended()
            if address != FULL:
                return address
            self._source.groups.relieve()

    def enqueue_many(self, entries: Sequence[Data] | NDArray[Any]) -> NDArray[np.int64]:
        """Append entries one after another: one commit has all of them or none. Their addresses, shape (n,).

        entries   bytes, or an array whose items, or rows, are bytes of one width; together, with 4 bytes for
                  each, at most half of `memory`

        Raises what `enqueue` does; then none of them was appended. O(bytes).
        """
        batch = batch_of(entries)
        while True:
            with self._source.lock:
                self._source.check_writable()
                runs = self._source.tail.append_many(batch)
                self._automatic.appended()
            if runs is not None:
                return batch.addresses(runs)
            self._source.groups.relieve()

    # -- making durable ----------------------------------------------------------------------------

    def commit(self, cookie: Data | None = None) -> Commit:
        """Make durable what was enqueued; the commit that holds it. Appending goes on meanwhile.

        cookie   bytes that come back with the commit; then it is made even where nothing is new

        Who commits while another does waits, and finds its entries in the next: one sync for all who wait.
        Raises OperationError (a cookie longer than a page less 64 bytes), DeviceError where entries cannot be
        written (they stay, and a later commit writes them), PoisonedError where a sync failed.
        """
        given = None if cookie is None else bytes_of(cookie)
        with self._source.lock:
            self._source.check_writable()
            wanted = self._source.tail.at
        return self._source.groups.commit(wanted, given)

    def commit_and_wait(self, entry: Data) -> int:
        """Append an entry and commit it; its address, which is durable."""
        address = self.enqueue(entry)
        self._source.groups.commit(address + 1, None)
        return address

    def commit_every(
        self,
        seconds: float | None = None,
        bytes: int | None = None,  # noqa: A002 (the unit)
        entries: int | None = None,
    ) -> None:
        """Commit in a thread of the log's: in place of the last such call; none of them: no more.

        seconds          an entry is in a commit that begins at most so long after it; where nothing follows
                         for as long, that commit is confirmed
        bytes, entries   appended since the last commit, as soon as there are so many

        Nothing new, no commit. One that fails is tried again; `automatic` tells. Closing ends it, and does
        not commit. Raises OperationError (also: no thread is to be had), ReadOnlyError.
        """
        every = commit_every_of(seconds, bytes, entries)
        self._source.check_writable()
        if every is None:
            self._automatic.stop()
            return
        self._automatic.start(every)
        finalize(self, self._automatic.forsake).atexit = False

    @property
    def automatic(self) -> AutoCommit:
        """The worker of `commit_every`: its state, how many it made, and what failed."""
        return self._automatic

    def rollback(self, address: int) -> None:
        """Drop the entries from `address` on, none of them committed: no crash brings them back.

        address   of an uncommitted entry, or the tail as it once was

        Raises OperationError, DeviceError, PoisonedError; then nothing was dropped.
        """
        check_address(address)
        self._source.check_writable()
        self._source.groups.roll_back(address)

    # -- truncation --------------------------------------------------------------------------------

    def truncate_before(self, address: int) -> int:
        """Give up the entries below `address`; the begin, durable on return.

        Then whole segments are removed, and whole pages of the next one are given back to a file system that
        can take them.

        address   of a committed entry, or the address of a commit; at most the begin: nothing is done

        Raises OperationError for any other, PoisonedError, CorruptionError, DeviceError. O(page).
        """
        check_address(address)
        self._source.check_writable()
        end = self._source.groups.last.end
        if address > end:
            raise OperationError(f"address {address}: expected at most {end}, where the last commit ends")
        if self.begin < address < end:
            with self._source.reading():
                block = self._source.reader.find(address, end, self._source.groups.life)
            if block is not None and address not in self._source.tail.boundaries(block):
                raise OperationError(f"address {address} is in an entry, or between two: expected one's own")
        return self._source.groups.truncate(address)

    def truncate_to_page_start(self, address: int) -> int:
        """`truncate_before` the start of the page that holds `address`, any committed one."""
        return self.truncate_before(check_address(address) & -self._source.parts.settings.page_bytes)

    # -- closing -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Close; entries that were not committed are lost. Idempotent. Raises PoisonedError.

        The last commit is confirmed first: damage to it is told from then on.
        """
        self._automatic.stop()
        groups = self._source.groups
        is_first = True
        try:
            is_first = groups.close()
        finally:
            if is_first:
                groups.waiters.tell(0, ClosedError("the log is closed"))
                self._source.parts.roots.await_third()
                self._lease.close()

    def forget(self, name: str) -> None:
        """Drop the progress of the name, with the next commit; of one that there is not, nothing.

        Raises OperationError, ReadOnlyError.
        """
        check_name(name)
        self._source.check_writable()
        self._source.forget(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit, unless the block raised, and close."""
        try:
            if error is None and not self._source.is_closed and not self._source.parts.read_only:
                self.commit()
        finally:
            self.close()
