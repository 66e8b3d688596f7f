"""An iterator over a log that waits for what is not committed yet, in a loop or in a coroutine.

    with log.follow("mailer") as entries:
        for entry in entries:        # for ever: `async for`, or `take(timeout)`, likewise
            send(entry.data)
            entries.complete()       # kept with the next commit, and found again after a restart

Invariants
  I1  each entry from its first position on is handed to one caller, in order; those below the begin are left
      out, and `skipped` says over how many addresses it went
  I2  the progress of a name only rises; it is kept by every commit that begins after it was told, closing
      the iterator does not take it away, and what is below it is not handed out again
  I3  what is not committed is seen only if it is asked for; what a rollback drops is forgotten, and the
      entries that come in its place are handed out; so it is with commits that another process gives up,
      when it opens the log at an older one

Threads: any, and several at once: each entry goes to one of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final, Self

from ..arguments import seconds_of
from ..errors import DeviceError, OperationError
from .reading import Entry, check_address
from .waiting import Call, future_of, pause

if TYPE_CHECKING:
    from .source import Source
    from .tail import Dropped

__all__ = ["LogIterator"]

_UNKNOWN: Final = -1
LOOK_SECONDS: Final = 0.005  # Of a coroutine, where nobody can tell it.


class LogIterator:
    """Made by `FasterLog.follow`.

    name       under which its progress is kept; None: nowhere
    position   no entry below it will be handed out
    skipped    addresses that it went over because a truncation was faster: 0 means that nothing was missed
    """

    def __init__(self, source: Source, name: str | None, start: int, dropped: Dropped | None) -> None:
        self.name: Final = name
        self.position = start
        self.skipped = 0
        self._source = source
        self._dropped = dropped  # For one that sees what may be taken back.
        self._is_uncommitted = dropped is not None and not source.is_read_only
        self._lock = source.runtime.lock()
        self._ready: list[tuple[Entry, int]] = []  # Of one block, the next one last.
        self._end = _UNKNOWN  # Where all end, once all that there is was handed out.
        self._is_closed = False
        self._calls: list[Call] = []  # Of coroutines that wait.

    # -- taking ------------------------------------------------------------------------------------

    def take(self, timeout: float | None = None) -> Entry | None:
        """The next entry; None where there is none after so many seconds, or where the iterator was closed.

        Where nobody can commit, because the log was opened to read and no other process writes it, that is so
        at once. Raises OperationError, ClosedError (the log is closed), PoisonedError, CorruptionError,
        DeviceError.
        """
        seconds, runtime = seconds_of(timeout), self._source.runtime
        deadline = None if seconds is None else runtime.now() + seconds
        while True:
            entry = self._step()
            if entry is not None or self._is_over:
                return entry
            if not runtime.until("an entry", self._has_news, deadline):
                return None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Entry:
        entry = self.take()
        if entry is None:
            raise StopIteration
        return entry

    def __aiter__(self) -> AsyncIterator[Entry]:
        return self

    async def __anext__(self) -> Entry:
        while True:
            entry = self._step()
            if entry is not None:
                return entry
            if self._is_over:
                raise StopAsyncIteration
            await self._wait()

    @property
    def _is_over(self) -> bool:
        return self._is_closed or self._source.is_final

    def _has_news(self) -> bool:
        return self._is_closed or self._source.has_ended() or self._last() != self._end or self._is_ahead

    @property
    def _is_ahead(self) -> bool:
        return self._dropped is not None and self._dropped.address is not None

    def _last(self) -> int:
        return self._source.end(is_uncommitted=self._is_uncommitted)

    async def _wait(self) -> None:
        """Wait for a commit; whoever closes the iterator ends that too."""
        if self._dropped is not None:
            await pause(LOOK_SECONDS)
            return
        future, call = future_of(self._source.groups.waiters, self._end)
        self._calls.append(call)
        try:
            if not self._has_news():
                await future
        except DeviceError:
            pass  # That commit failed; another one may not.
        finally:
            self._calls.remove(call)

    def _step(self) -> Entry | None:
        """The next entry, if there is one now."""
        with self._lock:
            if self._is_closed:
                return None
            self._source.check_open()
            begin = self._source.begin
            self._go_back()
            if self.position < begin:
                self._pass_to(begin)
                self._ready.clear()
            if not self._ready and self._last() != self._end:
                self._look()
            if not self._ready:
                return None
            entry, onward = self._ready.pop()
            begin = self._source.begin
            if self._go_back():
                return None
            if self.position < begin:  # A truncation was faster meanwhile.
                self._pass_to(min(entry.address, begin))
            self.position = onward
            return entry

    def _look(self) -> None:
        """Look for the entries that there are now."""
        if not self._is_uncommitted:
            found, end = self._source.next_entries(self.position)
        else:
            with self._source.lock:  # So nothing is dropped in between.
                self._go_back()
                found, end = self._source.next_entries(self.position, is_uncommitted=True)
        self._ready = found[::-1]
        self._end = _UNKNOWN if found else end
        if not found:
            self.position = max(self.position, end)

    def _go_back(self) -> bool:
        """Forget what was taken back (I3); whether anything was."""
        if self._dropped is None or self._dropped.address is None:
            return False
        with self._source.lock:
            self.position = min(self.position, self._dropped.address)
            self._dropped.address = None
        self._ready, self._end = [], _UNKNOWN
        return True

    def _pass_to(self, address: int) -> None:
        self.skipped += address - self.position
        self.position = address

    # -- progress ----------------------------------------------------------------------------------

    def complete(self) -> int:
        """Say that all that was handed out is done; the address up to which, kept with the next commit.

        Of several threads that share the iterator each knows its own entries only: they say `complete_until`.
        """
        return self.complete_until(self.position)

    def complete_until(self, address: int) -> int:
        """Say that the entries below `address` are done; how far the name has come.

        It is kept with the next commit. A lower one than before changes nothing. Raises OperationError (it
        has no name, or has not come as far), ReadOnlyError, ClosedError.
        """
        check_address(address)
        self._source.check_writable()
        if self.name is None:
            raise OperationError("an iterator without a name keeps no progress: expected follow(name)")
        if address > self.position:
            raise OperationError(f"address {address}: expected at most {self.position}, its position")
        return self._source.advance(self.name, address)

    # -- the end -----------------------------------------------------------------------------------

    def close(self) -> None:
        """End it: whoever waits for an entry gets none. Its progress stays. Idempotent."""
        self._is_closed = True
        for call in list(self._calls):
            call(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()
