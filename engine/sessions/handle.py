"""A session's handle: its name, how far it has come, and how far of that is durable.

Threads: `wait_durable` and `durable` from any, beside the session's own operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..arguments import seconds_of
from ..errors import SessionError
from .driver import Driver
from .durable import Durability

__all__ = ["Handle"]


class Handle:
    """All of a session but its operations."""

    on_drop: Callable[[Any], None] | None = None  # Called once nobody has it any more.

    def __init__(self, driver: Driver, durability: Durability) -> None:
        self._driver = driver
        self._durability = durability
        self._is_closed = self._is_closing = False
        self._is_busy = False  # True for ever, once it is closed: the fast path asks no more than this.
        self.order = 0  # Of the handles of its store.

    def __del__(self) -> None:
        if self.on_drop is not None:
            self.on_drop(self)

    @property
    def name(self) -> str:
        """The session's name, "" if it has none."""
        return self._driver.state.name

    @property
    def number(self) -> int:
        """The session's number, unique over all lives of the store."""
        return self._driver.state.number

    @property
    def serial(self) -> int:
        """Operations this session has issued, over all its lives."""
        return self._driver.serial

    def wait_durable(self, serial: int | None = None, *, timeout: float | None = None) -> bool:
        """Wait until a checkpoint holds the operations 1 to `serial`; whether one does.

        It takes no checkpoint: somebody else does, or `FasterKv.checkpoint_every`.

        serial    of an operation that was issued; None: of the last one
        timeout   seconds to wait at most; None: for ever

        Raises OperationError (an argument), ReadOnlyError, and where no checkpoint can hold it any more
        PoisonedError, ClosedError (the store, not the session), UnknownSessionError (it was forgotten).
        """
        state = self._driver.state
        return self._durability.wait(state, self._durability.serial(state, serial), seconds_of(timeout))

    async def durable(self, serial: int | None = None) -> None:
        """`wait_durable` for a coroutine of asyncio: `await session.durable()`. Raises what that does."""
        state = self._driver.state
        await self._durability.come(state, self._durability.serial(state, serial))

    def check_at_rest(self) -> None:
        """Raises SessionError while an operation is under way."""
        if self._is_busy and not self._is_closing:
            raise SessionError(f"session {self.name!r} is in use: close it when its operation has ended")

    @property
    def is_busy(self) -> bool:
        """True while an operation is under way, and once it is closed."""
        return self._is_busy

    @property
    def is_closed(self) -> bool:
        """True if the handle was given up."""
        return self._is_closed
