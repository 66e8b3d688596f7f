"""Durability: waiting until a checkpoint holds an operation, and being told of it.

    a checkpoint is acknowledged  ->  `SessionRegistry.save`  ->  watchers  ->  who waits looks again
                                                              ->  notes  ->  `tell` hands them to callbacks

Invariants
  U1  reached  =>  two roots name a checkpoint that holds the operation: `save` comes after them
  U2  who waits ends: when it is reached, at the deadline, or when the store can reach it no more (poisoned,
      closed, the session forgotten), and then raises
  U3  a callback is called for each session of a checkpoint whose serial has grown, once, in their order of
      checkpoints, with no lock of the engine held; what it raises is logged, and harms nobody

Threads: any.
Source: the callback of CPR's PERSISTENCE_CALLBACK phase in FASTER, told after it and not as a phase.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ..arguments import serial_of
from ..errors import ClosedError, EngineError, PoisonedError, ReadOnlyError, UnknownSessionError
from ..poison import Poison
from ..runtime import Runtime, Woken
from ..shared.bell import Bell
from .registry import SessionRegistry, SessionState

__all__ = ["Durability", "OnDurable"]

OnDurable = Callable[[str, int], object]  # The session's name, and the serial up to which it is durable.
logger: Final = logging.getLogger("powercut.checkpoint")
logger.addHandler(logging.NullHandler())  # Who wants to read it says where.


class Durability:
    """The serials up to which sessions are durable, for those who wait for one."""

    def __init__(
        self, registry: SessionRegistry, poison: Poison, runtime: Runtime, *, is_read_only: bool
    ) -> None:
        self._registry = registry
        self._poison = poison
        self._runtime = runtime
        self.is_read_only = is_read_only
        self._told: deque[tuple[OnDurable, str, int]] = deque()
        self._guard = runtime.lock()
        self._is_telling = False

    # -- waiting -----------------------------------------------------------------------------------

    def serial(self, state: SessionState, serial: object) -> int:
        """The serial to wait for; all that was issued for None. Raises OperationError, ReadOnlyError."""
        if self.is_read_only:
            raise ReadOnlyError("the store was opened read-only: nothing becomes durable here")
        return serial_of(serial, self._registry.serial(state))

    def wait(self, state: SessionState, serial: int, seconds: float | None) -> bool:
        """Wait until it is durable, or so long; whether it is. Raises what `reached` does."""
        if self.reached(state, serial):
            return True
        deadline = None if seconds is None else self._runtime.now() + seconds
        bell = Bell(self._runtime, f"operation {serial} of {state.name!r} to be durable")
        bell.hang()
        with self._watched(bell.ring):
            bell.wait(deadline, lambda: state.saved >= serial or self._why_never(state) is not None)
        return self.reached(state, serial)

    async def come(self, state: SessionState, serial: int) -> None:
        """As `wait`, in a coroutine of asyncio."""
        if self.reached(state, serial):
            return
        woken = Woken()
        with self._watched(woken.set):
            while not self.reached(state, serial):
                await woken.wait()

    def reached(self, state: SessionState, serial: int) -> bool:
        """True if it is durable (U1). Raises PoisonedError, ClosedError, UnknownSessionError."""
        if state.saved >= serial:
            return True
        why = self._why_never(state)
        if why is not None:
            raise why
        return False

    def _why_never(self, state: SessionState) -> EngineError | None:
        reason = self._poison.reason
        if reason is not None:
            return PoisonedError(f"{reason}; the operation may be durable or not")
        if self._registry.is_closed:
            return ClosedError("the store was closed before a checkpoint held the operation")
        if not self._registry.has(state):
            return UnknownSessionError(f"session {state.name!r} was forgotten: no checkpoint will hold it")
        return None

    @contextmanager
    def _watched(self, wake: Callable[[], None]) -> Iterator[None]:
        """A context in which `wake` is called whenever there is something to look at."""
        watchers = self._registry.watchers, self._poison.watchers
        for each in watchers:
            each.add(wake)
        try:
            yield
        finally:
            for each in watchers:
                each.discard(wake)

    # -- being told --------------------------------------------------------------------------------

    def call(self, function: OnDurable) -> Callable[[], None]:
        """Have the function called (U3) until the function that is returned is."""

        def note(name: str, serial: int) -> None:
            self._told.append((function, name, serial))

        self._registry.notes[note] = None
        return lambda: self._registry.notes.pop(note, None)

    def tell(self) -> None:
        """Call what is to be called. From whoever has taken a step of a checkpoint, holding no lock."""
        is_mine = False
        try:
            with self._guard:
                if self._is_telling or not self._told:
                    return  # Who is at it comes to these, too, in their order.
                is_mine = self._is_telling = True
            while (told := self._next()) is not None:
                function, name, serial = told
                try:
                    function(name, serial)
                except Exception:  # (U3)
                    logger.exception("a callback for durable operations raised")
        except BaseException:
            if is_mine:
                self._is_telling = False
            raise

    def _next(self) -> tuple[OnDurable, str, int] | None:
        with self._guard:
            if self._told:
                return self._told.popleft()
            self._is_telling = False
            return None
