"""An open log as its readers see it: where it begins and ends, the blocks between, how far names have come.

Invariant: what is told of as committed was durable before.

Threads: any, beside whoever appends, commits and truncates.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from ..device import Buffer, telling
from ..errors import DeviceError, OperationError, ReadOnlyError
from .blocks import HEADER_BYTES, Block, Header
from .groups import Groups
from .progress import encode_progress
from .reading import Entry, LogReader, OvertakenError, entries_of
from .recovery import LogParts
from .tail import Tail

__all__ = ["Source"]

T = TypeVar("T")


class Source:
    """The parts of an open log that readers share.

    lock   of the tail; no device is asked under it
    """

    def __init__(self, parts: LogParts, memory: int) -> None:
        disk, last = parts.disk, parts.last
        self.parts = parts
        self.is_read_only = parts.read_only
        self.runtime = disk.runtime
        self._poison = disk.poison
        self.lock = disk.runtime.lock()
        self.tail = Tail(parts.settings, parts.files.store_id, parts.root.life, memory)
        self.tail.adopt(last.end, last.number, last.crc, encode_progress(last.progress))
        self.groups = Groups(parts, self.tail, self.lock)
        self.reader = LogReader(parts.files, self._now, disk.runtime.lock())

    # -- its state ---------------------------------------------------------------------------------

    @property
    def is_final(self) -> bool:
        """True if nobody can commit."""
        return self.groups.is_final

    @property
    def is_beside(self) -> bool:
        """True if another process writes it, or did when it was opened."""
        return self.is_read_only and not self.is_final

    @property
    def is_closed(self) -> bool:
        """True if it is closed."""
        return self.groups.is_closed

    def has_ended(self) -> bool:
        """True if the log is closed or poisoned."""
        return self.is_closed or self._poison.reason is not None

    def check_open(self) -> None:
        """Raises ClosedError, PoisonedError."""
        self.groups.check_open()

    def check_writable(self) -> None:
        """Raises ReadOnlyError, ClosedError, PoisonedError."""
        if self.groups.is_closed or self._poison.reason is not None:
            self.check_open()
        if self.is_read_only:
            raise ReadOnlyError("the log was opened read-only")

    @property
    def has_news(self) -> bool:
        """True if there is anything that the last commit does not hold. Under the lock."""
        return self.tail.pending_entries > 0 or self.groups.progress != self.groups.last.progress

    # -- its entries -------------------------------------------------------------------------------

    @property
    def begin(self) -> int:
        """No entry below this address is there."""
        self.groups.look()
        return self.groups.begin

    def end(self, *, is_uncommitted: bool = False) -> int:
        """The address where the last commit ends; of uncommitted entries, where the next one begins."""
        self.groups.look()
        return self.tail.at if is_uncommitted and not self.is_read_only else self.groups.last.end

    def span(self, *, is_uncommitted: bool = False) -> tuple[int, int, int]:
        """The begin, the end, and the life in which they are so, for who reads what stands between."""
        end = self.end(is_uncommitted=is_uncommitted)
        with self.lock:
            groups = self.groups
            return groups.begin, groups.last.end if self.is_read_only else end, groups.life

    def _now(self) -> tuple[int, int]:
        self.groups.look()
        return self.groups.begin, self.groups.life

    def blocks(self, begin: int, end: int, life: int, *, is_uncommitted: bool = False) -> Iterable[Block]:
        """The blocks of [begin, end); of what is not committed, what is there now."""
        if not is_uncommitted or self.is_read_only:
            return self.reader.blocks(begin, end, life)
        with self.lock:
            return self._all(begin, self.groups.last.end, self.tail.uncommitted())

    def next_entries(
        self, begin: int, *, is_uncommitted: bool = False
    ) -> tuple[list[tuple[Entry, int]], int]:
        """The entries of the first block that has any from `begin` on, after each where to go on; and where
        all end; none where they were taken back meanwhile. Raises ClosedError, CorruptionError, DeviceError.
        O(page).
        """
        _, end, life = self.span(is_uncommitted=is_uncommitted)
        with suppress(OvertakenError):
            for block in self.guarded(iter(self.blocks(begin, end, life, is_uncommitted=is_uncommitted))):
                found = list(entries_of([block], begin, end))
                if found:
                    return found, end
            return [], end
        return [], begin

    def guarded(self, found: Iterator[T]) -> Iterator[T]:
        """Each of `found`, as long as the log is open. Raises ClosedError, PoisonedError, DeviceError."""
        groups, poison = self.groups, self._poison
        while True:
            if groups.is_closed or poison.reason is not None:
                self.check_open()
            try:
                each = next(found, None)
            except OSError:
                with self.reading():
                    raise
            if each is None:
                return
            yield each

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read the device, as long as the log is open. Raises ClosedError, PoisonedError, DeviceError."""
        try:
            with telling("reading the log"):
                yield
        except DeviceError:
            self.check_open()  # It was closed meanwhile.
            raise

    def _all(self, begin: int, end: int, ahead: list[tuple[Header, Buffer | None]]) -> Iterator[Block]:
        """The committed blocks from `begin` on, and what stood behind them."""
        yield from self.reader.blocks(begin, end, self.groups.life)
        for header, image in ahead:
            if header.end > begin and header.entry_count:
                block = self._written(header) if image is None else Block(header, memoryview(image))
                if block is not None:
                    yield block

    def _written(self, header: Header) -> Block | None:
        """A sealed block that is on the device; None if it was rolled back or truncated meanwhile."""
        found = self.parts.files.find(header.address)
        if not isinstance(found, str) and found.header.crc == header.crc:
            return found
        with self.lock:
            is_there = any(each.header == header for each in self.tail.sealed)
        if is_there or self.begin <= header.address < self.groups.last.end:
            raise self.parts.files.corruption(header.address, str(found), "a block")
        return None

    # -- its names ---------------------------------------------------------------------------------

    def progress(self) -> dict[str, int]:
        """The progress of each name."""
        self.groups.look()
        with self.lock:
            return dict(self.groups.progress)

    def begin_of(self, name: str, start: int) -> int:
        """Where the iterator of that name begins; a new one is kept from now on. Raises OperationError."""
        known = self.progress()
        if name in known or self.is_read_only:
            return known.get(name, start)
        longest = self.parts.settings.page_bytes // 2 - HEADER_BYTES
        with self.lock:
            progress = self.groups.progress
            if len(encode_progress({**progress, name: start})) > longest:
                raise OperationError(f"name {name!r}: the names of all take more than {longest} bytes")
            return progress.setdefault(name, start)

    def advance(self, name: str, address: int) -> int:
        """Raise the progress of the name to `address`; how far it has come."""
        with self.lock:
            progress = self.groups.progress
            progress[name] = max(progress.get(name, 0), address)
            return progress[name]

    def forget(self, name: str) -> None:
        """Drop the progress of the name, if it has any."""
        with self.lock:
            self.groups.progress.pop(name, None)
