"""Groups: what commits make durable, one after another; and the two that take something back.

    commit      seal what there is, write it, sync once, and then it is acknowledged: whoever waited for its
                turn meanwhile finds its entries among them
    relieve     write sealed blocks so that their memory is free; nothing is promised by that
    roll back   drop entries that no commit holds, so that no crash brings them back
    truncate    a new begin, durable before a file goes

Invariants
  C1  acknowledged  =>  every block up to there was written before a sync that returned
  C2  a failed write fails the commit and changes nothing: the blocks wait, and are written again
  C3  a failed sync poisons: what is durable is unknown
  C4  what is written or confirmed is not behind a root that says that the log is closed
  C5  a block that the device may hold and that is rolled back is overwritten, and that is synced, before
      anything else is written

Threads: any; `turn` is held by the one who writes, `lock` for as long as the tail is looked at. Whoever has
both took `turn` first. No device is asked under `lock`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, NamedTuple

from ..device import telling
from ..errors import ClosedError, EngineError, OperationError, PoisonedError
from ..metadata.layout import Pointer
from .beside import Beside
from .blocks import Block
from .progress import encode_progress
from .recovery import LogParts, Point
from .tail import Sealed, Tail
from .waiting import Waiters

__all__ = ["Commit", "Groups"]

CONFIRM_BYTES: Final = 1 << 26


class Commit(NamedTuple):
    """A commit: entries below `address` are durable.

    number   rises with every commit; 0: of a log that has none
    cookie   what the caller gave it; b"": nothing
    """

    number: int
    address: int
    cookie: bytes = b""


class Groups:
    """The commits of one open log."""

    def __init__(self, parts: LogParts, tail: Tail, lock: AbstractContextManager[object]) -> None:
        runtime = parts.disk.runtime
        self.lock = lock
        self.turn = runtime.lock()
        self._runtime = runtime
        self._leader: object = None  # Who commits, for all who come meanwhile.
        self.waiters = Waiters(runtime)
        self.begin = parts.root.begin
        self.life = parts.root.life
        self.last = parts.last
        self.progress = dict(parts.last.progress)  # Of named iterators, as the next commit keeps it.
        is_beside = getattr(parts.disk.device, "is_beside", False)
        self._beside = Beside(parts.disk.device, parts.files, parts.root, parts.last) if is_beside else None
        self._failure: tuple[int, EngineError] | None = (
            None  # Of the last commit, and below which it had all.
        )
        self.is_closed = False
        self._parts = parts
        self._tail = tail
        self._root = parts.root

    @property
    def committed(self) -> Commit:
        """The last commit."""
        last = self.last
        return Commit(last.number, last.end, last.cookie)

    @property
    def is_final(self) -> bool:
        """True if nobody can commit: this log was opened to read, and no other process writes it."""
        return self._parts.read_only and self._beside is None

    def check_open(self) -> None:
        """Raises ClosedError, PoisonedError."""
        if self.is_closed:
            raise ClosedError("the log is closed; open it again")
        self._parts.disk.poison.check()

    def look(self) -> None:
        """Take in what another process has confirmed, if one writes. Raises CorruptionError, DeviceError."""
        if self._beside is not None:
            with self.turn, telling("reading the log"):
                root, last, kept = self._beside.look()
                with self.lock:
                    if kept < self.last.end:
                        self._tail.tell_dropped(kept)
                    self.last, self.begin, self.life = last, root.begin, root.life
                    self.progress = dict(last.progress)

    # -- commits -----------------------------------------------------------------------------------

    def commit(self, wanted: int, cookie: bytes | None) -> Commit:
        """Make all that stands below `wanted` durable, and what else there is by then.

        Raises DeviceError where it cannot be written (C2), PoisonedError.
        """
        caller = object()
        try:  # Ctrl-C may come as soon as the caller is the leader.
            return self._commit(wanted, cookie) if self._leads(caller, wanted, cookie) else self.committed
        finally:
            if self._leader is caller:
                self._leader = None

    def _leads(self, caller: object, wanted: int, cookie: bytes | None) -> bool:
        """Wait for who commits now; False if that made durable what is wanted, True if the caller commits.

        Who waits for a lock instead hears of it after all those who have gone on since, and may be the last
        to whom it goes: who lets go of it takes it again before another one wakes up.
        """

        def is_had() -> bool:
            return cookie is None and self.last.end >= wanted and self.progress == self.last.progress

        while True:
            self._runtime.until("the commit before", lambda: self._leader is None or is_had())
            with self.lock:
                if self._leader is None:
                    self._leader = caller
                    return True
                if is_had():
                    return False

    def _commit(self, wanted: int, cookie: bytes | None) -> Commit:
        with self.turn:
            self.check_open()
            with self.lock:
                progress = dict(self.progress)
                if cookie is None and self.last.end >= wanted and progress == self.last.progress:
                    return self.committed  # The one before had it all.
                self._tail.seal_commit(cookie, encode_progress(progress))
                blocks = list(self._tail.sealed)
            if not blocks:
                return self.committed
            self._failure = None  # Tried again.
            try:
                with telling("committing"):
                    self._write(blocks)
                    self._parts.files.sync()
            except EngineError as error:
                self._failure = blocks[-1].header.end, error
                self.waiters.tell(self.last.end, error)
                raise
            self._publish(blocks[-1])
            committed = self.committed
        self.waiters.tell(committed.address)
        return committed

    def relieve(self) -> None:
        """Write what is sealed: its memory is free then. Raises DeviceError, PoisonedError."""
        with self.turn, self._telling("writing the log"):
            self.check_open()
            with self.lock:
                blocks = list(self._tail.sealed)
            self._write(blocks)

    def _write(self, blocks: list[Sealed]) -> None:
        for block in blocks:
            if block.image is not None:
                block.is_tried = True
                self._parts.files.write(block.header.address, block.image)
                with self.lock:
                    self._tail.wrote(block)

    def _publish(self, block: Sealed) -> None:
        header = block.header
        with self.lock:
            self._tail.commit(block)
            self.last = Point(header.address, header.end, header.number, header.crc, *block.trailer)
        self._parts.files.durable = header.end
        if header.end - self._root.head.offset >= min(self._parts.settings.segment_bytes, CONFIRM_BYTES):
            self.confirm()  # So an opening has no more than this to read and to write again.

    def confirm(self, begin: int | None = None, *, is_closed: bool = False) -> None:
        """Let the root say that the last commit is durable, or the log closed. Raises PoisonedError."""
        last = self.last
        root = self._root._replace(
            head=Pointer(last.end, last.number, last.crc),
            index_buckets=last.start,
            begin=self.begin if begin is None else begin,
            geometry=(*self._root.geometry[:3], int(is_closed), 0),
        )
        if root != self._root:
            self._parts.roots.commit(root)
            self._root = root

    def confirm_last(self) -> None:
        """Confirm the last commit, if it is not: from then on damage to it is told, and readers beside see
        it. Raises PoisonedError.
        """
        with self.turn, self._telling("confirming"):
            self.check_open()
            if self.last.end > self._root.head.offset:
                self.confirm()

    def close(self) -> bool:
        """Let the root say that the log is closed, and take nothing more; False if it is closed already.

        Whoever waits for the turn finds it so: what he wrote would stand behind the end in the root (C4).
        Raises PoisonedError.
        """
        with self.turn:
            with self.lock:
                if self.is_closed:
                    return False
                self.is_closed = True
            if not self._parts.read_only and self._parts.disk.poison.reason is None:
                self.confirm(is_closed=True)
                self._parts.roots.settle()
        return True

    def wait(self, address: int, seconds: float | None) -> bool:
        """Wait for a commit of the entry at `address`; whether there is one. Raises what a failed one did."""
        poison, runtime = self._parts.disk.poison, self._parts.disk.runtime
        failure: EngineError | None = None

        def has_ended() -> bool:
            nonlocal failure
            self.look()
            failure = self.failure_of(address)
            has_failed = poison.reason is not None or failure is not None
            return self.last.end > address or has_failed or self.is_closed or self.is_final

        runtime.until("a commit", has_ended, None if seconds is None else runtime.now() + seconds)
        if self.last.end > address:
            return True
        if failure is not None:
            raise failure
        return False

    def failure_of(self, address: int) -> EngineError | None:
        """The failure of the last commit, if it should have held the entry and was not tried again."""
        failed = self._failure
        return failed[1] if failed is not None and self.last.end <= address < failed[0] else None

    # -- taking back -------------------------------------------------------------------------------

    def roll_back(self, address: int) -> None:
        """Drop the entries from `address` on. Raises OperationError, DeviceError, PoisonedError."""
        with self.turn, self._telling("rolling back"):
            self.check_open()
            with self.lock:
                if not self.last.end <= address <= self._tail.at:
                    raise OperationError(
                        f"address {address}: expected one from {self.last.end}, where the last commit ends, "
                        f"to {self._tail.at}"
                    )
                sealed = self._tail.sealed_at(address)
                block = None if sealed is None or sealed.image is None else _block_of(sealed)
            if sealed is not None and block is None:
                block = self._parts.files.load(sealed.header.address)
            with self.lock:
                if address not in self._tail.boundaries(block):
                    raise OperationError(
                        f"address {address} is in an entry, or between two: expected one's own"
                    )
                if sealed is not None and block is not None:
                    self._tail.hold(sealed, block.image)  # Overwriting may fail half way.
            if sealed is not None and sealed.is_tried:
                self._overwrite(sealed)
            with self.lock:
                self._tail.roll_back(address)
                if self._failure is not None:  # It should not have held them any more.
                    self._failure = min(self._failure[0], address), self._failure[1]

    def _overwrite(self, sealed: Sealed) -> None:
        """Take the block from the device for good (C5)."""
        self._parts.files.write(sealed.header.address, bytes(self._parts.settings.write_unit))
        self._parts.files.sync()

    def truncate(self, address: int) -> int:
        """Make `address` the begin, unless that is above it; the begin. Raises PoisonedError."""
        with self.turn, self._telling("truncating"):
            self.check_open()
            if address > self.begin:
                self.confirm(address)
                self.begin = address  # After it is durable: who is told of it may count on it.
                # The last block stays, for the root names it.
                self._parts.files.free_below(min(address, self.last.start))
            return self.begin

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Let who waits hear of a sync that failed."""
        try:
            with telling(what):
                yield
        except PoisonedError as error:
            self.waiters.tell(self.last.end, error)
            raise


def _block_of(sealed: Sealed) -> Block:
    assert sealed.image is not None
    return Block(sealed.header, memoryview(bytes(sealed.image)))
