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

from array import array
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from ..arguments import AnyPath, Data, bytes_of, check_opening, seconds_of
from ..device import Device, Lease, telling
from ..errors import ClosedError, OperationError, ReadOnlyError, SettingsError
from ..runtime import Runtime, ThreadRuntime
from ..sessions.arrays import rows_of, sequence_of
from .groups import Commit, Groups
from .reading import Entry, LogArrays, LogReader, addresses_in, arrays_of, check_address
from .recovery import LogParts, recover_log
from .settings import LogSettings
from .tail import FULL, Tail
from .waiting import future_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FasterLog"]

MEMORY_DEFAULT: Final = 64 << 20
T = TypeVar("T")


class FasterLog:
    """A log; made by `open`."""

    def __init__(self, lease: Lease, parts: LogParts, memory: int) -> None:
        disk, last = parts.disk, parts.last
        self._lease = lease
        self._parts = parts
        self._lock = disk.runtime.lock()
        self._tail = Tail(parts.settings, parts.files.store_id, parts.root.life, memory)
        self._tail.adopt(last.end, last.number, last.crc)
        self._groups = Groups(parts, self._tail, self._lock)
        self._reader = LogReader(parts.files, lambda: self._groups.begin, disk.runtime.lock())
        self._is_closed = False

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
    ) -> Self:
        """Open the log in a folder or on a Device; with `create`, make one where none is.

        read_only   writes nothing; others may read at once, and nobody writes
        memory      bytes for entries that are not on the device yet, at least four pages; who appends more
                    writes them there first
        settings    geometry for a new log; of another one it must be the same

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
            with self._lock:
                self._check_writable()
                address = self._tail.append(data)
            if address != FULL:
                return address
            self._groups.relieve()

    def enqueue_many(self, entries: Sequence[Data] | NDArray[Any]) -> NDArray[np.int64]:
        """Append entries one after another: one commit has all of them or none. Their addresses, shape (n,).

        entries   bytes, or an array whose items, or rows, are bytes of one width; together, with 4 bytes for
                  each, at most half of `memory`

        Raises what `enqueue` does; then none of them was appended. O(bytes).
        """
        import numpy as np

        data, lengths = _joined(entries)
        if not lengths:
            self._check_writable()
            return np.zeros(0, np.int64)
        while True:
            with self._lock:
                self._check_writable()
                runs = self._tail.append_many(data, lengths)
            if runs is not None:
                return addresses_in(runs, lengths)
            self._groups.relieve()

    # -- making durable ----------------------------------------------------------------------------

    def commit(self, cookie: Data | None = None) -> Commit:
        """Make durable what was enqueued; the commit that holds it. Appending goes on meanwhile.

        cookie   bytes that come back with the commit; then it is made even where nothing is new

        Who commits while another does waits, and finds its entries in the next: one sync for all who wait.
        Raises OperationError (a cookie longer than a page less 64 bytes), DeviceError where entries cannot be
        written (they stay, and a later commit writes them), PoisonedError where a sync failed.
        """
        given = None if cookie is None else bytes_of(cookie)
        if given is not None and len(given) > self._tail.entry_max:
            raise OperationError(f"a cookie of {len(given)} bytes: expected at most {self._tail.entry_max}")
        with self._lock:
            self._check_writable()
            wanted = self._tail.at
        return self._groups.commit(wanted, given)

    def wait(self, address: int, timeout: float | None = None) -> bool:
        """Wait until the entry at `address` was committed, or so many seconds; whether it is durable.

        Raises what the commit raised that should have held it, ClosedError if the log is closed meanwhile.
        """
        check_address(address)
        seconds = seconds_of(timeout)
        self._check_open()
        if self._groups.wait(address, seconds, lambda: self._is_closed):
            return True
        self._check_open()
        return False

    async def wait_async(self, address: int) -> None:
        """`wait` without an end for a coroutine; others of its loop run meanwhile."""
        check_address(address)
        self._check_open()
        waiters = self._groups.waiters
        future = future_of(waiters, address)
        waiters.tell(self._groups.last.end)  # It may be durable by now.
        await future

    def commit_and_wait(self, entry: Data) -> int:
        """Append an entry and commit it; its address, which is durable."""
        address = self.enqueue(entry)
        self._groups.commit(address + 1, None)
        return address

    def rollback(self, address: int) -> None:
        """Drop the entries from `address` on, none of them committed: no crash brings them back.

        address   of an uncommitted entry, or the tail as it once was

        Raises OperationError, DeviceError, PoisonedError; then nothing was dropped.
        """
        check_address(address)
        self._check_writable()
        self._groups.roll_back(address)

    # -- reading -----------------------------------------------------------------------------------

    @property
    def begin(self) -> int:
        """No entry below this address is there."""
        return self._groups.begin

    @property
    def committed(self) -> Commit:
        """The last commit; of a log that was opened, the one that it came back to."""
        return self._groups.committed

    @property
    def tail(self) -> int:
        """The address that the next entry has, unless it begins another page."""
        return self._tail.at

    @property
    def settings(self) -> LogSettings:
        """The geometry."""
        return self._parts.settings

    def read(self, address: int) -> bytes:
        """The committed entry at `address`. Raises OperationError, CorruptionError, DeviceError. O(page)."""
        check_address(address)
        self._check_open()
        end = self._groups.last.end
        if not self.begin <= address < end:
            raise OperationError(f"address {address}: expected one of [{self.begin}, {end})")
        with telling("reading the log"):
            return self._reader.read(address, end)

    def scan(self, begin: int | None = None, end: int | None = None) -> Iterator[Entry]:
        """The committed entries with addresses in [begin, end), oldest first, beside whoever appends.

        begin, end   None: all there is when the scan begins. Where a truncation overtakes it, it goes on at
                     the new begin

        Raises OperationError, at once; the iterator ClosedError, CorruptionError, DeviceError. O(bytes).
        """
        self._check_open()
        low, high = self._range(begin, end)
        return self._guarded(self._reader.entries(low, high))

    def scan_arrays(self, begin: int | None = None, end: int | None = None) -> Iterator[LogArrays]:
        """`scan`, as arrays of many entries each: every block at once, without a copy."""
        self._check_open()
        low, high = self._range(begin, end)
        return self._guarded(arrays_of(self._reader.blocks(low, high), low, high))

    def _range(self, begin: int | None, end: int | None) -> tuple[int, int]:
        committed = self._groups.last.end
        low = self.begin if begin is None else check_address(begin)
        high = committed if end is None else check_address(end)
        if high > committed:
            raise OperationError(f"end {high}: expected at most {committed}, where the last commit ends")
        return max(low, self.begin), high

    def _guarded(self, found: Iterator[T]) -> Iterator[T]:
        while True:
            self._check_open()
            with telling("reading the log"):
                each = next(found, None)
            if each is None:
                return
            yield each

    # -- truncation --------------------------------------------------------------------------------

    def truncate_before(self, address: int) -> int:
        """Give up the entries below `address`; the begin, durable on return. Whole segments are removed.

        address   of a committed entry, or the address of a commit; at most the begin: nothing is done

        Raises OperationError for any other, PoisonedError, CorruptionError, DeviceError. O(page).
        """
        check_address(address)
        self._check_writable()
        end = self._groups.last.end
        if address > end:
            raise OperationError(f"address {address}: expected at most {end}, where the last commit ends")
        if self.begin < address < end:
            with telling("truncating"):
                block = self._reader.block_at(address, end)
            if address not in self._tail.boundaries(block):
                raise OperationError(f"address {address} is in an entry, or between two: expected one's own")
        return self._groups.truncate(address)

    def truncate_to_page_start(self, address: int) -> int:
        """`truncate_before` the start of the page that holds `address`, any committed one."""
        return self.truncate_before(check_address(address) & -self._parts.settings.page_bytes)

    # -- closing -----------------------------------------------------------------------------------

    def close(self) -> None:
        """Close; entries that were not committed are lost. Idempotent. Raises PoisonedError.

        The last commit is confirmed first: damage to it is told from then on.
        """
        with self._groups.turn, self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        poison = self._parts.disk.poison
        try:
            if not self._parts.read_only and poison.reason is None:
                self._groups.confirm(is_closed=True)
                self._parts.roots.settle()
        finally:
            self._groups.waiters.tell(0, ClosedError("the log is closed"))
            self._parts.roots.await_third()
            self._lease.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit, unless the block raised, and close."""
        try:
            if error is None and not self._is_closed and not self._parts.read_only:
                self.commit()
        finally:
            self.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClosedError("the log is closed; open it again")
        self._parts.disk.poison.check()

    def _check_writable(self) -> None:
        self._check_open()
        if self._parts.read_only:
            raise ReadOnlyError("the log was opened read-only")


def _joined(entries: Sequence[Data] | NDArray[Any]) -> tuple[bytes, array[int]]:
    """All bytes of the entries, one after another, and the length of each."""
    if hasattr(entries, "dtype"):
        rows = rows_of(entries, "entries")
        return rows.tobytes(), array("I", [rows.shape[1]]) * len(rows)
    items = sequence_of(entries, "entries")
    return b"".join(items), array("I", map(len, items))
