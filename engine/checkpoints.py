"""The store's side of checkpoints: taken, by themselves too, told, listed and copied.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import finalize

from .arguments import AnyPath, check_flag, seconds_of
from .checkpoint.automatic import PENDING_SECONDS, Automatic, every_of
from .checkpoint.backup import copy_checkpoints
from .checkpoint.driver import Checkpointer, CheckpointTicket
from .checkpoint.parts import Parts
from .checkpoint.retention import check_pin
from .checkpoint.running import CheckpointPoint, points_of
from .device import Device, telling
from .errors import CheckpointError, ClosedError, ReadOnlyError
from .metadata.layout import Version
from .runtime import Runtime
from .sessions.durable import Durability, OnDurable
from .sessions.single import check_function
from .shared.phases import CheckpointKind, Phase

__all__ = ["Checkpoints"]


class Checkpoints:
    """Base of the store: all that makes it durable."""

    def __init__(self, parts: Parts, runtime: Runtime, *, is_read_only: bool) -> None:
        self._parts, self._runtime, self._read_only = parts, runtime, is_read_only
        self._is_closed = False
        self._durability = Durability(parts.sessions, parts.disk.poison, runtime, is_read_only=is_read_only)
        self._checkpointer = Checkpointer(parts, self._durability.tell)
        self._automatic = Automatic(parts, self._checkpointer)

    @property
    def is_read_only(self) -> bool:
        """True if opening wrote nothing, and nothing will be written."""
        return self._read_only

    def checkpoint(
        self,
        kind: CheckpointKind = CheckpointKind.FOLD_OVER,
        *,
        index: bool = False,
        timeout: float | None = PENDING_SECONDS,
    ) -> CheckpointPoint:
        """Make a prefix of every session durable; which one is in the result. Sessions go on meanwhile.

        index     whether an image of the hash index is written first: an opening of this checkpoint or of a
                  later one then links again only the log from there on
        timeout   seconds to wait for operations that sessions have left pending; None: for ever

        Where nothing is new since the newest checkpoint, of whatever kind, that one is the result, and
        nothing is written, unless an image is asked for that it has not got. Raises CheckpointError (nothing
        changed, try again), OperationError (`index`), PoisonedError. O(bytes since the last + index).
        """
        self._check_writable()
        check_flag("index", index)
        return self._checkpointer.run(kind, seconds_of(timeout), is_indexed=index)

    def start_checkpoint(
        self,
        kind: CheckpointKind = CheckpointKind.FOLD_OVER,
        *,
        index: bool = False,
        timeout: float | None = PENDING_SECONDS,
    ) -> CheckpointTicket:
        """Begin a checkpoint; sessions go on while the ticket is stepped. It is done where nothing is new."""
        self._check_writable()
        check_flag("index", index)
        return self._checkpointer.start(kind, seconds_of(timeout), is_indexed=index)

    def checkpoints(self) -> list[CheckpointPoint]:
        """The checkpoints that can be recovered, newest first: the newest for writing, older ones read-only.

        At least so many as `keep` of the opening says, and those that are pinned. Reads the table chain, at
        most 64 blocks more. Raises DeviceError, CorruptionError where a block is damaged.
        """
        self._check_open()
        tables, pins = self._parts.tables, self._parts.log.pins
        with telling("reading the tables"), pins.hold_all():
            return points_of(tables.chain(tables.head, []))

    def pin(self, name: str, version: Version | None = None) -> CheckpointPoint:
        """Keep a checkpoint under a name until it is dropped, with all that it needs; durable on return.

        version   of one that `checkpoints()` lists; None: of the newest

        What is beyond `keep` and not pinned goes. Raises CheckpointError (the name, no such checkpoint, or it
        has a name, one runs), CorruptionError, PoisonedError. O(log).
        """
        self._check_writable()
        check_pin(name)
        point = self._checkpointer.newest
        if point is None:
            raise CheckpointError("there is no checkpoint yet: take one first")
        wanted = point.version if version is None else version
        self._checkpointer.rename(wanted, name)
        return next(each for each in self.checkpoints() if each.name == name)

    def drop(self, which: Version | str) -> None:
        """Give up a checkpoint by its version, or its pin by its name; not the newest. Durable on return.

        What it alone used goes with the next checkpoint at the latest. Raises as `pin`. O(log).
        """
        self._check_writable()
        self._checkpointer.rename(which, "")

    def backup(self, where: AnyPath | Device) -> CheckpointPoint:
        """Copy the durable checkpoints, beside sessions, to a folder or Device without a store; the newest.

        Broken off anywhere it leaves no store there, or the whole copy. Raises SettingsError (`where`),
        CheckpointError (none yet), StoreExistsError, StoreLockedError, CorruptionError, DeviceError. O(log).
        """
        self._check_open()
        with self._parts.log.pins.hold_all():  # Before the newest checkpoint is looked for.
            root = self._parts.root._replace(head=self._parts.tables.head)
            return copy_checkpoints(self._parts.disk.device, root, where, self._runtime)

    def checkpoint_every(
        self,
        seconds: float | None = None,
        bytes: int | None = None,  # noqa: A002 (the unit)
        *,
        kind: CheckpointKind = CheckpointKind.FOLD_OVER,
        index: bool = False,
    ) -> None:
        """Take checkpoints in a thread of the store's: in place of the last such call; neither: no more.

        seconds   an operation is in a checkpoint that begins at most so long after it
        bytes     of log that were written since the newest checkpoint, looked at ten times a second
        index     each with an image of the hash index, as of `checkpoint`; with neither: an OperationError

        Nothing new, no checkpoint. One that fails is tried again; `automatic` tells. Raises OperationError,
        CheckpointError (the kind, or no thread is to be had).
        """
        self._check_writable()
        every = every_of(seconds, bytes, kind, index)
        if every is None:
            self._automatic.stop()
            return
        self._automatic.start(every)
        finalize(self, self._automatic.forsake).atexit = False

    @property
    def automatic(self) -> Automatic:
        """The worker of `checkpoint_every`: its state, how many it took, and what failed."""
        return self._automatic

    def on_durable(self, function: OnDurable) -> Callable[[], None]:
        """Have `function(name, serial)` called for each session of which a checkpoint has made more durable.

        Operations 1 to `serial` of that session survive from then on. It is called after the checkpoint, in
        a thread that takes one, with nothing held; what it raises is logged under `powercut.checkpoint`.
        The function that is returned ends this. Raises OperationError for what cannot be called.
        """
        self._check_writable()
        check_function(function)
        return self._durability.call(function)

    @property
    def newest(self) -> CheckpointPoint | None:
        """The newest durable checkpoint; None before the first."""
        return self._checkpointer.newest

    @property
    def phase(self) -> Phase:
        """The phase of the running checkpoint; REST if none runs."""
        return self._parts.shared.system.phase

    @property
    def watchers(self) -> set[Callable[[], None]]:
        """Calls that are made whenever one who waits for an operation to be durable looks again."""
        return self._parts.sessions.watchers

    @property
    def entering(self) -> Phase | None:
        """The phase whose entry work is under way, for those who watch the device."""
        return self._checkpointer.entering

    def _check_open(self) -> None:
        if self._is_closed:
            raise ClosedError("the store is closed; open it again")
        self._parts.disk.poison.check()

    def _check_writable(self) -> None:
        self._check_open()
        if self._read_only:
            raise ReadOnlyError("the store was opened read-only")
