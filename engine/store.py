"""The store: the class that a user opens, and the parts it is made of.

Design principles
  1  nothing else knows FasterKv: checkpoint and recovery get log, index and sessions handed in
  2  every entry asks the poison first
  3  what opening reports is an acknowledgement: it survives the next power cut

Threads: any, with a session each; `check` and `close` want the others at rest.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import nullcontext
from types import TracebackType
from typing import Any, Self
from weakref import finalize

from .arguments import AnyPath, check_flag
from .audit import check_log
from .checkpoint.parts import KEEP_DEFAULT
from .checkpoints import Checkpoints
from .device import Device
from .dropped import watch_over
from .errors import OperationError
from .flush import Flusher, FlushSettings
from .metadata.layout import Version
from .metadata.roots import Finding
from .opening import Opened, open_parts
from .runtime import Runtime
from .sessions.arrays import dtype_of
from .sessions.handles import Handles
from .sessions.listed import SessionInfo, sessions_of
from .sessions.reader import LogRecord
from .sessions.session import Session
from .sessions.walks import Arrays, Readers, guarded
from .settings import Settings
from .stats import COUNTERS, Stats, stats_of
from .upkeep.compaction import Compacted, Compactor
from .upkeep.growth import Grower
from .upkeep.room import Room

__all__ = ["FasterKv"]

MEMORY_DEFAULT = 64 << 20


class FasterKv(Checkpoints):
    """A hash key-value store over a hybrid log; made by `open`."""

    def __init__(self, opened: Opened) -> None:
        self._lease, runtime, parts, read_only, flush, disk, share = opened
        super().__init__(parts, runtime, is_read_only=read_only)
        self._lock, shared = runtime.lock(), parts.shared
        self._handles = Handles(parts.sessions, parts.log, parts.index, shared, parts.disk, self._durability)
        self._unwatch = watch_over(parts, self._lease)
        self._flusher = Flusher.over(parts.log, shared.epochs, parts.disk, flush, self._read_only)
        if self._flusher.settings.enabled:  # Its thread does not know this object, so it can end with it.
            finalize(self, self._flusher.forsake).atexit = False
        self._compactor = Compactor(parts.log, parts.index, parts.sessions, shared, parts.disk)
        self._grower = Grower(parts.index, parts.sessions, shared, parts.disk)
        self._room: Room | None = None
        if not (disk is None and share is None) and not read_only:
            self._room = parts.log.ring.room = Room(parts, self._checkpointer, self._compactor, disk, share)
            self._room.run()
            finalize(self, self._room.forsake).atexit = False
        self._readers = Readers(parts.log, parts.index, parts.sessions, shared.epochs, shared.mode, runtime)

    @classmethod
    def open(
        cls,
        where: AnyPath | Device,
        *,
        create: bool = False,
        read_only: bool = False,
        memory: int = MEMORY_DEFAULT,
        settings: Settings | None = None,
        runtime: Runtime | None = None,
        version: Version | None = None,
        kernels: str | None = None,
        flush: FlushSettings | None = None,
        keep: int = KEEP_DEFAULT,
        disk: int | None = None,
        read_cache: int = 0,
        forget_after: int | None = None,
        compact_at: float | None = None,
    ) -> Self:
        """Open the store in a folder or on a Device; with `create`, make one where none is.

        Files and folders of other names than the store's are left alone; a folder with nothing but these
        is no store, until one is made in it.

        where     a path (text, bytes or an os.PathLike), or any object with the shape of a Device
        memory    bytes for log pages, index (settings' ring_pages and index_buckets go first) and read cache
        settings  geometry for a new store; for an old one None, or the very same
        version   an older checkpoint from `checkpoints()`; only with `read_only`
        kernels   compiled, interpreted or auto; None: what POWERCUT_KERNELS says, or auto
        flush     settings of the flush worker; None: the usual ones over a folder, over another Device none
        keep      so many of the newest checkpoints at least can be opened, 1 to 32; pinned ones besides
        disk      bytes below which the files are kept, by compactions and checkpoints of a thread as writes
                  need them; None: no such limit. A new store's segments are made to fit it
        read_cache  bytes of `memory` for records that were read from the device, at least 1,024; 0: none
        forget_after  checkpoints of others' work, at least `keep`, after which a name that nobody has used is
                  forgotten, as by `forget_session`; None: never
        compact_at  share of the log, above 0 and below 1, that may be dead (`stats().dead_most`) before the
                  oldest of it is compacted, by the thread of `disk`; None: what `disk` asks for alone

        Raises SettingsError (an argument), MissingStoreError, NotAStoreError, StoreLockedError,
        CorruptionError, UnsupportedVersionError, PoisonedError, DeviceError; a refusal changes nothing there,
        and no folder that it made is left. O(log).
        """
        return cls(
            open_parts(
                where,
                create=create,
                read_only=read_only,
                memory=memory,
                settings=settings,
                runtime=runtime,
                version=version,
                kernels=kernels,
                flush=flush,
                keep=keep,
                disk=disk,
                read_cache=read_cache,
                forget_after=forget_after,
                compact_at=compact_at,
            )
        )

    # -- sessions ----------------------------------------------------------------------------------

    def session(self, name: str | None = None) -> Session:
        """A new session, or a closed or recovered one taken up again. Raises SessionError if live.

        name   None: it has none. Its operations are as good as any, but no checkpoint says how many there
               were, and nobody can resume it

        One that is dropped and not closed is given back at its last serial, with a ResourceWarning; so is one
        whose thread has ended, when its name is asked for again.
        """
        with self._lock:
            self._check_open()
            return self._handles.open(self._parts.sessions.open(name))

    def resume_session(self, name: str) -> Session:
        """A session that was recovered or closed here. Raises UnknownSessionError, SessionError."""
        with self._lock:
            self._check_open()
            return self._handles.open(self._parts.sessions.resume(name))

    def forget_session(self, name: str) -> None:
        """Drop a session that is not live; durable with the next checkpoint."""
        self._check_writable()
        with self._lock:
            self._parts.sessions.forget(name)

    # -- the whole ---------------------------------------------------------------------------------

    @property
    def spaces(self) -> tuple[memoryview, memoryview, memoryview, memoryview]:
        """The words that sessions share, for those who watch them: control, index, log, epochs."""
        spaces = self._parts.log.spaces
        return spaces.control, spaces.index, spaces.log, spaces.epochs

    @property
    def kernels(self) -> str:
        """The mode of the kernels: `compiled` or `interpreted`."""
        return self._parts.shared.mode.name

    @property
    def flusher(self) -> Flusher:
        """The flush worker: its state and metrics, and how to stop and start it."""
        return self._flusher

    @property
    def settings(self) -> Settings:
        return self._parts.settings

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The reads of the opening, in order, each with its verdict."""
        return tuple(self._parts.findings)

    def sessions(self) -> list[SessionInfo]:
        """The sessions that are known, by name, then the live ones that have none. O(sessions)."""
        self._check_open()
        with self._lock:
            return sessions_of(self._parts.sessions, self._handles)

    def serials(self) -> dict[str, int]:
        """Operations issued by every session known, by name."""
        self._check_open()
        return self._parts.sessions.serials()

    def stats(self) -> Stats:
        """Counters and boundaries of the store at this moment. O(sessions); sessions may run meanwhile."""
        self._check_open()
        found = self._compactor.found
        return stats_of(self._parts, self.counters(), self._handles.pending, self._flusher.metrics(), found)

    def counters(self) -> dict[str, int]:
        """Those numbers of `stats` that sessions and epochs count, in less time."""
        with self._lock:
            counters = self._handles.counters()
        return dict(zip(COUNTERS, counters, strict=True), drains=self._parts.shared.epochs.drained)

    def items(self) -> Generator[tuple[bytes, bytes], None, None]:
        """Live keys and values, beside running sessions; takes no serial. O(log).

        Every key that is live all the while comes once, with a value that it had at some moment of it.
        Raises ClosedError, DeviceError, CorruptionError, SessionError (64 iterators are open, and 256
        sessions besides).
        """
        self._check_open()
        return guarded(self._readers.items(), self._check_open)

    def items_many(self, key_dtype: Any = "<u8", dtype: Any = "<u8") -> Generator[Arrays, None, None]:
        """`items` as pairs of arrays, keys and values, shape (n,) each, n >= 1, in the order of `items`.

        key_dtype, dtype   of a fixed width, of the keys and of the values, as in `read_many`

        Raises OperationError for what is no such dtype, at once; the iterator for a key or a value of another
        width, and what `items` does.
        """
        self._check_open()
        keys, values = (dtype_of(each, self._parts.log.record_bytes_max) for each in (key_dtype, dtype))
        return guarded(self._readers.arrays(keys, values), self._check_open)

    def scan(self, begin: int | None = None, end: int | None = None) -> Generator[LogRecord, None, None]:
        """The log's records in [begin, end), oldest first, beside running sessions. O(end - begin).

        Overwritten ones too, and tombstones (`value` None); a truncation meanwhile takes none of them away.

        begin   an address that a scan has given, a tail, or a page's start; None: the log's begin
        end     None: the tail as it is now, or later, where a compaction moves records meanwhile

        Raises OperationError for other addresses, at once; the iterator raises what `items` does.
        """
        self._check_open()
        return guarded(self._readers.scan(begin, end), self._check_open)

    def truncate_before(self, address: int) -> int:
        """Drop the log below `address`, and keys whose newest record is there; the begin that this makes.

        At once for what reads from now on; durable, and the files gone, with the next checkpoint that is
        started. Rounded down to a page's start; what is in memory stays. Once whole segments go, older
        checkpoints can no longer be opened. Raises OperationError for what is no address up to the tail.
        """
        self._check_writable()
        return self._parts.log.ring.truncate(address)

    def compact(self, until: int | None = None) -> Compacted:
        """Write what is live below `until` anew at the tail, beside sessions, and give the log below it up.

        until   an address up to the tail; rounded down to a page's start, and to what nobody may write in
                place any more. None: as far as that is, nearly all after a fold-over checkpoint

        No key changes. The files go with the next checkpoint that is started, and slots of deleted keys come
        back; older checkpoints can no longer be opened then, as after `truncate_before`.

        With a `disk` the store compacts by itself, and this one waits for that; no key is lost where
        there is no room for what it moves.

        Raises OperationError (`until`, or one is under way), SessionError (256 sessions are live),
        DiskFullError, DeviceError, CorruptionError, PoisonedError; then begin has not moved. O(until -
        begin), and a read of the device for each record whose chain leaves memory at a newer one.
        """
        self._check_writable()
        return self._compactor.run(until, is_patient=self._room is not None)

    def grow_index(self) -> int:
        """Double the main buckets of the index, beside sessions; how many there are then.

        Some buckets at a time are split, and whoever comes to one of them meanwhile waits for so many,
        whatever the size of the index. An index that `memory` has sized grows by itself. The store
        remembers their number with its next checkpoint.

        Raises OperationError (one is under way), IndexFullError (there is no room: half as many overflow
        buckets as there are main ones must be left), SessionError (64 iterators are open, and 256 sessions
        besides), PoisonedError; a growth that was stopped in the middle goes on with the next. O(buckets).
        """
        self._check_writable()
        return self._grower.run()

    def check(self) -> None:
        """Audit index and log against each other, at rest. Raises InvariantError with its number. O(log)."""
        self._check_open()
        with self._room.resting() if self._room is not None else nullcontext():
            self._parts.index.check()
            check_log(self._parts.log, self._parts.index)

    def close(self, *, checkpoint: bool = False, index: bool = False) -> dict[str, int]:
        """Close; does not checkpoint unless asked, with an image of the hash index or without. Returns how
        many operations of each session no checkpoint holds (where there are any): they are lost. Idempotent.
        Raises OperationError (an image without a checkpoint), SessionError while one is under way, and what
        `checkpoint` does; closed it is then all the same.
        A `with` block that ends without an exception asks, where there is anything new.
        """
        check_flag("checkpoint", checkpoint)
        check_flag("index", index)
        if index and not checkpoint:
            raise OperationError("index=True: expected checkpoint=True beside it")
        if not self._is_closed:
            self._automatic.stop()  # First: its callbacks may ask for what is held here.
            if self._room is not None:
                self._room.stop()
        with self._lock:
            if self._is_closed:
                return {}
            poison = self._parts.disk.poison
            if not poison.is_forked:
                self._handles.check_at_rest()
                self._compactor.check_at_rest()
                self._grower.check_at_rest()
                self._grower.stop()
            try:
                if checkpoint:
                    self._handles.close()  # Completes what is pending: a checkpoint waits for that.
                    self._checkpointer.finish()
                    self.checkpoint(index=index)
                if not poison.is_forked:
                    self._checkpointer.abandon()  # A step that was left to go on may owe a root.
                if poison.is_forked:
                    pass  # What is owed is the parent's to write, and so are its threads to wait for.
                elif poison.reason is None:
                    self._parts.roots.settle()
                else:
                    self._parts.roots.await_third()  # It must not reach the device's next owner.
            finally:
                self._is_closed = True
                self._parts.sessions.close()
                self._unwatch()
                self._parts.log.ring.room = None
                self._parts.log.ring.background = None  # Who knows its log: else both wait for the collector.
                self._flusher.stop()
                self._handles.close()
                self._lease.close()
            return self._parts.sessions.unsaved()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        is_asked = kind is None and not (self._is_closed or self._read_only)
        self.close(checkpoint=is_asked and not self._parts.disk.poison.is_forked and self._parts.has_news)
