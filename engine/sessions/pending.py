"""Pending operations: begun, and waiting for the device.

A pending read goes on from the address at which its chain left memory, and never looks above it: it
returns the value as of its issue. A pending rmw takes effect when it is completed.

Invariants
  1  a session's ROW_PENDING is the number of its pending rmw; the kernel raises it while the row is
     entered, in REST only, so a checkpoint that finds all rows idle and all counts 0 can shift
  2  a ticket ends once

Threads: the session's own completes; the device is read wherever the Runtime sees fit.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from .. import runtime as rt
from ..errors import DeviceError, OperationError
from ..kernels import words as w
from ..log.hybridlog import ColdRecord
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
        """One that never had to wait."""
        ticket = cls()
        ticket.end(lambda: value)
        return ticket

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
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
        except Exception as error:  # noqa: BLE001 (handed to whoever asks for the result)
            self._error = error
        self._is_done = True


@dataclass(slots=True)
class _Waiting:
    ticket: Ticket
    answer: rt.Ticket
    key: bytes
    address: int
    serial: int
    function: Change | None  # None: a read.


class PendingQueue:
    """What one session has begun and not completed, oldest first."""

    def __init__(self, driver: Driver, single: Single) -> None:
        self._driver = driver
        self._single = single
        self._waiting: list[_Waiting] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: bytes, address: int, serial: int, function: Change | None) -> Ticket:
        """Ask the device for the key from `address` on."""
        log = self._driver.log
        self._driver.device_reads += 1
        held = ExitStack()
        begin = held.enter_context(log.pins.hold())  # From now, whenever the device is asked.

        def ask() -> ColdRecord | None:
            with held:
                return log.follow(address, key, begin)

        answer = self._driver.runtime.submit(ask)
        self._waiting.append(_Waiting(Ticket(), answer, key, address, serial, function))
        return self._waiting[-1].ticket

    def complete(self, wait: bool, deadline: float | None) -> bool:
        """Complete what the device has answered, with `wait` all of it; whether nothing is left."""
        if wait:
            self._driver.runtime.wait([each.answer for each in self._waiting], deadline)
        ready = [each for each in self._waiting if each.answer.done()]
        self._waiting = [each for each in self._waiting if not each.answer.done()]
        for each in ready:
            each.ticket.end(lambda each=each: self._end(each))  # type: ignore[misc]
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
            self._driver.tell(single.stage, each.address, record, None)
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
