"""The checkpoint: a state machine that makes one prefix of every session durable.

A kind of checkpoint says which phase follows which, and does what is done on entering one (`kinds`); here
is what all have in common: who may start one, one step at a time, and what becomes of one that fails.
`advance` takes one step, which does a bounded amount of the work of one phase; `result` of a ticket takes all
of them. A step that fails before the metadata is written takes the machine back to REST with the version it
has reached: a version number is never used for two different prefixes.

Invariants
  1  one checkpoint at a time; a phase is set after it was entered, and by nobody else
  2  what cannot be taken twice is not broken off: Ctrl-C reaches the thread that waits for such a step, never
     the one that takes it
  3  where nothing is new since the newest checkpoint, that one is the answer, whatever kind was asked for,
     and nothing is written, unless an image is asked for that it has not got; files that are due still go
  4  a segment is removed only once two roots name a checkpoint in whose chain no block lists an extent of it

Threads: any thread may take a step, one at a time. A step holds no row of the epoch table, so sessions go
on while it waits for them.
Source: CPR (Prasaad et al., SIGMOD 2019).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from ..errors import CheckpointError, PoisonedError
from ..kernels import words as w
from ..kernels.atomics import store
from ..metadata.layout import Version
from ..shared.phases import SHIFTED, CheckpointKind, Phase
from .kinds import KINDS
from .parts import Parts
from .retention import files_of, renamed, write_anew
from .running import CheckpointPoint, Running, point_of

__all__ = ["CheckpointTicket", "Checkpointer", "check_kind"]

T = TypeVar("T")

# The metadata once, and what follows from it: in a thread that no Ctrl-C reaches, where there are others.
UNREPEATABLE: Final = frozenset({Phase.WAIT_FLUSH, Phase.PERSIST, Phase.REST})


class Checkpointer:
    """The state machine of one store."""

    def __init__(self, parts: Parts, tell: Callable[[], None]) -> None:
        self._parts = parts
        self._tell = tell  # Those who want to know of a durable checkpoint; with no lock held.
        self._log = parts.log
        self._system = parts.shared.system
        self._poison = parts.disk.poison
        self._runtime = parts.disk.runtime
        self._lock = parts.disk.runtime.lock()
        self._running: Running | None = None
        self.entering: Phase | None = None  # The phase whose entry work is being done.
        self.newest = point_of(parts.block) if parts.block is not None else None

    def start(
        self, kind: CheckpointKind, timeout: float | None, *, is_indexed: bool = False
    ) -> CheckpointTicket:
        """Take the first step. Raises CheckpointError if one runs already, or for what is no kind."""
        running = Running(kind, is_indexed, timeout=timeout)
        try:
            self._begin(running)
            return CheckpointTicket(self, running)
        except BaseException:
            self.abandon(running)
            raise

    def run(
        self, kind: CheckpointKind, timeout: float | None, *, is_indexed: bool = False
    ) -> CheckpointPoint:
        """Run a whole checkpoint. Interrupted it is given up, durable or not, and blocks no other."""
        return self._run(Running(kind, is_indexed, timeout=timeout))

    def run_by_itself(self, kind: CheckpointKind, timeout: float | None) -> CheckpointPoint:
        """As `run`, for one that nobody asked for: it ends what is under way before, and others end it."""
        return self._run(Running(kind, timeout=timeout, is_by_itself=True))

    def _run(self, running: Running) -> CheckpointPoint:
        ticket = CheckpointTicket(self, running)
        try:
            self._begin(running)
            return ticket.result()
        except BaseException:
            self.abandon(running)
            raise

    def _begin(self, running: Running) -> None:
        self._poison.check()
        check_kind(running.kind)
        while (other := self._try_begin(running)) is not None:
            with suppress(CheckpointError):  # Told to whoever has its ticket.
                self.advance(other)
        if running.point is not None:
            self._shielded("files that are given back", self.give_back_at_rest)

    def _try_begin(self, running: Running) -> Running | None:
        """Take the first step; or one that is under way, and is to be taken to its end before."""
        with self._lock:
            other = self._running
            if other is not None and (other.is_by_itself or running.is_by_itself):
                return other
            if other is not None:
                raise CheckpointError(
                    f"a checkpoint of version {other.version} is at {self._system.phase.name}; "
                    "take its ticket to the end first"
                )
            if self.newest is not None and not self._is_due(self.newest, running):
                running.point = self.newest
            else:
                running.version = self._system.version
                self._running = running
                self.advance(running)
        return None

    def _is_due(self, newest: CheckpointPoint, running: Running) -> bool:
        """True if anything is new, or an image is asked for that the newest checkpoint has not got."""
        return self._parts.has_news or (running.is_indexed and self._parts.image.version != newest.version)

    def advance(self, running: Running | None = None) -> Phase:
        """Take one step, of `running` if that is given and still under way; the phase that is reached: the
        one before where more is to be done on entering the next.

        Raises CheckpointError (back at REST, a retry may succeed) or PoisonedError.
        """
        running = running or self._running
        phase = self._step(running, is_safe=not self._runtime.is_parallel)
        if phase is None:
            phase = self._elsewhere("a step of the checkpoint", partial(self._step, running, is_safe=True))
            assert phase is not None
        if phase is Phase.REST:
            self._tell()
        return phase

    def _shielded(self, what: str, call: Callable[[], None]) -> None:
        """Make a call that no Ctrl-C reaches, where there are other threads."""
        if self._runtime.is_parallel:
            self._elsewhere(what, call)
        else:
            call()

    def _elsewhere(self, what: str, call: Callable[[], T]) -> T:
        """The answer of a call that is made in a thread that nothing interrupts. Raises what it raises."""
        answers: list[T] = []
        errors: list[BaseException] = []

        def take() -> None:
            try:
                answers.append(call())
            except BaseException as error:  # noqa: BLE001 (told to whoever waits)
                errors.append(error)

        # Interrupted while it waits, the caller leaves: the call goes on, and whoever is next waits for it.
        # No lock is waited for that somebody who is interrupted could keep, as those of a future are.
        self._runtime.submit(take)
        self._runtime.until(what, lambda: bool(answers or errors))
        if errors:
            raise errors[0]
        return answers[0]

    def _step(self, running: Running | None, *, is_safe: bool) -> Phase | None:
        """Take one step, if `running` is still under way; None where it has to be taken elsewhere.

        `is_safe` says that nothing interrupts who calls.
        """
        with self._lock:
            if running is None or self._running is not running:
                return self._system.phase
            if not is_safe and KINDS[running.kind].next[self._system.phase] in UNREPEATABLE:
                return None
            return self._advance()

    def _advance(self) -> Phase:
        self._poison.check()
        running = self._running
        assert running is not None
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
            # Broken off: every step up to the metadata can be taken again. A root that was on its way may be
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
            self._give_back()
        else:
            self._system.set(running.version + (phase in SHIFTED), phase)
        return phase

    def rename(self, which: Version | str, name: str) -> None:
        """Pin a checkpoint under a name, or give up one with ""; durable on return.

        Raises CheckpointError (there is no such checkpoint, or one runs), CorruptionError, PoisonedError.
        """

        def rename() -> None:
            with self._lock:
                self._rename(which, name)

        self._shielded("tables that are rewritten", rename)

    def _rename(self, which: Version | str, name: str) -> None:
        self._poison.check()
        parts = self._parts
        while self._running is not None and self._running.is_by_itself:
            with suppress(CheckpointError):  # Told to who runs it.
                self._advance()
        if self._running is not None:
            raise CheckpointError(
                f"a checkpoint is at {self._system.phase.name}; take its ticket to the end first"
            )
        try:
            blocks = renamed(parts.tables, parts.keep, which, name)
            room = 0 if parts.log.pins.holds_all else blocks.start
            parts.root = write_anew(parts.tables, parts.roots, parts.root, blocks._replace(start=room))
        except PoisonedError:
            raise
        except OSError as error:
            raise CheckpointError(f"the tables could not be rewritten: {error}; try again") from error
        self.newest = point_of(blocks.blocks[-1])
        self._log.segments.doom(files_of(blocks.blocks))
        self._give_back()

    def _give_back(self) -> None:
        """Remove what no checkpoint needs: two roots name one that does without it."""
        if not self._log.pins.holds_all:
            self._parts.tables.shrink()
        self._log.segments.remove_below(self._log.extents.start)

    def give_back_at_rest(self) -> None:
        """Remove what no checkpoint needs, or see another thread's removals end, unless a checkpoint runs."""
        with self._lock:
            if self._running is None:
                self._give_back()

    def finish(self) -> None:
        """Take a running checkpoint to its end, if there is one. Raises as `advance`."""
        while self._running is not None:
            self.advance()

    def abandon(self, running: Running | None = None) -> None:
        """Abort what runs, or only `running`; its ticket says so. A step that is being taken ends first."""
        with self._lock:
            if running is None or self._running is running:
                self._rest()

    def is_running(self, running: object) -> bool:
        return self._running is running

    def _rest(self) -> None:
        """Go back to REST; the caller has the lock."""
        self._running = None
        self._system.set(self._system.version, Phase.REST)
        self._system.set_fuzzy_start(0)
        store(self._log.spaces.control, w.IMAGING, w.NOT_COPIED)


def check_kind(kind: object) -> CheckpointKind:
    """The kind of checkpoint. Raises CheckpointError for what is none."""
    if not isinstance(kind, CheckpointKind):
        raise CheckpointError(
            f"no kind of checkpoint: {kind!r}; expected one of {[each.name for each in CheckpointKind]}"
        )
    return kind


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
