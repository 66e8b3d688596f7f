"""Pending operations: begun, and waiting for the device.

A pending read goes on from the address at which its chain left memory, and never looks above it: it
returns the value as of its issue. A pending rmw takes effect when it is completed.

Invariants
  1  a session's ROW_PENDING is the number of its pending rmw; the kernel raises it while the row is
     entered, in REST only, so a checkpoint that finds all rows idle and all counts 0 can shift
  2  a ticket ends once, and is waited for until it has: what was interrupted is asked for again
  3  the device is asked with the log pinned since before the chain was read, so no truncation comes between

Threads: the session's own completes; the device is read wherever the Runtime sees fit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from .. import runtime as rt
from ..errors import DeviceError, OperationError
from ..kernels import words as w
from ..log.cold import ColdRecord
from .driver import Driver
from .single import Change, Single

__all__ = ["PendingQueue", "Ticket"]


class Ticket:
    """An operation that was begun."""

    def __init__(self) -> None:
        self._is_done = False
        self._value: bytes | None = None
        self._error: BaseException | None = None

    @classmethod
    def ended(cls, value: bytes | None) -> Ticket:
        """A ticket of an operation that never had to wait."""
        ticket = cls()
        ticket.end(lambda: value)
        return ticket

    @property
    def is_done(self) -> bool:
        """True if it has ended."""
        return self._is_done

    def result(self) -> bytes | None:
        """The value read or written. Raises what the operation raised, OperationError while it is pending."""
        if not self._is_done:
            raise OperationError("the operation is pending: complete_pending first")
        if self._error is not None:
            raise self._error
        return self._value

    def end(self, call: Callable[[], bytes | None]) -> None:
        """End it with what `call` returns or raises."""
        assert not self._is_done
        try:
            self._value = call()
        except BaseException as error:
            self._error = error  # Handed to whoever asks for the result.
            if not isinstance(error, Exception):
                raise
        finally:
            self._is_done = True


@dataclass(slots=True)
class _Waiting:
    ticket: Ticket
    answer: rt.Ticket
    key: bytes
    address: int
    begin: int
    serial: int
    function: Change | None  # None: a read.


class Pinned(NamedTuple):
    """A pin of the log: its lowest address, and the call that lets go of it."""

    begin: int
    held: ExitStack


class PendingQueue:
    """The operations that one session has begun and not completed, oldest first."""

    def __init__(self, driver: Driver, single: Single) -> None:
        self._driver = driver
        self._single = single
        self._waiting: list[_Waiting] = []

    def __len__(self) -> int:
        return len(self._waiting)

    @contextmanager
    def pinned(self) -> Iterator[Pinned]:
        """Pin the log while a chain is read in memory; `add` keeps the pin for the device (invariant 3)."""
        with ExitStack() as held:
            yield Pinned(held.enter_context(self._driver.log.pins.hold()), held)

    def add(self, pinned: Pinned, key: bytes, address: int, serial: int, function: Change | None) -> Ticket:
        """Ask the device for the key from `address` on, which was read since `pinned`."""
        log = self._driver.log
        self._driver.device_reads += 1
        begin, held = pinned.begin, pinned.held.pop_all()

        def ask() -> ColdRecord | None:
            with held:
                return log.cold.follow(address, key, begin)

        answer = self._driver.runtime.submit(ask)
        self._waiting.append(_Waiting(Ticket(), answer, key, address, begin, serial, function))
        return self._waiting[-1].ticket

    def complete(self, wait: bool, timeout: float | None) -> bool:
        """Complete what the device has answered, with `wait` all of it; whether nothing is left."""
        if wait:
            runtime = self._driver.runtime
            deadline = None if timeout is None else runtime.now() + timeout
            runtime.wait([each.answer for each in self._waiting], deadline)
        try:
            for each in self._waiting:
                if each.answer.done():
                    each.ticket.end(lambda each=each: self._end(each))  # type: ignore[misc]
        finally:
            # By what has ended, and not by a second look at the answers: one may have come since.
            self._waiting = [each for each in self._waiting if not each.ticket.is_done]
        return not self._waiting

    def _end(self, each: _Waiting) -> bytes | None:
        if each.function is None:
            record = _answer(each.answer)
            return None if record is None or record.link & w.TOMBSTONE else record.value
        single, batch = self._single, self._single.stage.batch
        try:
            record = _answer(each.answer)
            # Its serial may not be the last: that it has ended is marked below.
            batch[w.B_APPLY] = 0
            single.make_room(len(each.key), 0)
            # The kernel takes this answer if the chain still leaves memory there, and asks again if not.
            self._driver.tell(single.stage, each.address, each.begin, record, None)
            found = single.peek_again(each.key)
            return single.swap(each.key, each.function, found, is_cold=single.is_cold)
        finally:
            single.stage.batch[w.B_APPLY] = 1
            self._driver.release_pending(each.serial)


def _answer(ticket: rt.Ticket) -> ColdRecord | None:
    try:
        found = ticket.result()
    except OSError as error:
        raise DeviceError(error.errno, f"reading a record: {error}") from error
    assert found is None or isinstance(found, ColdRecord)
    return found
