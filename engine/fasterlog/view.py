"""The reading half of FasterLog: entries, arrays, iterators, boundaries, whoever writes it.

Threads: any, beside whoever appends, commits and truncates.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from ..arguments import check_flag, seconds_of
from ..errors import OperationError
from .groups import Commit
from .iterator import LogIterator
from .progress import check_name
from .reading import Entry, LogArrays, OvertakenError, arrays_of, check_address, entries_of
from .recovery import LogParts
from .settings import LogSettings
from .source import Source
from .tail import Dropped
from .waiting import future_of, pause

__all__ = ["LogView"]

LOOK_SECONDS: Final = 0.005  # Of a coroutine beside another process.


class LogView:
    """All that can be asked of an open log."""

    def __init__(self, parts: LogParts, memory: int) -> None:
        self._source = Source(parts, memory)

    # -- boundaries --------------------------------------------------------------------------------

    @property
    def begin(self) -> int:
        """No entry below this address is there."""
        return self._source.begin

    @property
    def committed(self) -> Commit:
        """The last commit; of a log that was opened, the one that it came back to."""
        self._source.groups.look()
        return self._source.groups.committed

    @property
    def reclaimable_bytes(self) -> int:
        """Bytes of the device that a truncation at the last commit would give back: whole pages, or whole
        segments where the file system cannot punch holes.
        """
        files, last = self._source.parts.files, self._source.groups.last
        unit = files.settings.page_bytes if files.can_punch else files.settings.segment_bytes
        return max(0, (last.start & -unit) - (self.begin & -unit))

    @property
    def tail(self) -> int:
        """The address that the next entry has, unless it begins another page; of a reader the end."""
        return self._source.end(is_uncommitted=True)

    @property
    def settings(self) -> LogSettings:
        """The geometry."""
        return self._source.parts.settings

    # -- waiting -----------------------------------------------------------------------------------

    def wait(self, address: int, timeout: float | None = None) -> bool:
        """Wait until what stands at `address` was committed, or so many seconds; whether it is durable.

        address   of an entry, or any: it may be one that is still to be appended. Then, and as long as nobody
                  commits, there is no end but `timeout`

        Where nobody can commit (opened to read, with no other process that writes) it waits for nothing.
        Raises what the last commit raised, if it failed and should have held it, and was not tried again, and
        ClosedError if the log is closed meanwhile.
        """
        check_address(address)
        seconds, source = seconds_of(timeout), self._source
        source.check_open()
        if source.groups.wait(address, seconds):
            return True
        source.check_open()
        return False

    async def wait_async(self, address: int) -> None:
        """`wait` without an end for a coroutine; others of its loop run meanwhile."""
        check_address(address)
        source = self._source
        source.check_open()
        if source.is_beside:
            while source.end() <= address:
                await pause(LOOK_SECONDS)
                source.check_open()
            return
        future, _ = future_of(source.groups.waiters, address)
        source.check_open()  # Who closed it, or failed, meanwhile has told those who waited by then.
        failure = source.groups.failure_of(address)
        if failure is not None:
            raise failure
        source.groups.waiters.tell(source.groups.last.end)  # It may be durable by now.
        await future

    # -- entries -----------------------------------------------------------------------------------

    def read(self, address: int) -> bytes:
        """The committed entry at `address`. Raises OperationError, CorruptionError, DeviceError. O(page)."""
        check_address(address)
        self._source.check_open()
        while True:
            begin, end, life = self._source.span()
            if not begin <= address < end:
                raise OperationError(f"address {address}: expected one of [{begin}, {end})")
            with self._source.reading(), suppress(OvertakenError):
                return self._source.reader.read(address, end, life)

    def scan(
        self, begin: int | None = None, end: int | None = None, *, uncommitted: bool = False
    ) -> Iterator[Entry]:
        """The committed entries with addresses in [begin, end), oldest first, beside whoever appends.

        begin, end    None: all there is when the scan begins. Where a truncation overtakes it, it goes on at
                      the new begin; where another process opens the log at an older commit and so gives up
                    what it reads, it is an OperationError
        uncommitted   also those that no commit holds yet; a crash or a rollback may take them

        Raises OperationError, at once; the iterator ClosedError, CorruptionError, DeviceError. O(bytes).
        """
        check_flag("uncommitted", uncommitted)
        self._source.check_open()
        low, high, life = self._range(begin, end, is_uncommitted=uncommitted)
        blocks = self._source.blocks(low, high, life, is_uncommitted=uncommitted)
        return self._source.guarded(entry for entry, _ in entries_of(blocks, low, high))

    def scan_arrays(self, begin: int | None = None, end: int | None = None) -> Iterator[LogArrays]:
        """`scan`, as arrays of many entries each: every block at once, without a copy."""
        self._source.check_open()
        low, high, life = self._range(begin, end)
        return self._source.guarded(arrays_of(self._source.blocks(low, high, life), low, high))

    def follow(
        self, name: str | None = None, *, begin: int | None = None, uncommitted: bool = False
    ) -> LogIterator:
        """An iterator that goes on where the entries end: it waits for those that are committed later.

        name          under which its progress is kept with every commit; one that has progress goes on there
        begin         where one without progress begins; None: at the log's begin
        uncommitted   see entries as they are appended; for one without a name

        Raises OperationError (also: the names of all iterators take more than half of a page), ClosedError.
        """
        check_flag("uncommitted", uncommitted)
        source = self._source
        source.check_open()
        start = self.begin if begin is None else check_address(begin)
        if name is not None:
            if uncommitted:
                raise OperationError(
                    "uncommitted with a name: expected one of the two, for progress is durable"
                )
            start = source.begin_of(check_name(name), start)
        dropped = Dropped() if uncommitted or source.is_beside else None
        iterator = LogIterator(source, name, start, dropped)
        if dropped is not None:
            with source.lock:
                source.tail.watched.add(dropped)
        return iterator

    @property
    def progress(self) -> dict[str, int]:
        """For each named iterator the address below which all is done, as the next commit keeps it."""
        return self._source.progress()

    def _range(
        self, begin: int | None, end: int | None, *, is_uncommitted: bool = False
    ) -> tuple[int, int, int]:
        first, last, life = self._source.span(is_uncommitted=is_uncommitted)
        low = first if begin is None else check_address(begin)
        high = last if end is None else check_address(end)
        if high > last:
            raise OperationError(f"end {high}: expected at most {last}, where the last commit ends")
        return max(low, first), high, life
