"""A session: one thread's handle for operations on the store.

Each operation takes the next serial and runs as a batch; the fast path is one kernel call, and what
kernels cannot do is done by the driver.

Invariants
  1  a serial is taken if and only if the arguments were valid
  2  `rmw` calls its function with no latch held, again after a lost race; if it raises, nothing changes

Threads: one at a time for each session, any number of sessions. A second operation in one session at
once, from another thread or from inside the function of an `rmw`, is a SessionError.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from ..arguments import Data, check_flag, seconds_of
from ..errors import ClosedError, EngineError, ReadOnlyError, SessionError
from ..kernels import words as w
from ..poison import Poison
from ..shared.modes import Mode
from .bulk import Bulk, Keys, Values
from .driver import Driver
from .durable import Durability
from .handle import Handle
from .pending import PendingQueue, Ticket
from .single import Change, Single, check_function, taken

__all__ = ["Session"]


class Session(Handle):
    """Operations under one name; made by `FasterKv.session` and `resume_session`.

    Keys are 1 to 131,071 bytes, key plus value at most a page less 80 bytes, as `bytes` or a subclass,
    `bytearray` or `memoryview`; what is read is `bytes`. Every method raises
    OperationError (bad argument: no serial taken), SessionError, ClosedError, PoisonedError,
    DeviceError (the device failed; the operation did not happen), CorruptionError (a cold record is damaged)
    and IndexFullError (nothing happened). O(1) expected, and a device read for each of its chain below head.
    """

    def __init__(
        self, driver: Driver, mode: Mode, poison: Poison, is_read_only: bool, durability: Durability
    ) -> None:
        super().__init__(driver, durability)
        self._mode = mode
        self._poison = poison
        self._is_read_only = is_read_only
        self._one = Single(driver, mode)
        self._bulk: Bulk | None = None
        self._pending = PendingQueue(driver, self._one)

    # -- one at a time -----------------------------------------------------------------------------

    def read(self, key: Data) -> bytes | None:
        """The key's value, None if it has none."""
        one = self._one
        if (
            self._is_busy
            or self._poison.reason
            or type(key) is not bytes
            or not 0 < len(key) <= one.key_bytes
        ):
            key, _ = self._enter(key, b"", is_read=True)
        self._is_busy = True
        try:
            found = one.read_key(w.READ, key)
            if type(found) is bytes:
                return found
            return one.unread(found)
        finally:
            self._is_busy = False

    def upsert(self, key: Data, value: Data) -> None:
        """Set the key's value, whatever it was."""
        one = self._one
        key, value = self._begin(key, value)
        self._is_busy = True
        try:
            if why := one.run_pair(w.UPSERT, key, value):
                one.finish(why)
        finally:
            self._is_busy = False

    def insert(self, key: Data, value: Data) -> bool:
        """Set the key's value if it has none; whether it had none."""
        key, value = self._begin(key, value)
        self._is_busy = True
        try:
            return self._one.finish(self._one.run_pair(w.INSERT, key, value)) == w.ABSENT
        finally:
            self._is_busy = False

    def delete(self, key: Data) -> bool:
        """Take the key's value away; whether it had one."""
        key, _ = self._begin(key, b"")
        self._is_busy = True
        try:
            return self._one.finish(self._one.run_key(w.DELETE, key)) == w.FOUND
        finally:
            self._is_busy = False

    def rmw(self, key: Data, function: Change) -> bytes | None:
        """Replace the value by `function(value or None)`; None leaves it. Returns what it returned.

        `function` is called with nothing held, again if another session changed the key in
        between; if it raises, nothing changed and the exception goes on. The serial is taken, also
        where what it returned is no value (OperationError).
        """
        one = self._one
        if (
            self._is_busy
            or self._is_read_only
            or self._poison.reason
            or type(key) is not bytes
            or not 0 < len(key) <= one.key_bytes
            or not callable(function)
        ):
            check_function(function)
            key, _ = self._enter(key, b"", is_read=False)
        self._is_busy = True
        try:
            found = one.read_key(w.PEEK, key)
            if type(found) is not bytes:
                before = one.unpeeked(found)
                return one.swap(key, function, before, is_cold=one.is_cold)
            # What `one.put` does where nothing is in the way: the function between two kernel calls.
            value = function(found)
            if type(value) is not bytes or len(value) > one.value_bytes or len(key) > one.key_bytes:
                return one.put(key, function, found, value)
            why = one.run_pair(w.SWAP, key, value)
            if why == w.DONE or self._driver.finish(one.stage, why, found) == w.DONE:
                return value
            before = one.peek_again(key)
            return one.swap(key, function, before, is_cold=one.is_cold)
        except BaseException:
            self._driver.settle()
            raise
        finally:
            self._is_busy = False

    # -- many at a time ----------------------------------------------------------------------------

    def upsert_many(self, keys: Keys, values: Values) -> None:
        """Set many values, in order. O(n); one kernel call a thousand operations.

        keys     uint64 array of shape (n,), which are 8-byte little-endian keys; array of n fixed-width
                 items (any dtype of at least a byte but text, and `S` only where each item fills its width);
                 or a sequence of n keys
        values   likewise; not an array where the keys are none

        Raises as one operation does; the error carries `.done`: so many operations are done, 0 where it was
        refused, the others were never issued.
        """
        self._run_many(lambda bulk: bulk.write(w.UPSERT, keys, values), is_read=False)

    def append_many(self, keys: Keys, values: Values) -> None:
        """Put each value behind the one that its key has, in order; a key without one gets it alone.

        keys, values   as for `upsert_many`

        Whole, or not at all, beside whatever other sessions do with the key. Where key and value would be
        longer than they may be it is an OperationError. Errors carry `.done`.
        """
        self._run_many(lambda bulk: bulk.write(w.APPEND, keys, values), is_read=False)

    def add_many(self, keys: Keys, deltas: Any) -> None:
        """Add to many 64-bit counters, in order, modulo 2**64; an absent one is 0.

        keys     as for `upsert_many`
        deltas   integer array of shape (n,), or one integer for all

        A value that is not 8 bytes is an OperationError. Errors carry `.done`.
        """
        self._run_many(lambda bulk: bulk.add(keys, deltas), is_read=False)

    def read_many(self, keys: Keys, dtype: Any = None) -> Any:
        """Many values: an array of `dtype` and whether each was found, as bool array, both of shape (n,);
        or, without a dtype, a list of n bytes or None. Where nothing is found the array has zeros.

        Reads below head go to the device together. A value whose length is not that of `dtype` is an
        OperationError. Errors carry `.done`.
        """
        return self._run_many(lambda bulk: bulk.read(keys, dtype), is_read=True)

    def _run_many(self, run: Callable[[Bulk], Any], *, is_read: bool) -> Any:
        """A batch; what refuses it before it has begun says that nothing of it is done."""
        try:
            self._admit(is_read=is_read)
            self._is_busy = True
            try:
                if self._bulk is None:
                    self._bulk = Bulk(self._driver, self._mode)
                return run(self._bulk)
            finally:
                self._is_busy = False
        except EngineError as error:
            error.done = error.done or 0
            raise

    # -- begun now, completed later ----------------------------------------------------------------

    def start_read(self, key: Data) -> Ticket:
        """Begin a read; its ticket is done at once unless the device must be asked.

        Then it ends with `complete_pending`, and finds the value as of now.
        """
        key, _ = self._enter(key, b"", is_read=True)
        one = self._one
        self._is_busy = True
        try:
            with self._pending.pinned() as pinned, one.leaving():
                told = one.finish(one.run_key(w.READ, key))
                if told & w.RESULT_MASK == w.LEFT:
                    return self._pending.add(pinned, key, told >> w.RESULT_BITS, self.serial, None)
            return Ticket.ended(one.value(told))
        finally:
            self._is_busy = False

    def start_rmw(self, key: Data, function: Change) -> Ticket:
        """Begin an `rmw`; where the device must be asked, it takes effect with `complete_pending`.

        Operations issued meanwhile may take effect before it. While a checkpoint is running nothing is
        left pending: the call waits.
        """
        check_function(function)
        key, _ = self._enter(key, b"", is_read=False)
        one = self._one
        self._is_busy = True
        try:
            with self._pending.pinned() as pinned, one.leaving():
                told = one.finish(one.run_key(w.PEEK, key))
                if told == w.PENDING << w.RESULT_BITS:
                    at = one.stage.batch[w.OP_ADDRESS]
                    return self._pending.add(pinned, key, at, self.serial, function)
            ticket = Ticket()
            ticket.end(lambda: one.swap(key, function, one.found(), is_cold=one.is_cold))
            self._driver.settle()
            return ticket
        finally:
            self._is_busy = False

    def complete_pending(self, wait: bool = True, *, timeout: float | None = None) -> bool:
        """Complete what was started and the device has answered, with `wait` all of it.

        timeout   seconds to wait at most; None: until the device has answered
        Returns whether nothing is left. What an operation raised is raised by its ticket's `result`.
        """
        check_flag("wait", wait)
        seconds = seconds_of(timeout)
        self._admit(is_read=True)
        self._is_busy = True
        try:
            return self._pending.complete(wait, seconds)
        finally:
            self._is_busy = False

    # -- the handle --------------------------------------------------------------------------------

    def close(self) -> None:
        """Complete what is pending and give the handle up; the session can be resumed. Idempotent.

        Raises SessionError while an operation is under way, as inside its own `rmw`. May be interrupted.
        """
        if self._is_closed:
            return
        self.check_at_rest()
        try:
            if self._pending and not self._is_closing and self._poison.reason is None:
                self.complete_pending()
        finally:
            self._is_closing = self._is_busy = True
            self._driver.retire()
            self._is_closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def counters(self) -> list[int]:
        """N_IN_PLACE to N_MISSED of `words`, then device reads, over the handle's life."""
        own = self._one.stage.counters()
        if self._bulk is not None:
            own = [a + b for a, b in zip(own, self._bulk.counters(), strict=True)]
        return [*own, self._driver.device_reads]

    @property
    def pending(self) -> int:
        """Operations that were started and not completed."""
        return len(self._pending)

    def _admit(self, *, is_read: bool) -> None:
        """Raise unless one may enter. The caller then sets `_is_busy`, right before its `try`."""
        if self._is_closed:
            raise ClosedError(f"session {self.name!r} is closed; resume it with resume_session")
        self._poison.check()
        if self._is_read_only and not is_read:
            raise ReadOnlyError("the store was opened read-only")
        if self._is_busy:
            raise SessionError(f"session {self.name!r} is in use: one thread, one operation at a time")

    def _enter(self, key: Data, value: Data, *, is_read: bool) -> tuple[bytes, bytes]:
        """Validate all there is to validate, and make room; key and value as bytes."""
        if self._is_closed:
            self._admit(is_read=is_read)
        pair = taken(self._driver, key, value)
        self._admit(is_read=is_read)
        self._one.make_room(len(pair[0]), len(pair[1]))
        return pair

    def _begin(self, key: Data, value: Data) -> tuple[bytes, bytes]:
        """`_enter` for a write; what is in order is seen at a glance."""
        one = self._one
        if (
            self._is_busy
            or self._is_read_only
            or self._poison.reason
            or type(key) is not bytes
            or type(value) is not bytes
            or not 0 < len(key) <= one.key_bytes
            or len(value) > one.value_bytes
        ):
            return self._enter(key, value, is_read=False)
        return key, value
