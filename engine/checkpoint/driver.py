"""The checkpoint: a state machine that makes one prefix of every session durable.

A kind of checkpoint says which phase follows which, and does what is done on entering one (`kinds`); here
is what all have in common: who may start one, one step at a time, and what becomes of one that fails.
`advance` takes one step, which does a bounded amount of the work of one phase; `result` of a ticket takes all
of them. A step that fails before the metadata is written takes the machine back to REST with the version it
has reached: a version number is never used for two different prefixes.

Invariants
  1  one checkpoint at a time; a phase is set after it was entered, and by nobody else
  2  a segment is removed only once two roots name a checkpoint in whose chain no block lists an extent of it

Threads: any thread may take a step, one at a time. A step holds no row of the epoch table, so sessions go
on while it waits for them.
Source: CPR (Prasaad et al., SIGMOD 2019).
"""

from __future__ import annotations

from ..errors import CheckpointError
from ..kernels import words as w
from ..kernels.atomics import load
from ..shared.phases import SHIFTED, CheckpointKind, Phase
from .kinds import KINDS
from .parts import Parts
from .running import CheckpointPoint, Running, point_of

__all__ = ["CheckpointTicket", "Checkpointer"]


class Checkpointer:
    """The state machine of one store."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._log = parts.log
        self._system = parts.shared.system
        self._poison = parts.disk.poison
        self._runtime = parts.disk.runtime
        self._lock = parts.disk.runtime.lock()
        self._running: Running | None = None
        self.entering: Phase | None = None  # The phase whose entry work is being done.
        self.newest = point_of(parts.block) if parts.block is not None else None

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
        if not isinstance(kind, CheckpointKind):
            raise CheckpointError(
                f"no kind of checkpoint: {kind!r}; expected one of {[each.name for each in CheckpointKind]}"
            )
        if self._running is not None:
            raise CheckpointError(
                f"a checkpoint of version {self._running.version} is at {self._system.phase.name}; "
                "take its ticket to the end first"
            )
        control = self._log.spaces.control
        deadline = None if timeout is None else self._runtime.now() + timeout
        begin, tail = load(control, w.BEGIN), load(control, w.TAIL)
        self._running = Running(kind, self._system.version, begin, tail, deadline)
        ticket = CheckpointTicket(self, self._running)
        self.advance()
        return ticket

    def advance(self, running: object = None) -> Phase:
        """Take one step, of `running` if that is given and still under way; the phase that is reached: the
        one before where more is to be done on entering the next.

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
        kind = KINDS[running.kind]
        phase = kind.next[self._system.phase]
        self.entering = phase
        try:
            is_entered = kind.enter(phase, self._parts, running)
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
            if running.point is not None:
                self.newest = running.point
        if not is_entered:
            return self._system.phase
        if phase is Phase.REST:
            self._rest()
            # Not before two roots name a checkpoint that does without them.
            self._log.segments.remove_below(self._log.extents.start)
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


class CheckpointTicket:
    """A checkpoint that was started; step it, or drive it to its end."""

    def __init__(self, checkpointer: Checkpointer, running: Running) -> None:
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
