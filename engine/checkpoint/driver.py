"""The checkpoint: a state machine that makes one prefix of every session durable.

`NEXT` (in `phases`) says what follows what; one `_enter_` method a phase says what is done there;
`advance` takes one step, `drive` all of them. A step that fails before the metadata is written
takes the machine back to REST with the version it has reached: a version number is never used for
two different prefixes.

    PREPARE       L_s = tail, begin = log's begin                     sessions work in v
    WAIT_PENDING  every batch knows L_s; no operation of v with effects waits for the device
    IN_PROGRESS   version v + 1; each session's N is set as it meets it
    WAIT_FLUSH    idle sessions are claimed; L_f = tail, frozen, written, synced
    PERSIST       table block and new names synced; two roots synced: acknowledged
    REST          the extents are named; the third root is owed

Invariants
  C1  everything a root names is durable before the root is written
  C2  N(s) is what this reports, what the block holds and what a session resumes with
  C3  a checkpoint counts once two roots name it, not before
  C4  a segment is removed only once two roots name a checkpoint in whose chain no block lists an extent
      of it. So the first block whose begin has left a segment is full, and the chain ends there

Threads: one checkpoint at a time; any thread may take a step, one at a time. A step holds no row of
the epoch table, so sessions go on while it waits for them.
Source: CPR (Prasaad et al., SIGMOD 2019).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ..errors import CheckpointError
from ..kernels import words as w
from ..kernels.atomics import load
from ..log.hybridlog import HybridLog
from ..metadata.layout import Block, Pointer, Root, SessionMark, Version, VoidRange
from ..metadata.roots import Roots
from ..metadata.tables import CHAIN_BLOCKS_MAX, NO_BLOCK, Tables
from ..poison import Poison
from ..runtime import Runtime
from ..sessions.registry import SessionRegistry
from ..shared.epoch import Epochs
from ..shared.phases import NEXT, SHIFTED, CheckpointKind, Phase, System

__all__ = ["CheckpointPoint", "CheckpointTicket", "Checkpointer"]


@dataclass(frozen=True, slots=True)
class CheckpointPoint:
    """A durable checkpoint: its version, and N of every session it has."""

    version: Version
    serials: dict[str, int]
    kind: CheckpointKind = CheckpointKind.FOLD_OVER


@dataclass(slots=True)
class _Running:
    """State that the steps of one checkpoint hand on."""

    kind: CheckpointKind
    version: int
    begin: int
    fuzzy_start: int
    deadline: float | None
    final: int = 0
    point: CheckpointPoint | None = None  # Once it is durable.
    marks: list[SessionMark] = field(default_factory=list)


class Checkpointer:
    """The state machine of one store."""

    def __init__(
        self,
        log: HybridLog,
        epochs: Epochs,
        runtime: Runtime,
        system: System,
        sessions: SessionRegistry,
        tables: Tables,
        roots: Roots,
        poison: Poison,
        root: Root,
        voids: list[VoidRange],
    ) -> None:
        self._log = log
        self._epochs = epochs
        self._runtime = runtime
        self._lock = runtime.lock()
        self._system = system
        self._sessions = sessions
        self._tables = tables
        self._roots = roots
        self._poison = poison
        self._root = root
        self._voids = voids
        self._running: _Running | None = None
        self.entering: Phase | None = None  # The phase whose entry work is being done.
        self.newest: CheckpointPoint | None = None

    def start(self, kind: CheckpointKind, timeout: float | None) -> CheckpointTicket:
        """Enter PREPARE. Raises CheckpointError if one runs already, or for what is no kind."""
        with self._lock:
            return self._start(kind, timeout)

    def run(self, kind: CheckpointKind, timeout: float | None) -> CheckpointPoint:
        """Run a whole checkpoint. Interrupted between two steps it is given up, and blocks no other."""
        ticket = self.start(kind, timeout)
        try:
            return ticket.result()
        except BaseException:
            ticket.abandon()
            raise

    def _start(self, kind: CheckpointKind, timeout: float | None) -> CheckpointTicket:
        self._poison.check()
        if kind not in NEXT:
            raise CheckpointError(
                f"no kind of checkpoint: {kind!r}; expected one of {[each.name for each in NEXT]}"
            )
        if self._running is not None:
            raise CheckpointError(
                f"a checkpoint of version {self._running.version} is at {self._system.phase.name}; "
                "take its ticket to the end first"
            )
        control = self._log.spaces.control
        deadline = None if timeout is None else self._runtime.now() + timeout
        begin, tail = load(control, w.BEGIN), load(control, w.TAIL)
        self._running = _Running(kind, self._system.version, begin, tail, deadline)
        ticket = CheckpointTicket(self, self._running)
        self.advance()
        return ticket

    def advance(self, running: object = None) -> Phase:
        """Take one step, of `running` if that is given and still under way; the phase reached.

        Raises CheckpointError (back at REST, a retry may succeed) or PoisonedError.
        """
        with self._lock:
            if running is not None and self._running is not running:
                return self._system.phase
            return self._advance()

    def _advance(self) -> Phase:
        self._poison.check()
        running = self._running
        if running is None:
            return self._system.phase
        phase = NEXT[running.kind][self._system.phase]
        self.entering = phase
        try:
            _ENTER[phase](self, running)
        except CheckpointError:
            self._rest()
            raise
        except OSError as error:
            self._rest()
            raise CheckpointError(f"version {running.version} at {phase.name}: {error}; try again") from error
        except BaseException as error:
            # Interrupted: every step up to the metadata can be taken again. A root that was on its way may be
            # durable or not, and two answers to that are one too many.
            self._rest()
            if phase is Phase.PERSIST:
                self._poison.set(f"writing the metadata was interrupted by {type(error).__name__}")
            raise
        finally:
            self.entering = None
        if phase is Phase.REST:
            self._rest()
            # Not before two roots name a checkpoint that does without them (C4).
            self._log.remove_below(self._log.extents.start)
        else:
            self._system.set(running.version + (phase in SHIFTED), phase)
        return phase

    def finish(self) -> None:
        """Take a running checkpoint to its end, if there is one. Raises as `advance`."""
        while self._running is not None:
            self.advance()

    def abandon(self, running: object = None) -> None:
        """Abort what runs, or only `running`; its ticket says so."""
        with self._lock:
            if running is None or self._running is running:
                self._rest()

    def is_running(self, running: object) -> bool:
        return self._running is running

    def _rest(self) -> None:
        """Go back to REST; the caller has the lock."""
        self._running = None
        self._system.set(self._system.version, Phase.REST)
        self._system.fuzzy_start = 0

    # -- one method a phase --------------------------------------------------------------------------

    def _enter_prepare(self, running: _Running) -> None:
        # L_s before the phase: a batch that sees the phase sees the address too.
        self._system.fuzzy_start = running.fuzzy_start

    def _enter_wait_pending(self, running: _Running) -> None:
        """Wait until no batch may miss L_s and no operation of v with effects is unfinished."""
        self._epochs.drain("batches that began before the checkpoint")
        pending = self._sessions.pending
        if not self._epochs.until("pending operations", lambda: not pending(), running.deadline):
            names = ", ".join(pending())
            raise CheckpointError(
                f"version {running.version}: sessions with pending operations: {names}; "
                "complete_pending there, then try again"
            )

    def _enter_in_progress(self, running: _Running) -> None:
        """Set the version together with the phase (M1)."""

    def _enter_wait_flush(self, running: _Running) -> None:
        self._sessions.shift_all()
        running.marks = self._sessions.marks(running.version)
        running.final = self._log.fold_over()
        self._log.flush(running.final)
        self._log.sync()

    def _enter_persist(self, running: _Running) -> None:
        tables, extents = self._tables, self._log.extents
        segment_bytes = self._log.settings.segment_bytes
        start = running.begin - running.begin % segment_bytes
        is_cut = start > extents.start  # Whole segments are not needed any more.
        is_full = is_cut or tables.chain_blocks >= CHAIN_BLOCKS_MAX
        first = extents.below(start) if is_full else extents.named
        count = extents.below(running.final)
        block = Block(
            version=Version(self._root.life, running.version),
            fuzzy_start=running.fuzzy_start,
            final=running.final,
            begin=running.begin,
            previous=tables.head if tables.head.length else NO_BLOCK,
            is_full=is_full,
            extents=[extents[number] for number in range(first, count)],
            voids=[void for void in self._voids if void.high > running.begin],
            sessions=running.marks,
        )
        if is_cut:
            # Older checkpoints need what goes, so from this one on they are not listed.
            block = block._replace(previous=NO_BLOCK)
        head = tables.append(block)
        if tables.has_new_name or self._log.has_new_names:
            self._log.sync_names()
            tables.has_new_name = False
        self._commit(head, running.begin)
        tables.accept(head, is_full)
        extents.name_until(count, start)
        self._sessions.save(running.marks)
        serials = {mark.name: mark.serial for mark in running.marks}
        self.newest = running.point = CheckpointPoint(block.version, serials, running.kind)

    def _enter_rest(self, running: _Running) -> None:
        """PERSIST acknowledged; nothing is left to do."""

    def _commit(self, head: Pointer, begin: int) -> None:
        self._root = self._root._replace(head=head, begin=begin)
        self._roots.commit(self._root)


_ENTER: Final = {
    Phase.PREPARE: Checkpointer._enter_prepare,
    Phase.WAIT_PENDING: Checkpointer._enter_wait_pending,
    Phase.IN_PROGRESS: Checkpointer._enter_in_progress,
    Phase.WAIT_FLUSH: Checkpointer._enter_wait_flush,
    Phase.PERSIST: Checkpointer._enter_persist,
    Phase.REST: Checkpointer._enter_rest,
}


class CheckpointTicket:
    """A checkpoint that was started; step it, or drive it to its end."""

    def __init__(self, checkpointer: Checkpointer, running: _Running) -> None:
        self._checkpointer = checkpointer
        self._running = running

    @property
    def is_done(self) -> bool:
        """True if it has ended, acknowledged or not."""
        return not self._checkpointer.is_running(self._running)

    def advance(self) -> bool:
        """Take one step; whether it is done. Raises as `Checkpointer.advance`."""
        self._checkpointer.advance(self._running)
        return self.is_done

    def abandon(self) -> None:
        """Give it up, if it is still under way: the store is at REST, and another can begin."""
        self._checkpointer.abandon(self._running)

    def result(self) -> CheckpointPoint:
        """Drive it to its end; the durable checkpoint. Raises CheckpointError if it was aborted."""
        while not self.advance():
            pass
        if self._running.point is None:
            raise CheckpointError(f"the checkpoint of version {self._running.version} was aborted")
        return self._running.point
